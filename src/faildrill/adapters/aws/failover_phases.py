"""What becomes of a failover that was asked for, each phase with who told of it and between which moments it came."""

from collections.abc import Iterator
from typing import Final

from faildrill.adapters.aws.aurora_cluster import AVAILABLE, Sight
from faildrill.adapters.aws.rds_events import AwsClock, Event

_SECOND: Final = 1e9


class Phases:
    """Watches look by look; a phase is told once, with the last moment at which it was not so."""

    def __init__(self, first: str, since: int) -> None:
        self._first, self._since = first, since
        self._last = since
        self._told: set[str] = set()
        self._writer: str | None = first
        self.clock = AwsClock()
        self.has_begun = False
        """Whether anything shows that a failover has begun since."""
        self.to = ""
        """Who was seen to be the writer instead, by the API, or else by the last event; empty where nobody was."""
        self.is_over = False
        """Whether another one writes, an event says so, and all are at their work again."""

    def take(self, sight: Sight, news: list[Event]) -> list[str]:
        """Take a look in, with the events since, and return what is new since the last one, in words."""
        self.clock.take(sight.date, sight.asked, sight.answered)
        by_api = [told for told in self._states(sight) if told not in self._told]
        by_events = [event for event in news if event.message not in self._told]
        self._told.update(by_api, (event.message for event in by_events))
        bounds = f"between {self._after(self._last)} and {self._after(sight.answered)} after it was asked for"
        self._last = sight.asked
        self.has_begun = self.has_begun or bool(by_api or news)
        completed = [event.instance for event in news if event.is_end]
        if sight.leader not in (None, self._first):
            self.to = str(sight.leader)
        elif completed and completed[-1] != self._first:
            self.to = completed[-1]
        whole = not sight.gaps() and sight.status == AVAILABLE
        self.is_over = whole and sight.leader != self._first and sight.leader in completed
        return [*(f"{told}, {bounds}" for told in by_api), *map(self._dated, by_events)]

    def _states(self, sight: Sight) -> Iterator[str]:
        has_moved = sight.leader not in (None, self._first)
        if sight.status != AVAILABLE:
            yield f"the API says that {sight.cluster} is {sight.status}"
        if has_moved:
            yield f"the API names {sight.leader} as the writer"
        if self._writer != sight.leader == self._first:
            yield f"the API names {self._first} as the writer again"
        self._writer = sight.leader or self._writer
        old = sight.nodes.get(self._first)
        if has_moved and old is not None and old.status == AVAILABLE:
            yield f"{self._first} is back as a reader"
        if has_moved and sight.status == AVAILABLE:
            yield f"the API says that {sight.cluster} is {AVAILABLE} again"

    def _dated(self, event: Event) -> str:
        bounds = self.clock.ours(event)
        told = f"event: {event.message}"
        if bounds is None:
            return f"{told}, dated {event.date} by AWS's clock"
        return f"{told}, dated between {self._after(bounds[0])} and {self._after(bounds[1])} after it was asked for"

    def _after(self, moment: int) -> str:
        return f"{(moment - self._since) / _SECOND:.2f} s"
