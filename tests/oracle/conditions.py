"""What docs/judging.md says of waits, the warm-up and steady again: slow, plain, with nothing of the engine.

`now` is never asked: what is recorded is all that is known.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from oracle.record import FAILED, INCONCLUSIVE, MS, PASSED, SECOND, Look, Probe, Span, dark, life, longest_free


@dataclass(frozen=True)
class Word:
    """`is ok`, `is not ok`, `saw WHO`, `saw not WHO`."""

    state: str
    who: str = ""


@dataclass(frozen=True)
class Row:
    """A stretch that a word holds for: between the end of its first look and the beginning of its last."""

    first: Span
    last: Span

    @property
    def length(self) -> int:
        """How long it is proven for."""
        return self.last.left - self.first.right


def speaks(look: Look, word: Word, slow: int) -> tuple[Span | None, Span | None]:
    """Give where a look is for the word, and where it is against it."""
    if not look.proves:
        return None, None
    alive, darkness, whole = life(look, slow), dark(look, slow), Span(look.sent, look.answered)
    if word.state == "ok":
        return alive, darkness
    if word.state == "not ok":
        return darkness, alive
    if not look.who:
        return None, whole
    is_for = (word.who in look.names) == (word.state == "saw")
    return (whole, None) if is_for else (None, whole)


def _all(probe: Probe, word: Word, since: int) -> tuple[list[Span], list[Span]]:
    spoken = [speaks(look, word, probe.slow) for look in probe.looks]
    good = [one for one, _ in spoken if one and one.left >= since]
    return sorted(good, key=lambda span: span.left), [other for _, other in spoken if other]


@dataclass
class Asked:
    """A word asked of one probe from a moment on, while its looks are recorded one after the other."""

    probe: Probe
    word: Word
    since: int
    presumed: dict[int, Span] = field(default_factory=dict)
    """Looks of which nobody had heard when they ought to have been answered: from then on they are against it."""

    def rows(self, number: int) -> list[Row]:
        """Give the longest row from each look that is for the word on, when so many looks are recorded."""
        known = self.probe.up_to(number)
        good, against = _all(known, self.word, self.since)
        pending = self._pending(known)
        against += self.presumed.values()
        return _rows(good, against, min(pending, default=1 << 62), 3 * known.every + known.slow)

    def _pending(self, known: Probe) -> list[int]:
        """Give the dues of the looks that are waited for, and presume what was waited for too long."""
        heard = {look.due for look in known.looks}
        latest = max((look.answered for look in known.looks if look.proves), default=0)
        # While looks come in nobody knows when the run will be over: what was due by the last answer was due.
        moments = replace(known, until=max(known.until, latest)).moments
        waited = [due for due in moments if due not in heard and latest <= due + known.timeout + SECOND]
        if self.word.state != "ok":
            return waited
        reach = known.every + known.slow
        self.presumed |= {due: Span(due, due + reach) for due in waited if latest > due + reach}
        return [due for due in waited if latest <= due + reach]


def _rows(good: list[Span], against: list[Span], bound: int, reach: int) -> list[Row]:
    found = []
    for number, first in enumerate(good):
        until = min((span.left for span in against if span.right > first.right), default=bound)
        last = first
        for span in good[number + 1 :]:
            if span.left - last.left > reach or span.left > min(bound, until):
                break
            last = span
        if first.left <= min(bound, until):
            found.append(Row(first, last))
    return found


def met(asked: Sequence[Asked], numbers: Sequence[int], length: int) -> Row | None:
    """Give the first stretch for which a condition on one probe, or `all` of several, holds for so long; None: not yet.

    `numbers`: how many looks of each probe are recorded.
    """
    is_of_each = asked[0].word.state == "ok"
    if length == 0:
        known = zip(asked, numbers, strict=True)
        is_seen = [bool(_all(one.probe.up_to(number), one.word, one.since)[0]) for one, number in known]
        return Row(Span(0, 0), Span(0, 0)) if (all if is_of_each else any)(is_seen) else None
    each = [one.rows(number) for one, number in zip(asked, numbers, strict=True)]
    if is_of_each:
        return _common(each, length)
    enough = [row for some in each for row in some if row.length >= length]
    return min(enough, key=lambda row: row.first.right, default=None)


def _common(each: Sequence[list[Row]], length: int) -> Row | None:
    """Give the first stretch that lies in a row of every probe."""
    beginnings = sorted({row.first.right for some in each for row in some})
    for begin in beginnings:
        ends = []
        for some in each:
            within = [row for row in some if row.first.right <= begin]
            ends.append(max((row.last for row in within), key=lambda span: span.left, default=None))
        if all(end is not None for end in ends):
            last = min((end for end in ends if end is not None), key=lambda span: span.left)
            if last.left - begin >= length:
                return Row(Span(begin, begin), last)
    return None


def is_refuted(probes: Sequence[Probe], word: Word, when: tuple[int, int], length: int) -> bool:
    """Tell whether the answer is no: a stretch of the length could hide nowhere between the two moments."""
    each = [_longest_hidden(probe, word, when) < length for probe in probes]
    return any(each) if word.state == "ok" else all(each)


def _longest_hidden(probe: Probe, word: Word, when: tuple[int, int]) -> int:
    return longest_free(_all(probe, word, 0)[1], when)


def _silence(probe: Probe, word: Word, when: tuple[int, int]) -> int:
    """Give the longest time in which no look of the probe says anything to the word."""
    spoken = (span for look in probe.looks for span in speaks(look, word, probe.slow) if span)
    return longest_free(spoken, when)


def was_silent(probes: Iterable[Probe], word: Word, when: tuple[int, int]) -> bool:
    """Tell whether some probe said nothing for longer than its cadence allows."""
    return any(_silence(probe, word, when) > 3 * probe.every + probe.slow for probe in probes)


def wait(probes: Sequence[Probe], word: Word, asked: tuple[int, int, int], *, was_met: bool) -> str:
    """Judge a wait of a beginning, an end and a length, as the run took it."""
    begin, end, length = asked
    refuted = is_refuted(probes, word, (begin, end), length)
    if not was_met:
        return INCONCLUSIVE if not refuted and _may_have_been(probes, word, asked) else FAILED
    if refuted:
        return FAILED
    is_for = [any(span.left <= end for span in _all(probe, word, begin)[0]) for probe in probes]
    return PASSED if (all if word.state == "ok" else any)(is_for) else INCONCLUSIVE


def _may_have_been(probes: Sequence[Probe], word: Word, asked: tuple[int, int, int]) -> bool:
    """Tell whether nobody looked for so long that it may have been so."""
    begin, end, length = asked
    perhaps = [probe for probe in probes if _longest_hidden(probe, word, (begin, end)) >= length]
    return was_silent(perhaps, word, (begin, end))


@dataclass(frozen=True)
class Steady:
    """What a run saw: all good from a moment on, after it was put back, for so long as the warm-up takes."""

    undone: int
    since: int
    length: int


def steady_again(probes: Sequence[Probe], seen: Steady, within: int) -> str:
    """Judge `steady_again: {within}` of a run that was seen steady."""
    ok, most = Word("ok"), seen.since - seen.undone
    if is_refuted(probes, ok, (seen.since, seen.since + seen.length), seen.length):
        return FAILED
    if most <= within:
        return PASSED
    against = [span.left for probe in probes for span in _all(probe, ok, 0)[1]]
    before = [left - seen.undone for left in against if seen.undone <= left < seen.since]
    silent = was_silent(probes, ok, (seen.undone, seen.since))
    least = max(before) if before else 0 if silent else most
    return FAILED if least > within else INCONCLUSIVE


def learnt_slow(probe: Probe, *, is_load: bool = False, written: int | None = None) -> int:
    """Give the time after which no answer is darkness, as the looks of the warm-up so far make it."""
    if is_load:
        return probe.timeout
    if written is not None:
        return min(written, probe.timeout)
    slowest = max((look.answered - look.sent for look in probe.looks if look.outcome == "OK"), default=0)
    return min(max(20 * slowest, 250 * MS), probe.timeout)
