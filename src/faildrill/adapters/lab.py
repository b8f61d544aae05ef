"""The lab's members, reached through the control socket of its supervisor."""

import asyncio
import json
from typing import Any, Literal

from pydantic import Field

from faildrill.adapters.linking import Doing
from faildrill.errors import ActionRefused, CannotSee, OutcomeUnknown
from faildrill.ports import Kind

_CONNECT_WITHIN = 2.0
_ANSWER_WITHIN = 30.0
_LOOK_WITHIN = 5.0
_LOST = (OSError, TimeoutError, ValueError, EOFError)


class Supervisor(Kind):
    """Reach the nodes of a lab: signal a whole node, start it again, see whether it runs."""

    socket: str = Field(description="path of the control socket of the lab's supervisor")

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
        try:
            answer = await self._ask({"op": "status"}, _LOOK_WITHIN)
            state: Literal["running", "stopped", "absent"] = answer["nodes"][member]["state"]
        except KeyError:
            raise CannotSee(f"the lab has no node {member!r}") from None
        except _LOST as error:
            raise CannotSee(f"the lab's supervisor on {self.socket} does not answer: {error!r}") from error
        return state

    async def link(self, member: str, doing: Doing, at_most: float | None = None) -> None:
        """Change the link by which other nodes reach a member; with `at_most` it opens after float seconds."""
        await self._change({"op": "link", "name": member, **doing._asdict(), "for": at_most})

    async def link_now(self, member: str) -> Doing:
        """Tell what a link does."""
        try:
            link = (await self._ask({"op": "status"}, _LOOK_WITHIN))["links"][member]
        except KeyError:
            raise CannotSee(f"the lab has no link to {member!r}") from None
        except _LOST as error:
            raise CannotSee(f"the lab's supervisor on {self.socket} does not answer: {error!r}") from error
        return Doing(link["mode"], link["delay_ms"], link.get("jitter_ms", 0))

    async def _change(self, request: dict[str, Any]) -> None:
        """Send a request that changes something, once."""
        try:
            answer = await self._ask(request, _ANSWER_WITHIN)
        except _NotSent as error:
            raise ActionRefused(f"the lab's supervisor on {self.socket} can't be reached: {error}") from error
        except _LOST as error:
            raise OutcomeUnknown(f"the lab's supervisor did not answer {request['op']!r}: {error!r}") from error
        if not answer["ok"]:
            raise ActionRefused(f"the lab's supervisor: {answer['error']}")

    async def _ask(self, request: dict[str, Any], within: float) -> dict[str, Any]:
        try:
            async with asyncio.timeout(_CONNECT_WITHIN):
                reader, writer = await asyncio.open_unix_connection(self.socket)
        except (OSError, TimeoutError) as error:
            raise _NotSent(str(error) or type(error).__name__) from error
        try:
            async with asyncio.timeout(within):
                writer.write(json.dumps(request).encode() + b"\n")
                line = await reader.readline()
        finally:
            writer.close()
        if not line:
            raise EOFError("the supervisor has closed the connection")
        answer: dict[str, Any] = json.loads(line)
        return answer


class _NotSent(OSError):  # noqa: N818 - reads as the statement it makes
    """The request never left."""
