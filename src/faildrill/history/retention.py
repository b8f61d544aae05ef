"""Which folders of runs may go: old ones, on which nothing rests."""

from collections import defaultdict
from collections.abc import Iterable

from faildrill.history.comparability import WINDOW
from faildrill.history.run_summary import Dated
from faildrill.judging.result import Verdict

Series = tuple[str, str, str]


def removable(runs: Iterable[Dated], before: str) -> list[Dated]:
    """Return the runs that began before a moment (UTC, as in a summary) and that nothing rests on, the oldest first.

    Kept are, of each drill in each environment, the runs that its trend is weighed by, the last that PASSED, each one
    that a person has marked as a baseline or written notes to; and whatever was UNSAFE. What is part of a set or a
    suite goes with no one.
    """
    by_series: defaultdict[Series, list[Dated]] = defaultdict(list)
    for run in runs:
        by_series[run.drill, run.environment, run.way].append(run)
    may_go = [old for some in by_series.values() for old in _removable(some, before)]
    return sorted(may_go, key=lambda one: (one.started, one.folder))


def _removable(runs: list[Dated], before: str) -> list[Dated]:
    ordered = sorted(runs, key=lambda one: (one.started, one.folder))
    kept = {run.folder for run in ordered[-WINDOW:]}
    kept |= {run.folder for run in ordered if run.baseline is not None or run.has_notes}
    kept |= {run.folder for run in ordered if run.verdict is Verdict.UNSAFE}
    kept |= {run.folder for run in [run for run in ordered if run.verdict is Verdict.PASSED][-1:]}
    return [run for run in ordered if run.started < before and run.folder not in kept and "/" not in run.folder]
