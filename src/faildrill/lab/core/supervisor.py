"""The process that owns a lab: `python -m faildrill.lab.core.supervisor NAME STATE_FOLDER [--keep] [--of=SORT]`.

It holds the lab's lock, starts every node under an init of its own, serves the control socket, and takes everything
with it when it ends. Its standard input is a channel to whoever starts the lab: it says there how far it is, and when
the other end is gone before the lab is ready, it takes everything down. It restarts nothing by itself: a crashed node
stays down, as a crashed host does.
"""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from faildrill.errors import FaildrillError
from faildrill.lab.core import control, folders, lock, process_tree, remains, sorts
from faildrill.lab.core.folders import Place
from faildrill.lab.core.limited_signals import Limits, checked
from faildrill.lab.payments import link_proxy, readiness, staging
from faildrill.system import kernel
from faildrill.system.processes import descendants

WATCH_EVERY = 1.0
"""Seconds between two looks at whether the lab's folders are still there."""
ANSWERED = 0.01
"""Seconds for an answer to leave before the end begins."""


class Supervisor:
    """One lab, from its first process to its last."""

    def __init__(self, place: Place, starter: socket.socket, sort: str) -> None:
        self.place = place
        self.phase = "starting"
        self.keep_logs = False
        self._started = time.monotonic()
        self._timings: dict[str, float] = {}
        self._starter: socket.socket | None = starter
        self._ending = asyncio.Event()
        self._staging = sorts.make(sort, place)
        self._limits = Limits()

    async def run(self, *, keep: bool) -> None:
        """Bring the lab up, serve until asked to end, take it down."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGCHLD, process_tree.reap)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self._ending.set)
        server = await control.serve(self.place.control, self.answer)
        tasks = [asyncio.create_task(self._bring_up(keep=keep)), asyncio.create_task(self._watch_lock())]
        await self._ending.wait()
        self.phase = "ending"
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        server.close()
        self._limits.lift_all()
        await self._staging.end()

    async def _bring_up(self, *, keep: bool) -> None:
        leaving = asyncio.create_task(self._watch_starter())
        try:
            identity = await self._staging.bring_up(self._progress)
        except FaildrillError as error:
            self.phase = "failed"
            self.keep_logs = True
            leaving.cancel()
            self._tell({"failed": str(error), "log": self._log_of(error)})
            if not keep:
                self._ending.set()
            return
        self.place.environment.write_text(self._staging.environment_text(identity), encoding="utf-8")
        staging.facts(self._staging, self._timings).write(self.place.facts)
        self.phase = "ready"
        leaving.cancel()
        self._tell({"ready": True})
        self._let_go()

    async def _watch_starter(self) -> None:
        """End everything when the starter is gone before the lab is ready."""
        if self._starter is None:
            return
        await asyncio.get_running_loop().sock_recv(self._starter, 1)
        self._ending.set()

    async def _watch_lock(self) -> None:
        """End everything when somebody has removed the lab's folders under it, lock and all."""
        while lock.still_there(self.place.lock):  # noqa: ASYNC110 - nothing tells of a removed file
            await asyncio.sleep(WATCH_EVERY)
        self._ending.set()

    def _progress(self, part: str) -> None:
        self._timings[part] = round(time.monotonic() - self._started, 2)
        self._tell({"part": part, "seconds": self._timings[part]})

    def _log_of(self, error: FaildrillError) -> str:
        name = getattr(error, "part", "supervisor")
        return str(self.place.logs / f"{name}.log")

    def _tell(self, message: dict[str, Any]) -> None:
        if self._starter is not None:
            tell(self._starter, message)

    def _let_go(self) -> None:
        if self._starter is not None:
            self._starter.close()
            self._starter = None

    async def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Do what a request on the control socket asks."""
        operations = {
            "status": self._status,
            "signal": self._signal,
            "start": self._start,
            "wait": self._wait,
            "steady": self._steady,
            "link": self._link,
            "down": self._down,
        }
        if request.get("op") not in operations:
            raise FaildrillError(f"no such operation: {request.get('op')!r}; there are {', '.join(operations)}")
        if self.phase == "ending" and request["op"] != "status":
            raise FaildrillError("the lab is being taken down")
        return await operations[request["op"]](request)

    async def _status(self, _: dict[str, Any]) -> dict[str, Any]:
        nodes = {
            name: {
                "part": node.recipe.part,
                "state": node.state(),
                "since": node.since,
                "starts": node.starts,
                "pids": [process.pid for process in node.processes()],
                "exited": node.exited,
            }
            for name, node in self._staging.nodes.items()
        }
        linked = {name: link.told() for name, link in self._staging.links.items()}
        facts = {"phase": self.phase, "supervisor": os.getpid(), "uid": self._staging.plan.uid}
        return {**facts, "nodes": nodes, "links": linked}

    async def _signal(self, request: dict[str, Any]) -> dict[str, Any]:
        node = self._staging.node(request["node"])
        self._limits.set(node, request.get("for"))
        try:
            await node.signal(request["signal"])
        except FaildrillError:
            self._limits.lift(node)
            raise
        return {"state": node.state()}

    async def _start(self, request: dict[str, Any]) -> dict[str, Any]:
        node = self._staging.node(request["node"])
        self._limits.lift(node)
        started = not node.init
        if started:
            await node.start()
        return {"started": started}

    async def _wait(self, request: dict[str, Any]) -> dict[str, Any]:
        node = self._staging.node(request["node"])
        async with asyncio.timeout(float(request.get("within", 30))):
            while node.state() != request["state"]:  # noqa: ASYNC110 - a process's state can only be looked at
                await asyncio.sleep(0.02)
        return {"state": node.state()}

    async def _steady(self, request: dict[str, Any]) -> dict[str, Any]:
        within = float(request.get("within", 60))
        if not await readiness.seen(self._staging.steady, within):
            raise FaildrillError(f"the lab is not steady within {within:g} s: see faildrill lab status")
        return {"steady": True}

    async def _link(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["mode"] not in link_proxy.MODES:
            raise FaildrillError(f"no such mode: {request['mode']!r}; there are {', '.join(link_proxy.MODES)}")
        link = self._staging.link(request["name"])
        seconds = checked(request.get("for"))
        await link.set(request["mode"], int(request.get("delay_ms", 0)), int(request.get("jitter_ms", 0)), seconds)
        return {**link.told()}

    async def _down(self, request: dict[str, Any]) -> dict[str, Any]:
        self.keep_logs = bool(request.get("keep_logs"))
        asyncio.get_running_loop().call_later(ANSWERED, self._ending.set)
        return {"supervisor": os.getpid()}


def tell(starter: socket.socket, message: dict[str, Any]) -> None:
    """Say something to whoever starts the lab, if they are still there."""
    try:
        starter.send(json.dumps(message).encode() + b"\n")
    except OSError:
        return


def _log_to(path: Path) -> None:
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


def sort_among(options: list[str]) -> str:
    """Return which sort of lab is asked for: `--of=SORT`, or the payments staging."""
    return next((option.partition("=")[2] for option in options if option.startswith("--of=")), sorts.PAYMENTS)


def supervise(place: Place, starter: socket.socket, options: list[str]) -> None:
    """Own the lab at `place` from start to end; its lock is held already."""
    keep_logs = False

    async def whole_life() -> bool:
        supervisor = Supervisor(place, starter, sort_among(options))
        _log_to(place.logs / "supervisor.log")
        await supervisor.run(keep="--keep" in options)
        return supervisor.keep_logs

    try:
        remains.remove(place)  # what a lab of this name that was killed has left
        keep_logs = asyncio.run(whole_life())
    except (FaildrillError, OSError) as error:
        tell(starter, {"failed": str(error)})
    finally:
        process_tree.end(lambda: descendants(os.getpid()), process_tree.TIME_TO_END)
        remains.remove(place, keep_logs=keep_logs)
        remains.forget(place)


def main() -> None:
    """Supervise one lab in this process."""
    os.umask(0o077)
    # Until the loop hears it: a Ctrl-C while it starts would leave nodes behind that nobody takes down.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    kernel.become_subreaper()
    name, root, *options = sys.argv[1:]
    place = folders.place(name, Path(root))
    starter = socket.socket(fileno=os.dup(0))
    # Nodes inherit descriptor 0: the channel to the starter must close when this process lets go of it.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    starter.setblocking(False)  # noqa: FBT003 - its name says it
    if not lock.acquire(place.lock):
        tell(starter, {"busy": lock.holder(place.lock)})
        return
    supervise(place, starter, options)


if __name__ == "__main__":
    main()
