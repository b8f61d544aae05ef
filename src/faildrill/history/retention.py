"""Which folders of runs may go: old ones, on which nothing rests."""

from collections import defaultdict
from collections.abc import Iterable

from faildrill.history.run_summary import Dated
from faildrill.history.trend import WINDOW
from faildrill.judging.result import Verdict

Series = tuple[str, str, str]


def removable(runs: Iterable[Dated], before: str) -> list[Dated]:
    """Return the runs that began before a moment (UTC, as in a summary) and that nothing rests on, the oldest first.

    Kept are, of each drill in each environment, the runs that its trend is weighed by, the last that PASSED, each one
    that a person has marked as a baseline; and whatever was UNSAFE. What is part of a set or a suite goes with no one.
    """
    by_series: defaultdict[Series, list[Dated]] = defaultdict(list)
    for run in runs:
        by_series[run.drill, run.environment, run.way].append(run)
    found = [one for some in by_series.values() for one in _removable(some, before)]
    return sorted(found, key=lambda one: (one.started, one.folder))


def _removable(runs: list[Dated], before: str) -> list[Dated]:
    ordered = sorted(runs, key=lambda one: (one.started, one.folder))
    kept = {one.folder for one in ordered[-WINDOW:]}
    kept |= {one.folder for one in ordered if one.baseline is not None or one.verdict is Verdict.UNSAFE}
    kept |= {one.folder for one in [one for one in ordered if one.verdict is Verdict.PASSED][-1:]}
    return [one for one in ordered if one.started < before and one.folder not in kept and "/" not in one.folder]
