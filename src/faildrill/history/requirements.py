"""What was proven when, by the labels that drills carry: evidence for whoever has to show it, and no judgement on it.

A label says that a run of the drill is evidence for something, in the words of the file's author. Nothing here knows
what a standard or a law demands, and no row says that anything is met.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from faildrill.history.run_summary import RunSummary
from faildrill.judging.result import Verdict


@dataclass(frozen=True)
class Row:
    """The runs of a drill, in one of its ways, in an environment, under one label."""

    label: str
    name: str
    """The drill, its way where it has one, and where it was run."""
    runs: tuple[RunSummary, ...]
    """All of them, the oldest first."""

    @property
    def proven(self) -> RunSummary | None:
        """The last run that PASSED: only that proves what the drill expects."""
        return next((run for run in reversed(self.runs) if run.verdict is Verdict.PASSED), None)

    @property
    def last(self) -> RunSummary:
        """The last run, whatever became of it."""
        return self.runs[-1]

    def counted(self) -> dict[str, int]:
        """Return how many runs ended with each verdict, the worst first."""
        counts = {verdict.value: sum(run.verdict is verdict for run in self.runs) for verdict in Verdict}
        return {verdict: number for verdict, number in counts.items() if number}


def rows(runs: Iterable[RunSummary], labels: Sequence[str] = ()) -> list[Row]:
    """Put runs under the labels that their drills carried then; only under some labels where any are named."""
    by: dict[tuple[str, str], list[RunSummary]] = {}
    for run in sorted(runs, key=lambda one: (one.started, one.folder)):
        for label in run.satisfies:
            if not labels or label in labels:
                by.setdefault((label, _name(run)), []).append(run)
    return [Row(label, name, tuple(some)) for (label, name), some in sorted(by.items())]


def _name(run: RunSummary) -> str:
    return f"{run.drill}{f' ({run.way})' if run.way else ''} in {run.environment}"
