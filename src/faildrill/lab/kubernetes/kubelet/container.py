"""One container of a pod: started, probed, started again with back-off where its policy says so, and ended."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from faildrill.lab.core.truth_log import TruthLog
from faildrill.lab.kubernetes import addresses
from faildrill.lab.kubernetes.api import LOST, Api, Refused
from faildrill.lab.kubernetes.kubelet import pod_spec, probing, timestamps, variables
from faildrill.lab.kubernetes.kubelet.pod_process import PodProcess
from faildrill.lab.kubernetes.kubelet.recipes import RECIPES, Given, Lacking

_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 30.0
"""Seconds of back-off: a tenth of a real kubelet's."""
_STEADY: Final = 60.0
"""Seconds of running after which a failure counts as the first one again."""
_LOOK_AGAIN: Final = 1.0
"""Seconds until it is looked again for what was not there."""
_ASK_AGAIN: Final = 0.1


class Surroundings(NamedTuple):
    """What a container has from its node and its pod."""

    api: Api
    truth: TruthLog
    pod: dict[str, Any]
    """The pod as the API has it, with its address."""
    folder: Path
    log: Path
    mark: str
    """The node's, by which its processes are known."""
    changed: Callable[[], None]
    """Called when the status is another one."""

    @property
    def listening(self) -> str:
        """Where the pod's processes listen."""
        return addresses.listening(self.pod["status"]["podIP"])


class _CannotStart(Exception):
    """Why a container waits: the reason as kubelets have it, and the words."""

    def __init__(self, reason: str, words: str) -> None:
        super().__init__(words)
        self.reason = reason


class Container:
    """One container."""

    def __init__(self, spec: dict[str, Any], around: Surroundings, restarts: int) -> None:
        self.spec, self._around = spec, around
        self.restarts = restarts
        self.is_ready = False
        self._is_started = False
        self._process: PodProcess | None = None
        self._running: asyncio.Task[None] | None = None
        self._is_stopping = False
        self._state: dict[str, Any] = {"waiting": {"reason": "ContainerCreating"}}
        self._last_state: dict[str, Any] = {}

    def status(self) -> dict[str, Any]:
        """Return its part of the pod's status."""
        return {
            "name": self.spec["name"],
            "image": self.spec["image"],
            "imageID": f"recipe://{self.spec['image']}",
            "containerID": f"process://{self._process.pid}" if self._process else "",
            "ready": self.is_ready,
            "started": self._is_started,
            "restartCount": self.restarts,
            "state": self._state,
            "lastState": self._last_state,
        }

    @property
    def phase(self) -> str:
        """Whether it is `waiting`, `running` or `terminated`."""
        return next(iter(self._state))

    @property
    def succeeded(self) -> bool:
        """Whether it has ended well."""
        return bool(self._state.get("terminated", {"exitCode": 1})["exitCode"] == 0)

    @property
    def has_run(self) -> bool:
        """Whether it has been started, now or before."""
        return self._process is not None

    def start(self, policy: str) -> None:
        """Begin to run it, until it has ended for good by the restart policy of its pod, or is stopped."""
        self._running = asyncio.create_task(self._run(policy))

    async def stop(self, grace: float) -> None:
        """End it: wait as its preStop says, ask it to end, kill it when its grace is over.

        Raises whatever its run broke with.
        """
        self._is_stopping = True
        if self._process is None or self._process.code is not None:
            if self._running is not None:
                self._running.cancel()
        else:
            await self._end(self._process, grace)
        if self._running is not None:
            with suppress(asyncio.CancelledError):
                await self._running

    async def _run(self, policy: str) -> None:
        pause = _FIRST_PAUSE
        while True:
            began = asyncio.get_running_loop().time()
            code = await self._run_once()
            if self._is_stopping or policy == "Never" or (policy == "OnFailure" and code == 0):
                return
            pause = _FIRST_PAUSE if asyncio.get_running_loop().time() - began > _STEADY else pause
            self._last_state = self._state
            self._wait("CrashLoopBackOff", f"back-off {pause:g}s restarting failed container")
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            self.restarts += 1

    async def _end(self, process: PodProcess, grace: float) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + grace  # preStop is within it: what that takes is missing after SIGTERM, as with a kubelet
        sleep = (self.spec.get("lifecycle") or {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        await asyncio.sleep(min(sleep, grace))
        self._note("SIGTERM", pid=process.pid)
        await process.end(max(0.0, until - loop.time()))

    async def _run_once(self) -> int:
        """Start it, once it can be, and wait for its end; returns its exit code."""
        while True:
            try:
                process = await self._begin()
                break
            except _CannotStart as error:
                self._wait(error.reason, str(error))
            except (*LOST, Refused) as error:  # where a pod is new, the Node authorizer may not know of it yet
                self._wait("ContainerCreating", str(error))
                await asyncio.sleep(_ASK_AGAIN)
                continue
            await asyncio.sleep(_LOOK_AGAIN)
        self._process = process
        since = timestamps.now()
        self._state = {"running": {"startedAt": since}}
        self._note("started", pid=process.pid)
        self._is_started = "startupProbe" not in self.spec
        self.is_ready = self._is_started and "readinessProbe" not in self.spec
        self._around.changed()
        watching = asyncio.create_task(self._probe())
        try:
            code = await process.ended()
        finally:
            watching.cancel()
        self._note("ended", pid=process.pid, code=code)
        self._set_ready(is_ready=False)
        why = "Completed" if code == 0 else "Error"
        over = {"exitCode": code, "reason": why, "startedAt": since, "finishedAt": timestamps.now()}
        self._state = {"terminated": over}
        self._around.changed()
        return code

    async def _begin(self) -> PodProcess:
        around, image = self._around, self.spec["image"]
        if unknown := pod_spec.unknown(around.pod["spec"]):
            raise _CannotStart("CreateContainerConfigError", f"the lab's kubelet does not know {', '.join(unknown)}")
        if image not in RECIPES:
            raise _CannotStart("ImagePullBackOff", f"no recipe {image!r}; there are {', '.join(RECIPES)}")
        try:
            found = await variables.of(self.spec, around.pod, around.api, around.mark)
            command = [*self.spec.get("command", []), *self.spec.get("args", [])]
            folder = around.folder / self.spec["name"]
            folder.mkdir(parents=True, exist_ok=True)
            given = Given(around.pod["metadata"]["name"], around.listening, found, folder, command)
            return PodProcess(RECIPES[image](given), found, folder, around.log)
        except (variables.NotThere, Lacking) as error:
            raise _CannotStart("CreateContainerConfigError", str(error)) from error
        except OSError as error:
            raise _CannotStart("RunContainerError", str(error)) from error

    async def _probe(self) -> None:
        """Probe whether it has started, and from then on whether it lives and is ready."""
        if "startupProbe" in self.spec:
            async for is_good in self._verdicts("startupProbe"):
                if is_good:
                    break
                self._kill("its startup probe failed")
            self._is_started = True
            self._set_ready(is_ready="readinessProbe" not in self.spec)
            self._around.changed()
        await asyncio.gather(self._probe_life(), self._probe_readiness())

    async def _probe_life(self) -> None:
        if "livenessProbe" in self.spec:
            async for is_good in self._verdicts("livenessProbe"):
                if not is_good:
                    self._kill("its liveness probe failed")

    async def _probe_readiness(self) -> None:
        if "readinessProbe" in self.spec:
            async for is_good in self._verdicts("readinessProbe"):
                self._set_ready(is_ready=is_good)

    def _verdicts(self, kind: str) -> AsyncIterator[bool]:
        ports = {one["name"]: one["containerPort"] for one in self.spec.get("ports", []) if "name" in one}
        return probing.verdicts(self.spec[kind], self._around.listening, ports)

    def _set_ready(self, *, is_ready: bool) -> None:
        if is_ready != self.is_ready:
            self.is_ready = is_ready
            self._note("ready" if is_ready else "not ready")
            self._around.changed()

    def _kill(self, why: str) -> None:
        if self._process is not None and self._process.code is None:
            self._note("killed", why=why)
            self._process.kill()

    def _wait(self, reason: str, words: str) -> None:
        if self._state.get("waiting", {}).get("reason") != reason:
            self._state = {"waiting": {"reason": reason, "message": words}}
            self._around.changed()

    def _note(self, what: str, **facts: object) -> None:
        told = self._around.pod["metadata"]
        who = {"pod": told["name"], "uid": told["uid"], "container": self.spec["name"]}
        self._around.truth.note(what, **who, **facts)
