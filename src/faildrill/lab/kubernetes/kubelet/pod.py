"""One pod bound to the node, from its first process to the deletion that its kubelet asks for when none is left."""

import asyncio
import shutil
import sys
from pathlib import Path
from typing import Any, Final

from faildrill.lab.core.truth_log import TruthLog
from faildrill.lab.kubernetes import addresses
from faildrill.lab.kubernetes.api import LOST, STRATEGIC, Api, Refused
from faildrill.lab.kubernetes.kubelet import timestamps
from faildrill.lab.kubernetes.kubelet.container import Container, Surroundings
from faildrill.lab.kubernetes.kubelet.settings import Settings

_PAUSE: Final = 0.2
_FORCED_GRACE: Final = 1.0
"""Seconds for the processes of a pod that is gone from the API already."""


class Pod:
    """One pod, known by its uid."""

    def __init__(self, manifest: dict[str, Any], address: str, api: Api, settings: Settings, truth: TruthLog) -> None:
        self.address = address
        self._api, self._settings, self._truth = api, settings, truth
        self._manifest = manifest
        metadata = manifest["metadata"]
        self.uid: str = metadata["uid"]
        self._path = f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"
        self._folder = Path(settings.folder) / self.uid
        self._since = timestamps.now()
        self._conditions: dict[str, dict[str, str]] = {}
        self._is_gone = False
        self._ending = asyncio.Event()
        self._changed = asyncio.Event()
        self._changed.set()
        self._containers = [self._container(spec) for spec in manifest["spec"]["containers"]]
        self.update(manifest)

    def update(self, manifest: dict[str, Any]) -> None:
        """Take what the API has of it now."""
        self._manifest = manifest
        if "deletionTimestamp" in manifest["metadata"]:
            self._ending.set()

    def forget(self) -> None:
        """Take that the API has it no more."""
        self._is_gone = True
        self._ending.set()

    def tell_again(self) -> None:
        """Report the status once more: the API may have another one."""
        self._changed.set()

    async def run(self) -> None:
        """Run it until nothing of it is left, here and in the API."""
        policy = self._manifest["spec"].get("restartPolicy", "Always")
        for container in [] if self._ending.is_set() else self._containers:
            container.start(policy)  # one that went with its node and is to be deleted is not begun anew
        reporting = asyncio.create_task(self._report())
        try:
            await self._ending.wait()
            self._note("terminating")
            await asyncio.gather(*(container.stop(self._grace()) for container in self._containers))
        finally:
            reporting.cancel()
        await self._delete()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _grace(self) -> float:
        """Return how many seconds its processes have."""
        if self._is_gone:
            return _FORCED_GRACE
        return float(self._manifest["metadata"].get("deletionGracePeriodSeconds", 30))

    def _container(self, spec: dict[str, Any]) -> Container:
        metadata, was = self._manifest["metadata"], self._manifest["status"].get("containerStatuses", [])
        before = {one["name"]: one["restartCount"] + 1 for one in was if one.get("containerID")}
        addressed = {**self._manifest, "status": {**self._manifest["status"], "podIP": self.address}}
        log = Path(self._settings.logs) / f"{metadata['name']}.log"
        mark = self._settings.folder
        around = Surroundings(self._api, self._truth, addressed, self._folder, log, mark, self._changed.set)
        return Container(spec, around, before.get(spec["name"], 0))

    async def _report(self) -> None:
        """Tell the API each status that is another one, as soon as it takes it."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self._tell()
            except (*LOST, Refused) as error:
                if isinstance(error, Refused):
                    if error.is_missing:
                        return
                    sys.stderr.write(f"{error}\n")
                self._changed.set()
                await asyncio.sleep(_PAUSE)

    async def _tell(self) -> None:
        body = {"metadata": {"uid": self.uid}, "status": self._status()}
        await self._api.patch(f"{self._path}/status", body, STRATEGIC)

    def _status(self) -> dict[str, Any]:
        ready = all(container.is_ready for container in self._containers)
        states = {"PodReadyToStartContainers": True, "Initialized": True, "ContainersReady": ready, "Ready": ready}
        return {
            "phase": self._phase(),
            "hostIP": addresses.node(self._settings.number),
            "hostIPs": [{"ip": addresses.node(self._settings.number)}],
            "podIP": self.address,
            "podIPs": [{"ip": self.address}, {"$patch": "replace"}],
            "startTime": self._since,
            "conditions": [self._condition(kind, str(is_so)) for kind, is_so in states.items()],
            "containerStatuses": [container.status() for container in self._containers],
        }

    def _phase(self) -> str:
        phases = {container.phase for container in self._containers}
        if phases == {"terminated"}:
            return "Succeeded" if all(container.succeeded for container in self._containers) else "Failed"
        return "Running" if any(container.has_run for container in self._containers) else "Pending"

    async def _delete(self) -> None:
        """Tell how it ended and have it deleted, this very pod and no other of its name."""
        while not self._is_gone:
            try:
                await self._tell()
                await self._api.delete(self._path, {"gracePeriodSeconds": 0, "preconditions": {"uid": self.uid}})
                break
            except (*LOST, Refused) as error:
                if isinstance(error, Refused) and error.is_missing:
                    break
                await asyncio.sleep(_PAUSE)
        self._note("deleted")

    def _note(self, what: str) -> None:
        self._truth.note(what, pod=self._manifest["metadata"]["name"], uid=self.uid)

    def _condition(self, kind: str, status: str) -> dict[str, str]:
        """Return a condition with the time since when it is so."""
        before = self._conditions.get(kind)
        if before is None or before["status"] != status:
            self._conditions[kind] = {"type": kind, "status": status, "lastTransitionTime": timestamps.now()}
        return self._conditions[kind]
