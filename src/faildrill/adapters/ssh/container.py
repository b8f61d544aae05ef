"""`ssh.container` and `local.container`: a member is a container under Podman or Docker, on a host or on this one."""

import shlex
from typing import Final

from pydantic import Field

from faildrill.adapters.ssh.host_member import ACTS_WITHIN, HostMember, read
from faildrill.adapters.ssh.login import MEMBER, Login, ThisHost


class OfContainer(HostMember):
    """What both share: which container it is, and whose."""

    container: str = Field(
        default=MEMBER, pattern=r"^[^\s-]\S*$", description="its name on the host; `{member}` is the member's name"
    )
    engine: tuple[str, ...] = Field(
        default=("podman",), min_length=1, description="the command line of its engine, e.g. `[docker]`"
    )

    def words(self, member: str) -> str:
        """Return what the program on the host must know."""
        engine = shlex.join(self.engine)
        name = shlex.quote(self.container.replace(MEMBER, member))
        return (
            f'container={name}\nengine() {{ timeout {ACTS_WITHIN} {engine} "$@"; }}\n'
            f'engine_patiently() {{ timeout 60 {engine} "$@"; }}\n{_PROGRAM}'
        )


class Container(Login, OfContainer):
    """Reaches containers on hosts over OpenSSH, by Podman's or Docker's command line there.

    KILL ends the container, and leaves it down; STOP pauses it, so that none of its processes runs, and CONT goes on.
    A service of Compose is named as its container is, e.g. `staging-pay1-1`. The login is as with `ssh.process`. Where
    it leads is seen in the container's own network: an address must be the container's own, or that of a host whose
    network it shares, as a published port is answered by another process.

        reaches:
          containers:
            ssh.container: {host: docker1, container: "staging-{member}-1", engine: [docker], become: true}
    """


class LocalContainer(ThisHost, OfContainer):
    """Reaches containers of the host that faildrill runs on, with the means of `ssh.container`.

    The user that runs faildrill must be one who may ask the engine.

        reaches:
          containers:
            local.container: {engine: [podman], container: "{member}"}
    """


_PROGRAM: Final = read("container_member.sh", "watchman.sh")
