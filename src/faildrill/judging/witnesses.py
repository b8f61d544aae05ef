"""Who noticed a step that only the one who was asked confirms: probes that ask somebody else.

Two shares are unlike where chance alone would part them so far less than once in a thousand runs, by the exact test of
R. A. Fisher (1935) on the hypergeometric distribution; the probability is divided among all that is compared. What the
action itself has said will change is asked first, and needs less to be believed.
"""

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import numpy as np

from faildrill import durations
from faildrill.clock import nanoseconds, seconds
from faildrill.judging.evidence import Evidence
from faildrill.judging.expectations.answers_to_findings import count
from faildrill.record.samples.columns import Columns
from faildrill.record.timeline import ApplyFailed, Applying, Confirmed, Entry, NotConfirmed, Undoing, UndoVerified

CHANCE: Final = 1e-3
"""With which probability a run may call noticed what nobody did."""
FORETOLD: Final = 0.05
"""The same where the action has named whose share it changes: the usual level of a test of what was claimed before."""
IN_A_ROW: Final = 3
"""Looks that fail one after the other, where none did before: no accident of one of them."""
_MOST: Final = 10_000
"""Looks of a time that are compared; of more than that about so many, from everywhere alike."""
_QUICK: Final = 0.9
"""The share of the looks before that were answered sooner than what counts as slower."""

Time = tuple[int, int]
"""From a monotonic ns on, and until before another."""


def noticed(evidence: Evidence, step: str) -> str:
    """Tell which probe noticed that a step took effect, and by what; the empty string where none did.

    Compared are the looks due before it with those due since it was confirmed, until something is put back, or
    something else is done which others confirm as well. Probes of kinds that ask whoever confirmed it are left out.
    """
    times = _times(evidence, step)
    if times is None:
        return ""
    others = [name for name, plan in evidence.plans.items() if plan.use.kind.partition(".")[0] != times.word_of]
    foretold = [one for name in others for one in _foretold(evidence, name, times)]
    compared: list[_Compared] = []
    for name, before in itertools.product(others, times.befores):
        seen = _in_a_row(evidence.looks(name), before, times.since) or _in_the_dark(evidence, name, before, times.since)
        if seen:
            return f"{name} noticed it: {seen}"
        compared += _all(evidence, name, before, times.since)
    return _unlikely(foretold, FORETOLD) or _unlikely(compared, CHANCE)


def _unlikely(compared: "list[_Compared]", chance: float) -> str:
    """Tell of what is most unlike where chance alone hardly makes it so; the empty string where it may."""
    most = min(compared, key=lambda one: one.chance, default=None)
    return f"{most.probe} noticed it: {most.what}" if most and most.chance * len(compared) <= chance else ""


class _Times(NamedTuple):
    """Whose word it is, and whom it names; the times before a step and since, and after it was put back."""

    word_of: str
    moves: list[str]
    befores: list[Time]
    """Since anything else was done, and, the last one, since anything at all was."""
    since: Time
    after: Time


def _times(evidence: Evidence, step: str) -> _Times | None:
    confirmed = {one.step: (entry, one) for entry, one in evidence.events(Confirmed)}
    begun = next((evidence.dated(entry) for entry, one in evidence.events(Applying) if one.step == step), None)
    if begun is None or step not in confirmed:
        return None
    seen, event = confirmed[step]
    kin = {name for name, (_, one) in confirmed.items() if one.word_of == event.word_of}
    done = [one for one in evidence.entries if isinstance(one.what, Confirmed | NotConfirmed | ApplyFailed)]
    former = [one for one in done if one.at <= begun.at]
    befores = {
        max([evidence.since, *(one.at for one in some)])
        for some in (former, [one for one in former if _step(one) not in kin])
    }
    ends = [one.at for one in evidence.entries if one.at > seen.at and _ends(one, kin)]
    until = evidence.until
    backs = [entry.at for entry, one in evidence.events(UndoVerified) if one.step == step]
    after = (max(backs, default=until), until)
    before = [(at, begun.at) for at in sorted(befores)]
    return _Times(event.word_of, event.moves, before, (seen.at, min([*ends, until])), after)


def _ends(entry: Entry, kin: set[str]) -> bool:
    return isinstance(entry.what, Undoing) or (isinstance(entry.what, Applying) and entry.what.step not in kin)


def _step(entry: Entry) -> str:
    return str(getattr(entry.what, "step", ""))


def _in_a_row(looks: Columns, before: Time, since: Time) -> str:
    """Tell of looks that failed one after the other, where all those before were good."""
    former, now = (_proven(looks.between(*time)) for time in (before, since))
    if not len(former) or not former.is_good.all() or len(now) < IN_A_ROW:
        return ""
    failed = (~now.is_good).astype(np.int64)
    most = int(np.convolve(failed, np.ones(IN_A_ROW, np.int64), "valid").max())
    told = f"{count(len(former), 'look')} before it were good"
    return f"{told}, {IN_A_ROW} in a row failed since" if most == IN_A_ROW else ""


def _in_the_dark(evidence: Evidence, probe: str, before: Time, since: Time) -> str:
    """Tell of a darkness as long as looks that fail one after the other: of a service that hangs few looks end."""
    dark = evidence.outages(probe, 0.0)
    if not evidence.plans[probe].every or any(
        one.first_dark < before[1] and one.last_dark >= before[0] for one in dark
    ):
        return ""
    enough = IN_A_ROW * nanoseconds(evidence.plans[probe].every)
    for one in dark:
        proven = min(one.last_dark, since[1]) - max(one.first_dark, since[0])
        if proven >= enough:
            return f"dark for at least {durations.show(seconds(proven))} since, and not before it"
    return ""


class _Compared(NamedTuple):
    """How likely chance alone parts two shares so far, and which they are."""

    chance: float
    what: str
    probe: str = ""


def _all(evidence: Evidence, probe: str, before: Time, since: Time) -> list[_Compared]:
    """Compare all that a probe tells: who answered, how it ended, how long it took."""
    former, now = (_some(_proven(evidence.looks(probe).between(*time))) for time in (before, since))
    found = [
        *_shares(_answered(former), _answered(now)),
        *_shares(*(_counted(evidence, probe, time) for time in (before, since))),
        *_endings(former, now),
        *_slower(former, now),
    ]
    return [one._replace(probe=probe) for one in found]


def _foretold(evidence: Evidence, probe: str, times: _Times) -> Iterator[_Compared]:
    """Compare the shares of those that the step has named: meanwhile, and before it and after it was put back."""
    for tell in (_named, _counted):
        now, former = tell(evidence, probe, times.since), tell(evidence, probe, times.befores[-1])
        former.update(tell(evidence, probe, times.after))
        for name in times.moves if former.total() and now.total() else ():
            was, is_now = _Share(former[name], former.total()), _Share(now[name], now.total())
            what = f"{name} answered {was} before it and after it was put back, {is_now} meanwhile"
            yield _Compared(_chance(was, is_now), what, probe)


class _Share(NamedTuple):
    """So many of so many."""

    hits: int
    total: int

    def __str__(self) -> str:
        """Write it for people."""
        return f"{self.hits} of {self.total}"


def _compare(what: str, former: _Share, now: _Share) -> _Compared:
    return _Compared(_chance(former, now), f"{what} {former} before it, {now} since")


def _shares(former: Mapping[str, int], now: Mapping[str, int]) -> Iterator[_Compared]:
    """Compare what share of the answers each had; nothing where nobody is named before, or since."""
    totals = sum(former.values()), sum(now.values())
    if all(totals):
        for name in sorted({*former, *now}):
            shares = (_Share(some.get(name, 0), all_) for some, all_ in zip((former, now), totals, strict=True))
            yield _compare(f"{name} answered", *shares)


def _answered(looks: Columns) -> dict[str, int]:
    """Count who answered, those that told a name."""
    numbers, times = np.unique(looks.who, return_counts=True)
    named = zip(numbers.tolist(), times.tolist(), strict=True)
    return {looks.names[number]: many for number, many in named if number}


def _named(evidence: Evidence, probe: str, time: Time) -> Counter[str]:
    """Count who answered the looks of a time."""
    return Counter(_answered(_some(_proven(evidence.looks(probe).between(*time)))))


def _counted(evidence: Evidence, probe: str, time: Time) -> Counter[str]:
    """Add up what a spread probe counted within a time."""
    found: Counter[str] = Counter()
    began = evidence.since
    for one in evidence.spreads.get(probe, ()):
        if time[0] <= began and one.at <= time[1]:
            found.update({name: round(many) for name, many in one.counts.items()})
        began = one.at
    return found


def _endings(former: Columns, now: Columns) -> Iterator[_Compared]:
    """Compare how many failed."""
    if len(former) and len(now):
        yield _compare("failed", _Share(_failed(former), len(former)), _Share(_failed(now), len(now)))


def _slower(former: Columns, now: Columns) -> Iterator[_Compared]:
    """Compare how many good answers took longer than most did before; where that is not most of them, it is noise."""
    took, takes = (one.answered[one.is_good] - one.due[one.is_good] for one in (former, now))
    if not len(took) or not len(takes):
        return
    limit = np.sort(took)[math.ceil(_QUICK * len(took)) - 1]
    was, is_now = (_Share(int(np.count_nonzero(one > limit)), len(one)) for one in (took, takes))
    if is_now.hits * 2 > is_now.total:
        yield _compare("slower", was, is_now)


def _failed(looks: Columns) -> int:
    return int(np.count_nonzero(~looks.is_good))


def _proven(looks: Columns) -> Columns:
    return looks.where(looks.is_look)


def _some(looks: Columns) -> Columns:
    return looks.some(_MOST) if len(looks) > _MOST else looks


def _chance(one: _Share, other: _Share) -> float:
    """Return with which probability two shares of one kind differ at least so much, on either side."""
    hits, total = one.hits + other.hits, one.total + other.total
    least, most = max(0, hits - other.total), min(hits, one.total)
    whole = _ways(total, one.total)
    each = [
        math.exp(_ways(hits, here) + _ways(total - hits, one.total - here) - whole) for here in range(least, most + 1)
    ]
    at = one.hits - least
    return min(1.0, 2 * min(sum(each[: at + 1]), sum(each[at:])))


def _ways(many: int, chosen: int) -> float:
    """Return the logarithm of the number of ways to choose."""
    return math.lgamma(many + 1) - math.lgamma(chosen + 1) - math.lgamma(many - chosen + 1)
