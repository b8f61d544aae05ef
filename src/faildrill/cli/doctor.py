"""`faildrill doctor`: whether a drill could be run in an environment, and what to do where it couldn't."""

import json
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import click

from faildrill.cli.environment_choice import environment
from faildrill.guarding import drill_needs
from faildrill.guarding.readiness_checks import examine
from faildrill.loading import load_drill
from faildrill.model.drill import Drill
from faildrill.model.environment import Environment
from faildrill.ports import Checked
from faildrill.system import bounded_read, redaction, resolver
from faildrill.system.exit_codes import ExitCode

_DRILL: Final = re.compile(rb"^drill[ \t]*:", re.MULTILINE)
"""What a drill's file has and an environment's has not."""
_LARGEST: Final = 1 << 20
NAMES_WITHIN: Final = 2.0
"""Seconds in which every name must resolve: a look that users would call good has no more."""


@click.command()
@click.argument("what", metavar="ENV|DRILL")
@click.option("--env", "env", metavar="NAME|FILE", help="With a drill: where; default: what the drill names.")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), show_default=True)
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text")
def doctor(what: str, env: str | None, reports: Path, output: str) -> None:
    """Look at all that a drill will need of an environment and of this machine; change nothing.

    Reachability, rights, clocks, disk, versions, and whether every member could be put back. With the file of a drill
    also one look with each of its probes (one that writes, writes once), and whether each of its actions may do, and
    could do now, what it does. Exits 0 when all is well, 1 when something is not.
    """
    drill = Path(what) if _is_drill(Path(what)) else None
    if env is not None and drill is None:
        raise click.UsageError(f"--env says where a drill is to be run, and {what} is the file of no drill")
    named = what if drill is None else env or load_drill(drill, None).drill.environment
    with environment(named, drill or Path("drill.yaml"), start_lab=False) as place:
        loaded = load_drill(drill, place).drill if drill else None
        with resolver.patient(NAMES_WITHIN):
            answers = resolver.run(_print_as_they_come(_looking(place, reports, loaded), tell=output == "text"))
    if output == "json":
        click.echo(json.dumps([checked._asdict() for checked in answers], indent=2, ensure_ascii=False))
    else:
        wrong = sum(not checked.ok for checked in answers)
        where = place.name if loaded is None else f"{loaded.name} in {place.name}"
        click.echo(f"\n{where}: {f'{wrong} of ' if wrong else 'all '}{len(answers)} {'wrong' if wrong else 'well'}")
    sys.exit(ExitCode.PASSED if all(checked.ok for checked in answers) else ExitCode.FAILED)


def _is_drill(path: Path) -> bool:
    """Tell whether a file is that of a drill; what can't be read is told by who reads it as an environment."""
    try:
        return bool(_DRILL.search(bounded_read.read(path, _LARGEST)))
    except OSError:
        return False


async def _looking(place: Environment, reports: Path, drill: Drill | None) -> AsyncIterator[Checked]:
    async for checked in examine(place, reports):
        yield checked
    if drill is not None:
        async for checked in drill_needs.of_drill(drill, place):
            yield checked


async def _print_as_they_come(looking: AsyncIterator[Checked], *, tell: bool) -> list[Checked]:
    answers: list[Checked] = []
    async for told in looking:
        # Before JSON escapes it anew: what a kind says may hold a secret in some spelling already.
        checked = Checked(redaction.clean(told.what), told.ok, redaction.clean(told.told), redaction.clean(told.remedy))
        answers.append(checked)
        if tell:
            mark = click.style("ok   ", fg="green") if checked.ok else click.style("WRONG", fg="red", bold=True)
            click.echo(
                f"{mark}  {checked.what}: {checked.told}" + (f"\n       do: {checked.remedy}" if checked.remedy else "")
            )
    return answers
