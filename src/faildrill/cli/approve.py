"""`faildrill approve`: say, under one's name and for a while, that a drill may be run."""

from pathlib import Path

import click

from faildrill import durations
from faildrill.cli.environment_choice import environment
from faildrill.errors import FaildrillError, WrongUsage
from faildrill.guarding import approvals
from faildrill.loading import load_drill


@click.command()
@click.argument("drill", type=click.Path(path_type=Path))
@click.option("--env", "env", metavar="NAME|FILE", help="Where it may be run; default: what the drill names.")
@click.option("--as", "name", required=True, metavar="NAME", help="Who approves: one of those the environment names.")
@click.option("--for", "lasting", default="2h", show_default=True, help="For how long; seven days at the most.")
def approve(drill: Path, env: str | None, name: str, lasting: str) -> None:
    """Say that this version of a drill may be run in an environment, for a while.

    The approval is void when the drill or a target that it names is changed. Who approves can't be who runs it.
    """
    try:
        seconds = durations.parse(lasting)
    except ValueError as error:
        raise WrongUsage(f"--for: {error}") from error
    if seconds > approvals.LONGEST:
        raise WrongUsage(f"--for: an approval holds for {durations.show(approvals.LONGEST)} at the most")
    named = env or load_drill(drill, None).drill.environment
    with environment(named, drill, start_lab=False) as place:
        if place.approvals is None:
            raise WrongUsage(f"{place.name} asks for no approvals: there is no `approvals:` in its file")
        if name not in place.approvals.by:
            raise WrongUsage(f"{name!r} may not approve here; those who may: {', '.join(place.approvals.by)}")
        loaded = load_drill(drill, place).drill
        try:
            path = approvals.approve(loaded, place, name, seconds)
        except OSError as error:
            raise FaildrillError(f"NOT approved: {error}") from error
    click.echo(f"{name} approves {loaded.name} in {place.name} for {durations.show(seconds)}: {path}")
