"""An expectation on how many looks may fail."""

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
from pydantic import Field

from faildrill import durations
from faildrill.clock import nanoseconds
from faildrill.judging.evidence import Evidence
from faildrill.judging.expectations.answers_to_findings import (
    Weighed,
    broken,
    cannot_tell,
    count,
    cure,
    finding,
    holds,
    lack,
    nice,
    no_look,
    no_such_time,
    too_few,
)
from faildrill.judging.numbers.look_share import Share, allowed, exact, fraction, is_more
from faildrill.judging.numbers.tallies import Tally, first, tally
from faildrill.judging.outages.spans import When, span, words
from faildrill.judging.result import Finding
from faildrill.ports import Duration, Kind, ProbeName
from faildrill.proofs.dues import Dues
from faildrill.record.samples.columns import Columns, Integers, Mask

_CITED: Final = 3
"""Failed looks that a finding cites."""


_NEVER: Final = (1 << 63) - 1
"""Beyond every moment, and what 64 bits can count."""


class Stretch(NamedTuple):
    """A stretch of looks that were due."""

    begin: int
    """When it begins, monotonic ns."""
    number: int
    """Looks in it that failed, or may have failed."""
    total: int
    """All looks in it."""
    fewest: int
    """The looks of the shortest stretch that there is."""


class _Moments(NamedTuple):
    """Where stretches may begin."""

    moments: Integers
    """When looks were due that failed, or may have failed."""
    near: Integers
    """When all were due around the seams between probers."""
    last: int
    """When the last stretch begins."""


class Errors(Kind):
    """No more looks of the probe fail than `at_most`: a share (`0.1%`) or a count.

    Refused, reset, timed out, wrong and unreachable all count as failed. A look that proves nothing (skipped, broken,
    open, throttled) may have been good or bad: if that could change the verdict, it is INCONCLUSIVE. A share needs
    enough looks that one failure is less than the share.

    With `over` the limit must hold in every stretch of that length. Use it where an average hides the fault: while one
    backend of three is down, a third of the looks fail, until somebody takes it out. `when` is a part of the run: only
    looks that were due in that part count.

    errors: {of: pay, at_most: 0.1%}
    errors: {of: pay, at_most: 40%, over: 5s}
    errors: {of: pay, at_most: 0, when: putting back}
    """

    of: ProbeName
    at_most: Share = Field(description="a share, e.g. 0.1%, or a whole number of looks")
    over: Duration | None = Field(
        default=None, gt=0, description="the limit holds in every stretch of this length; by default over the whole"
    )
    when: When = "whole"

    def judge(self, evidence: Evidence) -> list[Finding]:
        """Weigh how many looks failed."""
        limit = f"{self.at_most} of the looks" if isinstance(self.at_most, str) else count(self.at_most, "look")
        claim = f"no more than {limit} of {self.of} fail" + ("s" if self.at_most == 1 else "")
        within = f" in any {durations.show(self.over)}" if self.over is not None else ""
        return [finding("errors", claim + within + words(self.when), self._weighed(evidence))]

    def _weighed(self, evidence: Evidence) -> Weighed:
        time = span(evidence, self.when)
        if not len(evidence.looks(self.of)):
            return no_look(evidence, self.of)
        if time is None:
            return no_such_time(self.when)
        due, tallied = evidence.dues(self.of), evidence.tally(self.of)
        if self.when != "whole":
            due = due.between(*time)
            tallied = tally(due.looks)._replace(missing=due.missing)
        lacks = lack(evidence, self.of, weighs_skipped=True) or too_few(tallied, self.of, words(self.when))
        if self.over is None:
            return self._counted(evidence, due, tallied, lacks)
        length = nanoseconds(self.over)
        worst = worst_stretch(due, length, self.at_most)
        if worst is None:
            few = f"{self.of} looked for less than {durations.show(self.over)}"
            return lacks or cannot_tell(few, "watch for longer")
        counted = due.between(worst.begin, worst.begin + length)
        of_window = tally(counted.looks)._replace(missing=counted.missing)
        return self._counted(evidence, counted, of_window, lacks, worst.fewest)

    def _counted(
        self, evidence: Evidence, due: Dues, seen: Tally, lacks: Weighed | None, fewest: int | None = None
    ) -> Weighed:
        total, unknown = seen.looks, seen.unknown
        failed = first(due.looks, _is_failed, min(seen.failed, _CITED))
        share = f"{seen.failed} of {count(total, 'look')} failed ({seen.failed * 100 / max(total, 1):.3g}%)"
        if self.over is not None and len(due.looks):
            share += f" in the worst, {durations.show(evidence.since_start(due.looks.due_at(0)))} after the start"
        cited = tuple(f"sample:{self.of}:{evidence.number(self.of, due.place(number))}" for number in failed)
        # Broken is asked first: looks that prove nothing can't mend what is broken already.
        if is_more(seen.failed, self.at_most, total):
            return broken(share, *cited)
        if lacks is not None:
            return lacks
        # As if all that proved nothing had failed: only then can it be said to hold.
        if is_more(seen.failed + unknown, self.at_most, total):
            because = f"{share}, and {unknown} proved nothing: too many to tell"
            return cannot_tell(because, cure(evidence, self.of), *cited)
        most = allowed(self.at_most, total if fewest is None else fewest)
        if fraction(self.at_most) and most < 1:
            because = f"{share}, but {self.at_most} of so few is less than one look"
            every = durations.show(nice(evidence.plans[self.of].every * most))
            return cannot_tell(because, f"probe {self.of} every {every} or faster, or watch for longer", *cited)
        return holds(share, *cited)


def _is_failed(part: Columns) -> Mask:
    failed: Mask = part.is_look & ~part.is_good
    return failed


def worst_stretch(due: Dues, length: int, at_most: str | int) -> Stretch | None:
    """Return the stretch in which most looks failed beyond the limit; where none broke it, failed or may have failed.

    None where no stretch is that long. A stretch begins at a look and ends by an interval after the last one.
    """
    last = due.last_start(length)
    if last is None:
        return None
    near = due.near_seams(length)
    failed = _when(due, _is_failed)
    worst = _fullest(due, _Moments(failed, near, last), length, at_most)
    if is_more(worst.number, at_most, worst.total):
        return worst
    doubtful = np.sort(np.concatenate((_when(due, lambda part: ~part.is_good), due.missing_at)))
    return _fullest(due, _Moments(doubtful, near, last), length, at_most)


def _fullest(due: Dues, of: _Moments, length: int, at_most: str | int) -> Stretch:
    """Return the stretch that holds most of some moments beyond its limit."""
    # As long as looks are due at one rate, all stretches hold as many: the fullest begins at one of the moments, or is
    # the last. Where another prober takes over a stretch holds more, and its share allows more: there each is tried.
    begins = np.unique(np.append(np.concatenate((of.moments, of.near)), of.last))
    begins = begins[begins <= of.last]
    ends = begins + length
    numbers = np.searchsorted(of.moments, ends) - np.searchsorted(of.moments, begins)
    seams = np.append(due.seams, _NEVER)
    is_uneven = seams[np.searchsorted(seams, begins, side="right")] < ends
    # Rounded up: a stretch that begins at a look holds that one as well.
    even = -(-length // due.every)
    totals = np.where(is_uneven, np.searchsorted(of.near, ends) - np.searchsorted(of.near, begins), even)
    limit = exact(at_most)
    weight = limit.numerator if isinstance(at_most, str) else 0
    # Python's integers where those of 64 bits could overflow: shares may have many digits.
    exactly = np.int64 if limit.denominator * int(totals.max(initial=1)) < _NEVER else object
    beyond = numbers.astype(exactly) * limit.denominator - totals.astype(exactly) * weight
    fullest = int(np.argmax(beyond))
    return Stretch(int(begins[fullest]), int(numbers[fullest]), int(totals[fullest]), int(totals.min()))


def _when(due: Dues, is_it: Callable[[Columns], Mask]) -> Integers:
    """Return when the looks were due of which something is true."""
    moments = [part.due[is_it(part)] for _, part in due.looks.blocks()]
    return np.concatenate(moments) if moments else np.empty(0, np.int64)
