"""`command.reach`: members that only programs of yours reach, such as jobs of a scheduler, virtual machines, a PDU."""

from collections.abc import Sequence
from typing import Final, Literal

from pydantic import Field

from faildrill import durations
from faildrill.errors import ActionFailed, ActionRefused, CannotSee, NotStarted, OutcomeUnknown
from faildrill.ports import Duration, Told
from faildrill.toolkit.listeners import plain_address
from faildrill.toolkit.programs import Argv, Ended, Surroundings, unstarted

MEMBER: Final = "{member}"
"""What stands for the name of the member in an argument."""
State = Literal["running", "stopped", "absent"]
_STATES: Final[dict[str, State]] = {"running": "running", "stopped": "stopped", "absent": "absent"}
_CONTRACT: Final = "the last line of its stdout must be `running`, `stopped` or `absent`, and it must exit 0"
_TOLD: Final = 300
"""Characters of a program's words that are told: the last ones, where an error stands."""


class Programs(Surroundings):
    """Reaches members by programs of yours: for a scheduler, virtual machines, a power switch.

    Programs are lists of arguments, in which `{member}` is the member's name; no shell is used. `state_argv` says on
    its last line `running`, `stopped` or `absent`, and exits 0; anything else counts as unknown. A program that changes
    something is run once. If it does not end in time it is killed with its process group, and looking settles what it
    has done.

    Where your programs lead is their own word: `leads_argv` prints HOST:PORT of all that they would act on, one a line,
    as whoever manages the members has it. One that is missing is an objection, and so is one too many. Without it a
    drill is refused, unless the target says why nothing can prove it (`unproven`). Such a reach holds no time limit.

        reaches:
          nomad:
            command.reach:
              state_argv: [ops/nomad-state, "{member}"]
              kill_argv:  [ops/nomad-kill, "{member}"]
              start_argv: [ops/nomad-start, "{member}"]
              leads_argv: [ops/nomad-addresses, "{member}"]
    """

    state_argv: Argv = Field(description="prints `running`, `stopped` or `absent`; changes nothing")
    start_argv: Argv = Field(description="starts it, and exits 0; right to run where it runs already")
    kill_argv: Argv | None = Field(default=None, description="takes it down at once, and exits 0 when it is down")
    stop_argv: Argv | None = Field(default=None, description="holds it, as SIGSTOP does; `go_on_argv` lets it go on")
    go_on_argv: Argv | None = Field(default=None, description="lets it go on, as SIGCONT does")
    terminate_argv: Argv | None = Field(default=None, description="asks it to end, as SIGTERM does")
    leads_argv: Argv | None = Field(
        default=None, description="prints HOST:PORT of all that the others would act on, one a line; changes nothing"
    )
    within: Duration = Field(default=30.0, gt=0, description="how long one of them may take")

    async def signal(self, member: str, name: Literal["KILL", "STOP", "CONT", "TERM"]) -> None:
        """Run the program for a signal, once; ActionRefused where there is none, or nothing could let it go on."""
        fields = {"KILL": "kill_argv", "STOP": "stop_argv", "CONT": "go_on_argv", "TERM": "terminate_argv"}
        argv: Argv | None = getattr(self, fields[name])
        if argv is None:
            raise ActionRefused(f"{member}: its reach has no `{fields[name]}`")
        if name == "STOP" and self.go_on_argv is None:
            raise ActionRefused(f"{member}: its reach has no `go_on_argv`, so nothing would let it go on")
        await self._change(member, argv)

    async def start(self, member: str) -> None:
        """Run the program that starts it, unless it runs."""
        if await self.state(member) == "absent":
            await self._change(member, self.start_argv)

    async def state(self, member: str) -> State:
        """Ask the program that tells; CannotSee where it says anything else, or fails."""
        ended = await self._ask(member, self.state_argv)
        said = ended.printed.rpartition("\n")[2].strip()
        if ended.code != 0 or said not in _STATES:
            raise CannotSee(f"{self.state_argv[0]} {_short(ended)}, so what {member} does is unknown; {_CONTRACT}")
        return _STATES[said]

    async def leads(self, member: str, addresses: Sequence[str]) -> Told:
        """Compare what the programs would act on, by their own word, with the declared addresses."""
        if self.leads_argv is None:
            return Told(silent=[f"{member}: without `leads_argv` nobody tells whether its reach leads to it"])
        try:
            ended = await self._ask(member, self.leads_argv)
        except CannotSee as error:
            return Told(silent=[f"{member}: {error}"])
        if ended.code != 0:
            return Told(silent=[f"{member}: {self.leads_argv[0]} {_short(ended)}"])
        says = {plain_address(line.strip()) for line in ended.printed.splitlines() if line.strip()}
        answers = Told([], [], [])
        for address in addresses:
            if plain_address(address) in says:
                answers.proved.append(f"{member} at {address}, says {self.leads_argv[0]}")
            else:
                there = ", ".join(sorted(says)) or "nothing"
                answers.differs.append(f"{member}: its reach acts on {there}, not on {address}")
        # What has no address declared is compared with nothing; what has some is these, and nothing else.
        more = ", ".join(sorted(says - {plain_address(address) for address in addresses})) if addresses else ""
        if more:
            answers.differs.append(f"{member}: its reach acts on {more}, too, which is none of its declared addresses")
        return answers

    async def _change(self, member: str, argv: Argv) -> None:
        try:
            ended = await self.run(_of(member, argv), self.within, {})
        except OSError as error:
            raise NotStarted(unstarted(argv[0], error)) from error
        if ended.code is None:
            raise OutcomeUnknown(f"{argv[0]} {ended}; it had {durations.show(self.within)} (`within`)")
        if ended.code != 0:
            raise ActionFailed(f"{argv[0]} {_short(ended)}")

    async def _ask(self, member: str, argv: Argv) -> Ended:
        try:
            return await self.run(_of(member, argv), self.within, {})
        except OSError as error:
            raise CannotSee(unstarted(argv[0], error)) from error


def _of(member: str, argv: Argv) -> Argv:
    return tuple(word.replace(MEMBER, member) for word in argv)


def _short(ended: Ended) -> Ended:
    return ended._replace(printed=ended.said[-_TOLD:], complained="")
