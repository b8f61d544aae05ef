"""For how long the effect of a step was seen, as bounds, and whether a state lasted until it was put back."""

from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple

from faildrill import durations
from faildrill.clock import nanoseconds, seconds
from faildrill.judging.result import Bounds
from faildrill.record.timeline import (
    ApplyFailed,
    Applying,
    Confirmed,
    EffectGone,
    EffectSeen,
    EffectUntold,
    Entry,
    NotConfirmed,
    Undoing,
    UndoNotVerified,
    UndoVerified,
)

How = Literal["", "lasted", "own limit", "own step", "gone", "can't be told"]
_LATE: Final = 3.0
"""Seconds before its own limit in which it must have been seen, a tenth of the limit where that is more: whoever ended
it earlier may have been somebody else."""

_GRAIN: Final = 0.05
"""Seconds by which a time limit may seem to end early: its clock and ours are read at different moments."""


class InEffect(NamedTuple):
    """How long the effect of a step was seen, and how that ended."""

    how: How = ""
    length: Bounds | None = None
    because: str = ""


def in_effect(step: str, known: Iterable[Entry]) -> InEffect:
    """Bound the time for which a state was in effect; nothing of an event, and of runs that did not look again."""
    entries = list(known)
    own = [entry for entry in entries if _step(entry) == step]
    began = next((entry.at for entry in own if isinstance(entry.what, Applying)), None)
    confirmed = next((entry.at for entry in own if isinstance(entry.what, Confirmed)), None)
    looks = [entry for entry in own if isinstance(entry.what, EffectSeen | EffectGone | EffectUntold)]
    if began is None or confirmed is None or not looks:
        return InEffect()
    span = _Span(began, confirmed, own)
    for entry in looks:
        if isinstance(entry.what, EffectGone) and not _excuse(entry, entry.what, span, _deeds(step, entries)):
            return _gone(entry, entry.what, span)
    last = looks[-1]
    if isinstance(last.what, EffectUntold):
        length = span.length(None, span.put_back_at)
        because = f"nobody could tell right before it was put back: {last.what.because}; {lasted(length)}"
        return InEffect("can't be told", length, because)
    if isinstance(last.what, EffectGone):
        length = span.length(last.what.last, min(last.what.gone, last.at))
        excuse = _excuse(last, last.what, span, _deeds(step, entries))
        return InEffect(excuse, length, f"{_EXCUSES[excuse]}; {lasted(length)}: {last.what.because}")
    length = span.length(None, span.put_back_at)
    return InEffect("lasted", length, f"{lasted(length)}; it was there right before it was put back")


_EXCUSES: Final[dict[How, str]] = {
    "own limit": "its own time limit ended it",
    "own step": "gone when something else was done or put back by this drill, which may have ended it",
}


def lasted(length: Bounds) -> str:
    """Say for how long it was seen in effect."""
    most = "" if length.at_most is None else f", at most {durations.show(length.at_most)}"
    return f"seen in effect for at least {durations.show(length.at_least)}{most}"


class _Span(NamedTuple):
    """The ends that the timeline gives to an effect, in ns: called for, seen first, and all that is told of it."""

    began: int
    seen: int
    own: list[Entry]

    @property
    def put_back_at(self) -> int | None:
        """When it was over for certain."""
        return next((entry.at for entry in self.own if isinstance(entry.what, UndoVerified)), None)

    def length(self, last: int | None, over: int | None) -> Bounds:
        """Bound it: there from when it was seen first to when a look was sent that saw it; over by then for certain.

        It can have begun as early as it was called for. Moments of another boot are on no clock of this one: then only
        the order of the entries is known.
        """
        # After a reboot a look of before has a larger number than the entry that tells of it: only the order is known
        # then.
        looks = [min(entry.what.at, entry.at) for entry in self.own if isinstance(entry.what, EffectSeen)]
        until = max([self.seen, *looks] if last is None else [self.seen, last])
        most = None if over is None else seconds(max(over - self.began, until - self.seen))
        return Bounds(at_least=seconds(until - self.seen), at_most=most)


def _gone(entry: Entry, event: EffectGone, span: _Span) -> InEffect:
    length = span.length(event.last, min(event.gone, entry.at))
    whom = f"; {event.suspect}" if event.suspect else "; by whom is unknown"
    return InEffect("gone", length, f"gone before it was put back, {lasted(length)}: {event.because}{whom}")


def _excuse(entry: Entry, event: EffectGone, span: _Span, deeds: Iterator[tuple[int, int]]) -> How:
    """Say what of this drill may have ended an effect; nothing where it was somebody else."""
    last, gone = max(event.last, span.seen), min(event.gone, entry.at)
    if event.limit is not None:
        # Gone no earlier than it was due, and seen until shortly before: in between nobody else is needed to explain
        # it.
        due = span.began + nanoseconds(event.limit - _GRAIN)
        if gone >= due and last >= due - nanoseconds(max(_LATE, event.limit / 10)):
            return "own limit"
    return "own step" if any(start <= gone and end > last for start, end in deeds) else ""


def _deeds(step: str, entries: list[Entry]) -> Iterator[tuple[int, int]]:
    """Yield from when to when each other step was done or put back: until it was seen, or given up."""
    for number, entry in enumerate(entries):
        match entry.what:
            case Applying(step=other) if other != step:
                ends: tuple[type, ...] = (Confirmed, NotConfirmed, ApplyFailed)
            case Undoing(step=other) if other != step:
                ends = (UndoVerified, UndoNotVerified)
            case _:
                continue
        later = (end.at for end in entries[number:] if isinstance(end.what, ends) and _step(end) == other)
        yield entry.at, next(later, entries[-1].at)


def _step(entry: Entry) -> str | None:
    step: str | None = getattr(entry.what, "step", None)
    return step
