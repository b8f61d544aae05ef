"""Find a lab, or start one: what `faildrill lab up`, `faildrill run --env lab` and tests call."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from faildrill.errors import FaildrillError
from faildrill.lab.core import control, folders, lock, node, sorts
from faildrill.lab.core.facts import Facts
from faildrill.lab.core.folders import Place
from faildrill.lab.core.search import find as find
from faildrill.lab.core.sorts import PAYMENTS

WITHIN = 120.0
"""Seconds after which starting a lab is given up."""
TAIL = 12
"""Lines of a log that are shown when its part did not become ready."""
Tell = Callable[[str], None]


class LabFailed(FaildrillError):
    """A lab could not be started."""


def up(
    name: str = "lab", *, root: Path | None = None, tell: Tell = lambda _: None, keep: bool = False, of: str = PAYMENTS
) -> Facts:
    """Return the lab of that name, ready: the one that is up, or one that is started now, of a sort among `sorts`.

    `tell` is told in words how far it is. With `keep`, a lab that can't be started is left as it is, to be looked
    at. Raises LabFailed with the reason; when this process ends before the lab is ready, nothing of it stays.
    """
    place = folders.place(name, root)
    deadline = time.monotonic() + WITHIN
    while time.monotonic() < deadline:
        ready = find(name, root)
        if ready:
            return ready
        holder = lock.holder(place.lock)
        if holder is None:
            _start(place, tell, of, keep=keep)
        else:
            tell(f"the lab {name!r} is being started or ended by process {holder}: waiting for it")
            _wait_for_another(place)
    raise LabFailed(
        f"the lab {name!r} was not ready within {WITHIN:g} s: see {place.logs}, or run: {place.command('down')}"
    )


def _wait_for_another(place: Place) -> None:
    """Wait until the lab that another process holds is ready, or held no more."""
    deadline = time.monotonic() + WITHIN
    while lock.holder(place.lock) is not None and time.monotonic() < deadline:
        try:
            phase = control.ask(place.control, {"op": "status"}, 10.0)["phase"]
        except (FaildrillError, TimeoutError):
            phase = "unknown"
        if phase == "failed":
            raise LabFailed(
                f"the lab {place.name!r} failed to start and was kept: see {place.logs}, then: {place.command('down')}"
            )
        if phase == "ready":
            return
        time.sleep(0.1)


def _start(place: Place, tell: Tell, of: str, *, keep: bool) -> None:
    """Start a supervisor and wait until it has brought the lab up, or another one holds the lock."""
    root, needs = place.folder.parent.parent, sorts.needs(of)
    ours, theirs = socket.socketpair()
    options = [*(["--keep"] if keep else []), f"--of={of}"]
    argv = [sys.executable, "-P", "-m", "faildrill.lab.core.supervisor", place.name, str(root), *options]
    with ours, theirs:
        process = subprocess.Popen(
            argv,
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env=node.environment() | needs,
            cwd="/",
        )
        theirs.close()
        try:
            _follow(ours, process, place, tell)
        except BaseException as error:  # also at Ctrl-C: a lab that nobody waits for is taken down, not left half up
            ours.close()  # from here on the supervisor takes everything down, but a lab that failed and is to be kept
            if keep and isinstance(error, LabFailed):
                _leave(process)
            else:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(30)
            raise
    _leave(process)


def _leave(process: subprocess.Popen[bytes]) -> None:
    """Let it go on without us: no one waits for it."""
    process.returncode = process.returncode or 0


def _follow(channel: socket.socket, process: subprocess.Popen[bytes], place: Place, tell: Tell) -> None:
    channel.settimeout(WITHIN)
    with channel.makefile("rb") as lines, process.stderr or Path(os.devnull).open("rb") as errors:
        for message in _messages(lines):
            if "part" in message:
                tell(f"{message['seconds']:6.2f} s  {message['part']}")
            if "failed" in message:
                raise LabFailed(_failure(message, place))
            if "ready" in message or "busy" in message:
                return
        raise LabFailed(f"the lab's supervisor ended: {_last_lines(errors) or tail(place.logs / 'supervisor.log')}")


def _messages(lines: IO[bytes]) -> Iterator[dict[str, Any]]:
    try:
        for line in lines:
            yield json.loads(line)
    except TimeoutError:
        raise LabFailed(f"the lab's supervisor has said nothing for {WITHIN:g} s") from None


def _last_lines(errors: IO[bytes]) -> str:
    return "\n".join(errors.read().decode(errors="replace").splitlines()[-TAIL:])


def _failure(message: dict[str, Any], place: Place) -> str:
    if "log" not in message:
        return str(message["failed"])
    log = Path(message["log"])
    return f"{message['failed']}\n{tail(log)}\nthe logs are kept in {place.logs} until: {place.command('down')}"


def tail(log: Path, lines: int = TAIL) -> str:
    """Return the last lines of a log, indented."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:])
