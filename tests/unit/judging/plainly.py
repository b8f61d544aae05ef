"""The bounds of outages once more, in plain loops straight from their definition: what the fast ones are held to."""

from typing import NamedTuple

from faildrill.record.samples import Outcome
from faildrill.record.samples.columns import Columns

FAR = 1 << 62


class Interval(NamedTuple):
    """A look's proof: a moment between the two."""

    since: int
    by: int
    sample: int


class Outage(NamedTuple):
    at_least: int
    at_most: int | None
    first_dark: int
    first: int
    last: int


def proofs(looks: Columns, slow: int) -> tuple[list[Interval], list[Interval]]:
    """Return what holds a moment of life, and what holds one of darkness."""
    life, dark = [], []
    for number in range(len(looks)):
        sent, answered = int(looks.sent[number]), int(looks.answered[number])
        outcome = Outcome(int(looks.outcome[number]))
        late = answered - sent > slow
        silent = min(answered, sent + slow)
        if outcome is Outcome.OK:
            life.append(Interval(max(sent, answered - slow) if late else sent, answered, number))
        if outcome is Outcome.TIMED_OUT or (late and outcome.is_look):
            dark.append(Interval(sent, silent, number))
        elif outcome.is_look and outcome is not Outcome.OK:
            dark.append(Interval(sent, answered, number))
    return life, dark


def outages(looks: Columns, slow: int, hold: int = 0) -> list[Outage]:
    """Bound the outages, slowly."""
    life, dark = proofs(looks, slow)
    dark.sort(key=lambda one: (one.since, one.sample))
    groups: list[list[Interval]] = []
    before: list[Interval] = []
    for one in dark:
        start = _start(life, one)
        parted = all(start >= other.by for other in before)
        if not before or (parted and (not hold or start - max(_end(life, other) for other in before) >= hold)):
            groups.append([])
        groups[-1].append(one)
        before.append(one)
    return [_outage(life, group, hold) for group in groups]


def _start(life: list[Interval], dark: Interval) -> int:
    return max((one.since for one in life if one.by <= dark.since), default=-FAR)


def _end(life: list[Interval], dark: Interval) -> int:
    return min((one.by for one in life if one.since >= dark.by), default=FAR)


def _outage(life: list[Interval], group: list[Interval], hold: int) -> Outage:
    start, end = _start(life, group[0]), max(_end(life, one) for one in group)
    at_least = max(_chains(life, group, hold))
    at_most = None if start == -FAR or end == FAR else end - start
    return Outage(at_least, at_most, min(one.by for one in group), group[0].sample, group[-1].sample)


def _chains(life: list[Interval], group: list[Interval], hold: int) -> list[int]:
    """Lengths of what is surely dark without a break (or surely never good for `hold`); 0 where that is a moment."""
    alone = [one for one in group if not any(other.since < one.by and other.by > one.since for other in life)]
    spans = [(one.by, one.since) for one in group]
    for first in alone:
        for last in alone:
            between = [one for one in life if one.since < last.by and one.by > first.since]
            if last.since > first.by and not between:
                spans.append((first.by, last.since))
    lengths, begun_by, still_at = [0], -FAR, -FAR
    for begun, still in sorted(spans):
        if begun - still_at >= hold:
            begun_by, still_at = begun, still
        still_at = max(still_at, still)
        lengths.append(still_at - begun_by)
    return lengths
