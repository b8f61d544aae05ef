"""`process.identity`: that a process of this host is the one that answers at an address, and on which machine."""

from typing import Self

from pydantic import Field, model_validator

from faildrill.adapters.process.search import Named
from faildrill.errors import CannotSee
from faildrill.ports import THIS_HOST, Given, Told
from faildrill.ports.addresses import Address
from faildrill.system import processes
from faildrill.system.threads import aside
from faildrill.toolkit import machine_id
from faildrill.toolkit.identity import Proves
from faildrill.toolkit.listeners import listeners, plain_address
from faildrill.toolkit.machine_id import MachineId


class Identity(Named, Proves):
    """Refuses the drill unless this host is the declared machine, and a process of it answers at an address.

    It is for drills that act on processes of this host. The process is named and checked as in `process.kill`, and
    every socket that takes connections at `address` must belong to it or to a process that it started. A process that
    is not there is an objection, and so is another one that listens there.

        identity:
          - process.identity:
              service: payments
              command: payments-server
              address: 127.0.0.1:8081
              machine: 3f2a9c417d3f6f1e2f0c4a579a6e3a1d
    """

    address: Address = Field(description="HOST:PORT where it accepts connections")
    machine: MachineId

    @model_validator(mode="after")
    def _is_not_started(self) -> Self:
        if self.start is not None:
            raise ValueError("nothing is started here: leave `start` out")
        return self

    def facts(self) -> list[str]:
        """Tell the machine, and what listens where: a machine may hold two places.

        The address is told in one spelling, so that it is one place under all of its names; and with the process as it
        was given, as versions before told it.
        """
        machine = machine_id.fact(self.machine)
        return [f"{machine} at {plain_address(self.address)}", f"{machine} {self.called} {self.address}"]

    def covers(self) -> list[str]:
        """Name the host that it is on."""
        return [THIS_HOST]

    async def ask_again(self, given: Given) -> Told:
        """Look, and tell apart another machine, or another process, from one that is down."""
        if elsewhere := await aside(lambda: machine_id.otherwise(self.machine)):
            return elsewhere
        try:
            place, words = await owns(self, self.address)
        except CannotSee as error:
            return Told(silent=[str(error)])
        answers = Told([], [], [])
        answers[place].append(words or f"{self.called} does not run")
        return answers


async def owns(named: Named, address: str) -> tuple[int, str]:
    """Tell whether the process is the one that answers at HOST:PORT: 0 it is, 1 another one is, 2 it does not answer.

    The words are empty where it does not run and nobody answers, either.
    """
    process = await named.find()
    tree = [member.pid for member in processes.tree(process)] if process else []
    holders = await listeners(address, tree)
    if process is None:
        because = f"{named.called} is no running process with {named.command!r} in its command line, and yet {holders}"
        return 2, because if holders.sockets else ""
    if not holders.sockets:
        return 2, f"process {process.pid} of {named.called} runs, and {holders}"
    if holders.belong_to(tree):
        return 0, f"process {process.pid} of {named.called} at {address}"
    if not holders.is_seen:
        return 2, f"whether process {process.pid} of {named.called} is what answers is unknown: {holders}"
    return 1, (
        f"process {process.pid} of {named.called} is not what answers: {holders}; correct "
        f"{'the service' if named.service else named.pid_file} or the address"
    )
