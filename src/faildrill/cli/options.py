"""What several commands take in the same way."""

import click

from faildrill import durations


def seconds(_: click.Context, __: click.Parameter, given: str | None) -> float | None:
    """Read an option that is a time, as in `5s`; click tells what is none."""
    try:
        return durations.parse(given) if given is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
