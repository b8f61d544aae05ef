"""A run looks on until probes have noticed what was put back on one's word alone, and no longer than that is of use."""

import asyncio
import threading
from pathlib import Path
from typing import Never

import pytest

from faildrill.judging import judge
from faildrill.record.samples import Outcome
from faildrill.record.spread_counts import CountsKeeper, Kept, path_of
from faildrill.record.timeline import FILE, RunnerDied, Timeline, UndoNotVerified, entries
from faildrill.restoring.outside_view import OutsideView
from unit.judging.runs import Run, SetClock, ns, probe, ticks
from unit.judging.test_noticed_steps import drained
from unit.judging.test_noticed_undos import answered, said_back, undo_of

MOST = 120.0
LOOKS_ON = (
    "The run looks on until a probe has noticed the end, for twice as long as the step was looked at (5 s at "
    "least), and where probes say that it is not put back, until the grace of `steady_again` is over."
)


def view(run: Run, folder: Path, skip: asyncio.Event | None = None) -> OutsideView:
    """Return what a run asks when all is written that was seen until now."""
    run.write(folder)
    known = entries(folder / FILE)
    return OutsideView(folder, Timeline.resume(folder, SetClock()), known, skip)


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


def test_a_defect_of_the_weighing_is_told_and_ends_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Counts below nought, which no probe of ours writes, are no share that NumPy could weigh."""
    run = answered("s2")
    run.probes = [probe(), probe("spread", 0.5, "http.spread")]
    asked = view(run, tmp_path / "run")
    keeping = CountsKeeper(path_of(tmp_path / "run", "spread"))
    for at in ticks(0.5, 20.0, 0.5):
        keeping.keep(Kept(ns(at), {"s1": -25.0, "s2": 50.0}, {"s1": 1.0, "s2": 1.0}))
    keeping.close()
    assert not asyncio.run(asked.wants(0.5, MOST))
    assert asyncio.run(asked.contradicted()) == []
    assert "ValueError" in capsys.readouterr().err


@pytest.mark.parametrize("is_skipped", [True, False], ids=["a person skips it", "its time is over"])
def test_one_asking_that_takes_for_ever_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_skipped: bool
) -> None:
    """A file system that is gone blocks whoever reads a run's files."""
    is_back = threading.Event()

    def blocked(folder: Path) -> Never:
        is_back.wait()
        raise FileNotFoundError(folder)

    async def ask() -> tuple[bool, list[str]]:
        skip = asyncio.Event()
        asked = view(answered("s2"), tmp_path / "run", skip)
        monkeypatch.setattr("faildrill.judging.evidence.so_far", blocked)
        if not is_skipped:
            return await asked.wants(0.5, 0.6), []
        asyncio.get_running_loop().call_later(0.1, skip.set)
        return await asked.wants(0.5, MOST), await asked.contradicted()

    assert asyncio.run(ask()) == (False, [])
    is_back.set()


@pytest.mark.says(
    "What was put back after the machine was started again has no looks that could be compared, so that it is "
    "INCONCLUSIVE at once."
)
def test_after_a_reboot_it_waits_for_nothing(tmp_path: Path) -> None:
    """The looks of the new boot are on another clock, and left out."""
    run = answered("s2").but(14.9, RunnerDied(how="was found gone", boot="b2"))
    run.samples["pay"] = [one for one in run.samples["pay"] if one.due < ns(14.9)]
    asked = view(run, tmp_path / "run")
    assert not asyncio.run(asked.wants(0.5, MOST))
    verdict, because = undo_of(judge(tmp_path / "run"))
    assert verdict == "INCONCLUSIVE"
    assert "the machine was started again before it was put back" in because
