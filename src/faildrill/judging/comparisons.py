"""What a probe saw in one time, beside what it saw in another: who answered, how many failed, how many were slower."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import numpy as np

from faildrill.clock import nanoseconds
from faildrill.judging.evidence import Evidence
from faildrill.judging.likeness import Share, Stratum, chance
from faildrill.judging.outages.bounds import Stretch
from faildrill.judging.step_times import StepTimes, Time
from faildrill.record.samples.columns import Columns

IN_A_ROW: Final = 3
"""Looks that fail one after the other, where none did before: no accident of one of them."""
ANSWERED: Final = "answered"
"""The sort of what is compared that tells who answered; the others are one of a kind."""
_MOST: Final = 10_000
"""Looks of a time, or counted requests, that are compared; of more than that about so many, from everywhere alike."""
_QUICK: Final = 0.9
"""The share of the looks before that were answered sooner than what counts as slower."""


class Compared(NamedTuple):
    """The shares of one thing in two times."""

    what: str
    """What the hits are: `s1 answered`, `failed`, `slower`."""
    former: Share
    now: Share

    @property
    def chance(self) -> float:
        """With which probability chance alone parts them so far."""
        return chance(self.former, self.now)

    @property
    def sort(self) -> str:
        """What it is about, whoever it is: `answered`, `failed`, `slower`."""
        return self.what.rpartition(" ")[2]

    @property
    def is_telling(self) -> bool:
        """Whether it may tell anything: where not most of the answers are slower, it is noise."""
        return self.what != "slower" or self.now.hits * 2 > self.now.total


def asking_others(evidence: Evidence, times: StepTimes) -> list[str]:
    """Name the probes that ask somebody else than whoever's word it is."""
    return [name for name, plan in evidence.plans.items() if plan.use.kind.partition(".")[0] != times.word_of]


def all_shares(evidence: Evidence, probe: str, before: Time, now: Time, then: Time | None = None) -> Iterator[Compared]:
    """Compare all that a probe tells of two times; what is slower is so beside `then`, where that is given."""
    former, later = (looked(evidence, probe, time) for time in (before, now))
    for tell in (named, counted):
        yield from _answered(*(tell(evidence, probe, time) for time in (before, now)))
    if len(former) and len(later):
        yield Compared("failed", _failed(former), _failed(later))
    limit = _slow(looked(evidence, probe, then) if then else former)
    if limit is not None and former.is_good.any() and later.is_good.any():
        yield Compared("slower", _slower(former, limit), _slower(later, limit))


def strata(evidence: Evidence, times: StepTimes, name: str, formers: list[Time], now: Time) -> dict[str, Stratum]:
    """Return by probe what share of the answers somebody had: first now, then in all former times."""
    by_probe: dict[str, Stratum] = {}
    for probe in asking_others(evidence, times):
        for tell in (named, counted):
            current, former = tell(evidence, probe, now), Counter[str]()
            for time in formers:
                former.update(tell(evidence, probe, time))
            if current.total() and former.total():
                by_probe[probe] = Share(current[name], current.total()), Share(former[name], former.total())
                break  # what it counted besides are the same requests
    return by_probe


def meeting(told: Mapping[str, Stratum]) -> list[str]:
    """Name the probes that meet the one whose share it is at all, at one time or the other."""
    return [probe for probe, (now, former) in told.items() if now.hits or former.hits]


def looked(evidence: Evidence, probe: str, time: Time) -> Columns:
    """Return the looks of a time that prove something."""
    looks = evidence.looks(probe).between(*time)
    looks = looks.where(looks.is_look)
    return looks.some(_MOST) if len(looks) > _MOST else looks


def named(evidence: Evidence, probe: str, time: Time) -> Counter[str]:
    """Count who answered the looks of a time, those that told a name."""
    looks = looked(evidence, probe, time)
    numbers, times = np.unique(looks.who, return_counts=True)
    several = zip(numbers.tolist(), times.tolist(), strict=True)
    return Counter({looks.names[number]: many for number, many in several if number})


def counted(evidence: Evidence, probe: str, time: Time) -> Counter[str]:
    """Add up what a spread probe counted within a time; of very many requests as many as of looks, rounded up."""
    by_name: Counter[str] = Counter()
    began = evidence.since
    for spread in evidence.spreads.get(probe, ()):
        if time[0] <= began and spread.at <= time[1]:
            by_name.update({name: round(many) for name, many in spread.counts.items()})
        began = spread.at
    many = by_name.total()
    return Counter({name: -(-some * _MOST // many) for name, some in by_name.items()}) if many > _MOST else by_name


def failing_at_the_end(evidence: Evidence, probe: str, time: Time) -> str:
    """Tell of looks that failed one after the other until a time was over, or of a darkness that long; else nothing."""
    looks = looked(evidence, probe, time)
    if len(looks) >= IN_A_ROW and not looks.is_good[-IN_A_ROW:].any():
        return f"the last {IN_A_ROW} looks failed"
    enough = long_enough(evidence, probe)
    dark = proven_dark(evidence, probe, (time[1] - 2 * enough, time[1])) if enough else 0
    return "it was dark" if enough and dark >= enough else ""


def long_enough(evidence: Evidence, probe: str) -> int:
    """Return for how many ns a darkness lasts that is no accident of one look; 0 where a probe has no pace."""
    return IN_A_ROW * nanoseconds(evidence.plans[probe].every or 0.0)


def proven_dark(evidence: Evidence, probe: str, time: Time) -> int:
    """Return for how many ns at a time looks prove that it was dark within a time."""
    return max((_within(outage, time) for outage in evidence.outages(probe, 0.0)), default=0)


def _within(one: Stretch, time: Time) -> int:
    return max(0, min(one.last_dark, time[1]) - max(one.first_dark, time[0]))


def _answered(former: Mapping[str, int], now: Mapping[str, int]) -> Iterator[Compared]:
    """Compare what share of the answers each had; nothing where nobody is named before, or since."""
    totals = sum(former.values()), sum(now.values())
    if all(totals):
        for name in sorted({*former, *now}):
            shares = (Share(some.get(name, 0), all_) for some, all_ in zip((former, now), totals, strict=True))
            yield Compared(f"{name} {ANSWERED}", *shares)


def _failed(looks: Columns) -> Share:
    return Share(int(np.count_nonzero(~looks.is_good)), len(looks))


def _slow(looks: Columns) -> int | None:
    """Return after how many ns an answer took longer than most; None where none was good."""
    took = _took(looks)
    return int(np.sort(took)[math.ceil(_QUICK * len(took)) - 1]) if len(took) else None


def _slower(looks: Columns, limit: int) -> Share:
    took = _took(looks)
    return Share(int(np.count_nonzero(took > limit)), len(took))


def _took(looks: Columns) -> "np.typing.NDArray[np.int64]":
    took: np.typing.NDArray[np.int64] = looks.answered[looks.is_good] - looks.due[looks.is_good]
    return took
