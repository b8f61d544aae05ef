"""Who may drill an environment: a lock that dies with its holder, and marks of runs that are not put back.

Both lie in the machine's state folder under the environment's proven identity, so that the same place is locked
from every folder and under every name. Kept small: the sentinel imports it before anything else is loaded.
"""

import contextlib
import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from faildrill import state
from faildrill.errors import Objection
from faildrill.journal import sync_folder


@dataclass(frozen=True)
class Holder:
    """Who holds an environment: told to those who ask for it in vain."""

    run: str
    folder: str
    pid: int
    user: str
    since: str

    def __str__(self) -> str:
        return f"run {self.run} of {self.user} (pid {self.pid}, since {self.since})"


def _place(identity: str) -> Path:
    found = state.folder() / "environments" / identity
    found.mkdir(parents=True, exist_ok=True)
    return found


def hold(identity: str, holder: Holder) -> int:
    """Take the environment's lock and return its descriptor; whoever inherits it holds the lock too.

    Raises Objection, with the name of the holder, when somebody else has it.
    """
    descriptor = os.open(_place(identity) / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        other = _holder(descriptor)
        os.close(descriptor)
        raise Objection(f"the environment is being drilled by {other}; wait for it or abort it") from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(asdict(holder)).encode(), 0)
    return descriptor


def await_release(identity: str) -> None:
    """Wait until nobody holds the environment: the processes of a run, its report among them, are gone then."""
    descriptor = os.open(_place(identity) / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    finally:
        os.close(descriptor)


def holders() -> dict[str, Holder]:
    """Return, by identity, who was the last to take each lock of this machine; whether they live is not asked."""
    found: dict[str, Holder] = {}
    for path in sorted((state.folder() / "environments").glob("*/lock")):
        with contextlib.suppress(OSError, ValueError, TypeError):
            found[path.parent.name] = Holder(**json.loads(path.read_bytes()))
    return found


def _holder(descriptor: int) -> Holder | str:
    for _ in range(10):  # the winner writes its name just after it has won
        try:
            return Holder(**json.loads(os.pread(descriptor, 4096, 0)))
        except (ValueError, TypeError):
            time.sleep(0.01)
    return "somebody whose name can't be read"


@dataclass(frozen=True)
class Mark:
    """A run that has touched its environment and was not seen to put everything back."""

    run: str
    folder: str
    drill: str
    since: str


def mark(identity: str, one: Mark) -> None:
    """Mark the environment as touched by a run; durable on return. OSError when it can't be written."""
    place = _place(identity)
    path = place / f"{one.run}.touched"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, json.dumps(asdict(one)).encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_folder(place)


def clear(identity: str, run: str) -> None:
    """Take a run's mark off: everything it touched was seen put back."""
    (_place(identity) / f"{run}.touched").unlink(missing_ok=True)
    sync_folder(_place(identity))


def marks(identity: str) -> list[Mark]:
    """List the runs that left the environment touched, oldest first; a mark that can't be read is one too."""
    return [_read(path) for path in sorted(_place(identity).glob("*.touched"))]


def all_marks() -> dict[str, list[Mark]]:
    """List the marks of every environment of this machine, by identity."""
    places = sorted((state.folder() / "environments").glob("*/"))
    return {place.name: found for place in places if (found := marks(place.name))}


def _read(path: Path) -> Mark:
    try:
        return Mark(**json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        return Mark(path.stem, "(its mark can't be read)", "?", "?")
