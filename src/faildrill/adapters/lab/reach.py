"""The lab's members, reached through the control socket of its supervisor; and what says which lab it is."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any, Literal, Self

import msgspec
from pydantic import Field, model_validator

from faildrill.adapters.member.target import Group
from faildrill.errors import ActionRefused, CannotSee, OutcomeUnknown, reason
from faildrill.ports import Given, Kind, Told, Words
from faildrill.ports.target import FilePath
from faildrill.toolkit.identity import Proves
from faildrill.toolkit.links import LinkMode, Mode
from faildrill.toolkit.listeners import listeners

_CONNECT_WITHIN = 2.0
_ANSWER_WITHIN = 30.0
_LOOK_WITHIN = 5.0
_REACH = "lab.supervisor"
_LOST = (OSError, TimeoutError, ValueError, EOFError)


class _Node(msgspec.Struct):
    state: Literal["running", "stopped", "absent"]
    pids: list[int] = []
    starts: int | None = None


class _Link(msgspec.Struct):
    mode: Mode
    delay_ms: int
    jitter_ms: int = 0


class _Answer(msgspec.Struct):
    """What a supervisor says; what says anything else is none."""

    ok: bool
    error: str = ""
    uid: str = ""
    nodes: dict[str, _Node] = {}
    links: dict[str, _Link] = {}


class Supervisor(Kind):
    """Reaches the nodes of a lab: signals a whole node, starts it again, sees whether it runs."""

    socket: FilePath = Field(description="path of the control socket of the lab's supervisor")

    async def signal(self, member: str, name: Literal["KILL", "STOP", "CONT", "TERM"]) -> None:
        """Send a signal to every process of a node; after KILL none of it is left. TERM goes to its main program.

        Raises ActionRefused when nothing was changed, OutcomeUnknown when no answer came.
        """
        await self._change({"op": "signal", "node": member, "signal": name})

    async def signal_for(self, member: str, name: Literal["KILL", "STOP"], seconds: float) -> None:
        """Send a signal, and have the supervisor bring the node back after float seconds, whoever is there to ask."""
        await self._change({"op": "signal", "node": member, "signal": name, "for": seconds})

    async def start(self, member: str) -> None:
        """Start a node that is down; does nothing where it runs."""
        await self._change({"op": "start", "node": member})

    async def state(self, member: str) -> Literal["running", "stopped", "absent"]:
        """Tell whether a node runs, is held by a signal, or is down."""
        return (await self._node(member)).state

    async def starts(self, member: str) -> int:
        """Tell how often a node was started since the lab is up."""
        starts = (await self._node(member)).starts
        if starts is None:
            raise CannotSee(f"the lab's supervisor on {self.socket} does not tell how often it has started {member}")
        return starts

    async def leads(self, member: str, addresses: Sequence[str]) -> Told:
        """Compare the processes of the node with those that listen at each address of it."""
        answers = Told([], [], [])
        try:
            pids = set((await self._node(member)).pids)
        except CannotSee as error:
            return Told(silent=[f"{member}: {error}"])
        if not addresses and pids:
            answers.proved.append(member)  # it answers nowhere else: what the supervisor holds is all of it
        for address in addresses:
            place, words = await self._listens(pids, address)
            if words:
                answers[place].append(f"{member}{words}")
        return answers

    async def _listens(self, pids: set[int], address: str) -> tuple[int, str]:
        """Tell whether processes of a node are what answers at an address: where in what is told, and the words."""
        try:
            holders = await listeners(address, pids)
        except CannotSee as error:
            return 2, f": {error}"
        if holders.belong_to(pids):
            return 0, f" at {address}"
        if not holders.sockets:
            return 2, f": it runs, and {holders}" if pids else ""
        if not holders.is_seen:
            return 2, f": {holders}, so whether it is this member's is unknown"
        has = f"processes {', '.join(map(str, sorted(pids)))}" if pids else "no process"
        return 1, (
            f": what its reach signals is not what answers: the lab on {self.socket} has {has} of it, and another one, "
            f"{holders}"
        )

    async def uid(self) -> str:
        """Return the random identity of the lab; CannotSee when it does not say."""
        uid = (await self._status()).uid
        if not uid:
            raise CannotSee(f"the lab's supervisor on {self.socket} does not say which lab it is")
        return uid

    async def _node(self, member: str) -> _Node:
        try:
            return (await self._status()).nodes[member]
        except KeyError:
            raise CannotSee(f"the lab has no node {member!r}") from None

    async def _status(self) -> _Answer:
        try:
            answer = await self._ask({"op": "status"}, _LOOK_WITHIN)
        except _LOST as error:
            raise CannotSee(f"the lab's supervisor on {self.socket} does not answer: {reason(error)}") from error
        if not answer.ok:
            raise CannotSee(f"the lab's supervisor on {self.socket} does not tell: {answer.error}")
        return answer

    async def link(self, member: str, doing: LinkMode, at_most: float | None = None) -> None:
        """Change the link by which other nodes reach a member; with `at_most` it opens after float seconds."""
        await self._change({"op": "link", "name": member, **doing._asdict(), "for": at_most})

    async def link_now(self, member: str) -> LinkMode:
        """Tell what a link does."""
        try:
            link = (await self._status()).links[member]
        except KeyError:
            raise CannotSee(f"the lab has no link to {member!r}") from None
        return LinkMode(link.mode, link.delay_ms, link.jitter_ms)

    async def _change(self, request: dict[str, Any]) -> None:
        """Send a request that changes something, once."""
        try:
            answer = await self._ask(request, _ANSWER_WITHIN)
        except _NotSent as error:
            raise ActionRefused(f"the lab's supervisor on {self.socket} can't be reached: {error}") from error
        except _LOST as error:
            raise OutcomeUnknown(f"the lab's supervisor did not answer {request['op']!r}: {reason(error)}") from error
        if not answer.ok:
            raise ActionRefused(f"the lab's supervisor: {answer.error}")

    async def _ask(self, request: dict[str, Any], within: float) -> _Answer:
        try:
            async with asyncio.timeout(_CONNECT_WITHIN):
                reader, writer = await asyncio.open_unix_connection(self.socket)
        except (OSError, TimeoutError) as error:
            raise _NotSent(reason(error)) from error
        try:
            async with asyncio.timeout(within):
                writer.write(json.dumps(request).encode() + b"\n")
                line = await reader.readline()
        finally:
            writer.close()
        if not line:
            raise EOFError("the supervisor has closed the connection")
        try:
            return msgspec.json.decode(line, type=_Answer)
        except msgspec.MsgspecError as error:
            raise ValueError(f"what it says is not a supervisor's answer: {error}") from error


class _NotSent(OSError):
    """The request never left."""


class Identity(Proves):
    """Refuses the drill unless the supervisor that reaches a group's members is the one of the declared lab.

    Every lab makes up a random uid when it starts; `faildrill lab status --json` shows it, and the lab's environment
    file holds it. Everything that this supervisor runs belongs to that lab. Use it for groups whose members answer
    nothing that could be asked, such as hosts.

        identity:
          - lab.identity: {group: machines, uid: 3f2a9c417d3f6f1e}
    """

    group: Group = Field(description="whose members are reached through the lab's supervisor")
    uid: Words = Field(min_length=8, description="the random identity of the lab")

    @model_validator(mode="after")
    def _is_of_a_lab(self) -> Self:
        others = [
            member.name for member in self.group.members.values() if not member.reach or member.reach.kind != _REACH
        ]
        if others:
            raise ValueError(f"{', '.join(others)} of {self.group.name} is not reached through a lab's supervisor")
        return self

    def facts(self) -> list[str]:
        """Tell the lab."""
        return [f"lab {self.uid}"]

    async def ask_again(self, given: Given) -> Told:
        """Ask every supervisor, and tell apart who names another lab and who says nothing."""
        answers = Told([], [], [])
        reaches = [given.reach(member) for member in self.group.members.values()]
        for reach in dict.fromkeys(reach for reach in reaches if isinstance(reach, Supervisor)):
            try:
                says = await reach.uid()
            except CannotSee as error:
                answers.silent.append(str(error))
                continue
            if says == self.uid:
                answers.proved.append(f"the lab on {reach.socket}")
            else:
                answers.differs.append(f"the supervisor on {reach.socket} is of the lab {says}, not of {self.uid}")
        return answers
