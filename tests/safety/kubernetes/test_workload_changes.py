"""Scaling and restarting: one patch, pinned to what was seen, settled by looking, and put back where it is ours."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from faildrill.adapters.kubernetes.target import Kubernetes
from faildrill.adapters.kubernetes.workload_changes import Restart, Scale
from faildrill.errors import ActionFailed, ActionRefused, CannotSee, OutcomeUnknown
from faildrill.kinds.call_context import CallContext
from support.kubernetes_payments import MARK, Payments, playing
from support.liars.kubernetes import Certificates

DEPLOYMENT = "/apis/apps/v1/namespaces/payments/deployments/pay"
AUTOSCALERS = "/apis/autoscaling/v2/namespaces/payments/horizontalpodautoscalers"
_RUNS = itertools.count()


class Workloads(Payments):
    """The payment pods, whose Deployment takes patches, as far as an answer tells."""

    def __init__(self) -> None:
        self.more: dict[str, Any] = {}
        self.spec: dict[str, Any] = {}
        self.signed: list[str] = []
        self.version = 1
        self.run = ""
        super().__init__()
        self.objects[AUTOSCALERS] = {"kind": "HorizontalPodAutoscalerList", "items": []}

    def taken(self, method: str, path: str) -> None:
        """Do what a patch says."""
        assert (method, path.partition("?")[0].removesuffix("/scale")) == ("PATCH", DEPLOYMENT)
        pinned = self.liar.bodies[-1]["metadata"]
        if pinned == {"uid": "deploy", "resourceVersion": str(self.version)}:
            self.changed(self.liar.bodies[-1]["spec"].get("replicas", self.replicas), by=self.run)
            if "template" in self.liar.bodies[-1]["spec"]:
                for uid in list(self.pods):
                    self.replace(uid)

    def changed(self, replicas: int, by: str) -> None:
        """Have somebody change it."""
        self.replicas = replicas
        self.generation += 1
        self.version += 1
        self.signed.append(by)
        self.publish()

    def publish(self) -> None:
        """Serve what there is now."""
        super().publish()
        count = self.replicas
        meta = {"name": "pay", "uid": "deploy", "generation": self.generation, "resourceVersion": str(self.version)}
        signed = [{"manager": one, "time": str(at)} for at, one in enumerate(self.signed)]
        status = {"observedGeneration": self.generation, "replicas": count, "updatedReplicas": count}
        spec = {"replicas": count, "selector": {"matchLabels": {"app": "pay"}}, **self.spec}
        self.objects[DEPLOYMENT] = {
            "kind": "Deployment",
            "metadata": {**meta, "managedFields": signed, **self.more},
            "spec": spec,
            "status": {**status, "availableReplicas": count},
        }


@dataclass
class Drill:
    """One step on the Deployment."""

    place: Workloads
    target: Kubernetes
    told: list[str] = field(default_factory=list)
    run: str = field(default_factory=lambda: f"run-{next(_RUNS)}")

    def __post_init__(self) -> None:
        self.place.run = f"faildrill-{self.run}"

    def scale(self, replicas: int = 2) -> Scale:
        return Scale.model_validate(self._here | {"replicas": replicas})

    def restart(self) -> Restart:
        return Restart.model_validate(self._here)

    @property
    def _here(self) -> dict[str, Any]:
        return {"kubernetes": self.target.model_dump(), "namespace": "payments", "name": "pay"}

    @property
    def given(self) -> CallContext:
        return CallContext(self.run, 6.0, hear=lambda told, _at, _began: self.told.append(told))


Play = Callable[[Callable[[Drill], Awaitable[None]]], None]


@pytest.fixture
def play(tmp_path: Path, certificates: Certificates) -> Play:
    return playing(Workloads, Drill, tmp_path, certificates)


def test_it_is_scaled_by_one_patch_and_back_by_another(play: Play) -> None:
    async def story(drill: Drill) -> None:
        step, place = drill.scale(), drill.place
        before = await step.capture(drill.given)
        assert (place.replicas, place.liar.effects) == (3, 0)
        assert (await step.found(before, drill.given)).whose == "before"
        await step.apply(before, drill.given)
        assert (place.replicas, place.liar.effects) == (2, 1)
        confirmed = await step.confirm(before, drill.given)
        assert (confirmed.holds, confirmed.word_of) == (True, "kubernetes"), "a probe must have noticed it"
        assert (await step.found(before, drill.given)).whose == "ours"
        assert await step.count(before, drill.given) == 2
        await step.undo(before, drill.given)
        assert (await step.restored(before, drill.given)).holds
        assert (place.replicas, place.liar.effects) == (3, 2)
        await step.undo(before, drill.given)
        assert place.liar.effects == 2, "what is put back already is not asked for again"
        patches = [path for method, path in place.liar.calls if method == "PATCH"]
        assert all(path.startswith(f"{DEPLOYMENT}/scale?fieldManager=faildrill-{drill.run}") for path in patches)

    play(story)


@pytest.mark.parametrize("lie", ["close", "half", "500", "504", "login page"])
def test_an_answer_that_is_lost_after_the_effect_is_settled_by_who_signed_the_change(play: Play, lie: str) -> None:
    async def story(drill: Drill) -> None:
        step = drill.scale()
        before = await step.capture(drill.given)
        drill.place.liar.lies["PATCH"] = lie
        await step.apply(before, drill.given)
        assert drill.place.liar.effects == 1
        assert "unknown → happened" in drill.told[-1]

    play(story)


def test_an_answer_that_is_lost_before_the_effect_stays_open(play: Play) -> None:
    async def story(drill: Drill) -> None:
        step = drill.scale()
        before = await step.capture(drill.given)
        drill.place.liar.lies["PATCH"] = "close before"
        with pytest.raises(OutcomeUnknown):
            await step.apply(before, drill.given)
        assert (drill.place.replicas, drill.place.liar.count("PATCH")) == (3, 2)

    play(story)


def test_a_lost_patch_can_t_happen_any_more_once_somebody_else_has_written(play: Play) -> None:
    async def story(drill: Drill) -> None:
        step = drill.scale()
        before = await step.capture(drill.given)
        drill.place.liar.lies["PATCH"] = "close before"
        asyncio.get_running_loop().call_later(0.5, drill.place.changed, 3, "kubectl-edit")
        with pytest.raises(ActionRefused, match="another version"):
            await step.apply(before, drill.given)

    play(story)


def test_what_somebody_else_has_scaled_is_left_as_it_is(play: Play) -> None:
    async def story(drill: Drill) -> None:
        step = drill.scale()
        before = await step.capture(drill.given)
        await step.apply(before, drill.given)
        drill.place.changed(5, "kubectl")
        assert not (await step.confirm(before, drill.given)).holds
        found = await step.found(before, drill.given)
        assert (found.whose, found.remedy) == ("others", "kubectl -n payments scale deployments/pay --replicas=3")
        with pytest.raises(ActionFailed, match="somebody else has scaled Deployment pay to 5"):
            await step.undo(before, drill.given)
        assert drill.place.replicas == 5

    play(story)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"replicas": 2}, "has 2 already"),
        ({"more": {"labels": {"kustomize.toolkit.fluxcd.io/name": "a"}}}, "Flux would scale"),
        ({"more": {"annotations": {"argocd.argoproj.io/tracking-id": "a"}}}, "Argo CD would scale"),
        ({"signed": ["helm-controller"]}, "Flux would scale"),
        ({"more": {"ownerReferences": [{"kind": "Shop", "name": "a", "controller": True}]}}, "Shop a would scale"),
        ({"spec": {"paused": True}}, "not whole to begin with: 3 of 3 updated, 3 available; paused"),
        ({"hpa": True}, "HorizontalPodAutoscaler pay-auto would scale"),
        ({"marker": "other"}, "labelled for another environment"),
        ({"gone": True}, "there is no Deployment pay"),
    ],
    ids=lambda one: "" if isinstance(one, str) else next(iter(one)),
)
def test_what_would_prove_nothing_is_refused_and_nothing_is_asked_for(
    play: Play, change: dict[str, Any], words: str
) -> None:
    async def story(drill: Drill) -> None:
        place = drill.place
        for name in ("replicas", "more", "signed", "spec"):
            setattr(place, name, change.get(name, getattr(place, name)))
        place.publish()
        if "hpa" in change:
            aimed = {"scaleTargetRef": {"kind": "Deployment", "name": "pay"}}
            place.objects[AUTOSCALERS]["items"] = [{"metadata": {"name": "pay-auto"}, "spec": aimed}]
        if "marker" in change:
            labels = {"faildrill/environment": "another-environment"}
            place.objects["/api/v1/namespaces/payments"]["metadata"]["labels"] = labels
        if "gone" in change:
            del place.objects[DEPLOYMENT]
        with pytest.raises(ActionRefused, match=words):
            await drill.scale().capture(drill.given)
        assert place.liar.count("PATCH") == 0

    play(story)


def test_a_plan_names_who_goes_and_asks_for_nothing(play: Play) -> None:
    async def story(drill: Drill) -> None:
        seen = await drill.scale().preview(drill.given)
        assert len(seen.touches) == 1
        assert len(seen.spares) == 2
        assert seen.effect == "scales Deployment pay from 3 to 2; 1 pods go, the controller chooses which"
        assert drill.place.liar.count("PATCH") == 0

    play(story)


def test_a_restart_is_done_when_no_pod_from_before_is_left(play: Play) -> None:
    async def story(drill: Drill) -> None:
        step = drill.restart()
        before = await step.capture(drill.given)
        assert not (await step.confirm(before, drill.given)).holds
        await step.apply(before, drill.given)
        seen = await step.confirm(before, drill.given)
        assert (seen.holds, seen.because) == (True, "Deployment pay: all pods are new; 3 of 3 updated, 3 available")
        await step.undo(before, drill.given)
        assert (await step.restored(before, drill.given)).holds
        assert drill.place.liar.effects == 1

    play(story)


def test_a_workload_that_replaces_nothing_by_itself_is_not_restarted(play: Play) -> None:
    async def story(drill: Drill) -> None:
        drill.place.spec = {"updateStrategy": {"type": "OnDelete"}}
        drill.place.publish()
        with pytest.raises(ActionRefused, match="OnDelete"):
            await drill.restart().capture(drill.given)

    play(story)


def test_a_server_that_can_t_say_whether_it_would_is_not_asked_to(play: Play) -> None:
    async def story(drill: Drill) -> None:
        drill.place.liar.lies["PATCH"] = "500"
        with pytest.raises(CannotSee, match="dryRun=All"):
            await drill.scale().capture(drill.given)
        assert drill.place.liar.effects == 0

    play(story)


def test_nobody_left_must_be_meant() -> None:
    here = {"kubernetes": {"name": "c", "in_cluster": True, "marker": MARK, "namespaces": ["payments"]}}
    with pytest.raises(ValidationError, match="to_none: deliberate"):
        Scale.model_validate({**here, "namespace": "payments", "name": "pay", "replicas": 0})
