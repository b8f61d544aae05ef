"""What one run did to the users, in the figures that are set side by side: the same for a terminal and a page."""

from typing import Final, NamedTuple

from faildrill import durations
from faildrill.judging.numbers.user_impact import LedgerTotals, Pain
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


def figures(pain: Pain, books: list[LedgerTotals]) -> list[Figure]:
    """Put a run's pain, and what became of its writes, into the figures of `COLUMNS`."""
    return [
        _share(pain.failed, pain.looks),
        _share(pain.late, pain.looks),
        _outage(pain),
        Figure("none seen", 0.0)
        if pain.failback is None
        else Figure(wording.bounds(pain.failback), pain.failback.at_least),
        _percentile(pain.p50),
        _highest(pain),
        Figure(wording.count(pain.hurt, "second"), float(pain.hurt)),
        _tail(pain),
        _lost(books),
    ]


def _share(some: int, of: int) -> Figure:
    if not of:
        return Figure("no look", None)
    share = some / of
    return Figure(f"{some:,} of {of:,} ({share * 100:.3g}%)" if some else "none", share)


def _outage(pain: Pain) -> Figure:
    if pain.outage is None:
        return Figure("none seen", 0.0)
    more = f", the longest of {pain.outages}" if pain.outages > 1 else ""
    return Figure(f"{wording.bounds(pain.outage)}{more}", pain.outage.at_least)


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


def _highest(pain: Pain) -> Figure:
    """Tell the p99; where failed looks take it, how many failed, and the p99 of the good ones."""
    percentile = _percentile(pain.p99)
    if percentile.size is not None or not pain.failed or not pain.p99_good:
        return percentile
    good = _percentile(pain.p99_good)
    return Figure(f"{percentile.text} ({pain.failed / pain.looks:.1%} did); of the good ones {good.text}", None)


def _tail(pain: Pain) -> Figure:
    if not pain.is_over:
        return Figure("not over when the looking ended", None)
    if pain.tail is None:
        return Figure("nothing was answered", None)
    return Figure(durations.show(pain.tail) if pain.tail else "none", pain.tail)


def _lost(books: list[LedgerTotals]) -> Figure:
    if not books:
        return Figure("no ledger", None)
    lost, kept = sum(book.lost for book in books), sum(book.acknowledged for book in books)
    return Figure(f"{lost:,} of {kept:,}", float(lost))
