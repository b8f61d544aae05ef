"""How long the steps of a drill took in the runs that are recorded, for its procedure."""

import statistics
from collections import defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

import msgspec

from faildrill import judging
from faildrill.history.run_comparison import length
from faildrill.history.run_summary import RunSummary
from faildrill.judging.result import StepFigures, Verdict
from faildrill.reports.procedure import Measured, Times
from faildrill.system import bounded_read

MOST: Final = 20
"""Runs that are looked at: the last ones."""
_OUTAGES: Final = 5
_LARGEST: Final = 64 << 20


class _Result(msgspec.Struct, frozen=True, kw_only=True):
    steps: list[StepFigures]


_RESULT: Final = msgspec.json.Decoder(_Result)


def measured(runs: Sequence[RunSummary], reports: Path, kinds: Collection[tuple[str, ...]]) -> Measured:
    """Return what runs of one drill say, the oldest first; only those count that took the actions that it takes now.

    `kinds` are those of its actions, in their order; of a drill with several ways, of each of them.

    A step counts where its effect was seen, a putting back where it was seen, too.
    """
    alike = [run for run in runs if tuple(run.actions) in kinds and run.verdict is not Verdict.REFUSED][-MOST:]
    if not alike:
        return Measured()
    took: defaultdict[str, list[float]] = defaultdict(list)
    back: defaultdict[str, list[float]] = defaultdict(list)
    for step in (step for run in alike for step in _steps(reports / run.folder)):
        if step.outcome == "done" and step.started is not None and step.ended is not None:
            took[step.id].append(step.ended - step.started)
        if step.undo == "verified" and step.undo_started is not None and step.undo_ended is not None:
            back[step.id].append(step.undo_ended - step.undo_started)
    proven = [run for run in alike if run.verdict is Verdict.PASSED]
    return Measured(
        runs=len(alike),
        last=_named(alike[-1]),
        proven=_named(proven[-1]) if proven else "",
        outages=tuple(f"{run.day}: {length(run)}" for run in alike[: -_OUTAGES - 1 : -1]),
        took={step: _times(times) for step, times in took.items()},
        put_back={step: _times(times) for step, times in back.items()},
    )


def _named(one: RunSummary) -> str:
    return f"{one.run} on {one.day} ({one.verdict.value})"


def _times(some: list[float]) -> Times:
    return Times(len(some), min(some), statistics.median(some), max(some))


def _steps(folder: Path) -> list[StepFigures]:
    """Read how the steps of a run went; nothing where that can't be read, which the history tells."""
    try:
        return _RESULT.decode(bounded_read.read(folder / judging.FILE, _LARGEST)).steps
    except (OSError, msgspec.MsgspecError):
        return []
