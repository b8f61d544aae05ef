"""`ssh.systemd` and `local.systemd`: a member is a unit of systemd, on a host or on this one."""

import shlex
from typing import Final

from pydantic import Field

from faildrill.adapters.ssh.host_member import ACTS_WITHIN, HostMember, read
from faildrill.adapters.ssh.login import MEMBER, Login, ThisHost


class OfUnit(HostMember):
    """What both share: which unit it is, and of which systemd."""

    unit: str = Field(
        pattern=r"^[^\s-]\S*$", description="its unit, e.g. `patroni.service`; `{member}` is the member's name"
    )
    user: bool = Field(default=False, description="true: a unit of the user's own systemd (`systemctl --user`)")

    def words(self, member: str) -> str:
        """Return what the program on the host must know."""
        own = " --user" if self.user else ""
        runtime = ': "${XDG_RUNTIME_DIR:=/run/user/$(id -u)}"; export XDG_RUNTIME_DIR\n' if self.user else ""
        unit = shlex.quote(self.unit.replace(MEMBER, member))
        return (
            f"unit={unit}\n{runtime}"
            f'ctl() {{ timeout {ACTS_WITHIN} systemctl --no-ask-password{own} "$@"; }}\n'
            f'ctl_patiently() {{ timeout 60 systemctl --no-ask-password{own} "$@"; }}\n'
            f'run_later() {{ timeout {ACTS_WITHIN} systemd-run --no-ask-password{own} "$@"; }}\n{_PROGRAM}'
        )


class Unit(Login, OfUnit):
    """Reaches units of systemd on hosts over OpenSSH: signals go to all processes of the unit's control group.

    After KILL the unit stays down, also one that systemd would start again (`Restart=`): its start is cancelled. Units
    that require it or are part of it stay up, as after a crash; where one that is bound to it (`BindsTo=`) is up, KILL
    is refused. It is put back by `systemctl start`, after `reset-failed`. STOP holds all of its processes. With
    `at_most` a transient timer of systemd brings it back. The login is as with `ssh.process`; units of the system need
    `become: true`, or root.

        reaches:
          nodes:
            ssh.systemd: {host: "{member}.staging.example.com", unit: patroni.service, become: true}
    """


class LocalUnit(ThisHost, OfUnit):
    """Reaches units of systemd on the host that faildrill runs on, with the means of `ssh.systemd`.

    For an agent that runs where the units do.

        reaches:
          here:
            local.systemd: {unit: "{member}.service"}
    """


_PROGRAM: Final = read("systemd_member.sh", "processes.sh")
