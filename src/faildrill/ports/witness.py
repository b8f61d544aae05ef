"""What an independent observer says about a primary: heard before a database is failed over.

An observer says only what it saw. That it saw nothing is said, too, and proves nothing.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Literal, NamedTuple, Protocol, runtime_checkable

from pydantic import JsonValue

from faildrill.ports import Given

HEARD_AS: Final = "heard_as"
"""A probe class may have a class variable of this name: as whose view of a primary its looks can be heard later on."""
View = Literal["primary", "manager", "standby", "application", "load balancer"]
"""Who takes writes by the nodes' own word, or by their manager's; whether standbys follow; how statements by the users'
path go; whether what is in front of the database is as it should be. A manager is called by its world's name."""
HANDS_OVER: Final = "hands_over"
"""An action class with a true class variable of this name gives a database another primary, which needs a warrant."""


class Says(StrEnum):
    """What one observation means for a failover."""

    ALIVE = "alive"
    """The primary works: somebody heard it."""
    DEAD = "dead"
    """Something was seen that a dead primary explains: a refused connection, a lost stream, a free lead."""
    SLOW = "slow"
    """The database was heard, and it takes too long."""
    ELSEWHERE = "elsewhere"
    """Users suffer from something in front of the database, which a failover does not change."""
    CLEAR = "clear"
    """What is in front of the database works as it should, so that it explains nothing."""
    NOTHING = "nothing"
    """Nobody answered, or what was said proves nothing either way."""


class Testimony(NamedTuple):
    """One thing that one observer saw."""

    signal: str
    """Whose view it is: `primary`, `standby pg2`, `application`, `load balancer`, or the name of the nodes' manager."""
    says: Says
    because: str
    """What was seen, with its numbers."""
    figures: Mapping[str, JsonValue] = {}


@runtime_checkable
class Testifies(Protocol):
    """An observer of a primary, or of what is in front of it."""

    async def testify(self, given: Given) -> list[Testimony]:
        """Look once, within the given time; changes nothing. CannotSee when nothing at all was seen."""
        ...
