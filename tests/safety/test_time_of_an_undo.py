"""The time that is given is given: a program has all of it, the looking comes on top, and a person can give more."""

import asyncio
import re
import time
from pathlib import Path
from typing import Any

import pytest

from faildrill.acting.doing import do
from faildrill.acting.undoing import undo_all
from faildrill.clock import SystemClock
from faildrill.drill import Step
from faildrill.targets import KindUse
from faildrill.timeline import Intended, NotConfirmed, Timeline, UndoFailed, UndoNotVerified, UndoVerified

pytestmark = pytest.mark.timeout(60)
GIVEN = 3.0
NEARLY = 0.92
"""The part of its time that a program takes: more than four fifths, which were all that it had."""


def step(folder: Path, *, apply: float = 0.0, undo: float = 0.0, verify: float = 0.0) -> Step:
    """A step that makes a file; each of its programs takes so many seconds."""
    fault = folder / "fault"
    look = (
        f"sleep {verify}; cd {folder}; if [ -e fault ]; then echo 'in_effect: true'; else echo 'in_effect: false'; fi"
    )
    params: dict[str, Any] = {
        "argv": ["sh", "-c", f"sleep {apply}; touch {fault}"],
        "undo_argv": ["sh", "-c", f"sleep {undo}; rm -f {fault}; echo done > {folder}/ended"],
        "verify_argv": ["sh", "-ec", look],
    }
    use = KindUse(kind="command.run", params=params)
    return Step(id="slow", name="slow", use=use, within=GIVEN, undo_within=GIVEN)


def act(folder: Path, one: Step) -> list[object]:
    """Do the step and put it back; return what the timeline tells of it."""

    async def main() -> None:
        await do(one, timeline, "run")
        intents = [entry.what for entry in timeline.written if isinstance(entry.what, Intended)]
        await undo_all(intents, timeline, "run", "runner")

    timeline = Timeline.create(folder, SystemClock())
    asyncio.run(main())
    timeline.close()
    return [entry.what for entry in timeline.written]


def test_a_program_that_does_has_all_of_its_time(tmp_path: Path) -> None:
    told = act(tmp_path, step(tmp_path, apply=GIVEN * NEARLY))
    assert not [one for one in told if isinstance(one, NotConfirmed)]
    assert [one for one in told if isinstance(one, UndoVerified)]


def test_a_program_that_puts_back_has_all_of_its_time_and_the_looking_comes_on_top(tmp_path: Path) -> None:
    told = act(tmp_path, step(tmp_path, undo=GIVEN * NEARLY, verify=0.5))
    assert not [one for one in told if isinstance(one, UndoFailed | UndoNotVerified)]
    assert (tmp_path / "ended").exists()


def test_a_program_that_takes_longer_is_ended_and_both_times_are_told(tmp_path: Path) -> None:
    told = act(tmp_path, step(tmp_path, undo=GIVEN + 20))
    [failed] = [one for one in told if isinstance(one, UndoFailed)]
    [dirty] = [one for one in told if isinstance(one, UndoNotVerified)]
    assert "it had 3 s (`undo_within`)" in failed.because
    assert re.search(r"the undo took 3(\.\d+)? s of 3 s, and it was looked for \d", dirty.because)
    assert not (tmp_path / "ended").exists()


def test_an_undo_that_has_failed_is_not_looked_at_for_all_of_its_time(tmp_path: Path) -> None:
    broken = step(tmp_path)
    params = {**broken.use.params, "undo_argv": ["false"]}
    start = time.monotonic()
    use = KindUse(kind="command.run", params=params)
    told = act(tmp_path, broken.model_copy(update={"use": use, "undo_within": 300.0}))
    assert [one for one in told if isinstance(one, UndoNotVerified)]
    assert time.monotonic() - start < 40.0
