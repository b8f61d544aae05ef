"""What one run did to the users, in the figures that are set side by side: the same for a terminal and a page."""

from typing import Final, NamedTuple

from faildrill import durations
from faildrill.judging.numbers.user_impact import LedgerTotals, UserImpact
from faildrill.reports import wording

COLUMNS: Final = (
    *("failed", "late", "longest outage", "failback", "p50", "p99"),
    *("seconds that hurt", "tail after the answer", "writes lost"),
)
"""What is told of each run, in this order."""


_FINE: Final = 0.05
"""Bounds that are nearer to each other, for their size, are written as the higher one."""


class Figure(NamedTuple):
    """One figure: its words, and how much it is, for a bar; the size None where it is not known."""

    text: str
    size: float | None


def figures(impact: UserImpact, ledgers: list[LedgerTotals]) -> list[Figure]:
    """Put what a probe of a run went through, and what became of its writes, into the figures of `COLUMNS`."""
    return [
        _share(impact.failed, impact.looks),
        _share(impact.late, impact.looks),
        _outage(impact),
        Figure("none seen", 0.0)
        if impact.failback is None
        else Figure(wording.bounds(impact.failback), impact.failback.at_least),
        _percentile(impact.p50),
        _highest(impact),
        Figure(wording.count(impact.hurt, "second"), float(impact.hurt)),
        _tail(impact),
        _lost(ledgers),
    ]


def _share(some: int, of: int) -> Figure:
    if not of:
        return Figure("no look", None)
    share = some / of
    return Figure(f"{some:,} of {of:,} ({share * 100:.3g}%)" if some else "none", share)


def _outage(impact: UserImpact) -> Figure:
    if impact.outage is None:
        return Figure("none seen", 0.0)
    more = f", the longest of {impact.outages}" if impact.outages > 1 else ""
    return Figure(f"{wording.bounds(impact.outage)}{more}", impact.outage.at_least)


def _percentile(seen: list[float | None]) -> Figure:
    if not seen:
        return Figure("no look", None)
    least, most = seen
    if least is None:
        return Figure("a failed look", None)
    if most is None:
        return Figure(f"at least {durations.show(least)}", least)
    fine = most - least <= _FINE * most
    words = durations.show(most) if fine else f"{durations.show(least)} to {durations.show(most)}"
    return Figure(words, most)


def _highest(impact: UserImpact) -> Figure:
    """Tell the p99; where failed looks take it, how many failed, and the p99 of the good ones."""
    percentile = _percentile(impact.p99)
    if percentile.size is not None or not impact.failed or not impact.p99_good:
        return percentile
    good = _percentile(impact.p99_good)
    return Figure(f"{percentile.text} ({impact.failed / impact.looks:.1%} did); of the good ones {good.text}", None)


def _tail(impact: UserImpact) -> Figure:
    if not impact.is_over:
        return Figure("not over when the looking ended", None)
    if impact.tail is None:
        return Figure("nothing was answered", None)
    return Figure(durations.show(impact.tail) if impact.tail else "none", impact.tail)


def _lost(ledgers: list[LedgerTotals]) -> Figure:
    if not ledgers:
        return Figure("no ledger", None)
    lost, kept = sum(ledger.lost for ledger in ledgers), sum(ledger.acknowledged for ledger in ledgers)
    return Figure(f"{lost:,} of {kept:,}", float(lost))
