"""Pods, what keeps them there, and where they are served: seen at one time, and compared with what was before."""

import asyncio
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from faildrill.adapters.kubernetes.client import Api, Where
from faildrill.adapters.kubernetes.objects import (
    Budget,
    Endpoint,
    EndpointSlice,
    Listed,
    Object,
    Owner,
    Pod,
    Workload,
)
from faildrill.adapters.kubernetes.rights import Rule
from faildrill.adapters.kubernetes.selectors import means
from faildrill.errors import ActionRefused, CannotSee

PLURALS: Final = {
    "Deployment": "deployments",
    "ReplicaSet": "replicasets",
    "StatefulSet": "statefulsets",
    "DaemonSet": "daemonsets",
}
"""What keeps pods there, by the words of its path."""
_SHOWN: Final = 8
"""Characters of a UID that are shown."""


class Sight(NamedTuple):
    """The pods of a namespace, and all endpoints in it, as two consistent reads told them."""

    pods: dict[str, Pod]
    """By UID."""
    slices: list[EndpointSlice]
    asked: int
    """Monotonic ns before the first of them was asked for, and after the last was answered."""
    answered: int

    def ready_endpoints(self, uids: Collection[str]) -> dict[str, set[str]]:
        """Return by Service which of these pods it sends new connections to."""
        found: dict[str, set[str]] = {}
        for service, endpoint in self._endpoints():
            if endpoint.target_ref is not None and endpoint.target_ref.uid in uids and endpoint.is_ready:
                found.setdefault(service, set()).add(endpoint.target_ref.uid)
        return found

    def of(self, controller: str) -> dict[str, Pod]:
        """Return the pods that a controller, named by its UID, has made."""
        return {uid: pod for uid, pod in self.pods.items() if pod.controller and pod.controller.uid == controller}

    def _endpoints(self) -> Iterator[tuple[str, Endpoint]]:
        return ((one.service, endpoint) for one in self.slices for endpoint in one.endpoints or ())


async def sighted(api: Api, namespace: str, within: float) -> Sight:
    """Look at the pods of a namespace and at its endpoints, both at once."""
    asked = time.monotonic_ns()
    pods, slices = await asyncio.gather(
        api.read(Where.of("v1", namespace, "pods"), Listed[Pod], within),
        api.read(Where.of("discovery.k8s.io/v1", namespace, "endpointslices"), Listed[EndpointSlice], within),
    )
    if pods is None or slices is None:
        raise CannotSee(f"{api.way.server} knows neither pods nor EndpointSlices in {namespace}")
    return Sight({pod.uid: pod for pod in pods.items or ()}, slices.items or [], asked, time.monotonic_ns())


class Keeper(NamedTuple):
    """What makes another pod when one is gone."""

    controller: Owner
    """Whose pods they are: a ReplicaSet, a StatefulSet, a DaemonSet."""
    workload: Workload
    """What people know: the Deployment over a ReplicaSet, or the controller itself."""

    @property
    def name(self) -> str:
        """What to call it."""
        return f"{self.workload.kind} {self.workload.metadata.name}"

    @property
    def wanted(self) -> int:
        """How many pods there are to be."""
        status, spec = self.workload.status, self.workload.spec
        if self.workload.kind == "DaemonSet":
            return status.desired_number_scheduled or 0
        return 1 if spec.replicas is None else spec.replicas

    def rolling(self) -> str:
        """Tell that it is replacing its pods by itself, or can't; empty where neither is so."""
        status, meta = self.workload.status, self.workload.metadata
        if self.workload.spec.paused:
            return f"{self.name} is paused"
        if (status.observed_generation or 0) < (meta.generation or 0):
            return f"{self.name} has not taken up its last change"
        if self.workload.kind == "Deployment" and (status.updated_replicas or 0) < self.wanted:
            return f"{self.name} is being rolled out"
        return ""


class Progress(NamedTuple):
    """How far a Deployment or StatefulSet is with what it was told last."""

    due: int
    updated: int
    available: int
    troubles: tuple[str, ...]

    @property
    def is_over(self) -> bool:
        """Whether all its pods are of its last revision, and available, and nothing else is to come."""
        return not self.troubles and self.updated == self.available == self.due

    def __str__(self) -> str:
        """Say it in words."""
        return "; ".join([f"{self.updated} of {self.due} updated, {self.available} available", *self.troubles])


def progress(found: Workload) -> Progress:
    """Tell how far it is, by its controller's word."""
    spec, status, meta = found.spec, found.status, found.metadata
    due = 1 if spec.replicas is None else spec.replicas
    troubles = (
        *(("paused",) if spec.paused else ()),
        *(("not taken up yet",) if (status.observed_generation or 0) < (meta.generation or 0) else ()),
        *((f"{status.replicas} there",) if (status.replicas or 0) > due else ()),
    )
    return Progress(due, status.updated_replicas or 0, status.available_replicas or 0, troubles)


async def keeper_of(api: Api, namespace: str, owner: Owner | None, within: float) -> Keeper:
    """Return what keeps pods of an owner there; ActionRefused where nobody does, or it can't be told by whom."""
    if owner is None:
        raise ActionRefused("the pod belongs to no controller: once it is gone nobody makes another one")
    found = await _workload(api, namespace, owner, within)
    above = next((reference for reference in found.metadata.owner_references or () if reference.controller), None)
    if owner.kind == "ReplicaSet" and above is not None and above.kind in PLURALS:
        found = await _workload(api, namespace, above, within)
    return Keeper(owner, found)


async def _workload(api: Api, namespace: str, owner: Owner, within: float) -> Workload:
    if owner.kind not in PLURALS:
        known = ", ".join(PLURALS)
        raise ActionRefused(
            f"the pod belongs to {owner.kind} {owner.name}: only those of {known} are known to come back"
        )
    found = await api.read(Where.of("apps/v1", namespace, PLURALS[owner.kind], owner.name), Workload, within)
    if found is None or found.metadata.uid != owner.uid:
        raise ActionRefused(f"{owner.kind} {owner.name} is not there any more")
    return found


def controllers(owners: Collection[str]) -> list[Rule]:
    """Return what reading the controllers of these kinds takes, and the Deployments over ReplicaSets."""
    kinds = {*owners, *(("Deployment",) if "ReplicaSet" in owners else ())}
    return [Rule("get", plural, "apps") for kind, plural in PLURALS.items() if kind in kinds]


def lacking(keeper: Keeper, sight: Sight, services: Mapping[str, int]) -> list[str]:
    """Tell what a workload lacks to be whole: its pods ready, and as many of them in each Service as there were."""
    pods = sight.of(keeper.controller.uid)
    ready = {uid for uid, pod in pods.items() if pod.is_ready}
    found = [why] if (why := keeper.rolling()) else []
    if len(ready) < max(1, keeper.wanted):
        found.append(f"{len(ready)} of {keeper.wanted} pods of {keeper.name} are ready{_troubles(pods.values())}")
    served = sight.ready_endpoints(ready)
    for service, before in services.items():
        now, due = len(served.get(service, ())), min(before, keeper.wanted)
        if now < due:
            found.append(f"Service {service} has {now} of them, {due} are due")
    return found


def _troubles(pods: Iterable[Pod]) -> str:
    """Tell why pods are not ready, in the scheduler's and the kubelet's words; unknown ones are shown as they are."""
    told = []
    for pod in pods:
        scheduled = pod.condition("PodScheduled")
        if pod.is_terminating:
            told.append(f"{pod.name} is terminating")
        elif scheduled is not None and scheduled.status != "True":
            told.append(f"{pod.name} is not scheduled: {scheduled.message or scheduled.reason}")
        elif not pod.is_ready:
            told.append(f"{pod.name} is {pod.status.phase}")
    return f" ({'; '.join(told)})" if told else ""


async def budgets_of(api: Api, namespace: str, pod: Pod, within: float) -> list[Budget]:
    """Return the budgets that speak of a pod: an eviction by the server needs there to be one at the most."""
    listed = await api.read(Where.of("policy/v1", namespace, "poddisruptionbudgets"), Listed[Budget], within)
    return [one for one in (listed.items if listed else None) or () if means(one.spec.selector, pod.metadata.labels)]


async def zone_of(api: Api, node: str, within: float) -> str:
    """Return the zone of a node; empty where it has none."""
    found = await api.read(Where.of("v1", "", "nodes", node), Object, within)
    return ((found.metadata.labels if found else None) or {}).get("topology.kubernetes.io/zone", "")


def called(pod: Pod) -> str:
    """Name a pod so that its successor of the same name is another one."""
    return f"{pod.name} ({pod.uid[:_SHOWN]})"
