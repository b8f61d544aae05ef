"""`faildrill halt` and `resume`: the switch that stops every drill of an environment."""

import re
from pathlib import Path
from typing import Final

import click

from faildrill.clock import SystemClock
from faildrill.errors import FaildrillError
from faildrill.locking.abort_request import under_way
from faildrill.locking.halt_switch import Halt
from faildrill.locking.halt_switch import halt as throw
from faildrill.locking.halt_switch import resume as take_back
from faildrill.locking.machine_lock import recalled
from faildrill.locking.place_key import PlaceKey, places
from faildrill.system import who

_IDENTITY: Final = re.compile(r"[0-9a-f]{16}")
_ENV = click.argument("env", metavar="ENV")


@click.command()
@_ENV
@click.option("--why", required=True, help="Shown to everyone whose drill is refused.")
def halt(env: str, why: str) -> None:
    """Stop every drill of an environment on this machine: what runs is put back, what would start is refused.

    ENV is a name, a file, or an identity as `faildrill status` shows it. Stays until `faildrill resume ENV`.
    """
    place, name = _identified(env)
    try:
        throw(place, Halt(name, who.user(), " ".join(why.split()), SystemClock().wall()))
    except OSError as error:
        raise FaildrillError(f"NOT halted: the switch can't be written ({error}); see `faildrill abort`") from error
    running = under_way().get(place.identity)
    click.echo(f"{name} is halted" + (f"; {running} stops now, and is put back" if running else ""))


@click.command()
@_ENV
def resume(env: str) -> None:
    """Take the switch back that `faildrill halt` threw."""
    place, name = _identified(env)
    try:
        was = take_back(place)
    except OSError as error:
        raise FaildrillError(f"{name} stays halted: the switch can't be removed ({error})") from error
    click.echo(f"{name} may be drilled again; it was {was}" if was else f"{name} was not halted")


def _identified(env: str) -> tuple[PlaceKey, str]:
    """Return what is proven of an environment, and what to call it."""
    if _IDENTITY.fullmatch(env) and (places() / env).is_dir():
        return recalled(env), env
    from faildrill.cli.environment_choice import environment
    from faildrill.locking.declared_facts import proven

    with environment(env, Path("drill.yaml"), start_lab=False) as place:
        return proven(place), place.name
