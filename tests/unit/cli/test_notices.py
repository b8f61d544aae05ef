"""People are told how drills ended, by real receivers; whole runs that tell are in tests/safety/test_people_told.py."""

import os
import re
import shlex
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from faildrill.cli import notices, schedule_text
from faildrill.cli.main import cli
from faildrill.errors import UnresolvedSecret
from faildrill.model.game_day import GameDay, Times
from faildrill.ports.notice import Notice
from faildrill.scheduling.occurrence_record import Died, Ended, Known, Missed
from faildrill.secrets import Reference
from faildrill.system import redaction
from faildrill.system.exit_codes import ExitCode
from support.declared import written
from support.receivers import HIDDEN, Hook, Mailbox, dripping, served

PAGE: Final = Path(__file__).parents[3] / "docs" / "signals.md"
SOME: Final = Notice(
    "alert", "drill FAILED: crash in staging", "pay was dark\nThis is a drill: it was done on purpose."
)
LONG: Final = 120.0
"""Seconds for a receiver that answers: the machine may be busy."""


def test_a_web_hook_and_a_mailbox_are_told_the_same(reference: Callable[..., Reference]) -> None:
    hook, mailbox = Hook(), Mailbox()
    with served(hook.server), served(mailbox):
        notices.tell([reference(hook.url), reference(mailbox.url, "MAIL")], SOME, LONG)
    [posted], [mail] = hook.got, mailbox.mails
    assert (posted["title"], posted["message"], posted["type"]) == (SOME.title, SOME.body, "warning")
    assert f"Subject: {SOME.title}" in mail
    assert "This is a drill: it was done on purpose." in mail


def test_one_that_refuses_and_one_that_is_not_there_are_told_by_name_and_keep_nothing_from_the_others(
    reference: Callable[..., Reference], capsys: pytest.CaptureFixture[str]
) -> None:
    good, refusing, gone = Hook(), Hook(503), Hook()
    gone.server.server_close()
    with served(good.server), served(refusing.server):
        to = [reference(one.url, name) for one, name in ((refusing, "NO"), (gone, "GONE"), (good, "YES"))]
        notices.tell([*to, reference("no-url-of-apprise", "ODD")], SOME, LONG)
    assert len(good.got) == 1
    said = sorted(capsys.readouterr().err.splitlines())
    assert [re.findall(r"people were not told: env:(\w+)", one) for one in said] == [["GONE"], ["NO"], ["ODD"]]
    assert HIDDEN not in "".join(said)


def test_one_that_drips_is_given_up_in_time(
    reference: Callable[..., Reference], capsys: pytest.CaptureFixture[str]
) -> None:
    with dripping() as url:
        began = time.monotonic()
        notices.tell([reference(url)], SOME, 3.0)
        assert time.monotonic() - began < 10.0
    assert capsys.readouterr().err == "people were not told: not all of them within 3 s\n"


def test_a_signal_ends_the_sending_and_not_the_command(
    reference: Callable[..., Reference], capsys: pytest.CaptureFixture[str]
) -> None:
    timer = threading.Timer(1.0, lambda: os.kill(os.getpid(), signal.SIGTERM))
    with dripping() as url:
        timer.start()
        notices.tell([reference(url)], SOME, LONG)
    assert capsys.readouterr().err == "people were not told: a signal ended it\n"


def test_no_secret_that_is_known_is_told(reference: Callable[..., Reference]) -> None:
    redaction.learn("hunter2-of-the-database")
    hook = Hook()
    with served(hook.server):
        notices.tell([reference(hook.url)], SOME._replace(body="it said hunter2-of-the-database"), LONG)
    assert hook.got[0]["message"] == f"it said {redaction.HIDDEN}"


def test_where_nobody_could_be_told_nothing_is_begun(tmp_path: Path) -> None:
    file = written(tmp_path)
    done = CliRunner().invoke(
        cli, ["run", str(file), "--reports", str(tmp_path / "reports"), "--notify", "env:NOWHERE"]
    )
    assert done.exit_code == ExitCode.WRONG_USAGE
    assert "env:NOWHERE: the variable is not set" in done.stderr
    assert not (tmp_path / "reports").exists()
    with pytest.raises(UnresolvedSecret):
        notices.ready([Reference("env:NOWHERE")])


def test_a_place_that_needs_a_hand_is_told_with_what_to_do() -> None:
    told = notices.ended("crash in staging", ExitCode.UNSAFE, "the node is still down", Path("reports/one"))
    assert told.title == "drill UNSAFE: crash in staging"
    assert told.sort == "alert"
    assert re.search(r"^It needs a hand: .*: faildrill status$", told.body, re.MULTILINE)


def test_a_game_day_tells_what_was_run_and_what_was_missed_in_one_notice() -> None:
    day = GameDay(name="quarterly", drills=("a",), times=(Times(zone="UTC", cron="0 3 * * 2"),))
    at = "2027-05-04T08:00:00Z"
    told = schedule_text.notice(
        day,
        [
            Known(times=[]),
            Missed(occurrence=at, because="a freeze", sort="blocked"),
            Died(occurrence=at, because="its host was gone"),
            Ended(occurrence=at, code=6, because="the node is still down"),
        ],
    )
    assert told is not None
    assert (told.sort, told.title) == ("alert", "drill MISSED, DIED, UNSAFE: game day quarterly")
    assert f"quarterly {at}: MISSED (blocked): a freeze" in told.body.splitlines()
    assert "It needs a hand: " in told.body


def test_a_tick_tells_of_what_was_missed_and_exits_as_it_would_have(
    tmp_path: Path, reference: Callable[..., Reference]
) -> None:
    written(tmp_path)
    file = tmp_path / "day.yaml"
    when = "when:\n  - {dates: ['2026-01-02 10:00'], zone: UTC}\n"
    file.write_text(f"game_day: quarterly\ndrills: [alpha.yaml]\n{when}", encoding="utf-8")
    hook = Hook()
    with served(hook.server):
        words = ["schedule", "run-due", str(file), "--notify", reference(hook.url).text]
        first, second = CliRunner().invoke(cli, words), CliRunner().invoke(cli, words)
    assert (first.exit_code, second.exit_code) == (ExitCode.INCONCLUSIVE, ExitCode.PASSED)
    [told] = hook.got
    assert (told["title"], told["type"]) == ("drill MISSED: game day quarterly", "warning")
    assert "quarterly 2026-01-02T10:00:00Z: MISSED (late): " in told["message"]


def test_a_tick_that_had_nothing_to_do_tells_nobody() -> None:
    day = GameDay(name="quarterly", drills=("a",), times=(Times(zone="UTC", cron="0 3 * * 2"),))
    assert schedule_text.notice(day, [Known(times=[])]) is None


def test_the_commands_of_the_page_are_ones_that_there_are() -> None:
    commands = re.findall(r"^\$ faildrill (.* --notify .*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(commands) >= 2
    for words in (shlex.split(one, comments=True) for one in commands):
        done = CliRunner().invoke(cli, [*words, "--help"])
        assert done.exit_code == 0
        assert "--notify REF" in done.stdout
