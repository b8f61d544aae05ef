"""A state is looked at until it is put back: others may end it, so may its own limit, and a look may fail."""

import asyncio
from pathlib import Path
from typing import ClassVar, get_args

import pytest

from faildrill import judging
from faildrill.acting.sight import effect_is
from faildrill.adapters.simulated.place import Fault
from faildrill.judging.result import Result, Verdict
from faildrill.kinds import find, misnamed_effect
from faildrill.kinds.table import ACTIONS
from faildrill.ports import Kind
from faildrill.ports.effect import EFFECT_IS, Effect
from faildrill.record.timeline import Confirmed, EffectGone, EffectSeen, EffectUntold, Undoing, UndoVerified
from faildrill.running.course import Course
from faildrill.running.stop_request import Stop
from faildrill.testing import run
from support.virtual import Simulation


@pytest.fixture
def simulation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Simulation:
    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path / "state"))
    return Simulation(tmp_path)


def drive(simulation: Simulation, *meddling: tuple[float, str, str], stop_after: float | None = None) -> Result:
    """Run it; other people bring services into a state so many seconds after the start."""

    async def main() -> None:
        loop, stop = asyncio.get_running_loop(), Stop()
        for after, name, state in meddling:
            loop.call_later(after, Fault(folder=str(simulation.place), name=name).become, state, "other people")
        if stop_after is not None:
            loop.call_later(stop_after, stop.ask, "person", "Ctrl-C")
        await Course(simulation.lay_out(), stop).drive()

    run(main())
    return judging.judge(simulation.folder)


def effect_finding(result: Result) -> tuple[Verdict, str]:
    [found] = [(one.verdict, one.because) for one in result.findings if "is in effect until" in one.claim]
    return found


@pytest.mark.says("The effect of an action is an *event* or a *state*; `faildrill explain KIND` says which.")
@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_every_kind_of_action_says_whether_its_effect_is_an_event_or_a_state(name: str) -> None:
    said = getattr(find(name, "action"), EFFECT_IS)
    assert isinstance(said, property) or said in get_args(Effect)


def test_a_kind_of_somebody_else_that_does_not_say_is_a_state() -> None:
    class Silent(Kind):
        """Says nothing."""

    assert effect_is(Silent()) == "state"  # type: ignore[arg-type]


@pytest.mark.says(
    "*at least* from when it was first seen to the sending of the last look that saw it; *at most* from the call to "
    "the answer of the first look that did not, or to the end of its undo;"
)
@pytest.mark.says("The finding *is in effect until it is put back* says for how long it was seen:")
@pytest.mark.says(
    "So faildrill looks at a state again about once a second (less often if a look takes long; a playbook's "
    "`verify` is played only at the end), and right before it is put back."
)
def test_a_state_that_lasts_is_told_with_its_bounds(simulation: Simulation) -> None:
    simulation.fault("pay")
    simulation.wait(10.0)
    result = drive(simulation)
    [step] = [one for one in result.steps if one.kind == "simulated.fault"]
    assert step.in_effect_how == "lasted"
    assert step.in_effect is not None
    assert step.in_effect.at_most is not None
    assert 9.9 <= step.in_effect.at_least <= 10.1 <= step.in_effect.at_most + 0.2
    verdict, because = effect_finding(result)
    assert verdict is Verdict.PASSED
    assert because.startswith("seen in effect for at least 10")


@pytest.mark.says(
    "if two looks agree that it was gone before it was put back, the drill is INCONCLUSIVE, and the finding names "
    "who or what is suspected, if that can be told;"
)
def test_a_state_that_others_end_proves_nothing(simulation: Simulation) -> None:
    simulation.fault("pay")
    simulation.wait(20.0)
    result = drive(simulation, (1.0 + 7.0, "pay", "up"))
    verdict, because = effect_finding(result)
    assert verdict is Verdict.INCONCLUSIVE
    assert because.startswith("gone before it was put back, seen in effect for at least ")
    assert result.verdict is Verdict.INCONCLUSIVE
    [step] = [one for one in result.steps if one.kind == "simulated.fault"]
    assert step.in_effect is not None
    assert step.in_effect.at_most is not None
    assert step.in_effect.at_least <= 7.0 <= step.in_effect.at_most <= step.in_effect.at_least + 3.0


def test_a_state_that_others_end_and_bring_about_again_proves_nothing(simulation: Simulation) -> None:
    simulation.fault("pay")
    simulation.wait(20.0)
    result = drive(simulation, (6.0, "pay", "up"), (14.0, "pay", "down"))
    assert effect_finding(result)[0] is Verdict.INCONCLUSIVE


@pytest.mark.says(
    "So faildrill looks at a state again about once a second (less often if a look takes long; a playbook's "
    "`verify` is played only at the end), and right before it is put back."
)
def test_it_is_looked_at_right_before_its_undo_though_nothing_was_waited_for(simulation: Simulation) -> None:
    simulation.fault("pay")
    drive(simulation)
    kinds = [type(one) for one in simulation.events(Confirmed, EffectSeen, Undoing, UndoVerified)]
    assert kinds == [Confirmed, EffectSeen, Undoing, UndoVerified]


@pytest.mark.says(
    "if it was ended by its own time limit (`at_most`), or while another step of the drill was done or put back, "
    "that is what the drill wants."
)
def test_a_state_that_ends_while_a_later_step_is_done_is_that_steps_doing(simulation: Simulation) -> None:
    simulation.fault("pay")
    simulation.wait(3.0)
    simulation.fault("other", delay="2s")
    simulation.wait(3.0)
    result = drive(simulation, (1.0 + 3.0 + 1.0, "pay", "up"))
    verdict, because = effect_finding_of(result, "pay")
    assert verdict is Verdict.PASSED
    assert because.startswith("gone when something else was done or put back by this drill")


def test_a_state_that_others_end_right_after_a_later_step_is_not_that_steps_doing(simulation: Simulation) -> None:
    simulation.fault("pay")
    simulation.wait(3.0)
    simulation.fault("other", delay="2s")
    simulation.wait(3.0)
    result = drive(simulation, (1.0 + 3.0 + 2.0 + 0.5, "pay", "up"))
    assert effect_finding_of(result, "pay")[0] is Verdict.INCONCLUSIVE


def effect_finding_of(result: Result, name: str) -> tuple[Verdict, str]:
    claim = f"take {name} down: is in effect until it is put back"
    [found] = [(one.verdict, one.because) for one in result.findings if one.claim == claim]
    return found


@pytest.mark.parametrize("meddled", ["one", "two"])
def test_each_state_of_several_is_looked_at(simulation: Simulation, meddled: str) -> None:
    for name in ("one", "two"):
        simulation.fault(name)
    simulation.wait(5.0)
    result = drive(simulation, (4.0, meddled, "up"))
    verdicts = {name: effect_finding_of(result, name)[0] for name in ("one", "two")}
    other = {"one": "two", "two": "one"}[meddled]
    assert verdicts == {meddled: Verdict.INCONCLUSIVE, other: Verdict.PASSED}


@pytest.mark.says(
    "a look that fails is no answer: if the last one, tried again for two seconds, can't tell, the drill is "
    "INCONCLUSIVE, too;"
)
def test_what_nobody_can_see_before_its_undo_is_not_taken_for_there(simulation: Simulation) -> None:
    simulation.fault("pay")
    simulation.wait(5.0)
    hidden = simulation.place.with_name("hidden")

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(5.5, simulation.place.rename, hidden)
        loop.call_later(8.5, hidden.rename, simulation.place)
        await Course(simulation.lay_out(), Stop()).drive()

    run(main())
    assert simulation.events(EffectUntold)
    assert not simulation.events(EffectGone)
    verdict, because = effect_finding(judging.judge(simulation.folder))
    assert verdict is Verdict.INCONCLUSIVE
    assert "nobody could tell right before it was put back" in because


@pytest.mark.says("A run that is aborted puts back at once, without that last look.")
def test_a_run_that_is_to_end_puts_back_at_once(simulation: Simulation) -> None:
    simulation.fault("pay")
    simulation.wait(20.0)
    drive(simulation, stop_after=6.0)
    [undo] = simulation.events(Undoing)
    assert isinstance(undo, Undoing)
    assert len(simulation.events(EffectSeen)) == 1  # what was seen last in between


@pytest.mark.says("An event has happened, whatever comes after it: a process died, another node leads.")
def test_an_event_is_not_looked_at_again(simulation: Simulation) -> None:
    simulation.fault("pay", effect="event")
    simulation.wait(5.0)
    result = drive(simulation, (4.0, "pay", "up"))
    assert not simulation.events(EffectSeen, EffectGone, EffectUntold)
    assert result.verdict is Verdict.PASSED


@pytest.mark.says(
    "A time limit counts if the state was still seen 3 s (or a tenth of the limit) before the limit was over."
)
@pytest.mark.says(
    "if it was ended by its own time limit (`at_most`), or while another step of the drill was done or put back, "
    "that is what the drill wants."
)
@pytest.mark.parametrize(("ended", "how"), [(None, "own limit"), (3.0, "gone")])
def test_its_own_time_limit_may_end_it_and_nobody_else_before(
    simulation: Simulation, ended: float | None, how: str
) -> None:
    simulation.fault("pay", at_most="6s")
    simulation.wait(9.0)
    result = drive(simulation, *([(ended, "pay", "up")] if ended else []))
    [step] = [one for one in result.steps if one.kind == "simulated.fault"]
    assert step.in_effect_how == how
    assert result.verdict is (Verdict.PASSED if how == "own limit" else Verdict.INCONCLUSIVE)


def test_a_kind_that_says_something_else_of_its_effect_is_found_out() -> None:
    class Wrong(Kind):
        effect_is: ClassVar[str] = "sometimes"

    assert misnamed_effect(Wrong) == "sometimes"
    assert misnamed_effect(Fault) is None
