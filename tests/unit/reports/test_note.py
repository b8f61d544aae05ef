import functools
import json
import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from faildrill import judging, reports
from faildrill.cli.main import cli
from faildrill.record import notes
from support.forks import fork
from unit.reports import hostile

NAMES = ("ada", "bo", "cy", "di", "eve")
Command = Callable[..., Result]


@pytest.fixture(autouse=True)
def _judged(run: Path) -> None:
    judging.write(run, judging.judge(run))


@pytest.fixture
def called(run: Path) -> Command:
    return lambda *words: CliRunner().invoke(cli, ["note", "last", *words, "--reports", str(run.parent)])


def review(run: Path) -> str:
    return (run / "report.md").read_text(encoding="utf-8")


def test_a_note_is_kept_with_who_wrote_it_and_is_in_both_reports_at_once(called: Command, run: Path) -> None:
    done = called("the pager rang", "--at", "10:30:09Z", "--by", "Ada")
    assert (done.stdout, done.exit_code) == ("note 1 is kept, by Ada, at 2026-11-22 10:30:09 UTC\n", 0)
    assert "- 10:30:09: the pager rang — *Ada, written " in review(run)
    assert "the pager rang" in (run / "report.html").read_text(encoding="utf-8")
    [kept] = notes.load(run).records
    assert (kept.by, kept.sort, kept.at) == ("Ada", "line", "2026-11-22T10:30:09.000000Z")
    assert " on " in kept.account


def test_no_note_changes_the_verdict_or_the_result(called: Command, run: Path) -> None:
    before = (run / judging.FILE).read_bytes()
    called("it FAILED", "--kind", "cause")
    assert (run / judging.FILE).read_bytes() == before


@pytest.mark.parametrize(("at", "told"), [("10:29:00Z", "before the run"), ("10:31:00Z", "after the run")])
def test_a_time_outside_of_the_run_is_taken_and_told(called: Command, run: Path, at: str, told: str) -> None:
    assert told in called("mail", "--at", at).stdout
    assert f"({told})" in review(run)


def test_a_time_in_another_zone_is_shown_in_utc_with_what_was_given(called: Command, run: Path) -> None:
    assert "at 2026-11-22 10:30:09 UTC" in called("mail", "--at", "11:30:09 Europe/Berlin").stdout
    assert "(given as 11:30:09 Europe/Berlin)" in review(run)


def test_a_task_has_an_owner_and_a_date(called: Command, run: Path) -> None:
    called(
        "audit the load balancers", "--kind", "task", "--owner", "payments-sre", "--due", "2026-12-01", "--by", "Ada"
    )
    assert "| audit the load balancers | payments-sre | 2026-12-01 | Ada, written " in review(run)


def test_a_correction_and_a_withdrawal_keep_what_was_said(called: Command, run: Path) -> None:
    called("the databse", "--kind", "cause", "--by", "Ada")
    called("the database", "--correct", "1", "--by", "Bo")
    called("it was the load balancer", "--withdraw", "1", "--by", "Bo")
    changed = review(run).split("## What was corrected or withdrawn")[1]
    assert "the databse — *Ada" in changed
    assert "corrected by Bo" in changed
    assert "withdrawn by Bo" in changed
    assert "it was the load balancer" in changed
    [line] = called().stdout.splitlines()
    assert line.startswith("  1  cause: the database  (Bo; corrected; withdrawn by Bo: it was the load balancer)")
    assert len(notes.load(run).records) == 3


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("x", "--at", "10:30"), "has no zone"),
        (("x", "--due", "2026-12-01"), "only a task has an owner and a date"),
        (("x", "--kind", "task", "--due", "tomorrow"), "is no date"),
        (("x", "--correct", "7"), "there is no note 7; there are: none"),
        (("x", "--withdraw", "1"), "there is no note 1"),
        ((" \u202e ",), "says nothing"),
        (("x" * 2_001,), "make it several notes"),
        (("--kind", "task"), "nothing to write down"),
        (("x", "--by", " "), "--by says nothing"),
    ],
)
def test_what_can_not_be_meant_is_refused_and_nothing_is_written(
    called: Command, run: Path, words: tuple[str, ...], told: str
) -> None:
    done = called(*words)
    assert done.exit_code == 2
    assert told in done.stderr
    assert not (run / notes.FILE).exists()


def test_notes_are_listed_as_data_too(called: Command) -> None:
    called("one", "--kind", "measure", "--by", "Ada")
    [told] = json.loads(called("-o", "json").stdout)
    assert (told["number"], told["note"]["text"], told["note"]["sort"]) == (1, "one", "measure")


def test_hostile_words_reach_no_page_and_no_terminal(called: Command, run: Path) -> None:
    usual = set(re.findall(r"<(\w+)", page(run)))
    for text in hostile.STRINGS:
        line = notes.Note(by=text, account=text, written="2026-11-22T11:00:00Z", text=text, owner=text, due=text)
        numbers = [
            notes.append(run, msgspec.structs.replace(line, sort=sort, at="2026-11-22T10:30:09Z"))
            for sort in ("line", "task", "cause")
        ]
        notes.append(run, msgspec.structs.replace(line, withdraws=numbers[-1]))
    assert set(re.findall(r"<(\w+)", page(run))) <= usual
    odd = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
    assert not re.search(odd, called().stdout + review(run) + page(run))


def page(run: Path) -> str:
    reports.write(run, judging.judge(run))
    return (run / "report.html").read_text(encoding="utf-8")


def test_two_at_once_are_both_on_the_page_that_is_written_last(run: Path) -> None:
    def noting(name: str) -> int:
        return CliRunner().invoke(cli, ["note", str(run), f"by {name}"]).exit_code

    at_once = [fork(functools.partial(noting, name)) for name in NAMES]
    assert [os.waitpid(one, 0)[1] for one in at_once] == [0] * len(NAMES)
    assert all(f"by {name}" in review(run) for name in NAMES)
    assert not list(run.glob("report.edited-*"))


def test_a_note_that_is_written_while_the_pages_are_is_on_both(run: Path) -> None:
    def write_one() -> None:
        until = time.monotonic() + 30
        while not (run / "report.md").exists() and time.monotonic() < until:
            time.sleep(0.001)
        notes.append(
            run,
            notes.Note(by="bo", account="bo", written="2026-11-22T11:00:00Z", text="late", at="2026-11-22T10:30:09Z"),
        )

    other = threading.Thread(target=write_one)
    other.start()
    reports.write(run, judging.judge(run))
    other.join()
    assert "late" in review(run)
    assert ">late</bdi>" in (run / "report.html").read_text(encoding="utf-8")


def test_a_run_that_was_not_judged_keeps_its_notes_for_its_review(called: Command, run: Path) -> None:
    (run / judging.FILE).unlink()
    assert "in its review then" in called("early").stderr
    assert not (run / "report.md").exists()
    reports.write(run, judging.judge(run))
    assert "early" in review(run)
