"""What docs/judging.md says of abort conditions: slow, plain, with nothing of the engine."""

from fractions import Fraction

from oracle.record import BAD, FEWEST, Look, Probe, dark, life


def _in_time(probe: Probe) -> list[Look]:
    """Give the looks that were answered well in time: here, one beyond `slow` is dark only."""
    return [look for look in probe.looks if look.outcome == "OK" and dark(look, probe.slow) is None]


def is_dark_too_long(probe: Probe, now: int, first_step: int, longer_than: int) -> bool:
    """Tell whether it is dark for longer than that at a moment, or nobody can tell, by the looks so far."""
    grace = max(probe.slow, 3 * probe.every)
    ends = [span.right for look in _in_time(probe) if (span := life(look, probe.slow))]
    alive_until = max(ends, default=0)
    if now - (max(alive_until, first_step) + grace) > longer_than:
        return True
    darkness = [span for look in probe.looks if (span := dark(look, probe.slow)) and span.right >= alive_until]
    if not darkness:
        return False
    begun = min(span.right for span in darkness)
    still = max(span.left for span in darkness)
    if now - max(look.answered for look in probe.looks if look.proves) > grace:
        still = now
    return still - begun > longer_than


def fails_too_often(probe: Probe, first: int, above: Fraction | int, over: int) -> bool:
    """Tell whether in some stretch up to a failed look too many failed; the first look of all was due at `first`."""
    looks = _of_schedule(probe, first)
    for last in (look for look in looks if look.outcome in BAD):
        part = [look for look in looks if last.due - over < look.due <= last.due]
        failed = sum(look.outcome in BAD for look in part)
        if isinstance(above, Fraction):
            if failed > above * len(part) and sum(look.proves for look in part) >= FEWEST:
                return True
        elif failed > above:
            return True
    return False


def nothing_proven_from(probe: Probe, first: int, first_step: int, over: int) -> int:
    """Give the moment after which no look that proves something was due lately."""
    proving = [look.due for look in _of_schedule(probe, first) if look.proves]
    return max([first_step, *proving]) + over + probe.timeout + 3 * probe.every


def _of_schedule(probe: Probe, first: int) -> list[Look]:
    found: dict[int, Look] = {}
    for look in probe.looks:
        if (look.due - first) % probe.every == 0:
            found.setdefault(look.due, look)
    return list(found.values())
