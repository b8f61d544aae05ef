"""What is put back, is ours; what was refused is not undone; what isn't seen twice isn't seen."""

import asyncio
from pathlib import Path

import pytest

from faildrill import judging
from faildrill.acting.call import observe
from faildrill.acting.comparison import Count
from faildrill.adapters.simulated.place import Fault
from faildrill.judging.result import Result, Verdict
from faildrill.kinds import find
from faildrill.kinds.table import ACTIONS
from faildrill.ports import Observed
from faildrill.ports.effect import Compares, Counts, compared, compared_state, compared_together
from faildrill.record.timeline import Happened, Undoing
from faildrill.running.course import Course
from faildrill.running.stop_request import Stop
from faildrill.testing import run
from support.virtual import Simulation

WRITE_OVER_NOTHING = {
    "process.kill": "it starts what is gone, and lets go on what its own killing may have held",
    "process.stop": "it lets processes go on, but those that were held before",
    "kubernetes.evict": "its undo asks for nothing",
    "kubernetes.delete_pods": "the same",
    "kubernetes.restart": "the same",
    "ansible.playbook": "its author's",
    "command.run": "its author's",
}
"""Kinds which compare nothing before their effect is put back, and why."""


AGAIN_IS_NOTHING = "told again, it is what it is: a server's state, a setting, a link, a process that goes on"
COUNT_NOTHING = {
    "haproxy.drain": AGAIN_IS_NOTHING,
    "haproxy.maintenance": AGAIN_IS_NOTHING,
    "haproxy.weights": AGAIN_IS_NOTHING,
    "patroni.configure": AGAIN_IS_NOTHING,
    "patroni.cut_replication": AGAIN_IS_NOTHING,
    "member.cut": AGAIN_IS_NOTHING,
    "process.kill": "it starts nothing again: whoever supervises the process does",
    "process.stop": AGAIN_IS_NOTHING,
    "kubernetes.evict": "its undo asks for nothing: it waits until the workload's controller has others in their place",
    "kubernetes.delete_pods": "the same",
    "kubernetes.cordon": AGAIN_IS_NOTHING,
    "kubernetes.drain": "its undo takes the mark off, which again is nothing; no pod is moved back by it",
    "kubernetes.taint": AGAIN_IS_NOTHING,
    "nginx.upstream": "the free NGINX counts no loads, and the kernel counts no children of its master",
    "nginx.broken_file": "the same",
    "ansible.playbook": "its author's",
    "command.run": "its author's",
    "simulated.fault": "its lies are those of tests/safety/test_simulation.py",
    "simulated.member_fault": "the same",
}
"""Kinds of whose undo nobody counts how often it is done, and why."""


@pytest.fixture
def simulation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Simulation:
    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path / "state"))
    return Simulation(tmp_path)


def drive(simulation: Simulation, *meddling: tuple[float, str]) -> Result:
    """Run a fault of `pay`; other people bring it into a state so many seconds after the start."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for after, state in meddling:
            loop.call_later(after, Fault(folder=str(simulation.place), name="pay").become, state, "other people")
        await Course(simulation.lay_out(), Stop()).drive()

    run(main())
    return judging.judge(simulation.folder)


def told(result: Result) -> str:
    return "\n".join(f"{one.verdict}: {one.claim}: {one.because}" for one in result.findings)


def state(simulation: Simulation) -> str:
    return Fault(folder=str(simulation.place), name="pay").state()


def test_what_somebody_else_has_made_of_it_is_left_and_the_command_that_puts_back_is_told(
    simulation: Simulation,
) -> None:
    simulation.fault("pay")
    simulation.wait(5.0)
    result = drive(simulation, (5.0, "maintained"))
    assert result.verdict is Verdict.UNSAFE
    assert state(simulation) == "maintained"
    assert (
        "nothing is touched, because somebody else has changed it: it is maintained now; the step had made it down"
        in told(result)
    )
    assert "To put back what was before: write up into" in told(result)


def test_what_was_refused_is_looked_at_and_not_undone(simulation: Simulation) -> None:
    simulation.fault("pay", apply="refuses")
    result = drive(simulation)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "refuses; looked at afterwards: nothing changed" in told(result)
    assert "it was refused, and seen: as it was before" in told(result)
    assert simulation.events(Undoing) == []


def test_a_refusal_that_is_not_true_is_unsafe_and_left_to_a_person(simulation: Simulation) -> None:
    simulation.fault("pay", apply="refuses after")
    result = drive(simulation)
    assert result.verdict is Verdict.UNSAFE
    assert "having done it; but it took effect: the captured state changed" in told(result)
    assert "nothing is put back, because the step was refused; but the target is not as before" in told(result)


def test_where_looks_do_not_agree_whose_it_is_it_is_left(simulation: Simulation) -> None:
    simulation.fault("pay", reads="alternating", reads_after="3s")
    simulation.wait(5.0)
    result = drive(simulation, (5.0, "maintained"))
    assert result.verdict is Verdict.UNSAFE
    assert state(simulation) == "maintained"
    assert "nothing is touched, because looks don't agree" in told(result)


def test_where_looks_do_not_agree_whether_it_lasted_it_is_told(simulation: Simulation) -> None:
    simulation.fault("pay", reads="alternating", reads_after="3s")
    simulation.wait(5.0)
    result = drive(simulation)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "looks don't agree: " in told(result)


def test_what_could_not_be_seen_before_it_was_put_back_is_put_back_and_proves_nothing(simulation: Simulation) -> None:
    simulation.fault("pay", within=20.0, effect="event", looking="2200ms")
    result = drive(simulation)
    assert "it may have been somebody else's by then" in told(result)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert state(simulation) == "up"


def test_a_defect_of_a_comparison_is_named_with_its_place_and_proves_nothing(simulation: Simulation) -> None:
    simulation.fault("pay", undo="misjudges")
    result = drive(simulation)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert state(simulation) == "up"
    notes = [event.told for event in simulation.events(Happened) if isinstance(event, Happened)]
    [note] = [words for words in notes if "without comparing" in words]
    for words in (note, told(result)):
        assert "RuntimeError at place.py:" in words
        assert "a defect in the comparison - a defect of the kind itself, not of the target" in words


def test_a_defect_of_a_kind_is_named_as_that_and_never_as_a_word_of_the_target(simulation: Simulation) -> None:
    simulation.fault("pay", apply="crashes")
    because = next(one.because for one in drive(simulation).findings if "a defect in the adapter" in one.because)
    assert "RuntimeError at place.py:" in because
    assert because.endswith("a defect of the kind itself, not of the target")


def test_one_look_among_others_that_say_no_is_no_proof() -> None:
    looks = iter([True, False] * 50)

    async def look() -> Observed:
        is_so = next(looks)
        return Observed(is_so, "it is so" if is_so else "it is not")

    async def main() -> Observed:
        return await observe(look, asyncio.get_running_loop().time() + 3.0)

    seen: list[Observed] = []

    async def story() -> None:
        seen.append(await main())

    run(story())
    assert not seen[0].holds
    assert "it is not; a moment before it was it is so" in seen[0].because


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_every_kind_compares_before_it_is_put_back_or_says_why_not(name: str) -> None:
    assert issubclass(find(name, "action"), Compares) is (name not in WRITE_OVER_NOTHING)


@pytest.mark.parametrize(
    ("state", "ours", "whose"),
    [
        ("running", "absent", "before"),
        ("absent", "absent", "ours"),
        ("stopped", "absent", "others"),
        ("stopped", "stopped", "ours"),
        ("absent", "stopped", "ours"),
        ("running", "running", "before"),
        ("stopped", "running", "others"),
    ],
)
def test_a_member_that_somebody_else_holds_is_his_and_one_that_has_died_since_is_not(
    state: str, ours: str, whose: str
) -> None:
    found = compared_state(state, ours, "pay/pay1")
    assert (found.whose, found.now, found.expected) == (whose, f"pay/pay1 is {state}", f"pay/pay1 is {ours}")


@pytest.mark.parametrize(
    ("link", "state", "whose"),
    [
        ("open", "running", "before"),
        ("blackhole", "running", "ours"),
        ("open", "absent", "ours"),
        ("delay", "running", "others"),
        ("blackhole", "stopped", "others"),
    ],
)
def test_of_several_things_that_are_changed_none_may_be_anybody_elses(link: str, state: str, whose: str) -> None:
    found = compared_together(
        compared(link, "blackhole", "open", "open it"), compared_state(state, "running", "sessions/r1")
    )
    assert found.whose == whose
    assert found.now == f"{link}; sessions/r1 is {state}"
    assert found.remedy.startswith("open it; send SIGCONT")


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_every_kind_is_counted_when_it_is_put_back_or_says_why_nobody_counts(name: str) -> None:
    assert issubclass(find(name, "action"), Counts) is (name not in COUNT_NOTHING)


@pytest.mark.parametrize(
    ("former", "now", "told"),
    [
        (Count(3), Count(4), (1, "")),
        (Count(3), Count(6), (3, "")),
        (Count(3), Count(3), (1, "")),
        (Count(3), Count(0), (1, "it counts 0 now, and 3 before")),
        (Count(3), Count(trouble="m2 timed out"), (1, "m2 timed out")),
        (Count(trouble="refused"), Count(4), (1, "refused")),
        (Count(), Count(), (1, "")),
    ],
    ids=["once", "three times", "somebody else did", "counted anew", "silent", "was silent", "nobody counts"],
)
def test_what_is_counted_tells_how_often_it_was_put_back_or_why_that_can_not_be_told(
    former: Count, now: Count, told: tuple[int, str]
) -> None:
    assert now.since(former) == told
