"""Expectations on how long a service may be dark, or too slow to be of use: each outage has two bounds."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from pydantic import Field

from faildrill import durations
from faildrill.clock import nanoseconds, seconds
from faildrill.judging.evidence import HOLD, Evidence
from faildrill.judging.expectations.answers_to_findings import (
    Weighed,
    broken,
    cannot_tell,
    count,
    cure,
    finding,
    holds,
    lack,
    lasted,
    nice,
    no_such_time,
)
from faildrill.judging.outages.bounds import Darkness, Stretch, darkness, weight
from faildrill.judging.outages.spans import Belonging, When, hidden, span, within, words
from faildrill.judging.result import Finding
from faildrill.model.drill import ProbePlan
from faildrill.ports import Duration, Kind, ProbeName
from faildrill.proofs.limits import reach

_LEAST_INTERVAL: Final = 0.001
"""Seconds below which no probing is asked for."""


class OutageAtMost(Kind):
    """No outage of the probe is longer than `at_most`.

    The length of an outage is bounded, not guessed. FAILED: the time *proven* dark is longer than the limit. PASSED:
    the longest that the outage can have been is within the limit. INCONCLUSIVE: the limit lies between the two; the
    finding says how often to probe to decide.

    A service counts as recovered when it was good for `hold`, so flapping does not end an outage. `when` is a part of
    the run: only outages that followed what was done or put back in that part count, each in its whole length.

    outage: {of: pay, at_most: 30s}
    outage: {of: pay, at_most: 5s, when: putting back}
    """

    of: ProbeName
    at_most: Duration = Field(description="the longest that it may be dark")
    hold: Duration = Field(default=HOLD, description="for how long it must be good to count as recovered")
    when: When = "whole"

    def judge(self, evidence: Evidence) -> list[Finding]:
        """Weigh every outage of the probe, and what could hide between its looks."""
        claim = f"{self.of} is never down for more than {durations.show(self.at_most)}{words(self.when)}"
        limits = _Limits(self.of, nanoseconds(self.at_most), nanoseconds(self.hold), self.when)
        return [finding("outage", claim, _Weighing(evidence, evidence.darkness(self.of), limits).weighed())]

    def doubts(self, probes: Mapping[str, ProbePlan]) -> list[str]:
        """Tell where no outage that is seen can be within the limit."""
        return _doubts(self, probes)

    def foresees(self, probes: Mapping[str, ProbePlan]) -> str:
        """Say how long an outage may be so that the limit surely holds."""
        return f"outage of {self.of}: {_foreseen(self, probes)}"


class BrownOut(Kind):
    """The service is never without answers within `slower_than` for longer than `at_most` at a time.

    `outage` ignores an answer that comes late but within the probe's `slow`. `brown_out` counts it: a stretch in which
    answers come too late, or not at all, is a brown-out. It is bounded as outages are, and it ends when answers have
    come in time for `hold`.

    brown_out: {of: pay, slower_than: 200ms, at_most: 30s}
    """

    of: ProbeName
    slower_than: Duration = Field(gt=0, description="an answer that took longer came too late")
    at_most: Duration = Field(description="the longest that answers may be late, or none, at a time")
    hold: Duration = Field(default=HOLD, description="for how long answers must come in time to count as recovered")

    def judge(self, evidence: Evidence) -> list[Finding]:
        """Weigh every brown-out of the probe, and what could hide between its looks."""
        late, most = durations.show(self.slower_than), durations.show(self.at_most)
        claim = f"{self.of} is never without an answer within {late} for more than {most}"
        limits = _Limits(self.of, nanoseconds(self.at_most), nanoseconds(self.hold), dark="late or dark")
        proofs = darkness(evidence.looks(self.of), nanoseconds(self.slower_than), evidence.marks)
        return [finding("brown_out", claim, _Weighing(evidence, proofs, limits).weighed())]

    def doubts(self, probes: Mapping[str, ProbePlan]) -> list[str]:
        """Tell where no brown-out that is seen can be within the limit."""
        return _doubts(self, probes)

    def foresees(self, probes: Mapping[str, ProbePlan]) -> str:
        """Say how long a brown-out may be so that the limit surely holds."""
        return f"brown-out of {self.of}: {_foreseen(self, probes)}"


def _hidden(expected: OutageAtMost | BrownOut, probes: Mapping[str, ProbePlan]) -> float:
    """Return how many seconds longer an outage can have been than the time in which it was seen dark.

    An interval on either side, and with a hold as long as that, and an interval more.
    """
    plan, hold = probes.get(expected.of), expected.hold
    every = plan.every if plan is not None else 0.0
    return 2 * (every + hold + (every if hold else 0))


def _doubts(expected: OutageAtMost | BrownOut, probes: Mapping[str, ProbePlan]) -> list[str]:
    hidden = _hidden(expected, probes)
    if not expected.hold or not 0 < expected.at_most <= hidden:
        return []
    limit, hold, more = (durations.show(length) for length in (expected.at_most, expected.hold, hidden))
    longer = f"with `hold: {hold}` an outage can last {more} longer than it is seen dark"
    return [f"{longer}, so none that is seen can be shown to be within {limit}; allow more, or write `hold: 0s`"]


def _foreseen(expected: OutageAtMost | BrownOut, probes: Mapping[str, ProbePlan]) -> str:
    limit = f"at most {durations.show(expected.at_most)}"
    sure = expected.at_most - _hidden(expected, probes)
    if sure <= 0:
        return f"{limit}; passes only where nothing dark is seen"
    why = f", as its hold of {durations.show(expected.hold)} may hide more on either side" if expected.hold else ""
    return f"{limit}; one seen dark for longer than about {durations.show(sure)} may be INCONCLUSIVE{why}"


class _Limits(NamedTuple):
    """What is allowed, and of what; times in ns."""

    of: str
    at_most: int
    hold: int
    when: str = "whole"
    dark: str = "dark"
    """What a service is called that is not as it should be."""


class _Weighing:
    """Weighs what the looks prove of the outages of a probe against a limit."""

    def __init__(self, evidence: Evidence, proofs: Darkness, limits: _Limits) -> None:
        self._evidence, self._proofs, self._limits = evidence, proofs, limits

    def weighed(self) -> Weighed:
        """Say whether no outage is longer than the limit, or could be."""
        limits, evidence = self._limits, self._evidence
        time = span(evidence, limits.when)
        if time is None:
            return no_such_time(limits.when)
        everything = self._proofs.outages(limits.hold)
        belonging, elsewhere = self._belonging(everything, time)
        earlier = [outage for outage in elsewhere if outage.first_dark < time[0]]
        unproven = hidden(evidence, self._proofs, time, earlier, everything)
        return (
            self._broken(belonging.surely)
            or lack(evidence, limits.of, weighs_skipped=True)
            or self._undated(belonging)
            or self._open(belonging.surely, unproven)
            or self._holds(belonging.surely, unproven)
        )

    def _belonging(self, everything: list[Stretch], time: tuple[int, int]) -> tuple[Belonging, list[Stretch]]:
        """Return which outages are of the part of the run that this is about, and which ones surely are not.

        Of those that are not, what may be an outage of its own in their midst may be of that part all the same.
        """
        limits, evidence = self._limits, self._evidence
        if limits.when == "whole":
            return Belonging(everything, everything), []
        surely, perhaps, elsewhere = list[Stretch](), list[Stretch](), list[Stretch]()
        for whole, parts in zip(everything, self._proofs.resumed(limits.hold), strict=True):
            mine = within(evidence, [whole, *parts[1:]], limits.when).perhaps
            if whole in within(evidence, [whole], limits.when).surely:
                # What may have begun after the part is not proven to be of an outage of the part.
                own = max(part.at_least for part in parts if part is parts[0] or part.first_dark < time[1])
                surely.append(replace(whole, at_least=own))
                continue
            perhaps += mine
            if mine[:1] != [whole]:
                elsewhere.append(replace(whole, first_good=whole.first_answer) if mine else whole)
        return Belonging(surely, [*surely, *perhaps]), elsewhere

    def _undated(self, found: Belonging) -> Weighed | None:
        """Say that an outage may have followed what this is about, or something else, and would decide; or None."""
        for outage in found.perhaps:
            if outage not in found.surely and (outage.at_most is None or self._longest(outage) > self._limits.at_most):
                because = f"{self._told(outage)}: nobody can tell whether it began{words(self._limits.when)}"
                return cannot_tell(because, f"probe {self._limits.of} faster", *self._cited(outage))
        return None

    def _longest(self, one: Stretch) -> int:
        """Return how long an outage with both its ends can have been, with what the hold can hide, in ns."""
        plan = self._evidence.plans[self._limits.of]
        return max(one.at_most or 0, self._proofs.with_hidden(one, self._limits.hold, reach(plan)) or 0)

    def _broken(self, found: list[Stretch]) -> Weighed | None:
        longest = max(found, key=lambda one: one.at_least, default=None)
        if longest is None or max(longest.at_least, 1) <= self._limits.at_most:  # none is within a limit of nothing
            return None
        return broken(self._told(longest), *self._cited(longest))

    def _open(self, found: list[Stretch], unproven: int) -> Weighed | None:
        """Say that the limit lies within what can't be told, or None."""
        for outage in found:
            if (unseen := self._unseen(outage)) is not None:
                because = f"{self._told(outage)}: {unseen}"
                return cannot_tell(because, "let the drill watch for longer", *self._cited(outage))
        of, limit = self._limits.of, self._limits.at_most
        longest = max(found, key=lambda one: one.at_most or 0, default=None)
        if longest is not None and (longest.at_most or 0) > limit:
            because = f"{self._told(longest)}: the limit of {_show(limit)} lies between"
            return cannot_tell(because, self._faster(longest), *self._cited(longest))
        if (hidden := self._hidden(found)) is not None:
            return hidden
        if unproven <= limit:
            return None
        alive = "alive" if self._limits.dark == "dark" else "in time"
        because = f"nothing proves {of} {alive} for {_show(unproven)} at a time, longer than the limit: "
        return cannot_tell(because + "an outage that long could hide there", self._closer())

    def _hidden(self, found: list[Stretch]) -> Weighed | None:
        """Say that the hold can hide what makes an outage longer than the limit, or None."""
        limit, hold = self._limits.at_most, self._limits.hold
        beyond = limit - 2 * (hold + self._evidence.unproven(self._proofs) + self._proofs.slow)
        for outage in found:
            if (outage.at_most or 0) <= beyond and not self._is_short(outage):
                continue
            longest = self._longest(outage)
            if longest > limit:
                unseen = f"were it dark unseen within {_show(hold)} of that, it lasted {_show(longest)}"
                advice = "set a limit with room for the hold, or say `hold: 0s`"
                because = f"{self._told(outage)}; {unseen}: the limit of {_show(limit)} lies between"
                return cannot_tell(because, advice, *self._cited(outage))
        return None

    def _unseen(self, one: Stretch) -> str | None:
        """Say what of an outage was not seen, or None."""
        if one.first_good is None:
            return "its end was not seen"
        if one.last_good is None:
            return "its start was not seen"
        if not self._is_short(one):
            return None
        # Would it break the limit, were all of the time until the looking ended dark as well?
        last = self._evidence.tally(self._limits.of).answered
        could_decide = last is None or last - one.last_good > self._limits.at_most
        return f"it was not seen good for {_show(self._limits.hold)} after" if could_decide else None

    def _is_short(self, one: Stretch) -> bool:
        """Tell whether it was not seen good for the hold time after it."""
        if not self._limits.hold:
            return False  # a late answer ends it when it comes, and proves nothing of what is after it: nor need it
        good_until = self._proofs.good_until
        return good_until is None or one.first_good is None or good_until - one.first_good < self._limits.hold

    def _holds(self, found: list[Stretch], unproven: int) -> Weighed:
        if not found:
            because = f"no look proves {self._limits.of} {self._limits.dark}"
            return holds(f"{because}; no outage over {_show(unproven)} can hide between looks")
        longest = max(found, key=weight)
        more = f", the longest of {count(len(found), 'outage')}" if len(found) > 1 else ""
        return holds(self._told(longest) + more, *self._cited(longest))

    def _closer(self) -> str:
        """Say what to do so that no outage of the limit's length can hide."""
        of, limit = self._limits.of, seconds(self._limits.at_most)
        every = self._evidence.plans[of].every
        if every * 2 < limit and self._evidence.tally(of).unknown:
            return cure(self._evidence, of)
        return f"probe {of} every {durations.show(nice(min(limit / 4, every / 2)))} or faster"

    def _faster(self, one: Stretch) -> str:
        """Say how fast to probe so that the limit is no longer within the bounds."""
        limit = self._limits.at_most
        room = seconds(max(limit - one.at_least, (one.at_most or 0) - limit))
        every = min(room / 4, self._evidence.plans[self._limits.of].every / 2)
        if every < _LEAST_INTERVAL:
            return "too close to the limit for any probing to decide: set a limit with room, or run the drill again"
        return f"probe {self._limits.of} every {durations.show(nice(every))} or faster to decide"

    def _told(self, one: Stretch) -> str:
        flaps = f" in {one.stretches} stretches, never good for {_show(self._limits.hold)} between"
        return f"{self._limits.of} was {self._limits.dark} {lasted(one)}" + (flaps if one.stretches > 1 else "")

    def _cited(self, one: Stretch) -> tuple[str, ...]:
        of = self._limits.of
        numbers = dict.fromkeys(self._evidence.number(of, place) for place in (one.first, one.last))
        return tuple(f"sample:{of}:{number}" for number in numbers)


def _show(time: int) -> str:
    return durations.show(seconds(time))
