"""Who runs this, and on which machine: names for people, also where the system knows none."""

import getpass
import os
import socket
from pathlib import Path


def user() -> str:
    """Return the name of the user; `uid 12345` where nobody gave that number one, as in many containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # OSError since Python 3.13
        return f"uid {os.getuid()}"


def machine() -> str:
    """Return the name of this machine; a container has its own."""
    return socket.gethostname()


def here() -> str:
    """Return where the numbers of processes mean what they mean to us: the machine, and its namespace of processes.

    State that is shared by two containers, or over a network, names processes of both.
    """
    try:
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        space = "pid:[?]"
    return f"{machine()} {space}"


def elsewhere(place: str) -> str:
    """Return the machine of a place, as `here` told it there; empty where it is ours, or none was told."""
    return place.partition(" ")[0] if place and place != here() else ""


class Placed:
    """What names a process of one machine, or of one container."""

    here: str
    """Where that is, as `here` tells."""

    @property
    def elsewhere(self) -> str:
        """The machine, where that is another one, or another container; empty where it is ours."""
        return elsewhere(self.here)
