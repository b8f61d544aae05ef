"""Which environment a command works in: a file, a name, or a lab that is up or can be."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import click

from faildrill import loading
from faildrill.environment import Environment
from faildrill.errors import WrongUsage

FOLDER = Path("drills/environments")
LAB = "lab"


@contextlib.contextmanager
def environment(named: str, *, start_lab: bool) -> Iterator[Environment]:
    """Give the environment of that name or path; a lab that had to be started for it is taken down at the end."""
    path = Path(named)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        yield loading.load_environment(path)
        return
    if (FOLDER / f"{named}.yaml").is_file():
        yield loading.load_environment(FOLDER / f"{named}.yaml")
        return
    with _lab(named, start=start_lab) as found:
        yield loading.load_environment(found)


@contextlib.contextmanager
def _lab(named: str, *, start: bool) -> Iterator[Path]:
    from faildrill.lab import ending, starting  # noqa: PLC0415 - its parts are an extra, needed only here

    up = starting.find(named)
    if up is not None:
        yield up.environment
        return
    if named != LAB or not start:
        raise WrongUsage(
            f"no environment {named!r}: there is no such file, no {FOLDER / named}.yaml, and no lab of that name "
            "is up; `faildrill lab up` starts one"
        )
    facts = starting.up(named, tell=lambda text: click.echo(text, err=True))
    try:
        yield facts.environment
    finally:
        click.echo("taking the lab down …", err=True)
        ending.down(named)
