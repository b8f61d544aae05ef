"""`faildrill warrant`: whether failing a database over is warranted now, or was in a recorded run."""

import json
import sys
import time
from pathlib import Path
from typing import Any, Final

import click

from faildrill import durations
from faildrill.cli.environment_choice import environment
from faildrill.cli.named_runs import find_one
from faildrill.cli.time_options import seconds
from faildrill.reports.wording import plain
from faildrill.system import redaction, resolver
from faildrill.warranting import WITHIN, Warrant, hear, observers, recorded, weigh

FORMAT: Final = 1
"""Version of the JSON."""


@click.command()
@click.argument("env", metavar="[ENV]", required=False)
@click.option("--for", "database", metavar="NAME", help="Which database: a name from `warrants` of the environment.")
@click.option("--within", callback=seconds, default=f"{WITHIN:g}s", show_default=True, help="How long it may take.")
@click.option("--run", metavar="RUN", help="Weigh what was recorded in this run instead of asking now.")
@click.option("--at", callback=seconds, metavar="TIME", help="At which moment of the run, since its start.")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), show_default=True)
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text")
def warrant(
    *,
    env: str | None,
    database: str | None,
    within: float,
    run: str | None,
    at: float | None,
    reports: Path,
    output: str,
) -> None:
    """Ask independent observers whether failing a database over is warranted. Changes nothing.

    Exits 0 when it is warranted, 1 when it is not, 4 when the evidence is insufficient, 2 for wrong usage: put it in
    front of a failover, and everything but 0 stops it. Whoever hangs, all are heard after `--within`.
    """
    if run is not None:
        moment, heard = recorded(find_one(run, reports), at)
        when = f"{durations.show(moment)} into the run"
    elif env is None or database is None:
        raise click.UsageError("say which environment and `--for` which database, or which recorded `--run`")
    else:
        began = time.monotonic()
        with environment(env, Path("drill.yaml"), start_lab=False) as place:
            heard = resolver.run(hear(observers(place, database), within))
        when = f"heard in {durations.show(time.monotonic() - began)}"
    warranted = weigh([testimony._replace(because=redaction.clean(testimony.because)) for testimony in heard])
    click.echo(
        json.dumps(_plainly(warranted), indent=2, ensure_ascii=False) if output == "json" else _text(warranted, when)
    )
    sys.exit(warranted.answer.exit_code)


def _text(found: Warrant, when: str) -> str:
    rows = [f"  {testimony.says:<10} {testimony.signal:<15} {plain(testimony.because)}" for testimony in found.heard]
    return "\n".join([*rows, f"{found.answer.upper()} ({found.signal}; {when}): {plain(found.because)}"])


def _plainly(found: Warrant) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "answer": str(found.answer),
        "signal": found.signal,
        "because": found.because,
        "heard": [testimony._asdict() for testimony in found.heard],
    }
