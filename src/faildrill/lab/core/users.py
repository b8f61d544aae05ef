"""Which user a PostgreSQL node runs as: PostgreSQL refuses root, and its tools need a user with a name."""

import os
import pwd
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from faildrill.errors import FaildrillError
from faildrill.system import kernel


@dataclass(frozen=True)
class User:
    """How a node's main program takes its user.

    `self`: as whoever started the lab. `namespace`: in a user namespace of its own, in which it has that id
    and outside of which nothing changes. `other`: that user of the system, to whom its folder is given.
    """

    how: Literal["self", "namespace", "other"]
    uid: int
    gid: int

    def spec(self) -> dict[str, str | int]:
        """Return the user as the init of a node wants it."""
        return {"as": self.how, "uid": self.uid, "gid": self.gid}


def myself() -> User:
    """Whoever runs this process."""
    return User("self", os.geteuid(), os.getegid())


def for_postgres() -> User:
    """Choose a user that PostgreSQL accepts, without asking for rights that this process does not have.

    Raises FaildrillError when there is none.
    """
    if os.geteuid() and _has_a_name(os.geteuid()):
        return myself()
    named = _someone_unprivileged()
    if named and namespaces_permitted(named.pw_uid, named.pw_gid):
        return User("namespace", named.pw_uid, named.pw_gid)
    if named and not os.geteuid():
        return User("other", named.pw_uid, named.pw_gid)
    raise FaildrillError(
        "PostgreSQL runs neither as root nor as a user without a name, and user namespaces are not permitted here: "
        "start the lab as an ordinary user that /etc/passwd knows"
    )


def _has_a_name(uid: int) -> bool:
    return any(entry.pw_uid == uid for entry in pwd.getpwall())


def _someone_unprivileged() -> pwd.struct_passwd | None:
    """`nobody` where it exists, or else the first user who is not root."""
    others = [entry for entry in pwd.getpwall() if entry.pw_uid]
    return next((entry for entry in others if entry.pw_name == "nobody"), others[0] if others else None)


def namespaces_permitted(uid: int, gid: int) -> bool:
    """Try in a child process whether this system lets us have a user namespace."""
    child = os.fork()
    if not child:
        signal.alarm(5)
        try:
            kernel.enter_user_namespace(uid, gid)
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def give(folder: Path, user: User) -> None:
    """Give a folder and all that is in it to the user that a node runs as, where that is another one of the system."""
    if user.how == "other":
        for inner, _, files in os.walk(folder):
            for path in (inner, *(f"{inner}/{file}" for file in files)):
                os.chown(path, user.uid, user.gid)
