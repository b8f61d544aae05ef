"""One node of the lab as its supervisor holds it: what it runs, and the channel to the init above it."""

import asyncio
import json
import os
import socket
import sys
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import faildrill
from faildrill.errors import FaildrillError
from faildrill.lab.core import process_tree
from faildrill.lab.core.users import User, myself
from faildrill.system.processes import STOPPED, Process, descendants

State = Literal["running", "stopped", "absent"]
SIGNALS = ("KILL", "STOP", "CONT", "TERM", "INT", "HUP", "USR1", "USR2")
"""Those that a node can be sent, by the names of `man 7 signal` without SIG."""
ANSWER_WITHIN = 30.0
"""Seconds that an init may take to do what it is told."""
_KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "SSL_CERT_FILE")
"""Nothing of a drill is among it."""
_ROOT = str(Path(faildrill.__file__).parent.parent)
"""The folder that this package is imported from: an init is started without the site's packages."""
_INIT = f"import sys; sys.path.insert(0, {_ROOT!r}); from faildrill.lab.core.init import main; main()"
"""What an init runs."""


def environment() -> dict[str, str]:
    """Return what the supervisor and its nodes see of the environment of whoever starts the lab."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | {"PYTHONUNBUFFERED": "1"}


@dataclass(frozen=True)
class Recipe:
    """What a node runs."""

    name: str
    argv: list[str]
    folder: Path
    log: Path
    user: User = field(default_factory=myself)
    part: str = ""
    """The kind of part, for people: `etcd`, `postgresql`, …"""
    variables: Mapping[str, str] = field(default_factory=dict)
    """What its environment has besides."""


class Node:
    """A node: started, signalled and looked at; it comes back only when `start` is called again."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.init = 0
        """The id of its init; 0 when there is none."""
        self.starts = 0
        self.since = 0.0
        """Seconds since the epoch of the last start."""
        self.exited: int | None = None
        """How its main program ended, if it has."""
        self.gone = asyncio.Event()
        self.gone.set()
        self._there = asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None
        self._answers: deque[tuple[str, asyncio.Future[None]]] = deque()

    async def start(self) -> None:
        """Start the node, and return when its main program is there; FaildrillError when something of it runs still."""
        if self.init:
            raise FaildrillError(f"{self.recipe.name} is not down: kill it first")
        ours, theirs = socket.socketpair()
        with theirs:
            self.init = self._spawn(theirs)
        self.gone.clear()
        self._there.clear()
        self.starts, self.since, self.exited = self.starts + 1, time.time(), None
        reader, self._writer = await asyncio.open_unix_connection(sock=ours)
        self._tell(
            {
                "argv": self.recipe.argv,
                "env": self._environment(),
                "cwd": str(self.recipe.folder),
                "log": str(self.recipe.log),
                "user": self.recipe.user.spec(),
            }
        )
        self._listening = asyncio.create_task(self._listen(reader))
        async with asyncio.timeout(ANSWER_WITHIN):
            await self._there.wait()

    async def signal(self, name: str) -> None:
        """Send a signal to all of the node; when it is KILL, nothing of it is left on return."""
        if name not in SIGNALS:
            raise FaildrillError(f"no such signal: {name!r}; there are {', '.join(SIGNALS)}")
        if not self.init:
            if name == "KILL":
                return
            raise FaildrillError(f"{self.recipe.name} is down: there is nothing to send {name} to")
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._answers.append((name, answer))
        self._tell({"signal": name})
        async with asyncio.timeout(ANSWER_WITHIN):
            await answer
            if name == "KILL":
                await self.gone.wait()

    def processes(self) -> list[Process]:
        """Return what runs on the node, its init left out."""
        return descendants(self.init) if self.init else []

    def state(self) -> State:
        """Return `stopped` when every process of it is held by a signal, `absent` when there is none."""
        running = self.processes()
        if not running:
            return "absent"
        return "stopped" if all(process.state in STOPPED for process in running) else "running"

    def _environment(self) -> dict[str, str]:
        """Return the node's environment, with the mark that proves to whom its processes belong."""
        return {**environment(), **self.recipe.variables, process_tree.MARK: str(self.recipe.folder)}

    def _spawn(self, channel: socket.socket) -> int:
        log = os.open(self.recipe.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            return os.posix_spawn(
                sys.executable,
                # -I and -S: no variables, no site-packages. An init is to be small, and to start in some hundredths
                # of a second.
                [sys.executable, "-I", "-S", "-c", _INIT, self.recipe.name, str(self.recipe.folder)],
                self._environment(),
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, channel.fileno(), 0),
                    (os.POSIX_SPAWN_DUP2, log, 1),
                    (os.POSIX_SPAWN_DUP2, log, 2),
                ],
                # A session of its own: Ctrl-C on the terminal is for the lab's user, not for each of its servers.
                setsid=True,
            )
        finally:
            os.close(log)

    def _tell(self, message: dict[str, Any]) -> None:
        if self._writer is not None:
            self._writer.write(json.dumps(message).encode() + b"\n")

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        """Take what the init says until it is gone, and with it what it could not end itself."""
        try:
            while line := await reader.readline():
                self._hear(json.loads(line))
        except ConnectionError:
            pass
        finally:
            await self._bury()

    def _hear(self, message: dict[str, Any]) -> None:
        if "started" in message:
            self._there.set()
        if "exited" in message:
            self.exited = message["exited"]
        if self._answers and ("done" in message or "failed" in message):
            _, answer = self._answers.popleft()
            if answer.done():
                return
            if "failed" in message:
                answer.set_exception(FaildrillError(f"{self.recipe.name}: {message['failed']}"))
            else:
                answer.set_result(None)

    async def _bury(self) -> None:
        """Once the init is gone, see that all of the node is, and let those go who wait for it.

        An init that was killed has left its processes to the supervisor; they are known by their folder.
        """
        while process_tree.read(self.init):  # noqa: ASYNC110 - the channel closes just before the process is gone
            await asyncio.sleep(0.005)
        folder = str(self.recipe.folder)
        process_tree.end(lambda: process_tree.belonging(folder), process_tree.TIME_TO_END)
        if self._writer is not None:
            self._writer.close()
        self.init, self._writer = 0, None
        for name, answer in self._answers:
            if name == "KILL" and not answer.done():
                answer.set_result(None)
            elif not answer.done():
                answer.set_exception(FaildrillError(f"{self.recipe.name} went down before it could obey"))
        self._answers.clear()
        self._there.set()
        self.gone.set()
