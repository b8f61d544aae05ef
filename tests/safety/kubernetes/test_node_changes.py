"""Cordons, drains and taints: one patch each, pinned and signed, what is on the node told, and put back if ours."""

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from faildrill.adapters.kubernetes.node_changes import Cordon, NodeChange
from faildrill.adapters.kubernetes.node_emptying import Drain, Taint
from faildrill.adapters.kubernetes.target import MARKER, Kubernetes
from faildrill.errors import ActionFailed, ActionRefused, CannotSee, OutcomeUnknown
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Captured, Observed
from support.kubernetes_payments import MARK, Payments, playing
from support.liars.kubernetes import Certificates

NODE = "/api/v1/nodes/node-0"
ALL_PODS = "/api/v1/pods"
CONTROLLER = {"kind": "ReplicaSet", "name": "pay-1a", "uid": "rs", "controller": True}
_RUNS = itertools.count()
Data = dict[str, Any]


class Place(Payments):
    """The payment pods, one on each node, and a node that takes patches."""

    def __init__(self) -> None:
        self.version = 1
        self.spec: Data = {}
        self.labels = {MARKER: MARK, "topology.kubernetes.io/zone": "a"}
        self.uid = "node-uid"
        self.ready = "True"
        self.signed: list[str] = []
        self.run = ""
        self.more: list[Data] = []
        """Other pods on the node."""
        super().__init__()

    def taken(self, method: str, path: str) -> None:
        """Do what a patch, or an eviction, says."""
        if method != "PATCH":
            super().taken(method, path)
            return
        asked = self.liar.bodies[-1]
        if asked["metadata"] == {"uid": self.uid, "resourceVersion": str(self.version)}:
            self.changed(asked["spec"], by=self.run)

    def changed(self, spec: Data, by: str) -> None:
        """Have somebody change the node."""
        self.spec = {key: value for key, value in {**self.spec, **spec}.items() if value is not None}
        self.version += 1
        self.signed = [by]
        if any(one["effect"] == "NoExecute" for one in spec.get("taints") or ()):
            for uid in [uid for uid, pod in self.pods.items() if pod["spec"]["nodeName"] == "node-0"]:
                self.end(uid)
                self.replace(uid)
        self.publish()

    def replace(self, uid: str) -> None:
        """Have a pod gone, and another one elsewhere."""
        del self.pods[uid]
        self.add(f"pay-new-{uid[-1]}", f"new-{uid}")["spec"]["nodeName"] = "node-1"
        self.publish()

    def publish(self) -> None:
        """Serve what there is now."""
        super().publish()
        marked: Data = {"f:spec": {"f:unschedulable": {}}} if self.spec.get("unschedulable") else {}
        self.objects[NODE] = {
            "kind": "Node",
            "metadata": {
                "name": "node-0",
                "uid": self.uid,
                "resourceVersion": str(self.version),
                "labels": self.labels,
                "managedFields": [{"manager": one, "fieldsV1": marked} for one in self.signed],
            },
            "spec": self.spec,
            "status": {"conditions": [{"type": "Ready", "status": self.ready}]},
        }
        bound = [{**pod, "metadata": {**pod["metadata"], "namespace": "payments"}} for pod in self.pods.values()]
        self.objects[ALL_PODS] = {"kind": "PodList", "items": json.loads(json.dumps([*bound, *self.more]))}

    def beside(self, name: str, **metadata: Any) -> Data:
        """Add a pod to the node that is none of the payment servers."""
        meta = {"name": name, "uid": f"uid-{name}", "namespace": "payments", "labels": {"app": name}, **metadata}
        pod: Data = {"metadata": meta, "spec": {"nodeName": "node-0"}, "status": {"phase": "Running"}}
        self.more.append(pod)
        self.publish()
        return pod


@dataclass
class Drill:
    """One step on the node."""

    place: Place
    target: Kubernetes
    told: list[str] = field(default_factory=list)
    within: float = 6.0
    run: str = field(default_factory=lambda: f"on-a-node-{next(_RUNS)}")

    def __post_init__(self) -> None:
        self.place.run = f"faildrill-{self.run}"

    def step(self, kind: type[NodeChange], **more: Any) -> NodeChange:
        how = {"key": "drill", "effect": "NoExecute"} if kind is Taint else {}
        return kind.model_validate({"kubernetes": self.target.model_dump(), "node": "node-0", **how, **more})

    @property
    def given(self) -> CallContext:
        return CallContext(self.run, self.within, hear=lambda told, _at, _began: self.told.append(told))

    def patches(self) -> int:
        """Count the patches, those that only try not among them."""
        calls = self.place.liar.calls
        return sum(1 for method, path in calls if method == "PATCH" and "dryRun" not in path)


Play = Callable[[Callable[[Drill], Awaitable[None]]], None]
KINDS = pytest.mark.parametrize("kind", [Cordon, Drain, Taint])


@pytest.fixture
def play(tmp_path: Path, certificates: Certificates) -> Play:
    return playing(Place, Drill, tmp_path, certificates)


async def seen(
    look: Callable[[Captured, CallContext], Awaitable[Observed]], before: Captured, drill: Drill
) -> Observed:
    """Look until it is so, twenty times at the most."""
    found = await look(before, drill.given)
    for _ in range(20):
        if found.holds:
            break
        await asyncio.sleep(0.1)
        found = await look(before, drill.given)
    return found


@KINDS
def test_it_is_set_by_one_patch_and_taken_off_by_another(play: Play, kind: type[NodeChange]) -> None:
    async def story(drill: Drill) -> None:
        step, place = drill.step(kind), drill.place
        before = await step.capture(drill.given)
        assert (place.spec, place.liar.effects) == ({}, 0)
        assert (await step.found(before, drill.given)).whose == "before"
        await step.apply(before, drill.given)
        assert drill.patches() == 1
        confirmed = await seen(step.confirm, before, drill)
        assert (confirmed.holds, confirmed.word_of) == (True, "kubernetes"), confirmed.because
        assert list(confirmed.moves) == ([] if kind is Cordon else ["pay-0"])
        assert (await step.found(before, drill.given)).whose == "ours"
        await step.undo(before, drill.given)
        assert (await step.restored(before, drill.given)).holds
        assert (place.spec, drill.patches()) == ({}, 2)
        await step.undo(before, drill.given)
        assert drill.patches() == 2, "what is taken off already is not asked for again"
        paths = [path for method, path in place.liar.calls if method == "PATCH"]
        assert all(path.startswith(f"{NODE}?fieldManager=faildrill-{drill.run}") for path in paths)

    play(story)


@pytest.mark.parametrize(
    ("kind", "lie"),
    [*((Cordon, lie) for lie in ("close", "half", "500", "504", "silence")), (Drain, "close"), (Taint, "login page")],
)
def test_an_answer_that_is_lost_after_the_effect_is_settled_by_looking(
    play: Play, kind: type[NodeChange], lie: str
) -> None:
    async def story(drill: Drill) -> None:
        step = drill.step(kind)
        before = await step.capture(drill.given)
        drill.place.liar.lies["PATCH"] = lie
        await step.apply(before, drill.given)
        assert drill.patches() == 1
        assert any("unknown → happened" in one for one in drill.told)
        assert (await seen(step.confirm, before, drill)).holds

    play(story)


@pytest.mark.parametrize(("kind", "lie"), [(Cordon, "close before"), (Drain, "500 before"), (Taint, "close before")])
def test_an_answer_that_is_lost_before_the_effect_stays_open(play: Play, kind: type[NodeChange], lie: str) -> None:
    async def story(drill: Drill) -> None:
        step = drill.step(kind)
        before = await step.capture(drill.given)
        drill.place.liar.lies["PATCH"] = lie
        drill.within = 2.0
        with pytest.raises(OutcomeUnknown):
            await step.apply(before, drill.given)
        assert (drill.patches(), drill.place.liar.effects) == (1, 0)
        assert not (await step.confirm(before, drill.given)).holds

    play(story)


@pytest.mark.parametrize(("kind", "lie"), [(Cordon, "201 failed before"), (Drain, "403 before"), (Taint, "403 before")])
def test_a_refusal_is_one_and_nothing_is_there(play: Play, kind: type[NodeChange], lie: str) -> None:
    async def story(drill: Drill) -> None:
        step = drill.step(kind)
        before = await step.capture(drill.given)
        drill.place.liar.lies["PATCH"] = lie
        with pytest.raises(ActionRefused, match="refuse"):
            await step.apply(before, drill.given)
        assert not (await step.confirm(before, drill.given)).holds
        assert (await step.found(before, drill.given)).whose == "before"
        assert (await step.restored(before, drill.given)).holds

    play(story)


@KINDS
def test_a_server_that_says_yes_and_does_nothing_is_not_believed(play: Play, kind: type[NodeChange]) -> None:
    async def story(drill: Drill) -> None:
        step = drill.step(kind)
        before = await step.capture(drill.given)
        drill.place.liar.on_effect = lambda _method, _path: None
        drill.within = 2.0
        await step.apply(before, drill.given)
        assert not (await step.confirm(before, drill.given)).holds

    play(story)


@KINDS
def test_an_undo_that_did_nothing_is_not_believed(play: Play, kind: type[NodeChange]) -> None:
    async def story(drill: Drill) -> None:
        step = drill.step(kind)
        before = await step.capture(drill.given)
        await step.apply(before, drill.given)
        drill.place.liar.on_effect = lambda _method, _path: None
        drill.within = 2.0
        if kind is Cordon:
            await step.undo(before, drill.given)
        else:
            with pytest.raises(ActionFailed, match="did not become whole"):
                await step.undo(before, drill.given)
        assert not (await step.restored(before, drill.given)).holds

    play(story)


@pytest.mark.parametrize(
    ("kind", "theirs"),
    [
        (Cordon, {"unschedulable": True}),
        (Drain, {"unschedulable": True}),
        (Taint, {"taints": [{"key": "drill", "value": "theirs", "effect": "NoExecute"}]}),
    ],
)
def test_what_somebody_else_has_set_meanwhile_is_left_and_told(
    play: Play, kind: type[NodeChange], theirs: Data
) -> None:
    async def story(drill: Drill) -> None:
        step = drill.step(kind)
        before = await step.capture(drill.given)
        await step.apply(before, drill.given)
        drill.place.changed({"unschedulable": None, "taints": None}, by="kubectl")
        drill.place.changed(theirs, by="kubectl")
        found = await step.found(before, drill.given)
        assert found.whose == "others"
        assert found.remedy in ("kubectl uncordon node-0", "kubectl taint node node-0 drill:NoExecute-")
        with pytest.raises(ActionFailed, match="somebody else"):
            await step.undo(before, drill.given)
        assert drill.patches() == 1
        assert drill.place.spec == theirs

    play(story)


def test_other_taints_stay_where_one_comes_and_goes(play: Play) -> None:
    others = [{"key": "gpu", "value": "yes", "effect": "NoSchedule", "timeAdded": "2026-11-29T10:00:00Z"}]

    async def story(drill: Drill) -> None:
        drill.place.changed({"taints": others}, by="kubectl")
        step = drill.step(Taint, effect="NoSchedule", value="7")
        before = await step.capture(drill.given)
        await step.apply(before, drill.given)
        assert drill.place.spec["taints"] == [*others, {"key": "drill", "value": "7", "effect": "NoSchedule"}]
        assert (await step.confirm(before, drill.given)).holds
        await step.undo(before, drill.given)
        assert drill.place.spec["taints"] == others

    play(story)


@pytest.mark.parametrize("kind", [Cordon, Taint])
def test_a_patch_that_was_too_late_has_done_nothing_and_is_made_again(play: Play, kind: type[NodeChange]) -> None:
    async def story(drill: Drill) -> None:
        step, place = drill.step(kind), drill.place
        before = await step.capture(drill.given)
        place.liar.lies["PATCH"] = "409 before"

        applying = asyncio.create_task(step.apply(before, drill.given))
        for _ in range(500):
            await asyncio.sleep(0.01)
            if drill.patches():
                place.liar.lies.clear()
                break
        await applying
        assert drill.patches() > 1
        assert place.version == 2, "those that were refused have done nothing"
        assert (await seen(step.confirm, before, drill)).holds

    play(story)


@KINDS
def test_a_patch_that_came_twice_is_the_runs_own_where_it_is_signed_and_open_where_not(
    play: Play, kind: type[NodeChange]
) -> None:
    async def story(drill: Drill) -> None:
        step, place = drill.step(kind), drill.place
        before = await step.capture(drill.given)
        place.liar.lies["PATCH"] = "409"
        if kind is Taint:
            with pytest.raises(OutcomeUnknown, match="who has set it is not seen"):
                await step.apply(before, drill.given)
        else:
            await step.apply(before, drill.given)
        assert drill.patches() == 1
        assert (await step.found(before, drill.given)).whose == "ours"
        place.liar.lies.clear()
        await step.undo(before, drill.given)
        assert place.spec == {}

    play(story)


def test_what_somebody_else_sets_between_two_patches_is_not_taken_off(play: Play) -> None:
    async def story(drill: Drill) -> None:
        step, place = drill.step(Cordon), drill.place
        before = await step.capture(drill.given)
        await step.apply(before, drill.given)
        place.liar.lies["PATCH"] = "409 before"
        loop = asyncio.get_running_loop()
        loop.call_later(0.1, place.changed, {"unschedulable": True}, "kubectl")
        loop.call_later(0.1, place.liar.lies.clear)
        with pytest.raises(ActionFailed, match="somebody else"):
            await step.undo(before, drill.given)
        assert place.spec == {"unschedulable": True}

    play(story)


@pytest.mark.parametrize("kind", [Cordon, Taint])
@pytest.mark.parametrize("uid", ["", "another"])
def test_a_node_that_is_gone_is_put_back(play: Play, kind: type[NodeChange], uid: str) -> None:
    async def story(drill: Drill) -> None:
        step, place = drill.step(kind), drill.place
        before = await step.capture(drill.given)
        await step.apply(before, drill.given)
        place.uid = uid
        place.publish()
        if not uid:
            del place.objects[NODE]
        assert (await step.found(before, drill.given)).whose == "before"
        await step.undo(before, drill.given)
        back = await seen(step.restored, before, drill)
        assert back.holds
        assert "node node-0 is gone, or was made anew, and what was set on it is gone with it" in back.because
        assert drill.patches() == 1

    play(story)


@KINDS
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"uid": ""}, "there is no node node-0"),
        ({"labels": {}}, f"does not carry the label {MARKER}.*kubectl label node node-0"),
        ({"labels": {MARKER: "another-place"}}, "labelled for another environment"),
        ({"ready": "Unknown"}, "not whole to begin with: node-0 is not ready"),
    ],
)
def test_a_node_that_may_not_be_drilled_is_refused_with_nothing_asked(
    play: Play, kind: type[NodeChange], change: Data, words: str
) -> None:
    async def story(drill: Drill) -> None:
        for name, value in change.items():
            setattr(drill.place, name, value)
        drill.place.publish()
        if change == {"uid": ""}:
            del drill.place.objects[NODE]
        with pytest.raises(ActionRefused, match=words):
            await drill.step(kind).capture(drill.given)
        assert drill.place.liar.count("PATCH") == 0

    play(story)


@pytest.mark.parametrize(
    ("kind", "spec", "words"),
    [
        (Cordon, {"unschedulable": True}, "is cordoned already"),
        (Drain, {"unschedulable": True}, "is cordoned already"),
        (Taint, {"taints": [{"key": "drill", "effect": "NoExecute"}]}, "has a taint drill:NoExecute already"),
    ],
)
def test_what_is_set_already_is_refused_and_left_on(play: Play, kind: type[NodeChange], spec: Data, words: str) -> None:
    async def story(drill: Drill) -> None:
        step = drill.step(kind)
        drill.place.spec = spec
        drill.place.publish()
        with pytest.raises(ActionRefused, match=words):
            await step.capture(drill.given)
        assert drill.place.spec == spec

    play(story)


@KINDS
def test_a_node_that_loses_its_label_or_is_set_by_others_meanwhile_is_not_touched(
    play: Play, kind: type[NodeChange]
) -> None:
    async def story(drill: Drill) -> None:
        step = drill.step(kind)
        before = await step.capture(drill.given)
        drill.place.labels = {}
        drill.place.publish()
        with pytest.raises(ActionRefused, match="does not carry the label"):
            await step.apply(before, drill.given)
        drill.place.labels, drill.place.uid = {MARKER: MARK}, "another"
        drill.place.publish()
        with pytest.raises(CannotSee, match="made anew"):
            await step.apply(before, drill.given)
        assert drill.patches() == 0

    play(story)


BESIDE: list[tuple[Data, Data, str]] = [
    ({"namespace": "kube-system", "ownerReferences": [CONTROLLER]}, {}, "is in none of the namespaces of c"),
    ({}, {}, "belongs to no controller"),
    ({"ownerReferences": [CONTROLLER], "deletionTimestamp": "2026-11-29T10:00:00Z"}, {}, "is on the way out"),
    ({"ownerReferences": [CONTROLLER]}, {"volumes": [{"name": "scratch", "emptyDir": {}}]}, "has an emptyDir"),
]


@pytest.mark.parametrize("kind", [Drain, Taint])
@pytest.mark.parametrize(("metadata", "spec", "words"), BESIDE, ids=[one[2] for one in BESIDE])
def test_a_pod_that_may_not_go_keeps_the_node_from_being_emptied(
    play: Play, kind: type[NodeChange], metadata: Data, spec: Data, words: str
) -> None:
    async def story(drill: Drill) -> None:
        drill.place.beside("other", **metadata)["spec"] |= spec
        drill.place.publish()
        with pytest.raises(ActionRefused, match=words):
            await drill.step(kind).capture(drill.given)
        with pytest.raises(ActionRefused, match=words):
            await drill.step(kind).preview(drill.given)
        assert drill.patches() == 0

    play(story)


def test_pods_of_daemon_sets_and_static_ones_stay_and_those_that_are_over_do_not_count(play: Play) -> None:
    async def story(drill: Drill) -> None:
        drill.place.beside("agent", ownerReferences=[{"kind": "DaemonSet", "uid": "ds", "controller": True}])
        drill.place.beside("etcd", annotations={"kubernetes.io/config.mirror": "x"}, namespace="kube-system")
        drill.place.beside("done", namespace="batch")["status"] = {"phase": "Succeeded"}
        drill.place.publish()
        told = await drill.step(Drain).preview(drill.given)
        assert told.touches == ["c/nodes/node-0", "c/payments/pay-0"]
        assert "agent" in told.effect
        assert "etcd" in told.effect
        before = await drill.step(Drain).capture(drill.given)
        assert json.dumps(before["workloads"]).count('"pods": {"uid-0": "pay-0"}') == 1
        assert "uid-agent" not in json.dumps(before)

    play(story)


def test_a_daemon_set_that_does_not_tolerate_a_taint_keeps_it_from_being_set(play: Play) -> None:
    async def story(drill: Drill) -> None:
        agent = drill.place.beside("agent", ownerReferences=[{"kind": "DaemonSet", "uid": "ds", "controller": True}])
        drill.place.publish()
        with pytest.raises(ActionRefused, match="is of a DaemonSet"):
            await drill.step(Taint).capture(drill.given)
        for toleration in ({"operator": "Exists"}, {"key": "drill", "operator": "Equal", "effect": "NoExecute"}):
            agent["spec"]["tolerations"] = [toleration]
            drill.place.publish()
            assert (await drill.step(Taint).capture(drill.given))["uid"] == "node-uid"
        agent["spec"]["tolerations"] = [{"operator": "Exists", "tolerationSeconds": 300}]
        drill.place.publish()
        with pytest.raises(ActionRefused, match="is of a DaemonSet"):
            await drill.step(Taint).capture(drill.given)

    play(story)


def test_an_eviction_that_is_refused_leaves_the_node_cordoned_and_says_so_until_it_is_put_back(play: Play) -> None:
    async def story(drill: Drill) -> None:
        step = drill.step(Drain)
        before = await step.capture(drill.given)
        drill.place.liar.lies["POST"] = "budget before"
        with pytest.raises(ActionFailed, match=r"node node-0 is cordoned, and then: .*disruption budget"):
            await step.apply(before, drill.given)
        assert drill.place.spec == {"unschedulable": True}
        await step.undo(before, drill.given)
        assert (drill.place.spec, drill.patches()) == ({}, 2)

    play(story)


def test_a_pod_that_comes_to_the_node_meanwhile_keeps_the_drain_from_being_seen(play: Play) -> None:
    async def story(drill: Drill) -> None:
        step = drill.step(Drain)
        before = await step.capture(drill.given)
        await step.apply(before, drill.given)
        assert (await seen(step.confirm, before, drill)).holds
        drill.place.beside("done", ownerReferences=[CONTROLLER])["status"] = {"phase": "Failed"}
        drill.place.publish()
        assert (await step.confirm(before, drill.given)).holds
        drill.place.beside("late", ownerReferences=[CONTROLLER])
        assert "is on node node-0" in (await step.confirm(before, drill.given)).because

    play(story)


def test_a_node_without_a_pod_that_would_go_is_not_drained(play: Play) -> None:
    async def story(drill: Drill) -> None:
        drill.place.replace("uid-0")
        with pytest.raises(ActionRefused, match="no pod would go from node node-0"):
            await drill.step(Drain).capture(drill.given)

    play(story)


@KINDS
def test_a_preview_asks_for_nothing_and_tells_what_the_step_needs(play: Play, kind: type[NodeChange]) -> None:
    async def story(drill: Drill) -> None:
        step = drill.step(kind)
        told = await step.preview(drill.given)
        assert told.touches[0] == "c/nodes/node-0"
        assert "node-0" in told.effect
        assert (drill.place.liar.count("PATCH"), drill.place.liar.effects) == (0, 0)
        needed = {str(one.rule) for one in await step.needs(drill.given)}
        assert all(one.ok for one in await step.rights(drill.given))
        assert any("[nodes], verbs: [patch]" in one for one in needed)
        assert any("pods/eviction" in one for one in needed) == (kind is Drain)

    play(story)


@pytest.mark.parametrize(
    "wrong",
    [{"effect": "NoExist"}, {"effect": "PreferNoSchedule"}, {"key": ""}, {"key": "a b"}, {"value": "../x"}],
)
def test_a_taint_that_no_api_takes_is_refused(wrong: Data) -> None:
    target = {"name": "c", "in_cluster": True, "marker": MARK, "namespaces": ["payments"]}
    with pytest.raises(ValidationError):
        Taint.model_validate({"kubernetes": target, "node": "n", "key": "drill", "effect": "NoExecute", **wrong})
