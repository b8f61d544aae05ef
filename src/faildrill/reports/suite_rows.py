"""The drills of a suite, a row each: the same words on a terminal, on the page and in junit.xml."""

from dataclasses import dataclass
from typing import Final

from faildrill import durations
from faildrill.judging.result import Finding, Verdict
from faildrill.judging.set_result import LeftOut, RunOfSet, SetResult
from faildrill.reports import headline

NOT_RUN: Final = "not run"


@dataclass(frozen=True)
class Row:
    """One run of a drill, or a drill that was not run."""

    number: int | None
    """Of the run, from 1; None where there was none."""
    name: str
    word: str
    """The verdict, or that it was not run."""
    verdict: Verdict
    """What it makes of the suite."""
    because: str
    took: str
    headline: str
    """What users went through, in a sentence; empty where nobody looked."""
    folder: str
    note: str
    """Where it was tried more than once: which try it is."""
    decides: bool
    """False for a try after which another one stands for the drill."""


def rows(result: SetResult) -> list[Row]:
    """Return the runs in the order in which they began, then what was not run."""
    return [*(_of_run(run, result) for run in result.runs), *(_of_left(left) for left in result.not_run)]


def cases(result: SetResult) -> list[Finding]:
    """Return for each drill that it passes, weighed; of several tries the last."""
    return [
        Finding(kind="drill", claim=f"{row.name} passes", verdict=row.verdict, because=_why(row))
        for row in rows(result)
        if row.decides
    ]


def _why(row: Row) -> str:
    return f"{NOT_RUN}: {row.because}" if row.number is None else row.because


def _of_run(run: RunOfSet, result: SetResult) -> Row:
    tries = sum(attempt.name == run.name for attempt in result.runs)
    again = ", and the drill is tried again" if run.tried_again else ""
    return Row(
        number=run.number,
        name=run.name,
        word=run.verdict.value,
        verdict=run.verdict,
        because=run.because,
        took=durations.show(run.duration) if run.duration else "",
        headline=headline.sentence(run.headline) if run.headline is not None else "",
        folder=run.folder,
        note=f"try {run.attempt} of {tries}{again}" if tries > 1 else "",
        decides=not run.tried_again,
    )


def _of_left(left: LeftOut) -> Row:
    return Row(
        number=None,
        name=left.name,
        word=NOT_RUN,
        verdict=left.verdict,
        because=left.because,
        took="",
        headline="",
        folder="",
        note="",
        decides=True,
    )
