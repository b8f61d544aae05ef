"""A member on a host, reached through a program that stands there: what all such reaches share."""

import asyncio
import base64
import hashlib
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from importlib.resources import files
from typing import Final, Literal

from faildrill.adapters.ssh.arrival import Connected
from faildrill.adapters.ssh.standing_session import Answer, AnswerLost, NotReached, Opening, StandingSession, session
from faildrill.errors import ActionFailed, ActionRefused, CannotSee, OutcomeUnknown, reason
from faildrill.ports import Kind, Told

_LOOK_WITHIN: Final = 8.0
ACTS_WITHIN: Final = 6
"""Seconds after which what is asked of systemd or an engine is cut short on the host."""
_CHANGE_WITHIN: Final = 12.0
"""Seconds for a signal: the host begins it within the time below, sends it within two more, and has the rest for it."""
_BEGUN_WITHIN: Final = 2.0
"""Seconds after which a host that has got an order late doesn't begin it any more: none acts after `acts_late`."""
_START_WITHIN: Final = 70.0
"""Seconds for a start: what starts a member has a minute on the host."""
_ARRIVES: Final = 3
"""Looks for a connection that has just been made; the last step of its opening may still be under way."""
_LARGEST: Final = 256
"""Bytes of a file that says which place it is."""
State = Literal["running", "stopped", "absent"]
_STATES: Final[dict[str, State]] = {"running": "running", "stopped": "stopped", "absent": "absent"}


class HostMember(Kind):
    """Signals, starts and looks at a member on a host; every order is given once, and none is begun late."""

    async def signal(self, member: str, name: Literal["KILL", "STOP", "CONT", "TERM"]) -> None:
        """Send a signal to every process of the member; after KILL none is left. TERM goes to its main process."""
        await self._change(member, _CHANGE_WITHIN, "signal", name, "-")

    async def signal_for(self, member: str, name: Literal["KILL", "STOP"], seconds: float) -> None:
        """Send a signal, and have a process on the host bring the member back after float seconds."""
        await self._change(member, _CHANGE_WITHIN, "signal", name, f"{seconds:.3f}")

    async def start(self, member: str) -> None:
        """Start the member where its main process is down; does nothing where it runs."""
        await self._change(member, _START_WITHIN, "start")

    async def state(self, member: str) -> State:
        """Tell whether the member runs, its main process is held by a signal, or nothing of it is there."""
        words = (await self._look(member, "state")).words
        if words not in _STATES:
            raise CannotSee(f"{self.called(member)} says that the member is {words!r}")
        return _STATES[words]

    async def leads(self, member: str, addresses: Sequence[str]) -> Told:
        """See a connection to each address arrive on the host, at a socket that the member's processes hold."""
        try:
            state = await self.state(member)
        except CannotSee as error:
            return Told(silent=[f"{member}: {error}"])
        answers = Told([], [], [])
        if not addresses and state != "absent":
            answers.proved.append(member)  # it answers nowhere else: what its host has of it is all of it
        for address in addresses:
            try:
                place, words = await self._arrives(member, address)
            except CannotSee as error:
                # Where it is down and nobody answers, there is nothing to compare.
                place, words = 2, "" if state == "absent" else str(error)
            if words:
                answers[place].append(f"{member}: {words}")
        return answers

    async def content(self, member: str, path: str) -> str:
        """Return what a small file on the host holds; CannotSee where that can't be told."""
        answer = await self._look(member, "content", base64.b64encode(path.encode()).decode())
        try:
            holds = base64.b64decode(answer.words, validate=True).decode()
        except ValueError as error:
            raise CannotSee(f"{path} on {self.called(member)} holds no text") from error
        if len(holds.encode()) > _LARGEST:
            raise CannotSee(f"{path} on {self.called(member)} holds more than {_LARGEST} bytes")
        return holds

    @abstractmethod
    def called(self, member: str) -> str:
        """Name the host in a sentence."""

    @abstractmethod
    def words(self, member: str) -> str:
        """Return what the program on the host must know of the member, in words of sh."""

    @abstractmethod
    def command_line(self, member: str, program: str) -> AbstractAsyncContextManager[list[str]]:
        """Give the words that run a program of sh on the host."""

    async def _arrives(self, member: str, address: str) -> tuple[int, str]:
        """Tell where an address leads: 0 to the member, 1 elsewhere, 2 that can't be told; and the words."""
        async with Connected(address) as connection:
            for _ in range(_ARRIVES):
                answer = await self._look(member, "listens", *connection.words)
                seen = dict(word.partition("=")[::2] for word in answer.words.split())
                if seen.get("arrived", "0") != "0":
                    break
                await asyncio.sleep(0.1)
        where = self.called(member)
        if seen.get("arrived", "0") == "0":
            return 1, f"a connection to {address} does not arrive on {where}, so it is answered by something else"
        mine = set(filter(None, seen.get("mine", "").split(",")))
        sockets = [held.partition(":")[2].split(",") for held in seen.get("sockets", "").split("/") if ":" in held]
        if not sockets:
            return 2, f"nobody is seen to listen at {address} on {where}"
        if all(mine & set(held) for held in sockets):
            return 0, f"at {address} on {where}"
        if any(held == [""] for held in sockets):
            return 2, f"who listens at {address} on {where} can't be seen by this user: log in as another, or `become`"
        others = ", ".join(sorted({pid for held in sockets for pid in held} - mine))
        has = f"processes {', '.join(sorted(mine))}" if mine else "no process"
        return (
            1,
            f"what its reach signals is not what answers at {address}: {where} has {has} of it, and {others} there",
        )

    async def _look(self, member: str, *order: str) -> Answer:
        try:
            answer = await self._session(member).look(_LOOK_WITHIN, *order)
        except TimeoutError as error:
            raise CannotSee(f"{self.called(member)} does not answer within {_LOOK_WITHIN:g} s") from error
        except (NotReached, AnswerLost) as error:
            raise CannotSee(f"the host can't be asked: {error}") from error
        if answer.status != "ok":
            raise CannotSee(f"{self.called(member)}: {answer.words}")
        return answer

    async def _change(self, member: str, within: float, *order: str) -> None:
        where = self.called(member)
        try:
            answer = await self._session(member).change(within, _BEGUN_WITHIN, *order)
        except NotReached as error:
            raise ActionRefused(f"the host can't be reached, nothing was sent: {error}") from error
        except (AnswerLost, TimeoutError) as error:
            raise OutcomeUnknown(f"{where} did not answer {' '.join(order[:2])!r}: {reason(error)}") from error
        if answer.status == "refused":
            raise ActionRefused(f"{where}: {answer.words}")
        if answer.status != "ok":
            raise ActionFailed(f"{where}: {answer.words}")

    def _session(self, member: str) -> StandingSession:
        words = self.words(member)
        key = hashlib.sha256(words.encode()).hexdigest()[:16]
        program = f"key={key}\n{words}\n{_PROGRAM}"
        opening = Opening(self.called(member), lambda text: self.command_line(member, text), program)
        return session((type(self).__name__, self.model_dump_json(), member), opening)


def read(*names: str) -> str:
    """Return parts of the program that runs on hosts."""
    return "\n".join((files("faildrill.adapters.ssh") / name).read_text(encoding="utf-8") for name in names)


_PROGRAM: Final = read("host_program.sh")
