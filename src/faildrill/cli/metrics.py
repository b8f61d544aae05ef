"""`faildrill metrics`: what is recorded on this machine, as a text file or an endpoint for Prometheus."""

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import click

from faildrill.cli.past_runs import REPORTS, indexed, tell_untold
from faildrill.cli.status import dirty_places, environment_of
from faildrill.errors import JournalDamaged, WrongUsage, reason
from faildrill.history.open_metrics import Family, Sample, encode
from faildrill.history.run_metrics import LastRun, families, last_runs
from faildrill.locking.abort_request import under_way, under_way_elsewhere
from faildrill.locking.machine_lock import holders
from faildrill.scheduling.occurrence_record import Died, Line, Missed, Reason, last_looked_at, lines_of, recorded
from faildrill.system import atomic_file


@click.command()
@REPORTS
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="The file to write; default: stdout."
)
@click.option("--listen", metavar="HOST:PORT", help="Serve them at /metrics until it is stopped, made anew each time.")
def metrics(among: Path, output: Path | None, listen: str | None) -> None:
    """Write what is recorded as metrics in the format of OpenMetrics.

    Of each drill in each environment: its last run, and how many are recorded. Of this machine: which places are dirty,
    and which occurrences of game days were missed. FILE is there whole or as it was before, so that the textfile
    collector of node_exporter can read it at any time: let its name end with .prom. SIGTERM and Ctrl-C end an endpoint
    with 0.
    """
    if listen is not None:
        if output is not None:
            raise WrongUsage("-o and --listen are two ways to have the metrics read: choose one")
        from faildrill.cli.metrics_endpoint import serve

        _text(among)  # what is wrong with the folder is said now, and not to the first who reads
        serve(listen, lambda: _text(among))
        return
    text = _text(among)
    if output is None:
        click.echo(text.decode(), nl=False)
        return
    try:
        with atomic_file.draft(output, atomic_file.SHARED) as beside:
            beside.write_bytes(text)
    except OSError as error:
        raise WrongUsage(f"{output} can't be written: {reason(error)}") from error


def _text(among: Path) -> bytes:
    with indexed(among) as index:
        last = last_runs(index, among)
        tell_untold(index)
        return encode([*families(index, last), _places(last), *_game_days()])


def _places(last: list[LastRun]) -> Family:
    """Tell of the places that were drilled on this machine whether they are dirty; of others nobody here knows."""
    dirty = dirty_places(under_way() | under_way_elsewhere())
    known = {run.summary.identity: run.summary.environment for run in last if run.summary.identity in holders()}
    named = known | {identity: environment_of(some[0].folder) for identity, some in dirty.items()}
    return Family(
        "faildrill_place_dirty",
        "1 where a run that is over was not seen to put everything back, by the marks of this machine",
        [
            Sample({"environment": environment, "place": identity}, int(identity in dirty))
            for identity, environment in sorted(named.items())
        ],
    )


def _game_days() -> Iterator[Family]:
    days = {name: _lines(name) for name in recorded()}
    readable = {name: lines for name, lines in days.items() if lines is not None}
    yield Family(
        "faildrill_game_day_readable",
        "0 where the record of a game day was altered: nothing of it is run then",
        [Sample({"game_day": name}, int(lines is not None)) for name, lines in days.items()],
    )
    yield Family(
        "faildrill_game_day_last_tick_timestamp_seconds",
        "When `faildrill schedule run-due` last looked at it",
        [Sample({"game_day": name}, at.timestamp()) for name in days if (at := last_looked_at(name)) is not None],
        unit="seconds",
    )
    yield Family(
        "faildrill_game_day_missed_occurrences",
        "Occurrences that were due and never begun, by reason",
        [
            Sample({"game_day": name, "reason": why}, _missed(lines, why))
            for name, lines in readable.items()
            for why in get_args(Reason)
        ],
        unit="occurrences",
        sort="counter",
    )
    yield Family(
        "faildrill_game_day_died_occurrences",
        "Occurrences whose caller was gone before they ended",
        [
            Sample({"game_day": name}, sum(isinstance(line.what, Died) for line in lines))
            for name, lines in readable.items()
        ],
        unit="occurrences",
        sort="counter",
    )


def _missed(lines: list[Line], why: str) -> int:
    return sum(line.what.count for line in lines if isinstance(line.what, Missed) and line.what.sort == why)


def _lines(name: str) -> list[Line] | None:
    try:
        return lines_of(name)
    except JournalDamaged as error:
        click.echo(str(error), err=True)
        return None
