"""What docs/judging.md says of counts and of who answers, slow and plain: written from it, with nothing of the engine.

Each function answers FAILED, PASSED or INCONCLUSIVE as the page has it.
"""

from bisect import bisect_left, bisect_right
from fractions import Fraction
from itertools import accumulate, pairwise

from oracle.record import FAILED, INCONCLUSIVE, PASSED, Look, Probe, Slot, lacking

ENDLESS = 1 << 70


def errors(probe: Probe, at_most: Fraction | int) -> str:
    """`errors: {of, at_most}`; a Fraction is a share."""
    slots = probe.slots
    failed, unknown = sum(slot.failed for slot in slots), sum(not slot.proves for slot in slots)
    limit = at_most * len(slots) if isinstance(at_most, Fraction) else at_most
    if failed > limit:
        return FAILED
    if lacking(probe, weighs_missing=True):
        return INCONCLUSIVE
    if isinstance(at_most, Fraction) and 0 < limit < 1 and failed == 0:
        return INCONCLUSIVE
    return PASSED if failed + unknown <= limit else INCONCLUSIVE


def errors_over(probe: Probe, at_most: Fraction | int, over: int) -> str:
    """`errors: {of, at_most, over}`."""
    slots = probe.slots
    dues = [slot.due for slot in slots]
    failures = [0, *accumulate(int(slot.failed) for slot in slots)]
    unknowns = [0, *accumulate(int(not slot.proves) for slot in slots)]
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
        return INCONCLUSIVE
    held = all(failed + unknown <= limit for (_, failed, unknown), limit in zip(parts, limits, strict=True))
    return PASSED if held else INCONCLUSIVE


def error_budget(probe: Probe, allowed: Fraction, slower_than: int | None) -> str:
    """`error_budget`, where `allowed` is at_most x (1 - objective) x over, in ns."""
    kinds = [_kind(slot, slower_than) for slot in probe.slots]
    bad, unknown = kinds.count("bad"), kinds.count("unknown")
    if bad * probe.every > allowed:
        return FAILED
    if lacking(probe, weighs_missing=True):
        return INCONCLUSIVE
    if allowed < probe.every and bad == 0:
        return INCONCLUSIVE
    return PASSED if (bad + unknown) * probe.every <= allowed else INCONCLUSIVE


def _kind(slot: Slot, slower_than: int | None) -> str:
    look = slot.look
    if look is None or not look.proves:
        return "unknown"
    if slot.failed:
        return "bad"
    if slower_than is None or look.answered - look.due <= slower_than:
        return "good"
    is_slow = look.answered - max(look.due, look.sent) > slower_than
    return "bad" if is_slow and not look.seen_late else "unknown"


def latency(probe: Probe, share: Fraction, limit: int) -> str:
    """`latency: {of, pNN: limit}`; the share 1 is the slowest."""
    bounds = [_bounds(slot) for slot in probe.slots]
    if not bounds:
        return INCONCLUSIVE
    rank = -(-share.numerator * len(bounds) // share.denominator)
    if sorted(least for least, _ in bounds)[rank - 1] > limit:
        return FAILED
    if lacking(probe, weighs_missing=True):
        return INCONCLUSIVE
    if share < 1 and len(bounds) < 1 / (1 - share):
        return INCONCLUSIVE
    return PASSED if sorted(most for _, most in bounds)[rank - 1] <= limit else INCONCLUSIVE


def _bounds(slot: Slot) -> tuple[int, int]:
    look = slot.look
    if look is None or not look.proves:
        return 0, ENDLESS
    least = 0 if look.seen_late else look.answered - max(look.due, look.sent)
    if look.outcome == "OK":
        return least, look.answered - look.due
    return (least, ENDLESS) if look.outcome == "TIMED_OUT" else (ENDLESS, ENDLESS)


# --- who answers


def never(probe: Probe, whom: str | None) -> str:
    """`never: {of, saw: WHOM}`, or with None `never: {of, changes: true}`."""
    seen = sorted((look for look in probe.counted if look.proves and look.who), key=_sending)
    if whom is None and any(look.names != seen[0].names for look in seen):
        return FAILED
    if whom is not None and any(whom in look.names for look in seen):
        return FAILED
    if lacking(probe, weighs_missing=False) or not seen:
        return INCONCLUSIVE
    moments = [probe.since, *(look.sent for look in seen), probe.until]
    return INCONCLUSIVE if any(later - sooner > 5 * probe.every for sooner, later in pairwise(moments)) else PASSED


def writers(probe: Probe, at_most: int) -> str:
    """`writers: {of, at_most}`."""
    looks = sorted((look for look in probe.counted if look.proves), key=_sending)
    if _are_seen_thrice(looks, at_most):
        return FAILED
    if lacking(probe, weighs_missing=False) or not any(look.names for look in looks):
        return INCONCLUSIVE
    return INCONCLUSIVE if any(len(look.names) > at_most for look in looks) else PASSED


def _are_seen_thrice(looks: list[Look], at_most: int) -> bool:
    """Tell whether three looks, each sent after the one before was answered, and all between, have more in common."""
    at: dict[int, list[Look]] = {}
    for look in looks:
        at.setdefault(look.sent, []).append(look)
    moments = sorted(at)
    for first in looks:
        common, second_by = first.names, 1 << 62
        for moment in moments[bisect_right(moments, first.sent) :]:
            if moment >= second_by and any(len(common & look.names) > at_most for look in at[moment]):
                return True
            common = common.intersection(*(look.names for look in at[moment]))
            if len(common) <= at_most:
                break
            if moment >= first.answered:
                second_by = min(second_by, *(look.answered for look in at[moment]))
    return False


def _sending(look: Look) -> int:
    return look.sent
