"""The blast radius of a drill: checked before its first step, and again at each step when it is due."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from faildrill.adapters.member.target import Group, GroupMember
from faildrill.adapters.redis.target import Redis, RedisMember
from faildrill.guarding.blast_radius import Radius
from faildrill.model.drill import Drill, Parallel, ProbePlan, Step
from faildrill.model.environment import BlastRadius, Environment
from faildrill.ports.target import KindUse
from faildrill.record.timeline import ApplyFailed, Applying, GuardAnswered
from support.places import Place, ended, events

REFUSED, INCONCLUSIVE = 3, 4
GROUP = Group(name="pay", members={name: GroupMember(name=name) for name in ("pay1", "pay2", "pay3")})


def place(**limits: Any) -> Environment:
    return Environment.model_validate({"name": "simulation", "groups": {"pay": GROUP}, "blast_radius": limits})


def step(name: str, of: str = "pay") -> Step:
    use = KindUse(kind="simulated.member_fault", params={"folder": "/nowhere", "name": name, "of": of})
    return Step(id=name, name=f"take {name} down", use=use)


BLIND = Step(id="x", name="x", use=KindUse(kind="simulated.fault", params={"folder": "/nowhere", "name": "x"}))


def drill(*steps: Step | Parallel) -> Drill:
    probe = ProbePlan(name="p", use=KindUse(kind="simulated.service"), every=1.0, timeout=1.0)
    return Drill(name="d", environment="e", probes=(probe,), steps=steps, expect=(KindUse(kind="steady_again"),))


def said(environment: Environment, *steps: Step | Parallel) -> str | None:
    return asyncio.run(Radius(environment, "run-1").objection_to(drill(*steps)))


def test_as_many_members_as_allowed_may_be_touched_and_each_counts_once() -> None:
    assert said(place(groups={"pay": 2}), step("pay1"), step("pay2"), step("pay1")) is None


def test_one_more_is_too_much_also_in_a_group_of_steps() -> None:
    limit = place(groups={"pay": 1})
    together = Parallel(id="both", name="both", steps=(step("pay1"), step("pay2")))
    for steps in ((step("pay1"), step("pay2")), (together,)):
        answer = said(limit, *steps)
        assert "take pay2 down: touches 2 members of pay (pay1, pay2) where 1 may be touched" in str(answer)


def test_nothing_of_a_target_may_be_touched_where_the_limit_is_nothing() -> None:
    assert "where 0 may be" in str(said(place(groups={"pay": 0}), step("pay1")))


def test_what_can_t_tell_what_it_touches_is_refused_unless_the_environment_says_otherwise() -> None:
    assert "can't tell which members" in str(said(place(groups={"pay": 1}), BLIND))
    assert said(place(groups={"pay": 1}, unknown="allowed"), BLIND) is None


def test_a_target_without_a_limit_is_not_limited() -> None:
    assert said(place(groups={"pay": 0}), step("x", of="else")) is None
    assert said(Environment(name="simulation"), step("pay1")) is None


@pytest.fixture
def simulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path / "state"))
    found = Place(tmp_path)
    found.kind = "simulated.member_fault"
    found.declared = {"groups": {"pay": GROUP}, "blast_radius": BlastRadius(limits={"groups": {"pay": 1}})}
    return found


def test_a_drill_that_touches_too_much_is_refused_and_touches_nothing(simulated: Place) -> None:
    simulated.fault("pay1", of="pay")
    simulated.fault("pay2", of="pay")
    started = simulated.start()
    with ended(started):
        assert started.sentinel.wait(30) == REFUSED
        answers = [one for one in events(started.folder, GuardAnswered) if isinstance(one, GuardAnswered)]
        assert [one.guard for one in answers if one.objection] == ["blast_radius"]
        assert simulated.deeds("pay1") == []


def test_a_step_that_is_known_only_when_it_is_due_is_refused_then_and_the_others_are_put_back(simulated: Place) -> None:
    simulated.fault("pay1", of="pay")
    simulated.fault("pay2", of="pay")
    simulated.steps[1] = simulated.steps[1].model_copy(update={"late": True})
    started = simulated.start()
    with ended(started):
        assert started.sentinel.wait(30) == INCONCLUSIVE
        [refused] = [one for one in events(started.folder, ApplyFailed) if isinstance(one, ApplyFailed)]
        assert (refused.step, refused.how) == ("pay2", "refused")
        assert "touches 2 members of pay" in refused.because
        assert [one.step for one in events(started.folder, Applying) if isinstance(one, Applying)] == ["pay1"]
        assert (simulated.deeds("pay1"), simulated.deeds("pay2")) == (["apply", "undo"], [])


def together(simulated: Place, *names: str, **how: Any) -> None:
    """Have these members taken down at once."""
    for name in names:
        simulated.fault(name, of="pay", **how)
    steps = tuple(one for one in simulated.steps if isinstance(one, Step))
    simulated.group = Parallel(id="group", name="at once", steps=steps)


def test_a_group_of_steps_never_takes_the_last_healthy_member_though_each_alone_would_leave_one(
    simulated: Place,
) -> None:
    simulated.declared = {"groups": {"pay": GROUP}}
    simulated.become("pay3", "down")
    together(simulated, "pay1", "pay2", others=["pay1", "pay2", "pay3"])
    started = simulated.start()
    with ended(started):
        assert started.sentinel.wait(30) == INCONCLUSIVE
        refused = [one for one in events(started.folder, ApplyFailed) if isinstance(one, ApplyFailed)]
        assert [one.step for one in refused] == ["pay1", "pay2"]
        assert "together these steps take the last healthy member of pay: pay/pay1, pay/pay2" in refused[0].because
        assert (simulated.deeds("pay1"), simulated.deeds("pay2")) == ([], [])


def test_a_group_that_leaves_a_healthy_member_is_done(simulated: Place) -> None:
    simulated.declared = {"groups": {"pay": GROUP}}
    together(simulated, "pay1", "pay2", others=["pay1", "pay2", "pay3"])
    started = simulated.start()
    with ended(started):
        assert started.sentinel.wait(30) == 0
        assert (simulated.deeds("pay1"), simulated.deeds("pay2")) == (["apply", "undo"], ["apply", "undo"])


def together_said(environment: Environment, *steps: Step) -> str | None:
    return asyncio.run(Radius(environment, "run-1").objection_to_group(list(steps)))


def test_a_group_is_counted_whole_before_its_first_step() -> None:
    assert "touches 2 members of pay" in str(together_said(place(groups={"pay": 1}), step("pay1"), step("pay2")))
    everybody = [step(name) for name in GROUP.members]
    assert "the last healthy member of pay" in str(together_said(place(), *everybody))
    assert together_said(place(), *everybody[:2]) is None


def test_members_of_a_redis_and_of_a_mariadb_are_counted_as_those_of_a_group_are() -> None:
    redis = Redis(
        name="sessions",
        master="sessions",
        sentinels=["127.0.0.1:1"],
        members={name: RedisMember(name=name, host="127.0.0.1") for name in ("r1", "r2")},
    )
    declared = {"name": "simulation", "redis": {"sessions": redis}, "blast_radius": {"redis": {"sessions": 1}}}
    limited = Environment.model_validate(declared)
    assert said(limited, step("r1", "sessions")) is None
    assert "touches 2 members of sessions (r1, r2)" in str(
        said(limited, step("r1", "sessions"), step("r2", "sessions"))
    )
    both = Parallel(id="both", name="both", steps=(step("r1", "sessions"), step("r2", "sessions")))
    assert "touches 2 members" in str(said(limited, both))
