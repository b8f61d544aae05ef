"""How a member of a target is reached: the lab, SSH, a process of this host."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, Protocol, runtime_checkable

ITS_REACH: Final = "its reach"
"""Whose word alone it is what state a member is in, where nobody else can tell."""


class Reach(Protocol):
    """How a member of a target is signalled, started and looked at; every call has a deadline of its own.

    Raises ActionRefused, ActionFailed or OutcomeUnknown where it changes something, CannotSee where it looks.
    """

    async def signal(self, member: str, name: Literal["KILL", "STOP", "CONT", "TERM"]) -> None:
        """Send a signal to every process of the member."""
        ...

    async def start(self, member: str) -> None:
        """Start the member as its environment starts it; does nothing where it runs."""
        ...

    async def state(self, member: str) -> Literal["running", "stopped", "absent"]:
        """Tell whether the member runs, is stopped by a signal, or is not there."""
        ...


@runtime_checkable
class SignalsFor(Protocol):
    """A reach whose target ends a signal's effect by itself after a while, also when nobody asks it to any more."""

    async def signal_for(self, member: str, name: Literal["KILL", "STOP"], seconds: float) -> None:
        """Send a signal, and have the member run again after float seconds, unless it does already."""
        ...


@runtime_checkable
class CountsStarts(Protocol):
    """A reach that counts how often it has started a member, whoever asked it to."""

    async def starts(self, member: str) -> int:
        """Return a number that is one more each time; CannotSee where it doesn't tell."""
        ...


async def starts(reach: Reach, member: str) -> int | None:
    """Return how often a member was started by its reach; None where that one doesn't count. Raises CannotSee."""
    return await reach.starts(member) if isinstance(reach, CountsStarts) else None


class Told(NamedTuple):
    """What a place, or what leads to a member of it, says of itself when it is asked."""

    proved: list[str] = []  # noqa: RUF012 - a NamedTuple's default, never written to
    """Who said what was declared."""
    differs: list[str] = []  # noqa: RUF012 - the same
    """Who answered and did not say it, with what it said: this may be another place by now."""
    silent: list[str] = []  # noqa: RUF012 - the same
    """Who could not be asked, and why: it proves nothing either way."""


@runtime_checkable
class Leads(Protocol):
    """A reach that can tell whether the member that it signals is the one behind the addresses that were declared."""

    async def leads(self, member: str, addresses: Sequence[str]) -> Told:
        """Compare what it would signal with who listens at each HOST:PORT; changes nothing.

        Nothing is told of a member that is down where nobody listens, either: there is nothing to compare. What can't
        be looked at is silent.
        """
        ...
