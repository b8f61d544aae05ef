"""The parts of a run that an expectation can be about, and to which of them an outage belongs.

An outage belongs to what was done, or put back, last before it began: to its cause. Where more than one thing was done
between the last good look and the first dark one, nobody can tell which of them it was.
"""

from collections.abc import Iterable
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import Field

from faildrill.judging.evidence import Evidence
from faildrill.judging.outages.bounds import Darkness, Stretch
from faildrill.ports import StepMark
from faildrill.record.timeline import Applying, Entry, Undoing, WaitEnded, WaitStarted

WORDS: Final = {
    "whole": "",
    "before": " before the first step",
    "during": " during the drill",
    "after": " after it",
    "fault": " from the fault until it is put back",
    "putting back": " while it is put back",
}
"""How each part of a run is said in a claim; a step's id stands for the step."""

When = Annotated[
    str,
    StepMark(WORDS),
    Field(
        description=(
            "`whole` run, `before` the first step, `fault`: from the first step until something is put back, "
            "`putting back`: from then on, `during` both until all is steady, `after` that, or the id of a step"
        ),
        examples=[*WORDS],
    ),
]
"""A part of a run; loading refuses what is neither one of the words nor the id of a step."""

FAULT: Final = "fault"
PUTTING_BACK: Final = "putting back"
_FOREVER: Final = (1 << 63) - 1


class Belonging(NamedTuple):
    """The outages that belong to a part of a run."""

    surely: list[Stretch]
    perhaps: list[Stretch]
    """These, and those of which nobody can tell whether they do."""


def words(when: str) -> str:
    """Return how a part of a run is said in a claim."""
    return WORDS.get(when, f" from {when} until it is put back")


def span(evidence: Evidence, when: str) -> tuple[int, int] | None:
    """Return from when to when it is, in monotonic ns; None when there was no such time."""
    if when == "whole":
        return evidence.since, _FOREVER
    if when not in WORDS:
        return _of_step(evidence, when)
    if not evidence.faults:
        return (evidence.since, _FOREVER) if when == "before" else None
    fault, back, steady = evidence.faults[0].at, evidence.put_back_at, evidence.steady_since
    return {
        "before": (evidence.since, fault),
        "during": (fault, steady or _FOREVER),
        "after": (steady, _FOREVER) if steady else None,
        FAULT: (fault, back or _FOREVER),
        PUTTING_BACK: (back, _FOREVER) if back else None,
    }[when]


def hidden(
    evidence: Evidence, proofs: Darkness, time: tuple[int, int], earlier: Iterable[Stretch], found: Iterable[Stretch]
) -> int:
    """Return how long an outage could have been, in ns, that began in a part of the run and of which nothing was seen.

    What began `earlier` and ended in it belongs to what it followed: only what comes after can hide here. Nor does what
    hides end with the part: it counts in its whole length, unless one of the outages that were `found` was on by then.
    """
    ends = (outage.first_good for outage in earlier if outage.first_good is not None)
    begin, end = max(time[0], *ends, 0), time[1]
    if begin >= end:
        return 0
    # The stretch in which the part ends holds darkness: it is that outage's, and counts where that belongs.
    is_on = any(_is_on(outage, end) for outage in found)
    return evidence.unproven(proofs, begin, end if is_on else proofs.alive_after(end))


def _is_on(outage: Stretch, at: int) -> bool:
    is_begun = outage.last_good is None or outage.last_good < at
    return is_begun and (outage.first_good is None or outage.first_good > at)


def within(evidence: Evidence, found: Iterable[Stretch], when: str) -> Belonging:
    """Return which outages belong to a part of a run."""
    if when == "whole":
        return Belonging([*found], [*found])
    time = span(evidence, when)
    if time is None:
        return Belonging([], [])
    there = [(outage, [time[0] <= at < time[1] for at in _origins(evidence, outage)]) for outage in found]
    return Belonging([outage for outage, some in there if all(some)], [outage for outage, some in there if any(some)])


def cause(evidence: Evidence, one: Stretch) -> Entry | None:
    """Return what an outage followed: the first thing done since the last good look, else the last one before it."""
    before = [entry for entry in evidence.deeds if entry.at <= one.first_dark]
    return next(iter(_between(before, one)), before[-1] if before else None)


def follows(evidence: Evidence, one: Stretch) -> Literal["fault", "putting back", ""]:
    """Tell whether an outage followed the fault or the putting back; empty where nothing was done before it."""
    followed = cause(evidence, one)
    if followed is None:
        return ""
    is_back = evidence.put_back_at is not None and followed.at >= evidence.put_back_at
    return PUTTING_BACK if is_back else FAULT


def _origins(evidence: Evidence, one: Stretch) -> list[int]:
    """Return the moments of which it may have been the outcome; of an outage that nothing could cause its own."""
    before = [entry for entry in evidence.deeds if entry.at <= one.first_dark]
    return [entry.at for entry in _between(before, one)] or [one.first_dark]


def _between(deeds: list[Entry], one: Stretch) -> list[Entry]:
    return [entry for entry in deeds if one.last_good is None or entry.at > one.last_good]


def _of_step(evidence: Evidence, step: str) -> tuple[int, int] | None:
    """Return the time of a step until it is put back, of a wait until it ended."""
    began = [entry for entry, event in evidence.events(Applying) if event.step == step]
    waited = [entry for entry, event in evidence.events(WaitStarted) if event.step == step]
    ends = [entry.at for entry, event in evidence.events(Undoing) if event.step == step]
    ends += [entry.at for entry, event in evidence.events(WaitEnded) if event.step == step]
    start = next((evidence.dated(entry).at for entry in (*began, *waited)), None)
    return None if start is None else (start, min(ends, default=_FOREVER))
