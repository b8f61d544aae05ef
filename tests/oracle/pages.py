"""What docs/judging.md says of each expectation, slow and plain: written from the text, with nothing of the engine.

Each function answers FAILED, PASSED or INCONCLUSIVE as the page has it, or None where the page leaves the case open.
Times are whole nanoseconds, counts whole looks, shares exact fractions.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import accumulate, pairwise

FAILED, PASSED, INCONCLUSIVE = "FAILED", "PASSED", "INCONCLUSIVE"
BAD = ("REFUSED", "RESET", "TIMED_OUT", "WRONG", "UNREACHABLE")
NOTHING = ("SKIPPED", "OPEN", "THROTTLED", "BROKEN")
SECOND = 1_000_000_000
Answer = str | None


@dataclass(frozen=True)
class Look:
    """One sample."""

    due: int
    sent: int
    answered: int
    outcome: str
    who: str = ""
    detail: str = ""

    @property
    def proves(self) -> bool:
        """Whether it proves something."""
        return self.outcome == "OK" or self.outcome in BAD

    @property
    def seen_late(self) -> bool:
        """Whether the prober itself was held up."""
        return self.detail.endswith("(seen late)")


@dataclass(frozen=True)
class Span:
    """An interval that holds a moment."""

    left: int
    right: int

    def before(self, other: "Span") -> bool:
        """Whether it lies before another."""
        return self.right <= other.left


@dataclass(frozen=True)
class Probe:
    """How a probe looks, and what it recorded, in the order of the file."""

    every: int
    timeout: int
    slow: int
    looks: tuple[Look, ...]
    since: int
    until: int

    @cached_property
    def counted(self) -> list[Look]:
        """The samples that count, beside the schedule or not."""
        return [look for look in self.looks if look.due >= self.since]

    @cached_property
    def dues(self) -> list[int]:
        """The moments of the schedule that count."""
        if not self.looks:
            return []
        first = min(look.due for look in self.looks)
        last = max(self.until, *(look.due for look in self.looks))
        return [due for due in range(first, last + 1, self.every) if due >= self.since]

    @cached_property
    def schedule(self) -> list[Look | None]:
        """The looks that were due at them, None where none was recorded; of several the one that was answered first."""
        first_answered: dict[int, Look] = {}
        for look in self.looks:
            if look.due not in first_answered or look.answered < first_answered[look.due].answered:
                first_answered[look.due] = look
        return [first_answered.get(due) for due in self.dues]

    def with_slow(self, slow: int) -> "Probe":
        """The same probe, where another time without an answer is darkness."""
        return Probe(self.every, self.timeout, slow, self.looks, self.since, self.until)


def life(look: Look, slow: int) -> Span | None:
    """The interval in which the service was alive at some moment."""
    if look.outcome != "OK":
        return None
    if look.seen_late or look.answered - look.sent <= slow:
        return Span(look.sent, look.answered)
    return Span(look.answered - slow, look.answered)


def dark(look: Look, slow: int) -> Span | None:
    """The interval in which the service was dark at some moment."""
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


def _spans(probe: Probe, of: Callable[[Look, int], Span | None]) -> list[Span]:
    found = [of(look, probe.slow) for look in probe.counted]
    return sorted((span for span in found if span), key=lambda span: (span.left, span.right))


def lacking(probe: Probe, *, weighs_missing: bool) -> bool:
    """Whether too little was seen for anything but FAILED."""
    slots = probe.schedule
    if not probe.counted or not slots:
        return True
    unknown = [look for look in slots if look is None or not look.proves]
    if len(slots) - len(unknown) < 10:
        return True
    weighed = unknown
    if weighs_missing:
        weighed = [look for look in unknown if look is not None and look.outcome in ("BROKEN", "OPEN", "THROTTLED")]
    if 2 * len(weighed) > len(slots):
        return True
    last = max(due for due, look in zip(probe.dues, slots, strict=True) if look is not None)
    return last < probe.until - (probe.timeout + 3 * probe.every)


# --- counts


def _count(slots: Iterable[Look | None]) -> tuple[int, int, int]:
    looks = list(slots)
    failed = sum(look is not None and look.outcome in BAD for look in looks)
    unknown = sum(look is None or not look.proves for look in looks)
    return len(looks), failed, unknown


def errors(probe: Probe, at_most: Fraction | int) -> Answer:
    """`errors: {of, at_most}`; a Fraction is a share."""
    total, failed, unknown = _count(probe.schedule)
    limit = at_most * total if isinstance(at_most, Fraction) else at_most
    if failed > limit:
        return FAILED
    if lacking(probe, weighs_missing=True):
        return INCONCLUSIVE
    if isinstance(at_most, Fraction) and 0 < limit < 1 and failed == 0:
        return INCONCLUSIVE
    return PASSED if failed + unknown <= limit else INCONCLUSIVE


def errors_over(probe: Probe, at_most: Fraction | int, over: int) -> Answer:
    """`errors: {of, at_most, over}`."""
    slots, dues = probe.schedule, probe.dues
    failures = [0, *accumulate(int(look is not None and look.outcome in BAD) for look in slots)]
    unknowns = [0, *accumulate(int(look is None or not look.proves) for look in slots)]
    parts = []
    for first, begin in enumerate(dues):
        if begin + over > dues[-1] + probe.every:
            break
        end = bisect_left(dues, begin + over)
        parts.append((end - first, failures[end] - failures[first], unknowns[end] - unknowns[first]))
    limits = [at_most * total if isinstance(at_most, Fraction) else at_most for total, _, _ in parts]
    if any(failed > limit for (_, failed, _), limit in zip(parts, limits, strict=True)):
        return FAILED
    if lacking(probe, weighs_missing=True) or not parts:
        return INCONCLUSIVE
    if isinstance(at_most, Fraction) and any(0 < limit < 1 for limit in limits):
        return None
    held = all(failed + unknown <= limit for (_, failed, unknown), limit in zip(parts, limits, strict=True))
    return PASSED if held else INCONCLUSIVE


def error_budget(probe: Probe, allowed: Fraction, slower_than: int | None) -> Answer:
    """`error_budget`, where `allowed` is at_most x (1 - objective) x over, in ns."""
    bad = unknown = 0
    for look in probe.schedule:
        if look is None or not look.proves:
            unknown += 1
        elif look.outcome in BAD:
            bad += 1
        elif slower_than is not None:
            slow_since_sent = look.answered - max(look.due, look.sent) > slower_than
            slow_since_due = look.answered - look.due > slower_than
            if slow_since_sent and not look.seen_late:
                bad += 1
            elif slow_since_due or slow_since_sent:
                unknown += 1
    if bad * probe.every > allowed:
        return FAILED
    if lacking(probe, weighs_missing=True):
        return INCONCLUSIVE
    if allowed < probe.every and bad == 0:
        return INCONCLUSIVE
    return PASSED if (bad + unknown) * probe.every <= allowed else INCONCLUSIVE


def latency(probe: Probe, share: Fraction, limit: int) -> Answer:
    """`latency: {of, pNN: limit}` over the whole run."""
    endless = 1 << 70
    lower, upper = [], []
    for look in probe.schedule:
        if look is None or not look.proves:
            bounds = (0, endless)
        elif look.outcome == "OK":
            least = 0 if look.seen_late else look.answered - max(look.due, look.sent)
            bounds = (least, look.answered - look.due)
        elif look.outcome == "TIMED_OUT":
            bounds = (0 if look.seen_late else look.answered - max(look.due, look.sent), endless)
        else:
            bounds = (endless, endless)
        lower.append(bounds[0])
        upper.append(bounds[1])
    if not lower:
        return INCONCLUSIVE
    rank = -(-share.numerator * len(lower) // share.denominator)
    if sorted(lower)[rank - 1] > limit:
        return FAILED
    if lacking(probe, weighs_missing=True):
        return INCONCLUSIVE
    if share < 1 and len(lower) < 1 / (1 - share):
        return INCONCLUSIVE
    return PASSED if sorted(upper)[rank - 1] <= limit else INCONCLUSIVE


# --- who answers


def _seen(probe: Probe) -> list[Look]:
    looks = [look for look in probe.schedule if look is not None and look.proves and look.who]
    return sorted(looks, key=lambda look: look.sent)


def never(probe: Probe, whom: str | None) -> Answer:
    """`never: {of, saw: WHOM}`, or with None `never: {of, changes: true}`."""
    seen = _seen(probe)
    if whom is None and any(look.who != seen[0].who for look in seen):
        return FAILED
    if whom is not None and any(whom in look.who.split(",") for look in seen):
        return FAILED
    if lacking(probe, weighs_missing=False) or not seen:
        return INCONCLUSIVE
    moments = [probe.since, *(look.sent for look in seen), probe.until]
    return INCONCLUSIVE if any(later - sooner > 5 * probe.every for sooner, later in pairwise(moments)) else PASSED


def writers(probe: Probe, at_most: int) -> Answer:
    """`writers: {of, at_most}`."""
    looks = [look for look in probe.schedule if look is not None and look.proves]
    looks.sort(key=lambda look: look.sent)
    more = [look for look in looks if len(_names(look)) > at_most]
    for first in more:
        for second in (look for look in more if look.sent > first.answered):
            for third in (look for look in more if look.sent > second.answered):
                between = [look for look in looks if first.sent <= look.sent <= third.sent]
                if all(_names(look) == _names(first) for look in between):
                    return FAILED
    if lacking(probe, weighs_missing=False):
        return INCONCLUSIVE
    return INCONCLUSIVE if more else PASSED


def _names(look: Look) -> frozenset[str]:
    return frozenset(name.strip() for name in look.who.split(",") if name.strip())


# --- darkness


def _are_apart(one: Span, other: Span, alive: list[Span], hold: int) -> bool:
    """Whether life is proven between two dark intervals, and for so long; `alive` is ordered by its beginnings."""
    begin = bisect_left(alive, one.right, key=lambda span: span.left)
    end = bisect_left(alive, other.left, key=lambda span: span.left)
    inside = [span for span in alive[begin : end + 1] if one.before(span) and span.before(other)]
    if not inside:
        return False
    return hold == 0 or max(span.left for span in inside) - min(span.right for span in inside) >= hold


def flaps(probe: Probe, at_most: int) -> Answer:
    """`flaps: {of, at_most}`, without a hold."""
    alive = _spans(probe, life)
    darkness = sorted(_spans(probe, dark), key=lambda span: (span.right, span.left))
    times, last = 0, None
    for span in darkness:
        if last is None or _are_apart(last, span, alive, 0):
            times, last = times + 1, span
    if times > at_most:
        return FAILED
    if lacking(probe, weighs_missing=False):
        return INCONCLUSIVE
    found = [moment for look in probe.counted for moment in _moments(look, probe.slow)]
    moments = sorted(found, key=lambda one: one[0])
    could = sum(is_dark and (number == 0 or not moments[number - 1][1]) for number, (_, is_dark) in enumerate(moments))
    return PASSED if could <= at_most else INCONCLUSIVE


def _moments(look: Look, slow: int) -> list[tuple[int, bool]]:
    is_dark, is_alive = dark(look, slow) is not None, life(look, slow) is not None
    found = [(look.sent, True)] if is_dark else []
    if is_alive:
        found.append((look.answered if is_dark else look.sent, False))
    return found


def outage(probe: Probe, at_most: int, hold: int) -> Answer:
    """`outage: {of, at_most, hold}`, of looks that do not overlap; None where others do, or an end was not seen."""
    looks = sorted(probe.counted, key=lambda look: look.sent)
    looks = [look for look in looks if look.proves]
    if any(max(later.sent, later.due) < sooner.answered for sooner, later in pairwise(looks)):
        return None
    alive, darkness = _spans(probe, life), _spans(probe, dark)
    groups: list[list[Span]] = []
    for span in darkness:
        if groups and not _are_apart(groups[-1][-1], span, alive, hold):
            groups[-1].append(span)
        else:
            groups.append([span])
    lengths = [_length(group, alive, hold) for group in groups]
    if groups and at_most == 0:
        return FAILED
    if any(least is not None and least > at_most for least, _ in lengths):
        return FAILED
    if any(least is None for least, _ in lengths):
        return None
    if lacking(probe, weighs_missing=True):
        return INCONCLUSIVE
    if any(most is None for _, most in lengths):
        return None
    held = all(most is not None and most <= at_most for _, most in lengths) and _hidden(probe, alive) <= at_most
    return PASSED if held else INCONCLUSIVE


def _length(group: list[Span], alive: list[Span], hold: int) -> tuple[int | None, int | None]:
    first, last = min(span.left for span in group), max(span.right for span in group)
    least: int | None = _least(group, alive)
    if hold and any(span.left < last and span.right > first for span in alive):
        least = None  # of stretches with life between them
    before = [span for span in alive if span.right <= first]
    after = [span for span in alive if span.left >= last]
    if not before or not after:
        return least, None
    last_good, first_good = max(before, key=lambda span: span.left), min(after, key=lambda span: span.right)
    start, end = last_good.left, first_good.right
    if hold:
        earlier = [span for span in alive if span.right <= last_good.left - hold]
        later = [span for span in alive if span.left >= first_good.right + hold]
        if not later:
            return least, None
        start = max(span.left for span in earlier) if earlier else alive[0].left
        end = min(span.right for span in later)
    return least, end - start


def _least(group: list[Span], alive: list[Span]) -> int:
    """The longest from the end of one dark interval to the beginning of another, with no life that could be between."""
    reaches = list(accumulate((span.right for span in alive), max))
    ordered = sorted(group, key=lambda span: span.right)
    ends, beginnings = [span.right for span in ordered], list(accumulate((span.left for span in ordered), max))
    longest = 0
    for one in group:
        blocking = bisect_right(reaches, one.left)
        until = alive[blocking].left if blocking < len(alive) else ends[-1]
        place = bisect_right(ends, until)
        if place:
            longest = max(longest, beginnings[place - 1] - one.right)
    return longest


def _hidden(probe: Probe, alive: list[Span]) -> int:
    """The longest outage that could hide where nothing was seen, of one without a dark look."""
    inside = [span for span in alive if span.right >= probe.since and span.left <= probe.until]
    if not inside:
        return probe.until - probe.since
    gaps = [later.right - sooner.left for sooner, later in pairwise(inside)]
    return max([inside[0].right - probe.since, probe.until - inside[-1].left, *gaps])


# --- an alarm


@dataclass(frozen=True)
class Step:
    """When a step began, was in effect, and was put back."""

    began: int
    effect: int
    undone: int


def detected(probe: Probe, step: Step, within: int) -> Answer:
    """`detected: {of, after, within}` of a step that took effect."""
    looks = [look for look in probe.counted if look.proves]
    before = [look for look in looks if look.answered < step.began]
    if not before or max(before, key=lambda look: look.answered).outcome in BAD:
        return INCONCLUSIVE
    alarms = [look for look in looks if look.outcome in BAD and look.sent >= step.began and look.answered < step.undone]
    limit = step.effect + within
    if alarms:
        alarm = min(alarms, key=lambda look: look.answered)
        quiet = [look.sent for look in looks if look.outcome == "OK" and look.answered <= alarm.answered]
        last = max([step.began, *quiet])
        if alarm.answered - step.began <= within:
            return PASSED
        return FAILED if last > limit and _looked(probe, looks, step.began, limit) else INCONCLUSIVE
    if step.undone < limit:
        return INCONCLUSIVE
    return FAILED if _looked(probe, looks, step.began, limit) else INCONCLUSIVE


def _looked(probe: Probe, looks: list[Look], since: int, until: int) -> bool:
    moments = [since, *sorted(look.sent for look in looks if since <= look.sent <= until), until]
    return all(later - sooner <= 3 * probe.every + probe.timeout for sooner, later in pairwise(moments))
