"""`ssh.process` and `local.process`: a member is the process of a pid file, on a host or on this one."""

import shlex
from typing import Annotated, Final

from pydantic import Field

from faildrill.adapters.ssh.host_member import HostMember, read
from faildrill.adapters.ssh.login import MEMBER, Login, ThisHost
from faildrill.ports import Words

_ON_THE_HOST: Final = r"^(/|\{member\})\S.*$"
OnTheHost = Annotated[str, Field(pattern=_ON_THE_HOST)]
"""A path on the host of the member; loading leaves it as it is."""


class OfProcess(HostMember):
    """What both share: which process it is, and how it is started."""

    pid_file: OnTheHost = Field(
        description="the file on the host that holds its process id; `{member}` is the member's name"
    )
    command: Words = Field(
        description="text that its command line must contain as a whole word; otherwise it is not touched"
    )
    others: dict[OnTheHost, Words] = Field(
        default={},
        description="what belongs to it and is not started by it: by pid file, what its command line must contain",
    )
    start_command: tuple[str, ...] = Field(
        min_length=1, description="the program on the host that starts it and then exits, and its arguments"
    )

    def words(self, member: str) -> str:
        """Return what the program on the host must know."""

        def quoted(text: str) -> str:
            return shlex.quote(text.replace(MEMBER, member))

        others = "".join(f"another {quoted(path)} {quoted(text)} || return 1\n" for path, text in self.others.items())
        return (
            f"pid_file={quoted(self.pid_file)}\ncommand={quoted(self.command)}\n"
            f"others() {{\n{others}:\n}}\n"
            f"start_it() {{ timeout 60 {' '.join(map(quoted, self.start_command))}; }}\n{_PROGRAM}"
        )


class Process(Login, OfProcess):
    """Reaches processes on hosts over OpenSSH: by pid file, where there is no systemd.

    A member is the process whose number stands in `pid_file`, and all that descends from it; it is touched only if its
    command line contains `command` as a whole word. Everything about the login (user, port, key, jump hosts) is
    OpenSSH's own configuration, or that of an Ansible inventory. The host needs `sh`, `awk`, `grep`, `setsid` and
    `timeout`; the user must be allowed to signal the processes (`become: true` for root).

    An order is sent once, over a connection that stands; it is not begun by the host after 2 s, and sends no signal
    after 4 s. With `at_most` a process on the host brings the member back by itself.

        reaches:
          hosts:
            ssh.process:
              host: "{member}.staging.example.com"
              pid_file: /run/payments.pid
              command: payments-server
              start_command: [/usr/local/bin/payments-start]
    """


class LocalProcess(ThisHost, OfProcess):
    """Reaches processes of the host that faildrill runs on, by pid file, with the means of `ssh.process`.

    reaches:
      here:
        local.process:
          pid_file: "/run/{member}.pid"
          command: payments-server
          start_command: [systemctl, start, "{member}"]
    """


_PROGRAM: Final = read("process_member.sh", "processes.sh", "watchman.sh")
