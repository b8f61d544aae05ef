"""`nginx.identity`: that an NGINX of this host is one whole and the one that users meet, and on which machine."""

import asyncio
from typing import Annotated

from pydantic import Field

from faildrill.adapters.nginx.instance import Nginx
from faildrill.errors import CannotSee
from faildrill.ports import THIS_HOST, Given, Told, at
from faildrill.ports.target import FilePath, Program
from faildrill.system import bounded_read
from faildrill.system.threads import aside
from faildrill.toolkit import machine_id
from faildrill.toolkit.deadlines import SHARE
from faildrill.toolkit.identity import Proves
from faildrill.toolkit.machine_id import MachineId


class Identity(Proves):
    """Refuses the drill unless this host is the declared machine, and its NGINX is the one that users meet.

    The master process that `pid_file` names must run with `config`, and it or its workers must hold every socket that
    takes connections at each address in `listens`. An NGINX that is down is an objection, and so is another process
    that listens there. `nginx -T` is run to read what `config` includes.

        identity:
          - nginx.identity: {listens: ["127.0.0.1:80"], machine: 3f2a9c417d3f6f1e2f0c4a579a6e3a1d}
    """

    config: FilePath = Field(default="/etc/nginx/nginx.conf", description="NGINX's main file")
    pid_file: FilePath = Field(default="/run/nginx.pid", description="where NGINX's master keeps its process id")
    binary: Program = Field(default="nginx", description="the program that prints its files")
    listens: tuple[Annotated[str, Field(pattern=r"^\S+:\d{1,5}$")], ...] = Field(
        min_length=1, description="HOST:PORT where users reach it"
    )
    machine: MachineId

    def facts(self) -> list[str]:
        """Tell the machine, and which NGINX of it: by its file without links, and, as versions before, as given."""
        paths = dict.fromkeys((bounded_read.real(self.config), self.config))
        return [f"{machine_id.fact(self.machine)} nginx {path}" for path in paths]

    def covers(self) -> list[str]:
        """Name the host that it is on, and what users reach through it."""
        return [THIS_HOST, *(at(address) for address in self.listens)]

    async def ask_again(self, given: Given) -> Told:
        """Look, and tell apart another machine or NGINX from one that is down."""
        if elsewhere := await aside(lambda: machine_id.otherwise(self.machine)):
            return elsewhere
        try:
            async with asyncio.timeout(given.timeout * SHARE):
                nginx = Nginx(self.config, self.pid_file, self.binary)
                apart = await nginx.apart([], list(self.listens), given.timeout * SHARE / 2)
        except (CannotSee, TimeoutError) as error:
            return Told(silent=[str(error) or f"{self.binary} did not print its files in time"])
        return Told(differs=[apart]) if apart else Told(proved=[f"NGINX of {self.config}"])
