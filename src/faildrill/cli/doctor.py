"""`faildrill doctor`: whether a drill could be run in an environment, and what to do where it couldn't."""

import json
import sys
from pathlib import Path

import click

from faildrill.cli.places import environment
from faildrill.environment import Environment
from faildrill.guarding.examining import examine
from faildrill.ports import Checked
from faildrill.system import resolver
from faildrill.system.exit_codes import ExitCode


@click.command()
@click.argument("env", metavar="ENV")
@click.option("--reports", type=click.Path(path_type=Path), default=Path("reports"), show_default=True)
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text")
def doctor(env: str, reports: Path, output: str) -> None:
    """Look at all that a drill will need of an environment and of this machine; change nothing.

    Reachability, rights, clocks, disk, versions, and whether every member could be put back. Exits 0 when all is well,
    1 when something is not.
    """
    with environment(env, Path("drill.yaml"), start_lab=False) as place:
        found = resolver.run(_found(place, reports, tell=output == "text"))
    if output == "json":
        click.echo(json.dumps([one._asdict() for one in found], indent=2, ensure_ascii=False))
    else:
        wrong = sum(not one.ok for one in found)
        click.echo(f"\n{place.name}: {f'{wrong} of ' if wrong else 'all '}{len(found)} {'wrong' if wrong else 'well'}")
    sys.exit(ExitCode.PASSED if all(one.ok for one in found) else ExitCode.FAILED)


async def _found(place: Environment, reports: Path, *, tell: bool) -> list[Checked]:
    found: list[Checked] = []
    async for one in examine(place, reports):
        found.append(one)
        if tell:
            mark = click.style("ok   ", fg="green") if one.ok else click.style("WRONG", fg="red", bold=True)
            click.echo(f"{mark}  {one.what}: {one.told}" + (f"\n       do: {one.remedy}" if one.remedy else ""))
    return found
