"""The network to a member, changed by a reach that can: what actions on it share."""

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, Protocol, Self, runtime_checkable

from pydantic import Field, model_validator

from faildrill.errors import ActionRefused
from faildrill.ports import Captured, Duration, Kind, Reach
from faildrill.toolkit.time_limits import AtMost

Mode = Literal["open", "cut", "blackhole", "delay"]
How = Literal["silent", "reset", "delayed"]
MODES: Final[dict[How, Mode]] = {"silent": "blackhole", "reset": "cut", "delayed": "delay"}
"""What a drill calls it, and what whatever is in the path does."""


class LinkMode(NamedTuple):
    """What a link does with what goes over it."""

    mode: Mode
    delay_ms: int = 0
    """By how much everything is late, each way."""
    jitter_ms: int = 0
    """By how much more or less, each piece anew."""

    @classmethod
    def before(cls, before: Captured) -> Self:
        """Read back what `captured` wrote."""
        fields: dict[str, Any] = {name: before[name] for name in cls._fields if name in before}
        return cls(**fields)

    def captured(self) -> Captured:
        """Return it as data."""
        return dict(self._asdict())

    def __str__(self) -> str:
        """Tell it in a few words."""
        jitter = f" ± {self.jitter_ms} ms" if self.jitter_ms else ""
        return f"{self.mode} {self.delay_ms} ms{jitter}" if self.mode == "delay" else self.mode


OPEN: Final = LinkMode("open")
"""As a link is when nobody has changed it."""
IN_THE_PATH: Final = "whatever is in the path"
"""Who tells what a link does."""


@runtime_checkable
class Links(Protocol):
    """A reach that can change the network by which the other nodes reach a member."""

    async def link(self, member: str, doing: LinkMode, at_most: float | None = None) -> None:
        """Change what the link to a member does; connections of its users are not on it.

        With `at_most` whatever is in the path opens it after float seconds, also when nobody asks it to any more.
        """
        ...

    async def link_now(self, member: str) -> LinkMode:
        """Tell what the link does now."""
        ...


class OfLink(Kind):
    """What a link is to do, and for how long at the most."""

    how: How = Field(default="silent", description="silent, reset or delayed")
    delay: Duration = Field(default=0.0, description="with `delayed`: how much later, in each direction")
    jitter: Duration = Field(default=0.0, description="with `delayed`: by how much the delay varies")
    at_most: AtMost = None

    @model_validator(mode="after")
    def _has_its_delay(self) -> Self:
        if (self.how == "delayed") != (self.delay > 0):
            raise ValueError("`delayed` needs a `delay`, and only `delayed` has one")
        if self.jitter > self.delay:
            raise ValueError("a `jitter` is not more than its `delay`: nothing comes before it was sent")
        # In microseconds first: 0.001 s is no exact float, so a remainder of seconds would refuse whole milliseconds.
        if any(round(duration * 1_000_000) % 1000 for duration in (self.delay, self.jitter)):
            raise ValueError("a link is delayed by whole milliseconds: less would be none")
        return self

    def limit(self) -> float | None:
        """Return after how long the path opens by itself."""
        return self.at_most

    @property
    def _wanted(self) -> LinkMode:
        return LinkMode(MODES[self.how], round(self.delay * 1000), round(self.jitter * 1000))


def links(reach: Reach, member: str) -> Links:
    """Return a reach as one that changes the network; ActionRefused where it can't."""
    if not isinstance(reach, Links):
        raise ActionRefused(f"the reach of {member} can't change its network")
    return reach


async def pictured(reaches: Mapping[str, Reach]) -> dict[str, str]:
    """Tell what the link to each member does, in words that are the same for every action on links.

    Nothing is told of a member whose reach changes no network: whoever acts on links can't have changed that one.
    """
    doing = {name: await reach.link_now(name) for name, reach in sorted(reaches.items()) if isinstance(reach, Links)}
    return {in_picture(name): str(now) for name, now in doing.items()}


def in_picture(member: str) -> str:
    """Return what the link to a member is called in a picture of all."""
    return f"link to {member}"
