"""The node as the API knows it: made by its kubelet, kept alive by a Lease, said to be ready again after a silence."""

import asyncio
import platform
from collections.abc import Awaitable, Callable
from typing import Any, Final

from faildrill.lab.core.truth_log import TruthLog
from faildrill.lab.kubernetes import addresses, programs
from faildrill.lab.kubernetes.api import LOST, STRATEGIC, Api, Refused
from faildrill.lab.kubernetes.kubelet import timestamps
from faildrill.lab.kubernetes.kubelet.settings import Settings

RENEWED_EVERY: Final = 1.0
"""Seconds between two renewals of the Lease: a tenth of what a node is given; by default it is a fifth."""
WITHIN: Final = 2.5
"""Seconds for a call about the node: one that is silent must leave time for three others before it is given up."""
_LEASE_SECONDS: Final = 8
"""What the Lease says that it lasts, to whoever reads it; by default too it is four fifths of what a node is given."""
_NODES: Final = "/api/v1/nodes"
_LEASES: Final = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
_PAUSE: Final = 0.2
_HAS: Final = {"cpu": "16", "memory": "16Gi", "ephemeral-storage": "16Gi", "pods": "200"}
"""What the scheduler may give away; the lab's pods share the machine, and nothing holds them to it."""
_FINE: Final = {"MemoryPressure": "False", "DiskPressure": "False", "PIDPressure": "False", "Ready": "True"}


class NodeRecord:
    """One node's record and Lease."""

    def __init__(self, api: Api, settings: Settings, truth: TruthLog) -> None:
        self._api, self._settings, self._truth = api, settings, truth
        self._is_made = asyncio.Event()

    async def keep(self) -> None:
        """Make the record, and renew the Lease for ever, whatever the API answers or doesn't.

        As in a real kubelet the Lease waits for nothing else: neither for the node's status nor for its pods.
        """
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._again_and_again(self._keep_lease))
            tasks.create_task(self._again_and_again(self._keep_ready))

    async def _again_and_again(self, keep: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await keep()
            except (*LOST, Refused):
                await asyncio.sleep(_PAUSE)

    async def _keep_lease(self) -> None:
        node = await self._made()
        await self._lease(node["metadata"]["uid"])
        self._is_made.set()
        while True:
            await self._renew()
            await asyncio.sleep(RENEWED_EVERY)

    async def _keep_ready(self) -> None:
        """Where the node was given up meanwhile, say that it is ready again."""
        await self._is_made.wait()
        node = await self._api.get(f"{_NODES}/{self._settings.name}")
        said = {one["type"]: one["status"] for one in node.get("status", {}).get("conditions", [])}
        if said.get("Ready") != "True":
            await self._say_ready()
        await asyncio.sleep(RENEWED_EVERY)

    async def _made(self) -> dict[str, Any]:
        name = self._settings.name
        labels = {
            "kubernetes.io/hostname": name,
            "kubernetes.io/os": "linux",
            "topology.kubernetes.io/zone": self._settings.zone,
        }
        try:
            await self._api.create(_NODES, {"metadata": {"name": name, "labels": labels}})
        except Refused as error:
            if not error.is_there_already:
                raise
        await self._say_ready()
        return await self._api.get(f"{_NODES}/{name}")

    async def _lease(self, owner: str) -> None:
        name = self._settings.name
        owned = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": owner}
        spec = {"holderIdentity": name, "leaseDurationSeconds": _LEASE_SECONDS}
        try:
            await self._api.create(_LEASES, {"metadata": {"name": name, "ownerReferences": [owned]}, "spec": spec})
        except Refused as error:
            if not error.is_there_already:
                raise

    async def _renew(self) -> None:
        path = f"{_LEASES}/{self._settings.name}"
        await self._api.patch(path, {"spec": {"renewTime": timestamps.precisely_now()}})
        self._truth.note("lease renewed")

    async def _say_ready(self) -> None:
        settings = self._settings
        where = [
            {"type": "InternalIP", "address": addresses.node(settings.number)},
            {"type": "Hostname", "address": settings.name},
        ]
        conditions = [
            {
                "type": kind,
                "status": status,
                "reason": "LabKubelet",
                "message": "the lab's kubelet says so",
                "lastHeartbeatTime": timestamps.now(),
                "lastTransitionTime": timestamps.now(),
            }
            for kind, status in _FINE.items()
        ]
        told = {"kubeletVersion": f"{programs.version()}-lab", "operatingSystem": "linux", "machineID": settings.name}
        told |= {"architecture": platform.machine(), "containerRuntimeVersion": "processes://1"}
        status = {"capacity": _HAS, "allocatable": _HAS, "addresses": where, "conditions": conditions, "nodeInfo": told}
        await self._api.patch(f"{_NODES}/{settings.name}/status", {"status": status}, STRATEGIC)
        self._truth.note("node ready")
