"""A namespace with three payment pods, as the objects that an API server would tell of them; served by the liar."""

import asyncio
import copy
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from faildrill.adapters.kubernetes.target import MARKER, Kubernetes
from support.liars.kubernetes import Certificates, Liar, kubeconfig, lying

MARK: Final = "7d3f6f1e-2f0c-4a57"
_PODS: Final = "/api/v1/namespaces/payments/pods"
_SLICES: Final = "/apis/discovery.k8s.io/v1/namespaces/payments/endpointslices"
_APPS: Final = "/apis/apps/v1/namespaces/payments"
BUDGETS: Final = "/apis/policy/v1/namespaces/payments/poddisruptionbudgets"
NAMESPACE: Final = "/api/v1/namespaces/payments"
Data = dict[str, Any]


class Payments:
    """Deployment `pay` with three pods behind Service `pay`, and a budget; a deletion leads to a replacement."""

    def __init__(self, *, replaces: bool = True) -> None:
        self.liar = Liar()
        self.liar.on_effect = self.taken
        self.pods: dict[str, Data] = {}
        self.replicas = 3
        self.generation = 1
        self.replaces = replaces
        self._version = 100
        self.controller: Data | None = {"kind": "ReplicaSet", "name": "pay-1a", "uid": "rs", "controller": True}
        for number in range(3):
            self.add(f"pay-{number}", f"uid-{number}")
        self.objects[NAMESPACE] = {
            "kind": "Namespace",
            "metadata": {"name": "payments", "uid": "ns", "labels": {MARKER: MARK}},
        }
        self.objects[BUDGETS] = {"kind": "PodDisruptionBudgetList", "items": [budget("pay")]}
        for node, zone in (("node-0", "a"), ("node-1", "b"), ("node-2", "c")):
            labels = {"topology.kubernetes.io/zone": zone}
            self.objects[f"/api/v1/nodes/{node}"] = {"kind": "Node", "metadata": {"name": node, "labels": labels}}
        self.publish()

    @property
    def objects(self) -> dict[str, Data]:
        """What is served, by path."""
        return self.liar.objects

    def add(self, name: str, uid: str, **metadata: Any) -> Data:
        """Add a pod that is ready."""
        owners = [copy.deepcopy(self.controller)] if self.controller else []
        meta = {"name": name, "uid": uid, "labels": {"app": "pay"}, "ownerReferences": owners, **metadata}
        self.pods[uid] = {
            "kind": "Pod",
            "metadata": {**meta, "resourceVersion": self._next()},
            "spec": {"nodeName": f"node-{name[-1]}"},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
        }
        return self.pods[uid]

    def taken(self, method: str, path: str) -> None:
        """Do what a deletion or an eviction does, a little at a time."""
        name = path.partition("?")[0].removeprefix(f"{_PODS}/").partition("/")[0]
        uid = next(uid for uid, pod in self.pods.items() if pod["metadata"]["name"] == name)
        self.end(uid, by="EvictionByEvictionAPI" if method == "POST" else None)
        if self.replaces:
            threading.Timer(0.3, self.replace, [uid]).start()

    def end(self, uid: str, by: str | None = None) -> None:
        """Have a pod terminate."""
        pod = self.pods[uid]
        pod["metadata"] |= {"deletionTimestamp": "2026-11-29T10:00:00Z", "resourceVersion": self._next()}
        if by is not None:
            pod["status"]["conditions"].append({"type": "DisruptionTarget", "status": "True", "reason": by})
        self.publish()

    def replace(self, uid: str) -> None:
        """Have it gone, and another one there."""
        del self.pods[uid]
        self.add(f"pay-new-{uid[-1]}", f"new-{uid}")
        self.publish()

    def publish(self) -> None:
        """Serve what there is now."""
        for path in [one for one in self.objects if one.startswith(f"{_PODS}/")]:
            del self.objects[path]
        for pod in self.pods.values():
            self.objects[f"{_PODS}/{pod['metadata']['name']}"] = copy.deepcopy(pod)
        self.objects[_PODS] = {"kind": "PodList", "items": copy.deepcopy(list(self.pods.values()))}
        self.objects[_SLICES] = {"kind": "EndpointSliceList", "items": [self._slice()]}
        above = {"kind": "Deployment", "name": "pay", "uid": "deploy", "controller": True}
        self._workload("replicasets", "ReplicaSet", "pay-1a", {"uid": "rs", "ownerReferences": [above]})
        self._workload("deployments", "Deployment", "pay", {"uid": "deploy"})

    def _workload(self, plural: str, kind: str, name: str, metadata: Data) -> None:
        self.objects[f"{_APPS}/{plural}/{name}"] = {
            "kind": kind,
            "metadata": {"name": name, "generation": self.generation, **metadata},
            "spec": {"replicas": self.replicas},
            "status": {"observedGeneration": self.generation, "updatedReplicas": self.replicas},
        }

    def _slice(self) -> Data:
        endpoints = []
        for uid, pod in self.pods.items():
            ends = "deletionTimestamp" in pod["metadata"]
            ready = any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"]["conditions"])
            endpoints.append(
                {
                    "addresses": ["10.64.1.1"],
                    "conditions": {"ready": ready and not ends, "serving": ready, "terminating": ends},
                    "targetRef": {"kind": "Pod", "name": pod["metadata"]["name"], "uid": uid},
                    "zone": {"0": "a", "1": "b", "2": "c"}[pod["spec"]["nodeName"][-1]],
                }
            )
        labels = {"kubernetes.io/service-name": "pay"}
        return {"metadata": {"name": "pay-x", "labels": labels}, "endpoints": endpoints}

    def _next(self) -> str:
        self._version += 1
        return str(self._version)


def budget(name: str, allowed: int = 1, observed: int = 1) -> Data:
    """Return a budget over the pods."""
    return {
        "metadata": {"name": name, "generation": 1},
        "spec": {"selector": {"matchLabels": {"app": "pay"}}},
        "status": {"disruptionsAllowed": allowed, "observedGeneration": observed},
    }


Place = TypeVar("Place", bound=Payments)
Drill = TypeVar("Drill")


def playing(
    place: Callable[[], Place], drill: Callable[[Place, Kubernetes], Drill], folder: Path, made: Certificates
) -> Callable[[Callable[[Drill], Awaitable[None]]], None]:
    """Return what plays a story on a place of its own, whose API server lies when told."""

    def played(story: Callable[[Drill], Awaitable[None]]) -> None:
        async def main() -> None:
            here = place()
            async with lying(here.liar, made) as port:
                path = str(kubeconfig(folder, port, made))
                target = Kubernetes(name="c", kubeconfig=path, context="here", marker=MARK, namespaces=["payments"])
                await story(drill(here, target))

        asyncio.run(main())

    return played
