"""What is told to people who are not looking: that something is wrong, and that it is well."""

from typing import Literal, NamedTuple, Protocol


class Notice(NamedTuple):
    """One message to people."""

    sort: Literal["alert", "recovery", "news"]
    """Something is wrong, it is over, or it is as it should be and people wanted to hear of it."""
    title: str
    body: str
    """The evidence, and the next step."""


class Tells(Protocol):
    """A way to people."""

    async def tell(self, notice: Notice) -> str:
        """Send it; return what went wrong, empty when it was taken. Never raises for what the other side does."""
        ...


class Counts(Protocol):
    """Where the state of a watch can be read by a machine."""

    def condition(self, key: str, *, bad: bool, alerting: bool, flaps: int) -> None:
        """Take in the state of one condition."""
        ...

    def looked(self, what: str, *, read: bool) -> None:
        """Take in that something was looked at, and whether anything could be read."""
        ...

    def told(self, *, taken: bool) -> None:
        """Take in that a notice was sent, and whether it was taken."""
        ...
