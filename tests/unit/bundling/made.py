"""A history of nights: runs that are laid out, entered into its chain, judged and sealed, in a blink each."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from faildrill import judging
from faildrill.bundling import contents
from faildrill.bundling.check import Report, Trust, check
from faildrill.bundling.contents import Span
from faildrill.clock import SystemClock
from faildrill.record import chain, manifest, timeline
from faildrill.record.samples import Outcome
from unit.judging.runs import FAULT, Run, probe, ticks

EVERY: Final = 0.25
FIRST: Final = datetime(2026, 7, 1, 2, tzinfo=UTC)
QUARTER: Final = Span(since="2026-07-01", until="2026-10-01")
CLAIMS: Final = [{"outage": {"of": "pay", "at_most": "5s", "hold": "0s"}}, {"steady_again": {"within": "1m"}}]


class Night(SystemClock):
    """A clock of which the wall shows a night."""

    def __init__(self, number: int, minute: int = 0) -> None:
        self._now = FIRST + timedelta(days=number, minutes=minute)

    def wall(self) -> str:
        return f"{self._now.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def a_run(dark: float = 2.0, expect: list[dict[str, Any]] | None = None, **more: object) -> Run:
    """A run in which the service is dark for so many seconds."""
    run = Run(expect=expect or CLAIMS, probes=[probe(every=EVERY)], more=dict(more)).usual()
    return run.good(every=EVERY).saw(ticks(FAULT, FAULT + dark, EVERY), Outcome.REFUSED)


def night(runs: Path, number: int, run: Run | None = None, drill: str = "crash") -> Path:
    """Record a run of a night: begun, judged and sealed."""
    clock = Night(number)
    folder = runs / f"{clock.wall()[:10].replace('-', '')}T020000Z-{drill}-{number:06x}"
    (run or a_run()).write(folder)
    begun = chain.Begun(
        run=folder.name, drill=drill, environment="lab", start=chain.start_digest(folder / timeline.FILE)
    )
    chain.append(runs, begun, clock)
    judged(folder, Night(number, 5))
    return folder


def judged(folder: Path, clock: SystemClock) -> None:
    """Judge a run, and seal it."""
    judging.write(folder, judging.judge(folder))
    manifest.seal(folder, clock)


def nights(runs: Path, number: int) -> list[Path]:
    """Record so many nights."""
    return [night(runs, one) for one in range(number)]


def quarter(runs: Path, bundle: Path, key: Path | None = None) -> Report:
    """Bundle what there is of the quarter, and check it."""
    bundle.unlink(missing_ok=True)
    contents.write(bundle, contents.begun_in(QUARTER, runs), QUARTER, key, Night(100))
    return check(bundle, Trust())


def texts(report: Report, *levels: str) -> list[str]:
    """Give what is said at these levels."""
    return [one.text for one in report.said if one.level in levels]
