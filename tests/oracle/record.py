"""The record of a probe and what its looks prove, as docs/judging.md has it: slow, plain, with nothing of the engine.

Times are whole nanoseconds, counts whole looks, shares exact fractions.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate

FAILED, PASSED, INCONCLUSIVE = "FAILED", "PASSED", "INCONCLUSIVE"
BAD = ("REFUSED", "RESET", "TIMED_OUT", "WRONG", "UNREACHABLE")
NOTHING = ("SKIPPED", "OPEN", "THROTTLED", "BROKEN")
SECOND = 1_000_000_000
MS = 1_000_000
FEWEST = 10


@dataclass(frozen=True)
class Look:
    """One sample."""

    due: int
    sent: int
    answered: int
    outcome: str
    who: str = ""
    detail: str = ""
    file: int = 0
    """Which prober recorded it."""

    @property
    def proves(self) -> bool:
        """Whether it proves something."""
        return self.outcome == "OK" or self.outcome in BAD

    @property
    def seen_late(self) -> bool:
        """Whether the prober itself was held up."""
        return self.detail.endswith("(seen late)")

    @property
    def names(self) -> frozenset[str]:
        """Who answered."""
        return frozenset(name.strip() for name in self.who.split(",") if name.strip())


@dataclass(frozen=True)
class Span:
    """An interval that holds a moment."""

    left: int
    right: int

    def before(self, other: "Span") -> bool:
        """Whether it lies before another."""
        return self.right <= other.left


@dataclass(frozen=True)
class Slot:
    """A look that was due, and what was recorded of it."""

    due: int
    look: Look | None

    @property
    def failed(self) -> bool:
        """Whether it failed."""
        return self.look is not None and self.look.outcome in BAD

    @property
    def proves(self) -> bool:
        """Whether it proves something."""
        return self.look is not None and self.look.proves


@dataclass(frozen=True)
class Probe:
    """How a probe looks, and what it recorded, in the order of the files; `part`: the part of the run asked of."""

    every: int
    timeout: int
    slow: int
    looks: tuple[Look, ...]
    since: int
    until: int
    part: tuple[int, int] | None = None

    @cached_property
    def counted(self) -> list[Look]:
        """The samples that count, beside the schedule or not."""
        return [look for look in self.looks if look.due >= self.since]

    @cached_property
    def dues(self) -> list[int]:
        """Every moment of the schedule, of one prober after another."""
        firsts = sorted(min(look.due for look in self.looks if look.file == file) for file in self._files)
        if not firsts:
            return []
        last = max(self.until, *(look.due for look in self.looks))
        ends = [*firsts[1:], last + 1]
        return [due for first, end in zip(firsts, ends, strict=True) for due in range(first, end, self.every)]

    @cached_property
    def moments(self) -> list[int]:
        """Every moment of the schedule; none where nothing tells what was due."""
        moments = set(self.dues)
        beside = sum(look.due not in moments for look in self.looks)
        return [] if 2 * beside > len(self.looks) else self.dues

    @property
    def _files(self) -> set[int]:
        return {look.file for look in self.looks}

    @cached_property
    def slots(self) -> list[Slot]:
        """The looks of the schedule that count, in the part that is asked of."""
        begin, end = self.part or (self.since, 1 << 62)
        return [slot for slot in self._all_slots() if slot.due >= self.since and begin <= slot.due < end]

    def _all_slots(self) -> Iterator[Slot]:
        if self.looks and not self.moments:
            yield from (Slot(look.due, look) for look in sorted(self.looks, key=lambda look: look.due))
            return
        first_answered: dict[int, Look] = {}
        for look in self.looks:
            if look.due not in first_answered or look.answered < first_answered[look.due].answered:
                first_answered[look.due] = look
        yield from (Slot(due, first_answered.get(due)) for due in self.dues)

    def with_slow(self, slow: int) -> "Probe":
        """Give the same probe, where another time without an answer is darkness."""
        return replace(self, slow=slow)

    def within(self, part: tuple[int, int]) -> "Probe":
        """Give the same probe, of which only the looks due in a part of the run are asked."""
        return replace(self, part=part)

    def up_to(self, number: int) -> "Probe":
        """Give the same probe when so many of its looks were recorded."""
        return replace(self, looks=self.looks[:number])


def life(look: Look, slow: int) -> Span | None:
    """Give the interval in which the service was alive at some moment."""
    if look.outcome != "OK":
        return None
    if look.seen_late or look.answered - look.sent <= slow:
        return Span(look.sent, look.answered)
    return Span(look.answered - slow, look.answered)


def dark(look: Look, slow: int) -> Span | None:
    """Give the interval in which the service was dark at some moment."""
    if look.outcome == "OK":
        beyond = look.answered - look.sent > slow and not look.seen_late
        return Span(look.sent, look.sent + slow) if beyond else None
    if look.outcome not in BAD:
        return None
    if look.seen_late:
        return Span(look.sent, look.answered)
    if look.outcome == "TIMED_OUT":
        return Span(look.sent, min(look.answered, look.sent + slow))
    took = look.answered - look.sent
    return Span(look.sent, look.answered if took <= slow else look.sent + slow)


def spans(probe: Probe, of: Callable[[Look, int], Span | None]) -> list[Span]:
    """Give the intervals of the looks that count, by their beginnings."""
    found = [of(look, probe.slow) for look in probe.counted]
    return sorted((span for span in found if span), key=lambda span: (span.left, span.right))


def longest_free(spans: Iterable[Span], when: tuple[int, int]) -> int:
    """Give the longest stretch between two moments in which none of the intervals lies."""
    begin, end = when
    inside = sorted((span for span in spans if begin <= span.left and span.right <= end), key=lambda span: span.left)
    rights = list(accumulate((span.right for span in reversed(inside)), min, initial=end))[::-1]
    lefts = [begin, *(span.left for span in inside)]
    return max(right - left for left, right in zip(lefts, rights, strict=True))


def lacking(probe: Probe, *, weighs_missing: bool) -> bool:
    """Tell whether too little was seen for anything but FAILED: in the run, and of proofs in the part asked of."""
    whole = replace(probe, part=None)
    slots = whole.slots
    if not probe.counted or sum(slot.proves for slot in probe.slots) < FEWEST:
        return True
    unknown = [slot for slot in slots if not slot.proves]
    if weighs_missing:
        unknown = [slot for slot in unknown if slot.look and slot.look.outcome in ("BROKEN", "OPEN", "THROTTLED")]
    if 2 * len(unknown) > len(slots):
        return True
    return max(look.due for look in probe.counted) < probe.until - (probe.timeout + 3 * probe.every)
