"""People are told of whole runs, while they go on and at their end; no receiver changes how a run ends or delays it."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from faildrill.locking.dirty_marks import all_marks
from faildrill.record.timeline import FILE, AbortAsked, Confirmed, Entry, RunEnded, entries
from faildrill.system.exit_codes import ExitCode
from safety.test_interrupted import below
from support.declared import written
from support.places import until
from support.receivers import Hook, dripping, served

LATE: Final = "20s"
"""A fault that is on for so long is ended early by every test here."""
LIES: Final = "beside, undo: lies"
"""Unseen by its probe, which soon is steady again."""
DISCLAIMER: Final = "\nThis is a drill: it was done on purpose."


def started(file: Path, urls: dict[str, str], *more: str) -> "subprocess.Popen[str]":
    """Run a drill of which all receivers are told, each by the name of its variable."""
    words = [sys.executable, "-m", "faildrill", "run", str(file), "--reports", str(file.parent / "reports"), "-q"]
    words += [word for name in urls for word in ("--notify", f"env:{name}")]
    pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
    return subprocess.Popen([*words, *more], text=True, stdout=nowhere, stderr=pipe, env=os.environ | urls)


def ended(run: "subprocess.Popen[str]") -> tuple[int, str]:
    """Wait for its end; return its exit code and what it complained of."""
    complaints = run.communicate(timeout=120)[1]
    return run.returncode, complaints


def end_senders(of: int) -> None:
    """End whoever is sending for a command, so that no test waits until it is given up."""
    for pid in below(of):
        with contextlib.suppress(OSError):
            if b"faildrill.cli.notice_sender" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)


def told(hook: Hook) -> list[str]:
    return [one["title"].partition(":")[0] for one in hook.got]


def timeline(file: Path) -> list[Entry]:
    return [one for path in file.parent.glob(f"reports/**/{FILE}") for one in entries(path)]


def has(file: Path, sort: type) -> bool:
    return any(isinstance(one.what, sort) for one in timeline(file))


def is_over(file: Path) -> bool:
    """Whether a run has ended and was judged."""
    return has(file, RunEnded) and len(list(file.parent.glob("reports/*/result.json"))) == 1


def test_people_are_told_when_it_begins_and_when_all_is_over_whoever_else_refuses(ground: Path) -> None:
    file, refusing = written(ground), Hook(503)
    hook = Hook(then=lambda: (has(file, Confirmed), is_over(file)))
    with served(hook.server), served(refusing.server):
        code, complaints = ended(started(file, {"HOOK": hook.url, "NO": refusing.url}))
    assert code == ExitCode.PASSED
    assert [one["title"] for one in hook.got] == ["drill BEGINS: alpha in here", "drill PASSED: alpha in here"]
    assert [one["type"] for one in hook.got] == ["info", "info"]
    assert hook.found[1] == (True, True)
    begins = hook.got[0]["message"].splitlines()
    assert begins[0].startswith("begun by ")
    assert ": 1 run, at most " in begins[0]
    assert begins[1].endswith(": faildrill abort")
    assert all(one["message"].endswith(DISCLAIMER) for one in hook.got)
    assert set(complaints.splitlines()) == {"people were not told: env:NO: refused or not reached"}


def test_one_that_fails_is_told_at_its_end_alone_where_no_more_was_asked_for(ground: Path) -> None:
    file, refusing = written(ground, at_most="1ms"), Hook(503)
    hook = Hook(then=lambda: is_over(file))
    with served(hook.server), served(refusing.server):
        code, complaints = ended(started(file, {"HOOK": hook.url, "NO": refusing.url}, "--notify-at=end"))
    assert code == ExitCode.FAILED
    assert complaints == "people were not told: env:NO: refused or not reached\n"
    assert hook.found == [True]
    [notice] = hook.got
    assert (notice["title"], notice["type"]) == ("drill FAILED: alpha in here", "warning")
    assert notice["message"].endswith(DISCLAIMER)


def test_a_run_that_is_refused_never_began(ground: Path) -> None:
    file, hook = written(ground), Hook()
    environment = ground / "environments" / "here.yaml"
    environment.write_text(environment.read_text(encoding="utf-8").replace("drillable: true", "drillable: false"))
    with served(hook.server):
        assert ended(started(file, {"HOOK": hook.url}))[0] == ExitCode.REFUSED
    assert told(hook) == ["drill REFUSED"]


def test_one_that_is_ended_early_is_told_with_the_reason_and_put_back(ground: Path) -> None:
    file, hook = written(ground, wait=LATE), Hook()
    with served(hook.server):
        run = started(file, {"HOOK": hook.url})
        until(lambda: has(file, Confirmed), 60)
        run.send_signal(signal.SIGTERM)
        assert ended(run)[0] == ExitCode.ABORTED
    assert told(hook) == ["drill BEGINS", "drill IS ENDED EARLY", "drill ABORTED"]
    [early] = [one for one in hook.got if "EARLY" in one["title"]]
    assert "SIGTERM" in early["message"]
    assert early["type"] == "warning"


def test_a_receiver_that_never_ends_keeps_no_undo_waiting(ground: Path) -> None:
    file = written(ground, wait=LATE)
    with dripping() as url:
        run = started(file, {"HOOK": url})
        until(lambda: has(file, Confirmed), 60)
        run.send_signal(signal.SIGTERM)
        until(lambda: has(file, RunEnded), 60)
        assert run.poll() is None, "it waits for its receivers, when all is over"
        while run.poll() is None:
            end_senders(run.pid)
            time.sleep(0.1)
        assert "people were not told: a signal ended it" in ended(run)[1]
    assert run.returncode == ExitCode.ABORTED
    asked, over = (next(e.at for e in timeline(file) if isinstance(e.what, sort)) for sort in (AbortAsked, RunEnded))
    assert (over - asked) / 1e9 < 5.0, "generous: the machine may be busy"
    assert not all_marks()


def test_a_run_that_puts_nothing_back_is_told_as_one_that_needs_a_hand_at_once_and_at_its_end(ground: Path) -> None:
    file = written(ground, of=LIES)
    hook = Hook(then=lambda: len(all_marks()))
    with served(hook.server):
        run = started(file, {"HOOK": hook.url}, "--notify-at=hand", "--notify-at=end")
        assert ended(run)[0] == ExitCode.UNSAFE
    assert [one["title"] for one in hook.got] == ["drill NEEDS A HAND: alpha in here", "drill UNSAFE: alpha in here"]
    assert "faildrill status" in hook.got[0]["message"]
    assert "It needs a hand: the place is not as it was." in hook.got[1]["message"]
    assert hook.found[1] == 1


def test_a_suite_begins_once_and_tells_of_the_run_that_needs_a_hand_at_once(ground: Path) -> None:
    file = written(ground, of=LIES)
    text = file.read_text(encoding="utf-8")
    (ground / "beta.yaml").write_text(text.replace("drill: alpha", "drill: beta"), encoding="utf-8")
    hook = Hook()
    with served(hook.server):
        run = started(file, {"HOOK": hook.url}, str(ground / "beta.yaml"), "--keep-going")
        assert ended(run)[0] == ExitCode.UNSAFE
    assert told(hook) == ["drill BEGINS", "drill NEEDS A HAND", "drill UNSAFE"]
    assert "run 1 of 2: alpha" in hook.got[1]["title"]
    assert hook.got[2]["title"].endswith(": drills, 2 drills")


def test_many_runs_of_a_drill_are_told_once(ground: Path) -> None:
    hook = Hook()
    with served(hook.server):
        run = started(written(ground), {"HOOK": hook.url}, "--times=2", "--notify-at=end")
        assert ended(run) == (ExitCode.PASSED, "")
    assert [one["title"] for one in hook.got] == ["drill PASSED: alpha in here"]
