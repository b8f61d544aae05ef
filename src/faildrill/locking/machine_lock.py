"""Who drills an environment on this machine: locks that die with their holder.

They are kept under each of the facts that the environment proves, so that the same place is locked from every folder,
under every name, and by every file that shares a fact with ours. A lock is a file in the user's state folder, which
tells the user's other runs who holds it, and an abstract socket, which all users of the machine share. Kept small: the
sentinel imports it before anything else is loaded.
"""

import contextlib
import errno
import fcntl
import json
import os
import pwd
import re
import socket
import struct
import time
from dataclasses import asdict, dataclass
from typing import Final

from faildrill.errors import Objection
from faildrill.locking.place_key import PlaceKey, folder_of, places
from faildrill.system import atomic_file, state_folder, who

_FACTS: Final = "facts"
_KEY: Final = re.compile("[0-9a-f]{16}")
_PATIENCE: Final = 100
"""Looks, ten milliseconds apart, at who has just won a lock: on a busy machine it takes a while to write its name."""
_WAITING: Final = 4096
"""How many may ask a lock's socket who holds it before the kernel sends them away."""
_CREDENTIALS: Final = struct.Struct("3i")
"""What Linux tells of a socket's owner: its pid, user and group."""


@dataclass(frozen=True)
class Holder(who.Placed):
    """Who holds an environment: told to those who ask for it in vain."""

    run: str
    folder: str
    pid: int
    user: str
    since: str
    identity: str = ""
    """Of the environment as a whole."""
    here: str = ""
    """Where its pid is one, as `who.here` tells; empty as versions before wrote it."""

    def __str__(self) -> str:
        on = f" on {self.elsewhere}" if self.elsewhere else ""
        return f"run {self.run} of {self.user} (pid {self.pid}{on}, since {self.since})"


def hold(proven: PlaceKey, holder: Holder) -> tuple[int, ...]:
    """Take every lock of the environment and return their descriptors; whoever inherits them holds them too.

    Raises Objection, with the name of the holder, when somebody else has one; none is held then.
    """
    with contextlib.ExitStack() as taken:
        descriptors: list[int] = []
        # Files first: they name the holder. All keys in one order (`PlaceKey.keys`): of two runs at once one
        # gets all of them, and not each of them some.
        for take in (_take_file, _take_socket):
            for key in proven.keys:
                descriptors.append(take(key, holder))
                taken.callback(os.close, descriptors[-1])
        taken.pop_all()
    _remember(proven)
    return tuple(descriptors)


def _remember(proven: PlaceKey) -> None:
    """Keep which facts an identity has, for those who know the identity only."""
    path = folder_of(proven.identity) / _FACTS
    if not path.exists():
        atomic_file.write(path, json.dumps(proven.facts).encode())


def identities() -> list[str]:
    """Return the identities of all environments that anybody drilled on this machine."""
    return sorted(path.parent.name for path in places().glob(f"*/{_FACTS}"))


def recalled(identity: str) -> PlaceKey:
    """Return what an environment is kept under whose identity alone is known, as far as anybody ran there."""
    try:
        facts = json.loads((places() / identity / _FACTS).read_bytes())
        return PlaceKey(identity, tuple(fact for fact in facts if _KEY.fullmatch(fact)))
    except (OSError, ValueError, TypeError):
        return PlaceKey(identity)


def _take_file(key: str, holder: Holder) -> int:
    descriptor = _opened(key)
    try:
        # flock(2) belongs to the open file, which children inherit: it is free when the last of them is gone, however
        # it died.
        state_folder.lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        other = _holder(descriptor)
        os.close(descriptor)
        raise _taken_by(f"{other}") from error
    # Emptied before it is written: a shorter name must not end in the rest of the one before.
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(asdict(holder)).encode(), 0)
    return descriptor


def _take_socket(key: str, _: Holder) -> int:
    """Bind the name that all users of this machine share; only the kernel can free it, when its last holder is gone."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as lock:
        try:
            lock.bind(_address(key))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise _taken_by(_owner(key)) from error
        lock.listen(_WAITING)  # for those who ask who holds it: nobody ever answers them
        # unix(7): an abstract name has no file to be left behind. The kernel frees it with the last descriptor that
        # holds it.
        return lock.detach()


def _address(key: str) -> str:
    # The leading zero byte makes it abstract: it is in no folder, so neither a mount nor rights hide it from other
    # users.
    return f"\0faildrill/{key}"


def _taken_by(whom: str) -> Objection:
    return Objection(f"the environment is being drilled by {whom}; wait for it or abort it")


def _owner(key: str) -> str:
    """Say which user and process bound a lock's socket: told by the kernel, so nobody can pass for somebody else."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.setblocking(False)  # noqa: FBT003 - its only parameter
        try:
            asking.connect(_address(key))
            # unix(7): for a connected stream socket these are of who called listen(2), filled in by the kernel.
            credentials = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        except OSError:
            return "somebody on this machine who has just let go of it, or is asked by too many"
    pid, user, _ = _CREDENTIALS.unpack(credentials)
    with contextlib.suppress(KeyError):
        return f"{pwd.getpwuid(user).pw_name} (pid {pid}, with state of their own)"
    return f"user {user} (pid {pid}, with state of their own)"


def await_release(proven: PlaceKey) -> None:
    """Wait until nobody holds the environment: the processes of a run, its report among them, are gone then."""
    for key in proven.keys:
        descriptor = _opened(key)
        try:
            state_folder.lock(descriptor, fcntl.LOCK_EX)
        finally:
            os.close(descriptor)


def is_held(identity: str) -> bool:
    """Tell whether a process of this user holds the environment of that identity, alive as it is."""
    descriptor = _opened(identity)
    try:
        # Shared, so that two who only ask don't take each other for a holder.
        state_folder.lock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _opened(key: str) -> int:
    return os.open(folder_of(key) / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def holders() -> dict[str, Holder]:
    """Return, by identity, who was the last to take each lock of this machine; whether they live is not asked."""
    by_identity: dict[str, Holder] = {}
    for path in sorted(places().glob("*/lock")):
        with contextlib.suppress(OSError, ValueError, TypeError):
            holder = Holder(**json.loads(path.read_bytes()))
            by_identity[holder.identity or path.parent.name] = holder
    return by_identity


def _holder(descriptor: int) -> Holder | str:
    for _ in range(_PATIENCE):  # the winner writes its name just after it has won
        try:
            return Holder(**json.loads(os.pread(descriptor, 4096, 0)))
        except (ValueError, TypeError):
            time.sleep(0.01)
    return "somebody whose name can't be read"
