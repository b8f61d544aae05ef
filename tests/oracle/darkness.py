"""What docs/judging.md says of outages, brown-outs, flaps and alarms: slow, plain, with nothing of the engine."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate, pairwise

from oracle.record import BAD, FAILED, INCONCLUSIVE, PASSED, Look, Probe, Span, dark, lacking, life, longest_free, spans


def outage(probe: Probe, at_most: int, hold: int) -> str:
    """`outage: {of, at_most, hold}`; of `brown_out`, the probe's `slow` is its `slower_than`."""
    alive, darkness = spans(probe, life), spans(probe, dark)
    if darkness and (at_most == 0 or longest_for_sure(darkness, alive, hold) > at_most):
        return FAILED
    if lacking(probe, weighs_missing=True):
        return INCONCLUSIVE
    if _hidden(probe, alive) > at_most:
        return INCONCLUSIVE
    return PASSED if all(most is not None and most <= at_most for most in outages(probe, hold)) else INCONCLUSIVE


def outages(probe: Probe, hold: int) -> list[int | None]:
    """Give how long each outage of a probe lasted at most; None: an edge of it was not seen."""
    alive, groups = spans(probe, life), list[list[Span]]()
    for span in spans(probe, dark):
        if groups and not _has_life_between(groups[-1], span, alive, hold):
            groups[-1].append(span)
        else:
            groups.append([span])
    return [_bounded(probe, group, alive, hold) for group in groups]


def _has_life_between(group: list[Span], later: Span, alive: list[Span], hold: int) -> bool:
    earlier = Span(min(span.left for span in group), max(span.right for span in group))
    inside = [span for span in alive if earlier.before(span) and span.before(later)]
    if not inside:
        return False
    return max(span.left for span in inside) - min(span.right for span in inside) >= hold or hold == 0


def _bounded(probe: Probe, group: list[Span], alive: list[Span], hold: int) -> int | None:
    """Give how long an outage lasted at most, with what the hold can hide; None: an edge was not seen."""
    begin, end = min(span.left for span in group), max(span.right for span in group)
    before = [span for span in alive if span.right <= begin]
    after = [span for span in alive if span.left >= end]
    if not before or not after:
        return None
    last_good, first_good = max(span.left for span in before), min(span.right for span in after)
    if hold == 0:
        return first_good - last_good
    earlier = [span.left for span in alive if span.right <= last_good - hold]
    later = [span.right for span in alive if span.left >= first_good + hold]
    start = max(earlier) if earlier else alive[0].left
    return (min(later) if later else max(look.answered for look in probe.counted)) - start


def longest_for_sure(darkness: list[Span], alive: list[Span], hold: int) -> int:
    """Give the longest from the end of one dark interval to the beginning of another of surely the same outage.

    That they are where no life could have its moment between them, or could not have gone on for the hold.
    """
    starts, ends = sorted(span.left for span in alive), sorted(span.right for span in alive)
    solid: dict[int, Span] = {}
    certain: list[Span] = []
    for span in darkness:
        lives_before, lives_not_after = bisect_right(ends, span.left), bisect_left(starts, span.right)
        if lives_before == lives_not_after:
            one = solid.get(lives_before, span)
            solid[lives_before] = Span(max(one.left, span.left), min(one.right, span.right))
        else:
            certain.append(span)
    longest, same = 0, None
    for span in sorted([*certain, *solid.values()], key=lambda span: span.right):
        if same is None or span.right - same.left >= hold:
            same = span
        same = Span(max(same.left, span.left), same.right)
        longest = max(longest, same.left - same.right)
    return longest


def _hidden(probe: Probe, alive: list[Span]) -> int:
    """Give the longest outage that could hide where nothing was seen, of one without a dark look."""
    return longest_free(alive, (probe.since, max(probe.until, probe.since)))


# --- flaps


def flaps(probe: Probe, at_most: int, hold: int = 0) -> str:
    """`flaps: {of, at_most, hold}`."""
    if _times_for_sure(probe, hold) > at_most:
        return FAILED
    if lacking(probe, weighs_missing=False):
        return INCONCLUSIVE
    return PASSED if _times_perhaps(probe, hold) <= at_most else INCONCLUSIVE


def _times_for_sure(probe: Probe, hold: int) -> int:
    """Give how often it went dark for sure, with life proven between each time and the next."""
    if hold:
        return len(outages(probe, hold))
    alive, times, reached = spans(probe, life), 0, 0
    starts = [span.left for span in alive]
    earliest = list(accumulate((span.right for span in reversed(alive)), min, initial=1 << 62))[::-1]
    for span in sorted(spans(probe, dark), key=lambda span: span.right):
        if span.left >= reached:
            times, reached = times + 1, earliest[bisect_left(starts, span.right)]
    return times


def _times_perhaps(probe: Probe, hold: int) -> int:
    """Give how often it can have gone dark, as looks show it in the order of their moments."""
    moments = sorted(_moments(probe.counted, probe.slow), key=lambda one: (one[0], one[2], -one[1].right))
    times, last, good_since = 0, None, False
    for _, span, is_dark in moments:
        if not is_dark:
            good_since = True
            continue
        if last is None or (good_since and span.right - last.left >= hold):
            times += 1
        last, good_since = span, False
    return times


def _moments(looks: Iterable[Look], slow: int) -> Iterable[tuple[int, Span, bool]]:
    for look in looks:
        darkness, alive = dark(look, slow), life(look, slow)
        if darkness:
            yield look.sent, darkness, True
        if alive:
            yield (look.answered if darkness else look.sent), alive, False


# --- an alarm


@dataclass(frozen=True)
class Step:
    """When a step began, was in effect, and was put back."""

    began: int
    effect: int
    undone: int


def detected(probe: Probe, step: Step, within: int, says: str = "") -> str:
    """`detected: {of, after, within, says}` of a step that took effect."""
    looks = [look for look in probe.counted if look.proves]
    alarms = [look for look in looks if look.outcome in BAD and (says in look.detail or says in look.who)]
    before = [look for look in looks if look.answered <= step.began]
    if not before or max(before, key=lambda look: look.answered) in alarms:
        return INCONCLUSIVE
    limit = step.effect + within
    heard = [look for look in alarms if look.sent >= step.began and look.answered < step.undone]
    if heard:
        alarm = min(heard, key=lambda look: look.answered)
        quiet = [look.sent for look in looks if look not in alarms and look.answered <= alarm.answered]
        if alarm.answered - step.began <= within:
            return PASSED
        is_late = max([step.began, *quiet]) > limit
        return FAILED if is_late and _looked(probe, looks, step.began, limit) else INCONCLUSIVE
    if step.undone < limit:
        return INCONCLUSIVE
    return FAILED if _looked(probe, looks, step.began, limit) else INCONCLUSIVE


def _looked(probe: Probe, looks: list[Look], since: int, until: int) -> bool:
    moments = [since, *sorted(look.sent for look in looks if since <= look.sent <= until), until]
    return all(later - sooner <= 3 * probe.every + probe.timeout for sooner, later in pairwise(moments))
