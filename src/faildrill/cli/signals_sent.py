"""`faildrill trace` and `annotate`: recorded runs sent to a collector of OpenTelemetry, and to Grafana."""

import asyncio
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import click

from faildrill import judging
from faildrill.cli.latest_run import is_set
from faildrill.cli.named_runs import find, runs_in
from faildrill.cli.options import reference
from faildrill.cli.past_runs import REPORTS
from faildrill.errors import WrongUsage
from faildrill.judging.result import Result
from faildrill.reports import trace as traces
from faildrill.reports.wording import count, plain
from faildrill.secrets import Reference
from faildrill.system.exit_codes import ExitCode

_RUN: Final = click.argument("run")


@click.command()
@_RUN
@REPORTS
def trace(run: str, among: Path) -> None:
    """Send a recorded RUN, or all runs of a set or suite, as traces of OpenTelemetry, by OTLP over HTTP.

    RUN is its folder, its id, or `last`. Where they go OpenTelemetry's own variables say, OTEL_EXPORTER_OTLP_ENDPOINT
    first; without them, http://localhost:4318. Where TRACEPARENT is set the runs are spans of that trace, else each is
    a trace of its own. Exits with 1 where one was not taken. Needs `pip install 'faildrill[otel]'`.
    """
    if find_spec("opentelemetry.exporter") is None:
        raise WrongUsage("traces need OpenTelemetry: pip install 'faildrill[otel]'")
    from faildrill.adapters.opentelemetry.exporter import export

    results = _results(run, among)
    parent = traces.parent_of(os.environ.get("TRACEPARENT", ""))
    if parent is not None and not parent.is_sampled:
        click.echo("nothing is sent: the trace that TRACEPARENT names is not recorded itself")
        return
    for result in results:
        made = traces.trace(result, parent)
        if not export(made):
            click.echo(f"{plain(result.run)}: not taken by the collector", err=True)
            sys.exit(ExitCode.FAILED)
        click.echo(f"{plain(result.run)}: {count(len(made.spans), 'span')} in trace {made.id:032x}")


@click.command()
@_RUN
@click.option(
    "--grafana", "url", required=True, metavar="URL", help="Where Grafana is, e.g. https://grafana.example.com"
)
@click.option(
    "--token", callback=reference, required=True, metavar="REF", help="Of a service account: env:NAME, file:PATH."
)
@REPORTS
def annotate(run: str, url: str, token: Reference, among: Path) -> None:
    """Mark a recorded RUN, or all runs of a set or suite, in Grafana: how long it took, and its outage.

    RUN is its folder, its id, or `last`. What was marked before is marked again. Exits with 1 where Grafana did not
    take one.
    """
    if not url.startswith(("http://", "https://")):
        raise WrongUsage(f"--grafana {url!r} is no URL, e.g. https://grafana.example.com")
    from faildrill.adapters.grafana.annotations import annotate as marked

    for result in _results(run, among):
        marks = traces.annotations(result)
        if wrong := asyncio.run(marked(url, token, marks)):
            click.echo(f"{plain(result.run)}: Grafana {plain(wrong, 400)}", err=True)
            sys.exit(ExitCode.FAILED)
        click.echo(f"{plain(result.run)}: {count(len(marks), 'annotation')}")


def _results(run: str, among: Path) -> list[Result]:
    """Return the judged runs that are named."""
    folder = find(run, among)
    return [judging.judge(inner) for inner in (runs_in(folder) if is_set(folder) else [folder])]
