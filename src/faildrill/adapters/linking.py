"""The network to a member, changed by a reach that can: what actions on it share."""

from typing import Final, Literal, Protocol, runtime_checkable

from faildrill.errors import ActionRefused
from faildrill.ports import Reach

Mode = Literal["open", "cut", "blackhole", "delay"]
How = Literal["silent", "reset", "delayed"]
MODES: Final[dict[How, Mode]] = {"silent": "blackhole", "reset": "cut", "delayed": "delay"}


@runtime_checkable
class Links(Protocol):
    """A reach that can change the network by which the other nodes reach a member."""

    async def link(self, member: str, mode: Mode, delay_ms: int = 0) -> None:
        """Change what the link to a member does; connections of its users are not on it."""
        ...

    async def link_mode(self, member: str) -> tuple[str, int]:
        """Tell what the link does now, and its delay in milliseconds."""
        ...


def links(reach: Reach, member: str) -> Links:
    """Return a reach as one that changes the network; ActionRefused where it can't."""
    if not isinstance(reach, Links):
        raise ActionRefused(f"the reach of {member} can't change its network")
    return reach
