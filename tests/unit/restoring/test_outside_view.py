"""A run looks on until probes have noticed what was put back on one's word alone, and no longer than that is of use."""

import asyncio
from pathlib import Path

import pytest

from faildrill.record.samples import Outcome
from faildrill.record.timeline import FILE, Timeline, UndoNotVerified, entries
from faildrill.restoring.outside_view import OutsideView
from unit.judging.runs import Run, SetClock, ticks
from unit.judging.test_put_back_witnesses import answered, said_back
from unit.judging.test_witnesses import drained

MOST = 120.0
LOOKS_ON = (
    "The run looks on until a probe has noticed the end, for twice as long as the step was looked at (5 s at "
    "least), and where probes say that it is not put back, until the grace of `steady_again` is over."
)


def view(run: Run, folder: Path) -> OutsideView:
    """Return what a run asks when all is written that was seen until now."""
    run.write(folder)
    known = entries(folder / FILE)
    return OutsideView(folder, Timeline.resume(folder, SetClock()), known)


@pytest.mark.says(LOOKS_ON)
@pytest.mark.parametrize(
    "run",
    [
        answered(),
        said_back(answered("s2"), ""),
        said_back(drained()).saw(ticks(5.0, 5.06), Outcome.RESET),
    ],
    ids=["noticed", "others have seen it as well", "nobody could notice it"],
)
def test_it_looks_on_for_nothing_that_is_seen_or_can_never_be(run: Run, tmp_path: Path) -> None:
    asked = view(run, tmp_path / "run")
    assert not asyncio.run(asked.wants(0.5, MOST))
    assert asyncio.run(asked.contradicted()) == []


@pytest.mark.says(LOOKS_ON)
def test_what_probes_say_is_not_put_back_is_looked_for_to_the_end_and_then_told(tmp_path: Path) -> None:
    asked = view(answered("s2"), tmp_path / "run")
    assert asyncio.run(asked.wants(MOST - 1, MOST))
    assert not asyncio.run(asked.wants(MOST + 1, MOST))
    assert asyncio.run(asked.contradicted()) == ["crash"]
    [told] = [one.what for one in entries(tmp_path / "run" / FILE) if isinstance(one.what, UndoNotVerified)]
    assert told.because.startswith("haproxy says that it is as before, and probes say that it is not: pay: s1 answered")


@pytest.mark.says(LOOKS_ON)
def test_where_few_looks_came_it_waits_for_twice_as_long_as_the_step_had(tmp_path: Path) -> None:
    """The step was looked at for 11.3 s; since it was put back there were two looks."""
    run = answered("s2")
    run.samples["pay"] = [one for one in run.samples["pay"] if one.due < min(run.samples["pay"]).due + 15_550_000_000]
    asked = view(run, tmp_path / "run")
    assert asyncio.run(asked.wants(22.0, MOST))
    assert not asyncio.run(asked.wants(23.0, MOST))
    assert asyncio.run(asked.contradicted()) == []


def test_files_that_can_t_be_read_say_nothing_against_it(tmp_path: Path) -> None:
    asked = view(answered("s2"), tmp_path / "run")
    (tmp_path / "run" / FILE).write_bytes(b"nothing\n")
    assert not asyncio.run(asked.wants(0.5, MOST))
    assert asyncio.run(asked.contradicted()) == []
