"""People are told of runs while they go on, by real receivers, and none of them changes or delays a run."""

import contextlib
import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from faildrill.cli.announcer import Announcer, People, Subject
from faildrill.locking.dirty_marks import all_marks
from faildrill.record.timeline import FILE, AbortAsked, Confirmed, Entry, RunEnded, UndoFailed, entries
from faildrill.secrets import Reference
from faildrill.system.exit_codes import ExitCode
from safety.test_interrupted import below
from support.places import until
from unit.cli.declared import written
from unit.cli.receivers import Hook, dripping, served

Given = Callable[..., Reference]
LATE: Final = "20s"
"""A fault that is on for so long is ended early by every test here."""


def started(file: Path, *more: str) -> "subprocess.Popen[str]":
    words = [sys.executable, "-m", "faildrill", "run", str(file), "--reports", str(file.parent / "reports"), "-q"]
    return subprocess.Popen([*words, *more], text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def ended(run: "subprocess.Popen[str]") -> int:
    """Wait for its end; everybody was told."""
    assert run.communicate(timeout=120)[1] is not None
    return run.returncode


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


def test_people_are_told_when_it_begins_and_how_to_end_it_before_anything_is_done(
    tmp_path: Path, reference: Given
) -> None:
    file, hook = written(tmp_path), Hook()
    with served(hook.server):
        done = started(file, "--notify", reference(hook.url).text)
        assert ended(done) == ExitCode.PASSED
    assert told(hook) == ["drill BEGINS", "drill PASSED"]
    begins = hook.got[0]["message"].splitlines()
    assert begins[0].startswith("begun by ")
    assert ": 1 run, at most " in begins[0]
    assert begins[1].endswith(": faildrill abort")
    assert begins[-1] == "This is a drill: it was done on purpose."
    assert hook.got[0]["type"] == "info"


def test_a_run_that_is_refused_never_began(tmp_path: Path, reference: Given) -> None:
    file, hook = written(tmp_path), Hook()
    environment = tmp_path / "environments" / "here.yaml"
    environment.write_text(environment.read_text(encoding="utf-8").replace("drillable: true", "drillable: false"))
    with served(hook.server):
        done = started(file, "--notify", reference(hook.url).text)
        assert ended(done) == ExitCode.REFUSED
    assert told(hook) == ["drill REFUSED"]


def test_one_that_is_ended_early_is_told_with_the_reason_and_put_back(tmp_path: Path, reference: Given) -> None:
    file, hook = written(tmp_path, wait=LATE), Hook()
    with served(hook.server):
        run = started(file, "--notify", reference(hook.url).text)
        until(functools.partial(has, file, Confirmed), 60)
        run.send_signal(signal.SIGTERM)
        assert ended(run) == ExitCode.ABORTED
    assert told(hook) == ["drill BEGINS", "drill IS ENDED EARLY", "drill ABORTED"]
    [early] = [one for one in hook.got if "EARLY" in one["title"]]
    assert "SIGTERM" in early["message"]
    assert early["type"] == "warning"


def test_a_receiver_that_never_ends_keeps_no_undo_waiting(tmp_path: Path, reference: Given) -> None:
    file = written(tmp_path, wait=LATE)
    with dripping() as url:
        run = started(file, "--notify", reference(url).text)
        until(functools.partial(has, file, Confirmed), 60)
        run.send_signal(signal.SIGTERM)
        until(functools.partial(has, file, RunEnded), 60)
        assert run.poll() is None, "it waits for its receivers, when all is over"
        while run.poll() is None:
            end_senders(run.pid)
            time.sleep(0.1)
        assert "people were not told: a signal ended it" in run.communicate(timeout=120)[1]
    assert run.returncode == ExitCode.ABORTED
    asked, over = (next(e.at for e in timeline(file) if isinstance(e.what, sort)) for sort in (AbortAsked, RunEnded))
    assert (over - asked) / 1e9 < 5.0, "generous: the machine may be busy"
    assert not all_marks()


def test_what_is_not_put_back_is_told_before_the_run_is_over(tmp_path: Path, reference: Given) -> None:
    file = written(tmp_path, of="beside, undo: lies")

    def is_over() -> bool:
        return has(file, RunEnded)

    hook = Hook(then=is_over)
    with served(hook.server):
        run = started(file, "--notify", reference(hook.url).text, "--notify-at", "hand")
        assert ended(run) == ExitCode.UNSAFE
    assert told(hook) == ["drill NEEDS A HAND"]
    assert "faildrill status" in hook.got[0]["message"]


def test_a_suite_begins_once_and_tells_of_the_run_that_needs_a_hand_at_once(tmp_path: Path, reference: Given) -> None:
    file = written(tmp_path, of="beside, undo: lies")
    text = file.read_text(encoding="utf-8")
    (tmp_path / "beta.yaml").write_text(text.replace("drill: alpha", "drill: beta"), encoding="utf-8")
    hook = Hook()
    with served(hook.server):
        run = started(file, str(tmp_path / "beta.yaml"), "--keep-going", "--notify", reference(hook.url).text)
        assert ended(run) == ExitCode.UNSAFE
    assert told(hook) == ["drill BEGINS", "drill NEEDS A HAND", "drill UNSAFE"]
    assert "run 1 of 2: alpha" in hook.got[1]["title"]


def test_nothing_of_a_blinded_set_tells_which_of_its_drills_is_run() -> None:
    people = Announcer(People((Reference("env:HOOK"),)), Subject("crash in staging", is_blinded=True))
    events = (AbortAsked(by="condition", because="ledger"), UndoFailed(step="stop ledger", because="ledger"))
    notices = [one for what in events for _, one in people._told(what, "crash in staging, run 1 of 2", Path("run"))]
    assert len(notices) == 2
    assert not [one for one in notices if "ledger" in one.title + one.body]


def test_what_was_not_asked_for_is_not_told(tmp_path: Path, reference: Given) -> None:
    hook = Hook()
    with served(hook.server):
        people = Announcer(People((reference(hook.url),), frozenset({"hand"})), Subject("crash in staging"))
        people.ended(ExitCode.PASSED, "all holds", tmp_path)
    assert hook.got == []
