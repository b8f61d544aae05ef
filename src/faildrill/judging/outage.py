"""An expectation on how long a service may be dark."""

from typing import Final

from pydantic import Field

from faildrill import durations
from faildrill.clock import nanoseconds, seconds
from faildrill.judging.bounds import Stretch, weight, with_hidden
from faildrill.judging.evidence import HOLD, Evidence
from faildrill.judging.result import Finding
from faildrill.judging.spans import Belonging, When, span, within, words
from faildrill.judging.weighing import (
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
from faildrill.ports import Duration, Kind, ProbeName

_LEAST_INTERVAL: Final = 0.001


class OutageAtMost(Kind):
    """No outage of the probe is longer than `at_most`.

    Outages are bounded, not guessed: FAILED when the time *proven* dark is longer than the limit, PASSED when the
    longest that it can have been is not, INCONCLUSIVE when the limit lies between, with how fast to probe to decide.
    A service counts as recovered when it was good for `hold`; flapping does not end an outage. `when` is a part of the
    run: the outages count that followed what was done or put back in it, each in its whole length.

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
        return [finding("outage", claim, self._weighed(evidence))]

    def _weighed(self, evidence: Evidence) -> Weighed:
        time = span(evidence, self.when)
        if time is None:
            return no_such_time(self.when)
        everything = evidence.outages(self.of, self.hold)
        found = within(evidence, everything, self.when)
        # What began before this part and ended in it belongs to what it followed: only what comes after can hide here.
        earlier = [one.first_good for one in everything if one not in found.perhaps and one.first_dark < time[0]]
        since = max([time[0], *(end for end in earlier if end is not None)])
        unproven = evidence.unproven_between(self.of, since, time[1])
        return (
            self._broken(evidence, found.surely)
            or lack(evidence, self.of, weighs_skipped=True)
            or self._undated(evidence, found)
            or self._open(evidence, found.surely, unproven)
            or self._holds(evidence, found.surely, unproven)
        )

    def _undated(self, evidence: Evidence, found: Belonging) -> Weighed | None:
        """Say that an outage may have followed what this is about, or something else, and would decide; or None."""
        for one in found.perhaps:
            if one not in found.surely and (one.at_most is None or seconds(one.at_most) > self.at_most):
                because = f"{self._told(one)}: nobody can tell whether it began{words(self.when)}"
                return cannot_tell(because, f"probe {self.of} faster", *self._cited(evidence, one))
        return None

    def _broken(self, evidence: Evidence, found: list[Stretch]) -> Weighed | None:
        longest = max(found, key=lambda one: one.at_least, default=None)
        if longest is None or (seconds(longest.at_least) <= self.at_most and self.at_most > 0):
            return None
        return broken(self._told(longest), *self._cited(evidence, longest))

    def _open(self, evidence: Evidence, found: list[Stretch], unproven: float) -> Weighed | None:
        """Say that the limit lies within what can't be told, or None."""
        for one in found:
            if (unseen := self._unseen(evidence, one)) is not None:
                because = f"{self._told(one)}: {unseen}"
                return cannot_tell(because, "let the drill watch for longer", *self._cited(evidence, one))
        longest = max(found, key=lambda one: one.at_most or 0, default=None)
        if longest is not None and seconds(longest.at_most or 0) > self.at_most:
            because = f"{self._told(longest)}: the limit of {durations.show(self.at_most)} lies between"
            return cannot_tell(because, self._faster(evidence, longest), *self._cited(evidence, longest))
        if (hidden := self._hidden(evidence, found)) is not None:
            return hidden
        if unproven <= self.at_most:
            return None
        because = (
            f"nothing proves {self.of} alive for {durations.show(unproven)} at a time, longer than the limit: "
            "an outage that long could hide there"
        )
        return cannot_tell(because, self._closer(evidence))

    def _hidden(self, evidence: Evidence, found: list[Stretch]) -> Weighed | None:
        """Say that the hold can hide what makes an outage longer than the limit, or None."""
        looks, silence, hold = evidence.looks(self.of), evidence.silence(self.of), nanoseconds(self.hold)
        beyond = self.at_most - 2 * (self.hold + evidence.unproven(self.of) + seconds(silence.slow))
        for one in found:
            if seconds(one.at_most or 0) <= beyond:
                continue
            longest = seconds(with_hidden(looks, silence, one, hold) or 0)
            if longest > self.at_most:
                held, limit = durations.show(self.hold), durations.show(self.at_most)
                unseen = f"were it dark unseen within {held} of that, it lasted {durations.show(longest)}"
                advice = "set a limit with room for the hold, or say `hold: 0s`"
                because = f"{self._told(one)}; {unseen}: the limit of {limit} lies between"
                return cannot_tell(because, advice, *self._cited(evidence, one))
        return None

    def _unseen(self, evidence: Evidence, one: Stretch) -> str | None:
        """Say what of an outage was not seen, or None."""
        if one.first_good is None:
            return "its end was not seen"
        if one.last_good is None:
            return "its start was not seen"
        good_until = evidence.good_until(self.of)
        is_short = good_until is None or good_until - one.first_good < nanoseconds(self.hold)
        if is_short and self._could_decide(evidence, one):
            return f"it was not seen good for {durations.show(self.hold)} after"
        return None

    def _could_decide(self, evidence: Evidence, one: Stretch) -> bool:
        """Tell whether it would break the limit, were all of the time until the looking ended dark as well."""
        last = evidence.tally(self.of).answered
        return one.last_good is None or last is None or last - one.last_good > nanoseconds(self.at_most)

    def _holds(self, evidence: Evidence, found: list[Stretch], unproven: float) -> Weighed:
        if not found:
            hidden = durations.show(unproven)
            return holds(f"no look proves {self.of} dark; none over {hidden} can hide between them")
        longest = max(found, key=weight)
        more = f", the longest of {count(len(found), 'outage')}" if len(found) > 1 else ""
        return holds(self._told(longest) + more, *self._cited(evidence, longest))

    def _closer(self, evidence: Evidence) -> str:
        """Say what to do so that no outage of the limit's length can hide."""
        plan = evidence.plans[self.of]
        if plan.every * 2 < self.at_most and evidence.tally(self.of).unknown:
            return cure(evidence, self.of)
        return f"probe {self.of} every {durations.show(nice(min(self.at_most / 4, plan.every / 2)))} or faster"

    def _faster(self, evidence: Evidence, one: Stretch) -> str:
        """Say how fast to probe so that the limit is no longer within the bounds."""
        room = max(self.at_most - seconds(one.at_least), seconds(one.at_most or 0) - self.at_most)
        every = min(room / 4, evidence.plans[self.of].every / 2)
        if every < _LEAST_INTERVAL:
            return "too close to the limit for any probing to decide: set a limit with room, or run the drill again"
        return f"probe {self.of} every {durations.show(nice(every))} or faster to decide"

    def _told(self, one: Stretch) -> str:
        flaps = f" in {one.stretches} stretches, never good for {durations.show(self.hold)} between"
        return f"{self.of} was dark {lasted(one)}" + (flaps if one.stretches > 1 else "")

    def _cited(self, evidence: Evidence, one: Stretch) -> tuple[str, ...]:
        numbers = dict.fromkeys(evidence.number(self.of, place) for place in (one.first, one.last))
        return tuple(f"sample:{self.of}:{number}" for number in numbers)
