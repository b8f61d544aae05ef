"""Who noticed a step that only the one who was asked confirms: probes that ask somebody else.

Two shares are unlike where chance alone would part them so far in less than one of a thousand runs. What the action
itself has said will change is asked first: nine tenths of that are for it alone, and the rest is divided among all else
that is compared.
"""

import itertools
from typing import Final

import numpy as np

from faildrill import durations
from faildrill.clock import seconds
from faildrill.judging.comparisons import (
    IN_A_ROW,
    Compared,
    all_shares,
    asking_others,
    long_enough,
    looked,
    meeting,
    proven_dark,
    strata,
)
from faildrill.judging.evidence import Evidence
from faildrill.judging.expectations.answers_to_findings import count
from faildrill.judging.likeness import Share, looks_needed, tails, total
from faildrill.judging.step_times import StepTimes, Time, times_of

CHANCE: Final = 1e-3
"""With which probability a run may call noticed what nobody did."""
FORETOLD: Final = 0.9
"""How much of that is for the shares that the action has named, where it has named some."""


def noticed(evidence: Evidence, step: str, word_of: str = "") -> str:
    """Tell which probe noticed that a step took effect, and by what; the empty string where none did.

    Compared are the looks due before it with those due since it was confirmed, until something is put back, or
    something else is done which others confirm as well. Probes of kinds that ask whoever confirmed it are left out;
    `word_of` says who that is, where it was confirmed by others as well.
    """
    times = times_of(evidence, step, word_of)
    if times is None or _goes_on(evidence, times):
        return ""
    compared: list[tuple[str, Compared]] = []
    for name, before in itertools.product(asking_others(evidence, times), times.befores):
        noticed_how = _in_a_row(evidence, name, before, times.since) or _in_the_dark(
            evidence, name, before, times.since
        )
        if noticed_how:
            return f"{name} noticed it: {noticed_how}"
        compared += [(name, share) for share in all_shares(evidence, name, before, times.since) if share.is_telling]
    if foretold := _foretold(evidence, times):
        return foretold
    probe, most = min(compared, key=lambda one: one[1].chance, default=("", None))
    # The foretold shares had their part of the chance already: spent twice, a run would err twice as often.
    level = CHANCE * (1 - FORETOLD) if times.moves else CHANCE
    # Bonferroni: of so many comparisons one may be rare by chance, so the rarest must be rarer by as much.
    if most is None or most.chance * len(compared) > level:
        return ""
    return f"{probe} noticed it: {most.what} {most.former} before it, {most.now} since"


def lacking(evidence: Evidence, step: str) -> str:
    """Say how many looks it would have taken to notice a step that takes all requests from those that it names."""
    times = times_of(evidence, step)
    if times and (goes_on := _goes_on(evidence, times)):
        return goes_on
    for name in times.moves if times and times.empties else ():
        assert times is not None  # noqa: S101 - there would be no name
        now, former = _seen(evidence, times, name)
        needed = looks_needed(former, CHANCE * FORETOLD / len(times.moves)) if now.total and not now.hits else None
        if needed:
            lasting = seconds(times.since[1] - times.since[0]) * needed / now.total
            return (
                f"{name} answered {former} before it and after it was put back and {now} meanwhile, and it takes "
                f"{count(needed, 'look')} without it: {durations.show(lasting)} at this rate"
            )
    return ""


def _goes_on(evidence: Evidence, times: StepTimes) -> str:
    """Tell of one of several from which a step takes all requests, and which goes on answering; nothing of one alone.

    Only one that so many looks would miss counts: it had enough of the requests before.
    """
    for name in times.moves if times.empties and len(times.moves) > 1 else ():
        by_probe = strata(evidence, times, name, [times.befores[-1], times.after], times.since)
        missed = tails([(Share(0, now.total), former) for now, former in by_probe.values()])[0]
        if by_probe and missed <= CHANCE * FORETOLD < tails(by_probe.values())[0]:
            now, former = _seen(evidence, times, name)
            return f"{name} answered {former} before it and after it was put back, and {now} meanwhile"
    return ""


def _foretold(evidence: Evidence, times: StepTimes) -> str:
    """Tell of the shares that the step has named: meanwhile, beside before it and after it was put back."""
    for name in times.moves:
        by_probe = strata(evidence, times, name, [times.befores[-1], times.after], times.since)
        fewer, more = tails(by_probe.values())
        likely = fewer if times.empties else min(1.0, 2 * min(fewer, more))
        if by_probe and likely * len(times.moves) <= CHANCE * FORETOLD:
            now, former = _seen(evidence, times, name)
            who = f"{', '.join(meeting(by_probe))} noticed it"
            return f"{who}: {name} answered {former} before it and after it was put back, {now} meanwhile"
    return ""


def _seen(evidence: Evidence, times: StepTimes, name: str) -> tuple[Share, Share]:
    """Return what share of the answers of all probes somebody had: meanwhile, and at other times."""
    by_probe = strata(evidence, times, name, [times.befores[-1], times.after], times.since)
    some = [by_probe[probe] for probe in meeting(by_probe)]
    return total(now for now, _ in some), total(former for _, former in some)


def _in_a_row(evidence: Evidence, probe: str, before: Time, since: Time) -> str:
    """Tell of looks that failed one after the other, where all those before were good."""
    former, now = (looked(evidence, probe, time) for time in (before, since))
    if not len(former) or not former.is_good.all() or len(now) < IN_A_ROW:
        return ""
    failed = (~now.is_good).astype(np.int64)
    # A sliding sum over as many looks: it reaches their number where all of them in a row failed.
    most = int(np.convolve(failed, np.ones(IN_A_ROW, np.int64), "valid").max())
    former_words = f"{count(len(former), 'look')} before it were good"
    return f"{former_words}, {IN_A_ROW} in a row failed since" if most == IN_A_ROW else ""


def _in_the_dark(evidence: Evidence, probe: str, before: Time, since: Time) -> str:
    """Tell of a darkness as long as looks that fail one after the other: of a service that hangs few looks end."""
    enough = long_enough(evidence, probe)
    dark = evidence.outages(probe, 0.0)
    if not enough or any(outage.first_dark < before[1] and outage.last_dark >= before[0] for outage in dark):
        return ""
    proven = proven_dark(evidence, probe, since)
    return f"dark for at least {durations.show(seconds(proven))} since, and not before it" if proven >= enough else ""
