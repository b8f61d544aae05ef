"""What every expectation shares: from three-valued answers to findings, and whether there is enough to go by."""

from typing import Final, NamedTuple

from faildrill import durations
from faildrill.clock import seconds
from faildrill.judging.evidence import Evidence
from faildrill.judging.numbers.tallies import Tally, first
from faildrill.judging.outages.bounds import Stretch
from faildrill.judging.result import Finding, Verdict
from faildrill.record.samples import Outcome
from faildrill.record.timeline import ProberEnded

FEWEST: Final = 10
"""Looks below which nothing is concluded from their being good."""
_MOST_BLIND: Final = 0.5
"""The share of looks that may prove nothing before the probe counts as blind."""
_BLIND: Final = (Outcome.BROKEN, Outcome.OPEN, Outcome.THROTTLED)
"""How looks end that came back without having proven anything."""
_NICE: Final = (1, 2, 5)


_REMEDIES: Final = {
    Outcome.SKIPPED: "{looks} of {probe} {were} skipped: raise its in_flight, or shorten its timeout",
    Outcome.BROKEN: "{probe} could not look: {because}",
    Outcome.OPEN: "{looks} of {probe} met a connection that was being closed: use fresh ones, or a safe request",
    Outcome.THROTTLED: "{looks} of {probe} {were} turned away for the prober's own rate ({because}): look less often",
}
"""By what kept most looks from proving anything: what to do about it."""


class Weighed(NamedTuple):
    """One claim, weighed: it holds, it is broken, or (None) nobody can tell."""

    holds: bool | None
    because: str
    advice: str = ""
    evidence: tuple[str, ...] = ()


def holds(because: str, *cited: str) -> Weighed:
    """Say that the claim holds."""
    return Weighed(True, because, "", cited)


def broken(because: str, *cited: str) -> Weighed:
    """Say that the claim is proven broken."""
    return Weighed(False, because, "", cited)


def cannot_tell(because: str, advice: str = "", *cited: str) -> Weighed:
    """Say that nobody can tell whether the claim holds; `advice` says what to do so that somebody can."""
    return Weighed(None, because, advice, cited)


def finding(kind: str, claim: str, weighed: Weighed) -> Finding:
    """Write down what was weighed."""
    verdicts = {True: Verdict.PASSED, False: Verdict.FAILED, None: Verdict.INCONCLUSIVE}
    return Finding(
        kind=kind,
        claim=claim,
        verdict=verdicts[weighed.holds],
        because=weighed.because,
        advice=weighed.advice,
        evidence=list(weighed.evidence),
    )


def lack(evidence: Evidence, probe: str, *, weighs_skipped: bool = False) -> Weighed | None:
    """Say why a probe looked too little for a claim to pass by it, or None where its looks are enough.

    A claim that they prove broken is broken all the same. `weighs_skipped`: the expectation itself counts what may have
    happened where looks were skipped, so skipped looks are not too few.
    """
    tallied = evidence.tally(probe)
    if not tallied.looks:
        return no_look(evidence, probe)
    if tallied.sent < FEWEST:
        many = f"{tallied.sent} of {tallied.looks} looks of {probe} prove anything"
        return cannot_tell(f"only {many}, and {FEWEST} are the fewest to go by", cure(evidence, probe))
    blind = sum(tallied.ended[outcome] for outcome in _BLIND) if weighs_skipped else tallied.unknown
    if blind > tallied.looks * _MOST_BLIND:
        return cannot_tell(
            f"only {tallied.sent} of {tallied.looks} looks of {probe} prove anything", cure(evidence, probe)
        )
    return _ended_early(evidence, probe)


def too_few(seen: Tally, probe: str, when: str) -> Weighed | None:
    """Say that too few looks of a part of the run prove anything, or None."""
    if seen.sent >= FEWEST:
        return None
    because = f"only {count(seen.sent, 'look')} of {probe} prove anything{when}"
    return cannot_tell(f"{because}, and {FEWEST} are the fewest to go by", f"probe {probe} more often")


def no_look(evidence: Evidence, probe: str) -> Weighed:
    """Say that nothing can be concluded from a probe of which there is no look, or none that can be read."""
    if evidence.unread.is_any:
        return cannot_tell(f"no look of {probe} can be read: its file of names is not the one that was written with it")
    because = f"{probe} recorded no look: no data is never a pass"
    return cannot_tell(
        because, f"see whether the prober of {probe} died, or whether its interval is longer than the run"
    )


def no_such_time(when: str) -> Weighed:
    """Say that the run had no part of which a claim is about."""
    return cannot_tell(f"the run had no such time ({when}): it ended before, or nothing was done")


def cure(evidence: Evidence, probe: str) -> str:
    """Say what to do about looks that prove nothing."""
    tallied = evidence.tally(probe)
    if not tallied.unknown:
        return f"probe {probe} more often"
    if tallied.missing * 2 > tallied.unknown:
        return (
            f"{count(tallied.missing, 'look')} of {probe} were never recorded: see the prober's log in the run's folder"
        )
    most = max((outcome for outcome in Outcome if not outcome.is_look), key=lambda one: tallied.ended[one])
    return _REMEDIES[most].format(
        probe=probe,
        looks=count(tallied.ended[most], "look"),
        were="was" if tallied.ended[most] == 1 else "were",
        because=_first_detail(evidence, probe, most) or "no reason given",
    )


def _first_detail(evidence: Evidence, probe: str, outcome: Outcome) -> str:
    looks = evidence.looks(probe)
    [number] = first(looks, lambda part: part.outcome == outcome, most=1)
    return looks.sample(probe, number).detail


def _ended_early(evidence: Evidence, probe: str) -> Weighed | None:
    """Say that a probe stopped looking before the run was over, or None."""
    plan = evidence.plans[probe]
    looks = evidence.looks(probe)
    last = looks.due_at(len(looks) - 1)
    missing = seconds(evidence.until - last)
    if missing <= plan.timeout + 3 * plan.every:
        return None
    died = [(entry, event) for entry, event in evidence.events(ProberEnded) if not event.asked]
    why = f": {died[0][1].because or 'its prober died'}" if died else ""
    return cannot_tell(
        f"{probe} stopped looking {durations.show(missing)} before the run was over{why}",
        "see the prober's log in the run's folder",
        *(f"timeline:{entry.n}" for entry, _ in died),
    )


def nice(duration: float) -> float:
    """Round a time down to 1, 2 or 5 of its decade, as people write them; never below 1 ms."""
    decade = 1e-3
    best = decade
    while decade <= duration:
        best = max(decade * figure for figure in _NICE if decade * figure <= duration)
        decade *= 10
    return best


def count(number: int, singular: str, plural: str = "") -> str:
    """Write a number with its noun: `1 look`, `2 looks`."""
    return f"{number} {singular if number == 1 else plural or singular + 's'}"


def lasted(one: Stretch) -> str:
    """Write how long an outage lasted: `at least 19.93 s, at most 20.03 s`."""
    return durations.bounded(one.at_least, one.at_most)
