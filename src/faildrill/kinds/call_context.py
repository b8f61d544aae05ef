"""What the engine gives to a kind when it calls it: the one implementation of `ports.Given`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from faildrill.errors import ActionRefused
from faildrill.kinds import build
from faildrill.ports import Reach
from faildrill.ports.target import Member


@dataclass(frozen=True)
class CallContext:
    """The run a call belongs to, how long it may take, and the ways to reach members."""

    run: str
    timeout: float
    every: float = 0.0
    in_flight: int = 1
    name: str = ""
    folder: Path | None = None
    hear: Callable[[str, int, bool], None] | None = None
    """Takes news of what an action does: what happened, when in monotonic ns, and whether its effect began there."""

    def tell(self, told: str, at: int, *, began: bool = False) -> None:
        """Pass on what happened to whoever listens."""
        if self.hear is not None:
            self.hear(told, at, began)

    def reach(self, member: Member) -> Reach:
        """Return how to reach a member; ActionRefused when its environment gives no way."""
        if member.reach is None:
            raise ActionRefused(f"{member.name}: the environment gives no `reach` for it, so nothing can act on it")
        reach: Reach = build(member.reach, "reach")
        return reach
