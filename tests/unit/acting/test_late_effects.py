"""What a request does after nobody waits for it any more is watched for, put back by comparing, and never guessed."""

from pathlib import Path

import pytest

from faildrill import judging
from faildrill.acting.undo import open_intents
from faildrill.judging.result import Result, Verdict
from faildrill.kinds import find
from faildrill.kinds.table import ACTIONS
from faildrill.ports.effect import ACTS_LATE
from faildrill.record.timeline import FILE, Happened, Undoing, UndoNotVerified, entries
from faildrill.running.course import Course
from faildrill.running.stop_request import Stop
from faildrill.testing import run
from support.virtual import Simulation


@pytest.fixture
def simulation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Simulation:
    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path / "state"))
    return Simulation(tmp_path)


def drive(simulation: Simulation) -> Result:
    async def main() -> None:
        await Course(simulation.lay_out(), Stop()).drive()

    run(main())
    return judging.judge(simulation.folder)


def told(simulation: Simulation) -> str:
    events = simulation.events(Happened, UndoNotVerified)
    return "\n".join(one.told if isinstance(one, Happened) else str(getattr(one, "because", "")) for one in events)


@pytest.mark.parametrize("apply", ["comes late", "accepts, comes late"])
def test_what_comes_as_late_as_its_kind_says_is_put_back(simulation: Simulation, apply: str) -> None:
    simulation.fault("pay", apply=apply, delay="18s", acts_late="20s")
    simulation.steps[-1] = simulation.steps[-1].model_copy(update={"undo_within": 30.0})
    result = drive(simulation)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert simulation.deeds("pay") == ["undo", "came", "undo"]
    assert simulation.state("pay") == "up"


def test_what_comes_within_some_seconds_is_put_back_whatever_its_kind_says(simulation: Simulation) -> None:
    simulation.fault("pay", apply="accepts, comes late", delay="8s")  # within 5 s it is not seen: 3 s after its undo
    assert drive(simulation).verdict is Verdict.INCONCLUSIVE
    assert simulation.deeds("pay") == ["undo", "came", "undo"]


def test_what_may_come_later_than_its_undo_may_take_is_never_clean(simulation: Simulation) -> None:
    simulation.fault("pay", apply="comes late", delay="50s", acts_late="60s")
    assert drive(simulation).verdict is Verdict.UNSAFE
    assert "its request may still be carried out for 54.8 s" in told(simulation)


@pytest.mark.parametrize("apply", ["comes late", "refuses, comes late"])
def test_who_goes_on_where_another_one_died_looks_for_it_as_well(simulation: Simulation, apply: str) -> None:
    """Until what was asked for can't come any more, the step is open: `recover` finds it."""
    simulation.fault("pay", apply=apply, delay="18s", acts_late="20s")
    simulation.steps[-1] = simulation.steps[-1].model_copy(update={"undo_within": 30.0})
    drive(simulation)
    known = entries(simulation.folder / FILE)
    over = next(number for number, one in enumerate(known) if isinstance(one.what, Happened))
    assert [one.step for one in open_intents(known[:over])] == ["pay"]


def test_what_was_refused_and_is_done_later_is_told_and_left(simulation: Simulation) -> None:
    simulation.fault("pay", apply="refuses, comes late", delay="3s")
    assert drive(simulation).verdict is Verdict.UNSAFE
    assert "it was done later, though it had been refused" in told(simulation)
    assert simulation.events(Undoing) == []


def test_where_reads_do_not_agree_whether_it_came_nothing_is_asked_for_again(simulation: Simulation) -> None:
    simulation.fault("pay", apply="comes late", delay="8s", reads="alternating")
    assert drive(simulation).verdict is Verdict.UNSAFE
    assert "it could not be seen whether it stays put back: no two looks in a row agreed" in told(simulation)
    assert simulation.deeds("pay") == ["undo", "came"]
    assert len(simulation.events(Undoing)) == 1


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_every_kind_says_how_late_what_it_asks_for_may_be_done(name: str) -> None:
    kind = find(name, "action")
    assert ACTS_LATE in kind.model_fields or float(getattr(kind, ACTS_LATE)) >= 0
