"""Residual impact: what is not as it was before the first step, after everything was put back, as far as looks tell.

Three questions of each probe: are its answers slower, do more of its looks fail, and does somebody answer who did not,
or nobody any more who did. Where there are too few looks for one, it is *not known*, and never *as before*.
What is set around and answers no probe is in `surroundings`.
"""

import math
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

import numpy as np

from faildrill import durations
from faildrill.clock import nanoseconds, seconds
from faildrill.judging.numbers.two_samples import Slower, Span, slower
from faildrill.record.samples.columns import Columns
from faildrill.record.timeline import SteadyAgain, UndoVerified, WarmedUp
from faildrill.reports import wording
from faildrill.reports.html.look_times import Looks
from faildrill.reports.review import surroundings_lines
from faildrill.reports.review.content import Line
from faildrill.reports.review.run_facts import Facts

RARE: Final = 0.002
"""The p of what chance makes in one of five hundred comparisons: a difference."""
MATTERS: Final = 0.2
"""By how much answers must surely be slower to be told: caches are cold, and a standby is another machine."""
_MOST: Final = 1_000
"""Looks of a span that are gone through; of more, the nearest to its end after, and to the first step before."""
State = Literal["not as before", "no difference seen", "not known"]


class Told(NamedTuple):
    """One comparison of one probe."""

    probe: str
    what: Literal["answer times", "failed looks", "who answers"]
    state: State
    because: str


class Spans(NamedTuple):
    """From when until when it was before, and from when on it is after; seconds of the run."""

    since: float
    until: float
    back: float


def lines(facts: Facts) -> Iterator[Line]:
    """Yield what is told: differences, what shows none, and what not known."""
    if not facts.acted:
        yield Line("Nothing was done, so nothing could be left.", ("timeline:0",))
        return
    cited, parts = _sources(facts), spans(facts)
    if parts is None:
        yield Line("not known: the probes were not seen good before, or nothing was seen put back", cited)
    else:
        comparisons = list(compared(facts, parts))
        for comparison in (unlike for unlike in comparisons if unlike.state == "not as before"):
            yield Line(
                f"{comparison.state}: {comparison.what} of {comparison.probe}: {comparison.because}", cited, level="bad"
            )
        for state in ("no difference seen", "not known"):
            alike = [f"{same.what} of {same.probe} ({same.because})" for same in comparisons if same.state == state]
            if alike:
                yield Line(f"{state}: {'; '.join(alike)}", cited)
    yield from surroundings_lines.lines(facts.around)
    yield Line(f"not known: {surroundings_lines.UNASKED}", ("timeline:0",))


def _sources(facts: Facts) -> tuple[str, ...]:
    entries = [
        next(facts.events(WarmedUp), None),
        *list(facts.events(UndoVerified))[-1:],
        next(facts.events(SteadyAgain), None),
    ]
    return tuple(f"timeline:{entry.n}" for entry in entries if entry is not None) or ("timeline:0",)


def spans(facts: Facts) -> Spans | None:
    """Return what is compared with what; None where the probes were not seen good, or nothing was seen put back."""
    warm = next(facts.events(WarmedUp), None)
    undone = list(facts.events(UndoVerified))
    if warm is None or not undone or not isinstance(warm.what, WarmedUp):
        return None
    since = seconds(warm.what.since - facts.entries[0].at)
    return Spans(since, facts.zero, facts.second(undone[-1]))


def compared(facts: Facts, spans: Spans) -> Iterator[Told]:
    """Yield the comparisons of each probe and load, in the order of the probes."""
    for probe in (figures.probe for figures in facts.result.probes):
        looks = facts.looks.get(probe)
        if looks is None:
            yield Told(probe, "answer times", "not known", "none of its looks is there")
            continue
        before = _part(looks, spans.since, spans.until)
        after = _part(looks, spans.back, facts.result.duration + 1)
        yield _times(probe, before, after)
        yield _failures(probe, before, after)
        yield from _answerers(probe, before, after)


def _part(seen: Looks, since: float, until: float) -> Columns:
    columns = seen.columns.between(seen.origin + nanoseconds(since), seen.origin + nanoseconds(until))
    looks = columns.part(max(0, len(columns) - _MOST), len(columns))
    return looks.where(looks.is_look)


def _times(probe: str, before: Columns, after: Columns) -> Told:
    slowness = slower(_bounds(before), _bounds(after), probe, MATTERS)
    of = f"{wording.count(len(before), 'look')} before, {len(after):,} after"
    if slowness is None:
        return Told(probe, "answer times", "not known", f"too few looks: {of}")
    medians = f"median {_median(before)} before, {_median(after)} after"
    if slowness.p <= RARE and slowness.surely > MATTERS:
        return Told(
            probe,
            "answer times",
            "not as before",
            f"{medians}, {_in_words(slowness)} (p {slowness.p:.2g}; {of})",
        )
    return Told(probe, "answer times", "no difference seen", f"{medians}; {of}")


def _in_words(found: Slower) -> str:
    return f"surely slower by {found.surely:.0%}" if math.isfinite(found.surely) else "surely slower"


def _bounds(looks: Columns) -> Span:
    """Return the times of answers; one that never came took at least until it was given up."""
    took = (looks.answered - looks.due) / 1e9
    late = looks.is_good & looks.is_seen_late  # the prober was held up: the answer may have come at once
    return Span(np.where(late, 0.0, took), np.where(looks.is_good, took, np.inf))


def _median(looks: Columns) -> str:
    good = looks.where(looks.is_good)
    return durations.show(float(np.median(good.answered - good.due)) / 1e9) if len(good) else "no good answer"


def _failures(probe: str, before: Columns, after: Columns) -> Told:
    failed = [int(np.count_nonzero(~looks.is_good)) for looks in (before, after)]
    of = f"{failed[0]:,} of {wording.count(len(before), 'look')} before, {failed[1]:,} of {len(after):,} after"
    if not len(before) or not len(after):
        return Told(probe, "failed looks", "not known", f"too few looks: {of}")
    p = at_least_so_many(failed[1], len(after), sum(failed), len(before) + len(after))
    if p <= RARE:
        return Told(probe, "failed looks", "not as before", f"{of} (p {p:.2g})")
    # With fewer looks not even that each fifth of them fails could be proven.
    fifth = math.ceil(len(after) / 5)
    if at_least_so_many(fifth, len(after), fifth, len(before) + len(after)) > RARE:
        return Told(probe, "failed looks", "not known", f"too few looks: {of}")
    return Told(probe, "failed looks", "no difference seen", of)


def at_least_so_many(marked: int, drawn: int, all_marked: int, everything: int) -> float:
    """Return how often chance alone has so many marked, or more, among those drawn (Fisher's exact test, one side)."""
    if not marked:
        return 1.0
    ways = math.comb(everything, drawn)
    most = min(drawn, all_marked)
    some = sum(
        math.comb(all_marked, k) * math.comb(everything - all_marked, drawn - k) for k in range(marked, most + 1)
    )
    return some / ways


def _answerers(probe: str, before: Columns, after: Columns) -> Iterator[Told]:
    """Say who answered before and does no more, and the other way round; of probes that tell who answers."""
    counts = [_answers_by_who(before), _answers_by_who(after)]
    names = sorted({*counts[0], *counts[1]})
    if not names:
        return
    sizes = [sum(count.values()) for count in counts]
    if not all(sizes):
        yield Told(probe, "who answers", "not known", f"nobody was named {'after' if sizes[0] else 'before'}")
        return
    gone = [name for name in names if name not in counts[1]]
    new = [name for name in names if name not in counts[0]]
    changes = [f"{name} answers no more, {counts[0][name]:,} of {sizes[0]:,} before" for name in gone]
    changes += [f"{name} answers now, {counts[1][name]:,} of {sizes[1]:,}" for name in new]
    chances = [at_least_so_many(counts[0][name], sizes[0], counts[0][name], sum(sizes)) for name in gone]
    chances += [at_least_so_many(counts[1][name], sizes[1], counts[1][name], sum(sizes)) for name in new]
    proven = [words for words, p in zip(changes, chances, strict=True) if p <= RARE]
    if proven:
        yield Told(probe, "who answers", "not as before", "; ".join(proven))
    elif changes:
        yield Told(probe, "who answers", "not known", f"too few looks: {'; '.join(changes)}")
    elif any(at_least_so_many(many, sizes[0], many, sum(sizes)) > RARE for many in counts[0].values()):
        yield Told(probe, "who answers", "not known", f"too few looks to miss one of {', '.join(names)}")
    else:
        yield Told(probe, "who answers", "no difference seen", ", ".join(names))


def _answers_by_who(looks: Columns) -> dict[str, int]:
    numbers, counts = np.unique(looks.who[looks.is_good], return_counts=True)
    named = zip(numbers.tolist(), counts.tolist(), strict=True)
    return {looks.names[number]: many for number, many in named if looks.names[number]}
