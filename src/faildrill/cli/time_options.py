"""Options that are a time or a day."""

from datetime import date

import click

from faildrill import durations


def seconds(_: click.Context, __: click.Parameter, given: str | None) -> float | None:
    """Read an option that is a time, as in `5s`; click tells what is none."""
    try:
        return durations.parse(given) if given is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def day(_: click.Context, __: click.Parameter, given: str | None) -> str:
    """Read an option that is a day, as in 2026-07-01; empty where it is not given."""
    try:
        return date.fromisoformat(given).isoformat() if given else ""
    except ValueError as error:
        raise click.BadParameter(f"{given!r} is no date: write it as 2026-07-01") from error
