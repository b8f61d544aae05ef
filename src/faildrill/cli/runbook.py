"""`faildrill runbook`: the procedure of a failover, written from the drill that proves it."""

from pathlib import Path

import click

from faildrill.cli.past_runs import REPORTS, indexed, tell_untold
from faildrill.errors import WrongUsage, reason
from faildrill.history.measured_times import measured
from faildrill.loading import load_drill
from faildrill.model.drill import Drill, actions
from faildrill.reports import procedure
from faildrill.system import atomic_file


@click.command()
@click.argument("drill", type=click.Path(path_type=Path))
@click.option("--env", "env", metavar="NAME", help="Where it was run; default: where the file says.")
@REPORTS
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The file to write; stdout without.")
def runbook(drill: Path, env: str | None, among: Path, output: Path | None) -> None:
    """Write the procedure of a failover, as Markdown, from the DRILL that proves it.

    What to check first, each step with what it does, how it is confirmed and how it is put back, limits, when to stop,
    and how long it took in the runs that are recorded.
    """
    loaded = load_drill(drill, None).drill
    text = procedure.render(loaded, str(drill), _measured(loaded, env or loaded.environment, among))
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        with atomic_file.draft(output, atomic_file.SHARED) as beside:
            beside.write_text(text, encoding="utf-8")
    except OSError as error:
        raise WrongUsage(f"{output} can't be written: {reason(error)}") from error


def _measured(drill: Drill, env: str, among: Path) -> procedure.Measured:
    """Return what the runs say; nothing where there is no folder of runs yet."""
    if not among.is_dir():
        return procedure.Measured()
    taken = [drill.taking(way) for way in drill.ways] or [drill]
    kinds = {tuple(step.use.kind for step in actions(version.steps)) for version in taken}
    with indexed(among) as index:
        tell_untold(index)
        series = [(drill.name, env, version.way.name if version.way else "") for version in taken]
        runs = sorted((run for key in series for run in index.runs_of(key)), key=lambda run: run.started)
        return measured(runs, among, kinds)
