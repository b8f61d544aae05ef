"""The pods that are bound to the node: listed, followed by a watch, and listed anew whenever that ends."""

import asyncio
from contextlib import suppress
from typing import Any, Final

from faildrill.lab.core.truth_log import TruthLog
from faildrill.lab.kubernetes import addresses
from faildrill.lab.kubernetes.api import LOST, Api, Refused
from faildrill.lab.kubernetes.kubelet.pod import Pod
from faildrill.lab.kubernetes.kubelet.settings import Settings

_PODS: Final = "/api/v1/pods"
_PAUSE: Final = 0.2
_OVER: Final = ("Succeeded", "Failed")


class Pods:
    """Every pod of one node."""

    def __init__(self, api: Api, settings: Settings, truth: TruthLog) -> None:
        self._api, self._settings, self._truth = api, settings, truth
        self._here: dict[str, Pod] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def follow(self) -> None:
        """Run what is bound to the node, for ever, whatever the API answers or doesn't."""
        while True:
            with suppress(*LOST, Refused):
                await self._follow()
            await asyncio.sleep(_PAUSE)

    async def _follow(self) -> None:
        bound = {"fieldSelector": f"spec.nodeName={self._settings.name}"}
        listed = await self._api.get(_PODS, **bound)
        there = {one["metadata"]["uid"]: one for one in listed.get("items") or []}
        for manifest in there.values():
            self._take(manifest)
        for uid in set(self._here) - set(there):
            self._here[uid].forget()
        for pod in self._here.values():
            pod.tell_again()
        async for event in self._api.watch(_PODS, listed["metadata"]["resourceVersion"], **bound):
            if event["type"] in ("ADDED", "MODIFIED"):
                self._take(event["object"])
            elif event["type"] == "DELETED" and event["object"]["metadata"]["uid"] in self._here:
                self._here[event["object"]["metadata"]["uid"]].forget()

    def _take(self, manifest: dict[str, Any]) -> None:
        uid = manifest["metadata"]["uid"]
        if uid in self._here:
            self._here[uid].update(manifest)
        elif manifest["status"].get("phase") not in _OVER or "deletionTimestamp" in manifest["metadata"]:
            pod = Pod(manifest, self._address(manifest), self._api, self._settings, self._truth)
            self._here[uid] = pod
            task = asyncio.create_task(self._run(pod))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, pod: Pod) -> None:
        try:
            await pod.run()
        finally:
            del self._here[pod.uid]

    def _address(self, manifest: dict[str, Any]) -> str:
        """Return the address that a pod had before its node was lost, or the first one that is free."""
        taken = {pod.address for pod in self._here.values()}
        number = self._settings.number
        free = (addresses.pod(number, last) for last in range(2, 255))
        had: str = manifest["status"].get("podIP", "")
        return had if had and had not in taken else next(one for one in free if one not in taken)
