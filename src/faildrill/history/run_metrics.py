"""What the recorded runs say, as metrics: of each drill in each environment the last run, and how many there are."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from faildrill import judging
from faildrill.history.index import Index
from faildrill.history.open_metrics import Family, Sample
from faildrill.history.run_summary import RunSummary
from faildrill.judging.result import Headline, Verdict
from faildrill.system import bounded_read

_LARGEST: Final = 64 << 20


class _Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Of result.json, what is told beside the summary."""

    duration: float
    headline: Headline | None = None
    phases: dict[str, list[float]] = {}


_FIGURES: Final = msgspec.json.Decoder(_Figures)


@dataclass(frozen=True)
class LastRun:
    """The last run of a drill in an environment, in one of its ways."""

    summary: RunSummary
    figures: _Figures | None
    """None: its result can't be read any more."""
    passed: RunSummary | None
    """The last that PASSED."""

    @property
    def labels(self) -> dict[str, str]:
        """Whose it is: the same labels as long as it is the same drill in the same environment."""
        summary = self.summary
        return {"drill": summary.drill, "environment": summary.environment, "way": summary.way}

    @property
    def headline(self) -> Headline | None:
        """What its users went through; None where nobody looked."""
        return self.figures.headline if self.figures else None

    def sample(self, value: float, **more: str) -> Sample:
        """Give a value of it."""
        return Sample({**self.labels, **more}, value)


def last_runs(index: Index, reports: Path) -> list[LastRun]:
    """Return the last run of each drill in each environment."""
    last_of_each = []
    for series in index.series():
        last = index.last_of(series)
        if last is not None:
            last_of_each.append(
                LastRun(last, _figures(reports / last.folder), index.last_of(series, Verdict.PASSED.value))
            )
    return last_of_each


def families(index: Index, last: list[LastRun]) -> Iterator[Family]:
    """Tell of the last runs, and of how many are recorded with which verdict."""
    yield from _how_it_ended(last)
    yield from _what_users_saw(last)
    yield Family(
        "faildrill_recorded_runs",
        "Runs that are recorded now, by verdict; fewer when old ones are removed",
        [
            Sample({"drill": drill, "environment": environment, "way": way, "verdict": verdict.value}, number)
            for (drill, environment, way), numbers in index.verdicts().items()
            for verdict in Verdict
            for number in [numbers.get(verdict.value, 0)]
        ],
    )
    about = "Folders that hold a run which can't be counted, those of runs under way among them"
    yield Family("faildrill_not_counted_folders", about, [Sample({}, len(index.untold()))], unit="folders")


def _how_it_ended(last: list[LastRun]) -> Iterator[Family]:
    yield Family(
        "faildrill_last_run_start_timestamp_seconds",
        "When the last run began",
        [run.sample(_moment(run.summary)) for run in last],
        unit="seconds",
    )
    yield Family(
        "faildrill_last_passed_start_timestamp_seconds",
        "When the last run that PASSED began; none where none ever did",
        [run.sample(_moment(run.passed)) for run in last if run.passed],
        unit="seconds",
    )
    yield Family(
        "faildrill_last_run_verdict",
        "1 for the verdict of the last run, 0 for the others",
        [run.sample(int(run.summary.verdict is verdict), verdict=verdict.value) for run in last for verdict in Verdict],
    )
    yield Family(
        "faildrill_last_run_exit_code",
        "The exit code of the last run, which follows from its verdict",
        [run.sample(run.summary.verdict.exit_code) for run in last],
    )
    yield Family(
        "faildrill_last_run_duration_seconds",
        "How long the last run took, from its first event to its last",
        [run.sample(run.figures.duration) for run in last if run.figures],
        unit="seconds",
    )
    yield Family(
        "faildrill_last_run_phase_seconds",
        "How long each phase of the last run took; steadying is from the last undo until all was seen steady again",
        [
            run.sample(end - start, phase=phase)
            for run in last
            if run.figures
            for phase, (start, end) in run.figures.phases.items()
        ],
        unit="seconds",
    )


def _what_users_saw(last: list[LastRun]) -> Iterator[Family]:
    measured = [run for run in last if not run.summary.unmeasured]
    yield Family(
        "faildrill_last_run_outage_at_least_seconds",
        "How long the outage after the fault is proven to have lasted; none where the run measured nothing",
        [run.sample(run.summary.at_least, probe=run.summary.probe) for run in measured],
        unit="seconds",
    )
    yield Family(
        "faildrill_last_run_outage_at_most_seconds",
        "How long the outage after the fault may have lasted; +Inf where its end was not seen",
        [run.sample(_or_endless(run.summary.at_most), probe=run.summary.probe) for run in measured],
        unit="seconds",
    )
    yield Family(
        "faildrill_last_run_outage_allowed_seconds",
        "How long an outage the drill allows",
        [run.sample(run.headline.allowed) for run in last if run.headline and run.headline.allowed is not None],
        unit="seconds",
    )
    yield Family(
        "faildrill_last_run_recovery_seconds",
        "Seconds from the fault to what is named: first_dark, detected, new_writer, first_good, stable",
        [
            run.sample(seconds, until=until)
            for run in last
            if run.headline and run.headline.outage
            for until, seconds in run.headline.outage.phases.items()
        ],
        unit="seconds",
    )
    writes = [(run, some) for run in last if run.headline for some in run.headline.writes]
    yield Family(
        "faildrill_last_run_lost_writes",
        "Writes that were acknowledged and are not there; none where nobody could read them back",
        [run.sample(some.lost, probe=some.probe) for run, some in writes if some.was_read],
        unit="writes",
    )
    yield Family(
        "faildrill_last_run_writes_were_read_back",
        "Whether a node that takes writes was read back, so that lost ones can be told",
        [run.sample(int(some.was_read), probe=some.probe) for run, some in writes],
    )


def _moment(one: RunSummary) -> float:
    return datetime.fromisoformat(one.started).timestamp()


def _or_endless(seconds: float | None) -> float:
    return math.inf if seconds is None else seconds


def _figures(folder: Path) -> _Figures | None:
    """Read the result of a run; None where that can't be done any more, though the index has its summary."""
    try:
        return _FIGURES.decode(bounded_read.read(folder / judging.FILE, _LARGEST))
    except (OSError, msgspec.MsgspecError):
        return None
