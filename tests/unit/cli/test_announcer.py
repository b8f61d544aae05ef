"""What people are told of runs while they go on; whole runs that tell are in tests/safety/test_people_told.py."""

from collections.abc import Callable
from pathlib import Path

from faildrill.cli.announcer import Announcer, People, Subject
from faildrill.record.timeline import AbortAsked, UndoFailed
from faildrill.secrets import Reference
from faildrill.system.exit_codes import ExitCode
from support.receivers import Hook, served

Given = Callable[..., Reference]


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
