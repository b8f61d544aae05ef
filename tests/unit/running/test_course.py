"""The course of a run, in virtual time on a simulated place."""

import asyncio
import multiprocessing
import resource
from pathlib import Path

import pytest

from faildrill.acting.step import do
from faildrill.errors import JournalFull
from faildrill.locking.declared_facts import proven
from faildrill.locking.dirty_marks import marks
from faildrill.locking.place_key import PlaceKey
from faildrill.model.drill import Step, Undo
from faildrill.ports.target import KindUse
from faildrill.record.timeline import (
    FILE,
    AbortAsked,
    Applied,
    ApplyFailed,
    Applying,
    Confirmed,
    GuardAnswered,
    Intended,
    LeftApplied,
    NotConfirmed,
    NotHealthy,
    NotSteady,
    RunEnded,
    RunnerBroke,
    RunStarted,
    SteadyAgain,
    UndoFailed,
    Undoing,
    UndoNotVerified,
    UndoVerified,
)
from faildrill.running.course import Course
from faildrill.running.stop_request import Stop
from faildrill.testing import run
from support.virtual import Simulation, TaskProbers


@pytest.fixture
def simulation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Simulation:
    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path / "state"))
    return Simulation(tmp_path)


def drive(simulation: Simulation, stop_after: float | None = None, again_after: float | None = None) -> Stop:
    async def main() -> Stop:
        stop = Stop()
        loop = asyncio.get_running_loop()
        for delay in (stop_after, again_after):
            if delay is not None:
                loop.call_later(delay, stop.ask, "person", "Ctrl-C")
        await Course(simulation.lay_out(), stop).drive()
        return stop

    return run(main())


def identity_of(simulation: Simulation) -> PlaceKey:
    assert simulation.scene
    return proven(simulation.scene.environment)


def test_a_whole_run_does_sees_undoes_and_sees_again(simulation: Simulation) -> None:
    simulation.fault("pay")
    simulation.wait(2.0)
    drive(simulation)
    story = [type(one) for one in simulation.events(Intended, Applying, Applied, Confirmed, Undoing, UndoVerified)]
    assert story == [Intended, Applying, Applied, Confirmed, Undoing, UndoVerified]
    assert simulation.deeds("pay") == ["apply", "undo"]
    assert isinstance(simulation.events()[-1], RunEnded)
    assert simulation.events(SteadyAgain)


def test_a_run_that_put_everything_back_leaves_no_mark(simulation: Simulation) -> None:
    simulation.fault("pay")
    drive(simulation)
    assert marks(identity_of(simulation)) == []


def test_the_mark_is_there_while_the_fault_is_on(simulation: Simulation) -> None:
    simulation.fault("pay")
    simulation.wait(2.0)
    seen: list[int] = []

    async def main() -> None:
        scene = simulation.lay_out()
        asyncio.get_running_loop().call_later(2.5, lambda: seen.append(len(marks(identity_of(simulation)))))
        await Course(scene, Stop()).drive()

    run(main())
    assert seen == [1]


@pytest.mark.parametrize("how", ["refuses", "fails", "crashes"])
def test_a_step_that_fails_stops_the_steps_and_is_put_back(simulation: Simulation, how: str) -> None:
    simulation.fault("pay", apply=how)
    simulation.fault("next")
    drive(simulation)
    assert len(simulation.events(ApplyFailed)) == 1
    assert simulation.deeds("next") == []
    assert simulation.events(UndoVerified)


def test_an_effect_that_is_not_seen_is_not_believed(simulation: Simulation) -> None:
    simulation.fault("pay", apply="lies")
    simulation.fault("next")
    drive(simulation)
    assert simulation.events(Applied)
    assert simulation.events(NotConfirmed)
    assert simulation.deeds("next") == []


def test_an_open_outcome_is_settled_by_observing_and_never_called_again(simulation: Simulation) -> None:
    simulation.fault("pay", apply="answers late")
    drive(simulation)
    assert [one.how for one in simulation.events(ApplyFailed) if isinstance(one, ApplyFailed)] == ["unknown"]
    assert simulation.events(Confirmed)
    assert simulation.deeds("pay") == ["apply", "undo"]


def test_an_action_that_hangs_is_cut_short_at_its_limit_and_put_back(simulation: Simulation) -> None:
    simulation.fault("pay", apply="hangs", within=3.0)
    drive(simulation)
    assert [one.how for one in simulation.events(ApplyFailed) if isinstance(one, ApplyFailed)] == ["late"]
    assert simulation.deeds("pay") == ["apply", "undo"]


def test_an_undo_that_says_ok_and_does_nothing_is_found_out(simulation: Simulation) -> None:
    simulation.fault("pay", undo="lies")
    drive(simulation)
    assert simulation.events(UndoNotVerified)
    assert simulation.events(NotSteady)
    assert len(marks(identity_of(simulation))) == 1


@pytest.mark.parametrize("broken", [{"one"}, {"two"}, {"three"}, {"one", "three"}, {"one", "two", "three"}])
@pytest.mark.parametrize("how", ["fails", "hangs", "lies"])
def test_one_undo_of_several_fails_and_the_rest_are_done_in_reverse(
    simulation: Simulation, broken: set[str], how: str
) -> None:
    for name in ("one", "two", "three"):
        simulation.fault(name, undo=how if name in broken else "works")
    drive(simulation)
    tried = [one.step for one in simulation.events(Undoing) if isinstance(one, Undoing)]
    assert tried == ["three", "two", "one"]
    assert {name for name in ("one", "two", "three") if simulation.state(name) == "down"} == broken
    assert {one.step for one in simulation.events(UndoNotVerified) if isinstance(one, UndoNotVerified)} == broken


def test_a_hanging_undo_ends_at_its_limit(simulation: Simulation) -> None:
    simulation.fault("pay", undo="hangs")
    drive(simulation)
    assert simulation.events(UndoFailed)


def test_asked_to_stop_it_cuts_the_step_short_and_undoes_at_once(simulation: Simulation) -> None:
    simulation.fault("pay", apply="hangs", within=100.0)
    drive(simulation, stop_after=2.0)
    assert [one.by for one in simulation.events(AbortAsked) if isinstance(one, AbortAsked)] == ["person"]
    assert simulation.deeds("pay") == ["apply", "undo"]
    assert simulation.events(SteadyAgain)


def test_asked_twice_it_skips_the_waiting_but_not_the_undo(simulation: Simulation) -> None:
    simulation.fault("pay", apply="hangs", within=100.0)
    drive(simulation, stop_after=2.0, again_after=2.01)
    assert simulation.deeds("pay") == ["apply", "undo"]
    assert not simulation.events(SteadyAgain)


def test_asked_to_stop_in_the_warm_up_it_touches_nothing(simulation: Simulation) -> None:
    simulation.fault("pay")
    drive(simulation, stop_after=0.5)
    assert simulation.events(AbortAsked)
    assert simulation.deeds("pay") == []


@pytest.mark.says("| REFUSED | a guard objects, or a probe is not good in the warm-up: nothing was touched | 3 |")
@pytest.mark.parametrize(
    "word", [{"objection": "not today"}, {"defect": True}], ids=["an objection", "a guard that breaks"]
)
def test_a_refused_drill_touches_nothing(simulation: Simulation, word: dict[str, bool | str]) -> None:
    simulation.fault("pay")
    simulation.guards = (KindUse(kind="simulated.word", params=dict(word)),)
    drive(simulation)
    assert [one for one in simulation.events(GuardAnswered) if isinstance(one, GuardAnswered) and one.objection]
    assert not simulation.events(Intended)
    assert simulation.deeds("pay") == []


def test_an_environment_that_is_not_marked_drillable_is_refused(simulation: Simulation) -> None:
    simulation.fault("pay")
    simulation.drillable = False
    drive(simulation)
    assert simulation.deeds("pay") == []


def test_a_probe_that_is_not_healthy_in_the_warm_up_refuses_the_drill(simulation: Simulation) -> None:
    simulation.fault("pay")
    (simulation.place / "pay.state").write_text("down")
    drive(simulation)
    assert simulation.events(NotHealthy)
    assert simulation.deeds("pay") == []


def test_undo_none_leaves_the_step_and_says_so(simulation: Simulation) -> None:
    simulation.fault("pay", Undo(how="none"))
    drive(simulation)
    assert [one.by for one in simulation.events(LeftApplied) if isinstance(one, LeftApplied)] == ["drill"]
    assert simulation.state("pay") == "down"


def test_left_applied_by_a_person_stays_marked(simulation: Simulation) -> None:
    simulation.fault("pay")

    async def main() -> None:
        scene = simulation.lay_out()
        scene.leave_applied = True
        await Course(scene, Stop()).drive()

    run(main())
    assert simulation.state("pay") == "down"
    assert len(marks(identity_of(simulation))) == 1


def test_a_prober_that_dies_ends_the_run_and_everything_is_put_back(simulation: Simulation) -> None:
    simulation.fault("pay")
    simulation.wait(60.0)

    async def main() -> None:
        scene = simulation.lay_out()
        probers = scene.probers
        assert isinstance(probers, TaskProbers)
        asyncio.get_running_loop().call_later(5.0, setattr, probers, "broken", "the prober ended with -9")
        await Course(scene, Stop()).drive()

    run(main())
    assert [one.because for one in simulation.events(AbortAsked) if isinstance(one, AbortAsked)] == [
        "the prober ended with -9"
    ]
    assert simulation.state("pay") == "up"
    assert simulation.events(SteadyAgain)


def test_an_abort_condition_ends_the_run_and_everything_is_put_back(simulation: Simulation) -> None:
    simulation.fault("pay")
    simulation.wait(600.0)
    simulation.abort_when = (KindUse(kind="outage", params={"of": "pay", "longer_than": "2s"}),)
    drive(simulation)
    assert [one.by for one in simulation.events(AbortAsked) if isinstance(one, AbortAsked)] == ["condition"]
    assert simulation.deeds("pay") == ["apply", "undo"]


@pytest.mark.parametrize("kind", ["errors", "canaries"])
def test_what_another_probe_sees_meets_no_abort_condition(simulation: Simulation, kind: str) -> None:
    params = {"errors": {"of": "pay", "above": 3, "over": "1s"}, "canaries": {"of": ["pay"]}}
    simulation.fault("stock")
    simulation.wait(5.0)
    simulation.fault("pay")
    simulation.wait(600.0)
    simulation.abort_when = (KindUse(kind=kind, params=params[kind]),)
    drive(simulation)
    assert [one.by for one in simulation.events(AbortAsked) if isinstance(one, AbortAsked)] == ["condition"]
    assert simulation.deeds("pay") == ["apply", "undo"]


def test_an_intent_that_cannot_be_written_means_the_step_is_not_done(simulation: Simulation) -> None:
    simulation.fault("pay")

    def with_little_room() -> None:
        async def main() -> None:
            scene = simulation.lay_out()
            room = (simulation.folder / FILE).stat().st_size + 40
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
            step = scene.drill.steps[0]
            assert isinstance(step, Step)
            with pytest.raises(JournalFull):
                await do(step, scene.timeline, scene.run)

        run(main())

    child = multiprocessing.get_context("fork").Process(target=with_little_room)
    child.start()
    child.join()
    assert child.exitcode == 0
    assert [type(one) for one in simulation.events()] == [RunStarted]
    assert simulation.deeds("pay") == []


def test_a_defect_of_ours_is_an_event_with_its_place_and_everything_is_put_back(simulation: Simulation) -> None:
    simulation.fault("pay")
    simulation.abort_when = (KindUse(kind="no.such", params={}),)
    drive(simulation)
    assert [one.error for one in simulation.events(RunnerBroke) if isinstance(one, RunnerBroke)]
    assert simulation.state("pay") == "up"
