"""Evictions and deletions: sent once, pinned, and believed only where exactly these pods go and all is whole again."""

import asyncio
import itertools
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from faildrill.adapters.kubernetes.actions import DeletePods, Evict
from faildrill.adapters.kubernetes.removal import Removal
from faildrill.adapters.kubernetes.target import Kubernetes
from faildrill.errors import ActionFailed, ActionRefused, OutcomeUnknown
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Action, Captured, Observed
from support.kubernetes_payments import BUDGETS, MARK, NAMESPACE, Payments, budget, playing
from support.liars.kubernetes import Certificates

WITHIN = 8.0


_RUNS = itertools.count()


@dataclass
class Drill:
    """One step on the payment pods."""

    place: Payments
    target: Kubernetes
    kind: type[Evict | DeletePods] = Evict
    told: list[str] = field(default_factory=list)
    within: float = WITHIN
    run: str = field(default_factory=lambda: f"run-{next(_RUNS)}")

    def step(self, **given: Any) -> Evict | DeletePods:
        how = {"selector": "app=pay"} | given
        return self.kind.model_validate({"kubernetes": self.target.model_dump(), "namespace": "payments", **how})

    @property
    def given(self) -> CallContext:
        return CallContext(self.run, self.within, hear=lambda told, _at, _began: self.told.append(told))

    def sent(self) -> int:
        """Count the changing calls, those that only try not among them."""
        calls = self.place.liar.calls
        return sum(1 for method, path in calls if method != "GET" and "dryRun" not in path and "reviews" not in path)


Play = Callable[[Callable[[Drill], Awaitable[None]]], None]


@pytest.fixture(params=[Evict, DeletePods], ids=["evict", "delete_pods"])
def both(request: pytest.FixtureRequest, tmp_path: Path, certificates: Certificates) -> Play:
    return _playing(request.param, tmp_path, certificates)


@pytest.fixture
def play(tmp_path: Path, certificates: Certificates) -> Play:
    return _playing(Evict, tmp_path, certificates)


def _playing(kind: type[Evict | DeletePods], folder: Path, made: Certificates) -> Play:
    return playing(Payments, partial(Drill, kind=kind), folder, made)


async def seen(step: Removal, before: Captured, drill: Drill) -> Observed:
    """Look for the effect until it is there, twenty times at the most."""
    found = await step.confirm(before, drill.given)
    for _ in range(20):
        if found.holds:
            break
        await asyncio.sleep(0.1)
        found = await step.confirm(before, drill.given)
    return found


def test_one_request_takes_one_pod_and_another_one_comes(both: Play) -> None:
    async def story(drill: Drill) -> None:
        step = drill.step(follow="replaced")
        before = await step.capture(drill.given)
        assert before["pods"] == {"uid-0": "pay-0"}
        assert drill.sent() == 0
        assert await step.apply(before, drill.given) == {"pods": ["pay-0"], "uids": ["uid-0"]}
        confirmed = await step.confirm(before, drill.given)
        assert confirmed.holds
        assert (confirmed.word_of, confirmed.moves, confirmed.empties) == ("kubernetes", ["pay-0"], True)
        await step.undo(before, drill.given)
        back = await step.restored(before, drill.given)
        assert back.holds
        assert "in their place: pay-new-0" in back.because
        assert (drill.sent(), drill.place.liar.effects) == (1, 1)
        words = "\n".join(drill.told)
        for phase in (
            "was accepted",
            "is terminating",
            "is out of the endpoints",
            "was created",
            "is in the endpoints",
        ):
            assert phase in words

    both(story)


def test_each_request_is_pinned_to_the_pod_as_it_was_seen(both: Play) -> None:
    async def story(drill: Drill) -> None:
        step = drill.step()
        await step.apply(await step.capture(drill.given), drill.given)
        options = [one.get("deleteOptions", one) for one in drill.place.liar.bodies]
        assert [one["preconditions"] for one in options] == [{"uid": "uid-0", "resourceVersion": "101"}] * 2
        assert [one.get("dryRun") for one in options] == [["All"], None]

    both(story)


@pytest.mark.parametrize("lie", ["close", "silence", "half", "500", "504", "login page"])
def test_an_answer_that_is_lost_after_the_effect_takes_one_pod_and_is_settled_by_looking(both: Play, lie: str) -> None:
    async def story(drill: Drill) -> None:
        step = drill.step()
        before = await step.capture(drill.given)
        drill.place.liar.lies |= {"POST": lie, "DELETE": lie}
        await step.apply(before, drill.given)
        assert (drill.sent(), drill.place.liar.effects) == (1, 1)
        assert any("unknown → happened" in one for one in drill.told)
        assert (await seen(step, before, drill)).holds

    both(story)


@pytest.mark.parametrize("lie", ["close before", "500 before"])
def test_an_answer_that_is_lost_before_the_effect_stays_open(both: Play, lie: str) -> None:
    async def story(drill: Drill) -> None:
        step = drill.step()
        before = await step.capture(drill.given)
        drill.place.liar.lies |= {"POST": lie, "DELETE": lie}
        drill.within = 3.0
        with pytest.raises(OutcomeUnknown):
            await step.apply(before, drill.given)
        assert (drill.sent(), drill.place.liar.effects) == (1, 0)
        assert not (await step.confirm(before, drill.given)).holds

    both(story)


@pytest.mark.parametrize("lie", ["201 failed before", "403 before", "404 before"])
def test_a_refusal_is_one_and_nothing_is_seen(both: Play, lie: str) -> None:
    async def story(drill: Drill) -> None:
        step = drill.step()
        before = await step.capture(drill.given)
        drill.place.liar.lies |= {"POST": lie, "DELETE": lie}
        with pytest.raises(ActionRefused, match="the API server refuses"):
            await step.apply(before, drill.given)
        assert not (await step.confirm(before, drill.given)).holds
        assert (await step.restored(before, drill.given)).holds

    both(story)


def test_a_server_that_says_yes_and_does_nothing_is_not_believed(both: Play) -> None:
    async def story(drill: Drill) -> None:
        step = drill.step()
        before = await step.capture(drill.given)
        drill.place.liar.on_effect = lambda _method, _path: None
        drill.within = 3.0
        await step.apply(before, drill.given)
        told = await step.confirm(before, drill.given)
        assert not told.holds
        assert told.because == "pay-0 is there, and nobody has deleted it"

    both(story)


def test_a_pod_that_somebody_else_has_deleted_is_not_taken_for_ours(both: Play) -> None:
    async def story(drill: Drill) -> None:
        step = drill.step()
        before = await step.capture(drill.given)
        drill.place.end("uid-0")
        with pytest.raises(ActionRefused, match=r"somebody else has deleted pay-0 \(uid-0\)"):
            await step.apply(before, drill.given)
        assert drill.sent() == 0

    both(story)


def test_an_open_eviction_of_a_pod_that_ends_otherwise_is_somebody_elses(play: Play) -> None:
    async def story(drill: Drill) -> None:
        step = drill.step()
        before = await step.capture(drill.given)
        drill.place.liar.lies["POST"] = "close before"
        asyncio.get_running_loop().call_later(0.5, drill.place.end, "uid-0")
        with pytest.raises(ActionFailed, match="somebody else's deletion"):
            await step.apply(before, drill.given)

    play(story)


def _scaled(place: Payments) -> None:
    place.replicas, place.generation = 5, 2
    place.publish()


def _changed(place: Payments) -> None:
    place.generation = 2
    place.publish()


@pytest.mark.parametrize(
    ("meddle", "told"),
    [
        (lambda place: place.end("uid-2"), r"somebody else has deleted pay-2 (uid-2)"),
        (_scaled, "somebody else has scaled Deployment pay from 3 to 5"),
        (_changed, "somebody else has changed Deployment pay"),
    ],
    ids=["deleted", "scaled", "changed"],
)
def test_what_somebody_else_does_meanwhile_is_told_and_never_passes(
    both: Play, meddle: Callable[[Payments], None], told: str
) -> None:
    async def story(drill: Drill) -> None:
        step = drill.step()
        before = await step.capture(drill.given)
        await step.apply(before, drill.given)
        meddle(drill.place)
        for look in (step.confirm, step.lasts):
            found = await look(before, drill.given)
            assert not found.holds
            assert found.because == told

    both(story)


def test_a_replacement_that_somebody_else_deletes_is_told_too_also_when_it_is_gone(play: Play) -> None:
    async def story(drill: Drill) -> None:
        step = drill.step(follow="replaced")
        before = await step.capture(drill.given)
        await step.apply(before, drill.given)
        assert (await step.confirm(before, drill.given)).holds
        del drill.place.pods["new-uid-0"]
        drill.place.publish()
        found = await step.lasts(before, drill.given)
        assert found.because == "somebody else has deleted pay-new-0 (new-uid-)"

    play(story)


def test_what_another_step_of_the_run_takes_is_not_somebody_elses(play: Play) -> None:
    async def story(drill: Drill) -> None:
        first, second = drill.step(follow="replaced"), drill.step(zone="c")
        before = await first.capture(drill.given)
        await first.apply(before, drill.given)
        await second.apply(await second.capture(drill.given), drill.given)
        assert (await first.lasts(before, drill.given)).holds

    play(story)


def test_a_budget_that_forbids_it_refuses_the_step(play: Play) -> None:
    async def story(drill: Drill) -> None:
        drill.place.liar.lies["POST"] = "budget"
        with pytest.raises(ActionRefused, match=r"dryRun=All.*pay needs 2 healthy pods"):
            await drill.step().capture(drill.given)
        assert drill.place.liar.effects == 0

    play(story)


def test_a_budget_is_asked_again_only_for_as_long_as_the_step_says(play: Play) -> None:
    async def story(drill: Drill) -> None:
        step = drill.step(try_for="1900ms")
        drill.place.liar.lies["POST"] = "budget before"
        before = await step.capture(drill.given)
        with pytest.raises(ActionRefused, match="the API server refuses, 429"):
            await step.apply(before, drill.given)
        assert 1 < drill.sent() <= 2
        drill.told.clear()
        asyncio.get_running_loop().call_later(0.5, drill.place.liar.lies.clear)
        await step.apply(before, drill.given)
        assert "was refused" in drill.told[0]
        assert drill.told[1].endswith("the eviction was accepted")
        assert re.search(r"[12]\.\d s were waiting, and no outage", drill.told[2])

    play(story)


def test_a_namespace_that_is_no_longer_to_be_drilled_ends_the_waiting_for_a_budget(play: Play) -> None:
    async def story(drill: Drill) -> None:
        step = drill.step(try_for="6s")
        before = await step.capture(drill.given)
        drill.place.liar.lies["POST"] = "budget before"

        def become_production() -> None:
            drill.place.objects[NAMESPACE]["metadata"]["labels"] = {}
            drill.place.liar.lies.clear()

        asyncio.get_running_loop().call_later(0.5, become_production)
        with pytest.raises(ActionRefused, match="namespace payments "):
            await step.apply(before, drill.given)
        assert (drill.sent(), drill.place.liar.effects) == (1, 0)

    play(story)


def test_a_pod_that_changed_between_the_look_and_the_call_is_looked_at_again(both: Play) -> None:
    async def story(drill: Drill) -> None:
        step = drill.step()
        before = await step.capture(drill.given)
        drill.place.liar.lies |= {"POST": "409 before", "DELETE": "409 before"}
        asyncio.get_running_loop().call_later(0.05, drill.place.liar.lies.clear)
        await step.apply(before, drill.given)
        assert drill.place.liar.effects == 1

    both(story)


def test_a_request_that_came_twice_is_open_and_no_deletion_of_somebody_else(both: Play) -> None:
    async def story(drill: Drill) -> None:
        step = drill.step()
        before = await step.capture(drill.given)
        drill.place.liar.lies |= {"POST": "409", "DELETE": "409"}
        with pytest.raises(OutcomeUnknown, match="a proxy may have sent the request twice"):
            await step.apply(before, drill.given)
        assert drill.place.liar.effects == 1

    both(story)


def _pending(place: Payments) -> None:
    place.pods["uid-2"]["status"] = {"phase": "Pending", "conditions": []}


def _unready(place: Payments) -> None:
    place.pods["uid-2"]["status"]["conditions"][0]["status"] = "False"


def _owned_by(place: Payments, owner: dict[str, Any] | None) -> None:
    for pod in place.pods.values():
        pod["metadata"]["ownerReferences"] = [owner] if owner else []


def _alone(place: Payments) -> None:
    place.replicas = 1
    del place.pods["uid-1"], place.pods["uid-2"]


def _two_workloads(place: Payments) -> None:
    place.controller = {"kind": "ReplicaSet", "name": "other", "uid": "rs2", "controller": True}
    place.add("pay-b", "uid-b")
    place.pods["uid-b"]["spec"]["nodeName"] = "node-0"


@pytest.mark.parametrize(
    ("how", "change", "told"),
    [
        ({"selector": "app=nothing"}, lambda _: None, "means 0 pods of payments, 1 are due"),
        ({"count": 4}, lambda _: None, "means 3 pods of payments, 4 are due"),
        ({"zone": "z"}, lambda _: None, "in zone z means 0 pods"),
        ({"selector": None, "leader_of": "pg"}, lambda _: None, "nobody holds a Lease pg"),
        ({}, _pending, r"not running, or on the way out: pay-2"),
        ({}, lambda place: place.end("uid-2"), r"not running, or on the way out: pay-2"),
        ({}, _unready, "2 of 3 pods of Deployment pay are ready"),
        ({}, lambda place: _owned_by(place, None), "belongs to no controller"),
        ({}, lambda place: _owned_by(place, {"kind": "Job", "name": "j", "uid": "j", "controller": True}), "Job j"),
        ({}, _alone, "last_ready: deliberate"),
        ({"count": 4}, _two_workloads, "pods of 2 workloads"),
        ({}, lambda place: place.objects[NAMESPACE]["metadata"].pop("labels"), "does not carry the label"),
    ],
)
def test_what_would_prove_nothing_is_refused_and_nothing_is_sent(
    play: Play, how: dict[str, Any], change: Callable[[Payments], object], told: str
) -> None:
    async def story(drill: Drill) -> None:
        change(drill.place)
        drill.place.publish()
        with pytest.raises(ActionRefused, match=told):
            await drill.step(**how).capture(drill.given)
        assert drill.place.liar.count("POST") + drill.place.liar.count("DELETE") == 0

    play(story)


@pytest.mark.parametrize(
    ("budgets", "told"),
    [
        ([budget("pay"), budget("other")], r"several budgets \(other, pay\)"),
        ([budget("pay", observed=0)], "has not been counted since it was changed"),
    ],
)
def test_a_budget_that_can_t_be_relied_on_refuses(play: Play, budgets: list[dict[str, Any]], told: str) -> None:
    async def story(drill: Drill) -> None:
        drill.place.objects[BUDGETS]["items"] = budgets
        with pytest.raises(ActionRefused, match=told):
            await drill.step().capture(drill.given)

    play(story)


def test_the_pod_that_holds_a_lease_is_meant(play: Play) -> None:
    async def story(drill: Drill) -> None:
        path = "/apis/coordination.k8s.io/v1/namespaces/payments/leases/pg"
        drill.place.objects[path] = {"kind": "Lease", "spec": {"holderIdentity": "pay-1_7d3f"}}
        before = await drill.step(selector=None, leader_of="pg").capture(drill.given)
        assert before["pods"] == {"uid-1": "pay-1"}

    play(story)


def test_plan_tells_who_is_hit_who_stays_and_the_budget_and_asks_for_nothing(both: Play) -> None:
    async def story(drill: Drill) -> None:
        seen = await drill.step(zone="b").preview(drill.given)
        assert seen.touches == ["c/payments/pay-1"]
        assert seen.spares == ["c/payments/pay-0", "c/payments/pay-2"]
        assert "ready then: pay-0, pay-2" in seen.effect
        assert ("budget: pay allows 1" if drill.kind is Evict else "no budget is asked") in seen.effect
        assert "as drills at https://127.0.0.1" in seen.effect
        assert drill.sent() == 0
        assert not any("dryRun" in path for _, path in drill.place.liar.calls)

    both(story)


def test_the_rule_that_is_missing_is_named(play: Play) -> None:
    async def story(drill: Drill) -> None:
        assert all(one.ok for one in await drill.step(zone="a").rights(drill.given))
        drill.place.liar.forbidden = ("create", "pods", "eviction")
        [wrong] = [one for one in await drill.step().rights(drill.given) if not one.ok]
        assert wrong.told == "not allowed in namespace payments"
        assert 'a Role with {apiGroups: [""], resources: [pods/eviction], verbs: [create]}' in wrong.remedy
        assert drill.place.liar.effects == 0

    play(story)


def test_the_same_name_with_the_same_uid_is_no_replacement(both: Play) -> None:
    async def story(drill: Drill) -> None:
        drill.place.replaces = False
        step = drill.step()
        before = await step.capture(drill.given)
        await step.apply(before, drill.given)
        back = await step.restored(before, drill.given)
        assert not back.holds
        assert "2 of 3 pods of Deployment pay are ready (pay-0 is terminating)" in back.because
        drill.place.replace("uid-0")
        drill.place.pods["new-uid-0"]["metadata"]["name"] = "pay-0"
        drill.place.publish()
        assert (await step.restored(before, drill.given)).holds

    both(story)


def test_a_workload_that_stays_broken_is_not_put_back(both: Play) -> None:
    async def story(drill: Drill) -> None:
        drill.place.replaces = False
        step = drill.step()
        before = await step.capture(drill.given)
        await step.apply(before, drill.given)
        with pytest.raises(ActionFailed, match="it did not become whole: 2 of 3"):
            await step.undo(before, CallContext(drill.run, 3.0))

    both(story)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({}, "say which pods"),
        ({"selector": ""}, "an empty selector matches everything"),
        ({"selector": "app=pay", "leader_of": "pg"}, "say which pods"),
        ({"selector": "app~pay"}, "is no part of a selector"),
        ({"selector": "app=pay", "namespace": "default"}, "none of the namespaces of c: payments"),
        ({"selector": "app=pay", "grace": "0s"}, "write `force: deliberate`, too"),
        ({"leader_of": "pg", "count": 2}, "a Lease has one leader"),
    ],
)
def test_what_a_file_may_not_say_is_told(how: dict[str, Any], told: str) -> None:
    target = {"name": "c", "kubeconfig": "/k", "context": "here", "marker": MARK, "namespaces": ["payments"]}
    with pytest.raises(ValidationError, match=told):
        Evict.model_validate({"kubernetes": target, "namespace": "payments", **how})


def test_they_are_actions() -> None:
    assert issubclass(Evict, Action)
    assert issubclass(DeletePods, Action)
