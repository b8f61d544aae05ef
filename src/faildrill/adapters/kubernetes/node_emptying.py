"""`kubernetes.drain` and `kubernetes.taint`: a node that pods are kept away from, and that loses those it has."""

import asyncio
from abc import abstractmethod
from collections.abc import Iterable
from itertools import groupby
from typing import Any, ClassVar, Final, Literal, NamedTuple

import msgspec
from pydantic import Field, JsonValue

from faildrill.adapters.kubernetes.actions import Evict
from faildrill.adapters.kubernetes.client import Api
from faildrill.adapters.kubernetes.cluster_objects import Node, TaintOnNode
from faildrill.adapters.kubernetes.node_changes import Cordon, NodeChange, Words, deadline_of
from faildrill.adapters.kubernetes.node_pods import (
    OnNode,
    is_over,
    is_static,
    outlasts_a_drain,
    pods_on,
    sorted_out,
    tolerates,
)
from faildrill.adapters.kubernetes.objects import Pod
from faildrill.adapters.kubernetes.removal import Aim, data, each, opened
from faildrill.adapters.kubernetes.rights import Needed, Rule
from faildrill.adapters.kubernetes.workload import PLURALS, called, controllers, keeper_of, sighted
from faildrill.errors import ActionFailed, ActionRefused, CannotSee
from faildrill.ports import Captured, Duration, Given, Observed, Preview

_AGAIN: Final = 0.25
"""Seconds between two looks."""
_KEY: Final = r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"
_VALUE: Final = r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$"


class _Family(NamedTuple):
    """Pods of one workload on the node, as an eviction of exactly these would see them."""

    step: Evict
    before: Captured


class _Emptying(NodeChange):
    """What pods lose that are on a node, workload by workload: told, seen and put back as `kubernetes.evict` does."""

    last_ready: Literal["deliberate"] | None = Field(
        default=None, description="`deliberate`: also where no other pod of a workload stays ready"
    )
    empty_dir: Literal["deliberate"] | None = Field(
        default=None, description="`deliberate`: also pods with an emptyDir, whose content goes with them"
    )

    async def capture(self, given: Given) -> Captured:
        """See that it makes sense for the node and for each pod on it, and ask with `dryRun=All`."""
        before = await super().capture(given)
        async with opened(self.kubernetes, given) as api:
            aims = await self._aims(api, each(given)) if self._empties else []
            held: list[JsonValue] = []
            for aim in aims:
                step = self._step(aim.pods[0].metadata.namespace, _labels(aim.pods[0]))
                held.append(
                    {
                        "namespace": step.namespace,
                        "selector": step.selector,
                        "before": await self._fitting(api, step, aim, each(given)),
                    }
                )
        return {**before, "workloads": held}

    async def confirm(self, before: Captured, given: Given) -> Observed:
        """See it set, and of each workload that its pods are on the way out and get no new connections."""
        return await self._together(await super().confirm(before, given), before, given)

    async def lasts(self, before: Captured, given: Given) -> Observed:
        """See it set still, and nobody else taking pods or changing how many there are to be."""
        found = await super().confirm(before, given)
        seen = [await one.step.lasts(one.before, given) for one in self._families(before)] if found.holds else []
        return next((one for one in (found, *seen) if not one.holds), found)

    async def restored(self, before: Captured, given: Given) -> Observed:
        """See it taken off, and each workload whole."""
        found = await super().restored(before, given)
        seen = [await one.step.restored(one.before, given) for one in self._families(before)] if found.holds else []
        wrong = next((one for one in (found, *seen) if not one.holds), None)
        return wrong or Observed(holds=True, because="; ".join(one.because for one in (found, *seen)))

    async def undo(self, before: Captured, given: Given) -> None:
        """Take it off, and wait until each workload is whole: pods don't come back, others take their place."""
        deadline, loop = deadline_of(given), asyncio.get_running_loop()
        async with opened(self.kubernetes, given) as api:
            await self._take_off(api, before, given, deadline)
        while loop.time() + _AGAIN < deadline:
            try:
                now = await self.restored(before, given)
            except CannotSee as error:
                now = Observed(holds=False, because=str(error))
            if now.holds:
                return
            await asyncio.sleep(_AGAIN)
        raise ActionFailed(f"it did not become whole: {now.because}")

    async def preview(self, given: Given) -> Preview:
        """Look at the node and all that is on it; nothing is asked for, not even to try."""
        found = await super().preview(given)
        if not self._empties:
            return found
        async with opened(self.kubernetes, given) as api:
            aims = await self._aims(api, each(given))
            staying = [called(pod) for pod in (await self._pods(api, each(given))).staying]
        hit = [pod for aim in aims for pod in aim.pods]
        goes = ", ".join(f"{pod.metadata.namespace}/{called(pod)}" for pod in hit)
        effect = f"{found.effect}; {goes} {'go' if len(hit) > 1 else 'goes'}; {', '.join(staying) or 'nothing'} stays"
        undo = f"{found.undo}, and wait until {', '.join(aim.keeper.name for aim in aims)} have others in their place"
        spares = [pod for aim in aims for pod in aim.rest]
        return Preview([*found.touches, *self._members(hit)], effect, undo, self._members(spares))

    async def needs(self, given: Given) -> list[Needed]:
        """Tell what it does at the API server; where nobody lets us look whose pods they are, any of what could be."""
        found = await super().needs(given)
        if not self._empties:
            return found
        try:
            async with opened(self.kubernetes, given) as api:
                pods = (await self._pods(api, each(given))).leaving
            owners = {(pod.metadata.namespace, pod.controller.kind) for pod in pods if pod.controller}
        except (CannotSee, ActionRefused):
            owners = {(namespace, kind) for namespace in self.kubernetes.namespaces for kind in PLURALS}
        for namespace in sorted({namespace for namespace, _ in owners}):
            kinds = {kind for one, kind in owners if one == namespace}
            found += [Needed(namespace, rule) for rule in (*self._rules(namespace), *controllers(kinds))]
        return [*found, Needed("", Rule("list", "pods"))]

    @property
    @abstractmethod
    def _empties(self) -> bool:
        """Whether pods that are on the node go."""

    @abstractmethod
    def _stays(self, pod: Pod) -> bool:
        """Tell whether a pod is left where it is."""

    @abstractmethod
    def _step(self, namespace: str, selector: str) -> Evict:
        """Return the eviction that takes pods of one workload, or would."""

    @abstractmethod
    async def _fitting(self, api: Api, step: Evict, aim: Aim, within: float) -> Captured:
        """Return what is there of a workload before; ActionRefused where that would prove nothing."""

    def _rules(self, namespace: str) -> list[Rule]:
        looks = [Rule("get", "namespaces", name=namespace), Rule("list", "pods")]
        return [*looks, Rule("list", "endpointslices", "discovery.k8s.io")]

    def _families(self, before: Captured) -> list[_Family]:
        held = before["workloads"]
        found = [data(one) for one in held] if isinstance(held, list) else []
        return [_Family(self._step(str(one["namespace"]), str(one["selector"])), data(one["before"])) for one in found]

    def _members(self, pods: Iterable[Pod]) -> list[str]:
        return [f"{self.kubernetes.name}/{pod.metadata.namespace}/{pod.name}" for pod in pods]

    async def _pods(self, api: Api, within: float) -> OnNode:
        pods = await pods_on(api, self.node, within)
        return sorted_out(pods, self.kubernetes, stays=self._stays, empty_dir=self.empty_dir is not None)

    async def _aims(self, api: Api, within: float) -> list[Aim]:
        """Return the pods that go, workload by workload; ActionRefused where one of them may not."""
        found = await self._pods(api, within)
        if found.hindrances:
            raise ActionRefused(f"on node {self.node}: {'; '.join(found.hindrances)}")
        if not found.leaving:
            raise ActionRefused(f"no pod would go from node {self.node}: it would prove nothing")
        by_owner = groupby(sorted(found.leaving, key=_owner), key=_owner)
        aims = []
        for (namespace, _), pods in [(owner, list(some)) for owner, some in by_owner]:
            sight = await sighted(api, namespace, within)
            aims.append(Aim(pods, await keeper_of(api, namespace, pods[0].controller, within), sight))
        return aims

    async def _together(self, found: Observed, before: Captured, given: Given) -> Observed:
        families = self._families(before) if found.holds else []
        seen = [await one.step.confirm(one.before, given) for one in families]
        if wrong := next((one for one in seen if not one.holds), None):
            return wrong
        moves = [name for one in seen for name in one.moves]
        because = "; ".join(one.because for one in (found, *seen))
        return found._replace(because=because, moves=moves, empties=bool(moves))


class Drain(_Emptying, Cordon):
    """Drains a node, as `kubectl drain` does: cordons it and evicts what is on it, workload by workload.

    All pods of the node count, those of every namespace. Pods of DaemonSets and static ones stay. Refused, with nothing
    touched: what `kubernetes.cordon` refuses; a pod of a namespace that is none of the target's, one that belongs to no
    controller, one on the way out, one with an emptyDir (unless `empty_dir: deliberate`), the one that faildrill runs
    in; and for each workload what `kubernetes.evict` refuses. It is asked with `dryRun=All` first.

    Each eviction is one request, pinned to the pod's UID and version; one that a budget forbids is tried again for
    `try_for`. Its effect is seen when the node is cordoned and its pods are terminating or gone and in no Service's
    ready endpoints, and a probe has noticed it. It is put back when the node takes pods again and each workload is
    whole; pods don't come back to it by themselves.

        steps:
          - name: drain node-b
            kubernetes.drain: {kubernetes: staging, node: node-b, try_for: 20s}
            within: 60s
    """

    try_for: Duration = Field(default=0.0, ge=0, description="for how long an eviction that is refused is tried again")

    async def apply(self, before: Captured, given: Given) -> Captured:
        """Cordon the node, then evict what is on it, one pod after the other."""
        deadline = deadline_of(given)
        async with opened(self.kubernetes, given) as api:
            await self._patch(api, before, given, on=True, deadline=deadline)
            try:
                for one in self._families(before):
                    await one.step.take(api, one.before, given, deadline)
            except ActionRefused as error:
                raise ActionFailed(f"node {self.node} is cordoned, and then: {error}") from error
        return {"node": self.node}

    async def confirm(self, before: Captured, given: Given) -> Observed:
        """See it cordoned and emptied: by the pods that were on it, and by what is on it now."""
        found = await super().confirm(before, given)
        if not found.holds:
            return found
        async with opened(self.kubernetes, given) as api:
            now = await pods_on(api, self.node, each(given))
        left = [called(pod) for pod in now if not (is_over(pod) or pod.is_terminating or self._stays(pod))]
        return Observed(False, f"{', '.join(left)} is on node {self.node}") if left else found

    @property
    def _empties(self) -> bool:
        return True

    def _stays(self, pod: Pod) -> bool:
        return outlasts_a_drain(pod)

    def _step(self, namespace: str, selector: str) -> Evict:
        how: dict[str, Any] = {"try_for": f"{self.try_for}s", "last_ready": self.last_ready}
        return Evict(kubernetes=self.kubernetes, namespace=namespace, selector=selector, **how)

    async def _fitting(self, api: Api, step: Evict, aim: Aim, within: float) -> Captured:
        await step.refuse_unmarked(api, within)
        return await step.fit(api, aim, within)

    def _rules(self, namespace: str) -> list[Rule]:
        asked = [Rule("create", "pods/eviction"), Rule("list", "poddisruptionbudgets", "policy"), Rule("get", "pods")]
        return [*super()._rules(namespace), *asked]

    @property
    def _words(self) -> Words:
        deed = f"drains node {self.node}: no pod comes to it, and those on it are evicted"
        return super()._words._replace(deed=deed)


class Taint(_Emptying):
    """Taints a node, as `kubectl taint` does: pods that don't tolerate it stay away, and with `NoExecute` they go.

    With `NoExecute` no budget is asked: the controllers delete the pods. Refused, with nothing touched: a node that is
    not there, is not ready, does not carry the environment's label, or has such a taint already; with `NoExecute` also
    what `kubernetes.drain` refuses of pods, and a pod of a DaemonSet that does not tolerate it.

    It is one patch that names the version that was seen, signed by `faildrill-RUN`, asked with `dryRun=All` first and
    settled by looking. Its effect is seen when the taint is there, with `NoExecute` also when the pods are terminating
    or gone and in no Service's ready endpoints, and a probe has noticed it. It is put back by taking the taint off, and
    when each workload is whole. A taint of this key that somebody else has given another value is left, and told.

        steps:
          - name: drive the pods from node-b
            kubernetes.taint: {kubernetes: staging, node: node-b, key: drill, effect: NoExecute}
            within: 60s
    """

    planned: ClassVar[bool] = False
    signs: ClassVar[bool] = False

    key: str = Field(pattern=_KEY, max_length=317, description="the taint's key")
    value: str = Field(default="", pattern=_VALUE, description="the taint's value")
    effect: Literal["NoSchedule", "NoExecute"] = Field(description="what becomes of pods that don't tolerate it")

    @property
    def _taint(self) -> TaintOnNode:
        return TaintOnNode(self.key, self.value or None, self.effect)

    @property
    def _empties(self) -> bool:
        return self.effect == "NoExecute"

    def _stays(self, pod: Pod) -> bool:
        return is_static(pod) or tolerates(pod, self._taint)

    def _step(self, namespace: str, selector: str) -> Evict:
        return Evict(kubernetes=self.kubernetes, namespace=namespace, selector=selector, last_ready=self.last_ready)

    async def _fitting(self, api: Api, step: Evict, aim: Aim, within: float) -> Captured:
        await step.refuse_unmarked(api, within)
        step.refuse_useless(aim)
        return step.before(aim)

    def _refuse_useless(self, found: Node) -> None:
        if there := self._there(found):
            raise ActionRefused(f"node {self.node} has a taint {_as_text(there)} already")

    def _there(self, found: Node) -> TaintOnNode | None:
        """Return the taint of this key and effect, of which a node has one at the most."""
        which = (self.key, self.effect)
        return next((one for one in found.spec.taints or () if (one.key, one.effect) == which), None)

    def _is_set(self, found: Node) -> bool:
        there = self._there(found)
        return there is not None and (there.value or "") == self.value

    def _is_theirs(self, found: Node, before: Captured) -> bool:
        return self._there(found) is not None and not self._is_set(found)

    def _spec(self, found: Node, *, on: bool) -> dict[str, Any]:
        others = [one for one in found.spec.taints or () if one is not self._there(found)]
        taints = [*others, *([self._taint] if on else [])]
        return {"taints": msgspec.to_builtins(taints) or None}

    def _told(self, found: Node) -> str:
        there = self._there(found)
        return f"node {self.node} has {f'the taint {_as_text(there)}' if there else f'no taint {self.key}'}"

    @property
    def _words(self) -> Words:
        which = "pods that don't tolerate it go" if self._empties else "no pod comes that does not tolerate it"
        return Words(
            deed=f"taints node {self.node} with {_as_text(self._taint)}: {which}",
            ours=f"tainted with {_as_text(self._taint)}",
            reversal=f"take the taint off node {self.node}",
            remedy=f"kubectl taint node {self.node} {self.key}:{self.effect}-",
        )


def _as_text(taint: TaintOnNode) -> str:
    return f"{taint.key}{f'={taint.value}' if taint.value else ''}:{taint.effect}"


def _owner(pod: Pod) -> tuple[str, str]:
    return pod.metadata.namespace, pod.controller.uid if pod.controller else ""


def _labels(pod: Pod) -> str:
    """Return a selector of all its labels; one of a controller has some."""
    return ",".join(f"{key}={value}" for key, value in sorted((pod.metadata.labels or {}).items()))
