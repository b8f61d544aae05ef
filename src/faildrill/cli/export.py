"""`faildrill export`: the samples of a recorded run, for other tools."""

import sys
from pathlib import Path

import click

from faildrill.cli.named_runs import FOLDER, find_one
from faildrill.errors import WrongUsage, reason
from faildrill.judging.evidence import Evidence, gather
from faildrill.record.samples.compact_file import write_compact
from faildrill.record.samples.exported_file import Origin, write_csv, write_parquet


@click.command()
@click.argument("run")
@click.option(
    "--reports", "among", type=click.Path(path_type=Path), default=FOLDER, show_default=True, help="Where runs are."
)
@click.option("--format", "how", type=click.Choice(["csv", "parquet", "npz"]), default="csv", show_default=True)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="The file to write; without it CSV goes to stdout."
)
def export(run: str, among: Path, how: str, output: Path | None) -> None:
    """Write the samples of a recorded run as CSV, Parquet or NumPy's npz.

    RUN is its folder, the id of the run, or `last`. One row a look, with its times in nanoseconds since the run's
    first event. Parquet needs pyarrow. The npz is the smallest, about 5 bytes a look; docs/judging.md tells of it.
    """
    if how != "csv" and output is None:
        raise WrongUsage(f"{how} is not for a terminal: name a file with -o")
    evidence = gather(find_one(run, among))
    try:
        number = _written(evidence, how, output)
    except OSError as error:
        if output is None:
            raise
        raise WrongUsage(f"{output} can't be written: {reason(error)}") from error
    if output is not None:
        click.echo(f"{number} samples of {len(evidence.columns)} probes in {output}", err=True)


def _written(evidence: Evidence, how: str, output: Path | None) -> int:
    start = evidence.entries[0]
    origin = Origin(start.at, start.wall)
    if output is None:
        return write_csv(sys.stdout, evidence.columns, origin)
    if how == "csv":
        with output.open("w", encoding="utf-8", newline="") as file:
            return write_csv(file, evidence.columns, origin)
    first = evidence.first
    about = {"run": first.run, "drill": evidence.drill.name, "environment": first.environment, "started": start.wall}
    if how == "npz":
        return write_compact(output, evidence.columns, about)
    return write_parquet(output, evidence.columns, origin, about)
