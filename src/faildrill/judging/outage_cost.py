"""What a run has cost its place in outage, at the most: a pure function of its result."""

from faildrill.judging.result import ProbeFigures, Result, Verdict


def cost(result: Result) -> float | None:
    """Return the seconds of outage that a run has cost at the most; None until that is known.

    The upper bounds of all outages of what stands for the users, added; where none was seen, the longest that could
    hide between the looks. Where nobody looked at the users, or the end of an outage was not seen, it is all of the
    run from its first step on. It isn't known while a run has no end, nor while an outage goes on in a place that was
    not put back.
    """
    if result.verdict is Verdict.REFUSED:
        return 0.0
    if not result.whole:
        return None
    acted = _acted(result)
    if result.headline is None:
        return acted
    headline = result.headline
    names = {headline.probe, headline.failback_probe}
    sums = [_of(probe) for probe in result.probes if probe.probe in names]
    known = [known_cost for known_cost in sums if known_cost is not None]
    if len(known) < len(sums):
        return None if result.verdict is Verdict.UNSAFE else acted
    hidden = max(headline.unproven, headline.failback_unproven)
    # Never more than the run lasted: upper bounds that overlap may add up to more than there was time.
    return min(max(known, default=acted) or hidden, acted)


def _acted(result: Result) -> float:
    """Return the seconds from the first step to the end of the run; 0 where nothing was done."""
    if "acting" not in result.phases:
        return 0.0
    return max(end for _, end in result.phases.values()) - result.phases["acting"][0]


def _of(probe: ProbeFigures) -> float | None:
    """Add the upper bounds of the outages of a probe; None where one has none. Those left out are shorter than any."""
    bounds = [outage.length.at_most for outage in probe.outages]
    known = [bound for bound in bounds if bound is not None]
    if len(known) < len(bounds):
        return None
    return sum(known) + probe.outages_left_out * min(known, default=0.0)
