"""What several commands take in the same way."""

from typing import Final, Literal, get_args

import click

from faildrill.errors import WrongUsage
from faildrill.ports.addresses import LAST_PORT
from faildrill.secrets import Reference

Moment = Literal["start", "abort", "hand", "end"]
"""Of a run: healthy, and faults are next · ended early · something is not put back · over and judged."""


LISTEN: Final = "127.0.0.1:9766"


def address(given: str) -> tuple[str, int]:
    """Read where to listen; WrongUsage where it is no HOST:PORT."""
    host, colon, port = given.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > LAST_PORT:
        raise WrongUsage(f"{given!r} is no HOST:PORT to listen on, e.g. {LISTEN}")
    return host.strip("[]"), int(port)


def reference(_: click.Context, __: click.Parameter, given: str) -> Reference:
    """Read an option that names one secret."""
    return references(_, __, (given,))[0]


def references(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> tuple[Reference, ...]:
    """Read an option that names secrets, as in `env:NAME`; click tells what is none."""
    try:
        return tuple(Reference(text) for text in given)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


NOTIFY: Final = click.option(
    "--notify", callback=references, multiple=True, metavar="REF", help="An Apprise URL: env:NAME, file:PATH."
)
NOTIFY_AT: Final = click.option(
    "--notify-at",
    multiple=True,
    type=click.Choice(get_args(Moment)),
    default=get_args(Moment),
    help="What to tell them of; may be repeated. Default: all of it.",
)
