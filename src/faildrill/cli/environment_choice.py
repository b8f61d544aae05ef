"""Which environment a command works in: a file, a name, or a lab that is up or can be."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import click

from faildrill import loading
from faildrill.locking.declared_facts import proven
from faildrill.locking.dirty_marks import marks
from faildrill.model.environment import Environment


@contextlib.contextmanager
def environment(named: str, drill: Path, *, start_lab: bool, tell: bool = True) -> Iterator[Environment]:
    """Give the environment of that name or path; a lab that had to be started for it is taken down at the end.

    `tell`: what the lab does on the way is said on standard error.
    """
    with contextlib.ExitStack() as stack:

        def elsewhere(name: str) -> Path | None:
            return lab_that_is_up(name) or (_started(name, stack, tell=tell) if start_lab else None)

        yield loading.named_environment(named, drill, elsewhere)


def lab_that_is_up(name: str) -> Path | None:
    """Return the environment file of the lab of that name, None when it isn't up or labs are not installed."""
    try:
        from faildrill.lab.core import search
    except ImportError:
        return None
    up = search.find(name)
    return up.environment if up else None


def may_be_started(name: str) -> bool:
    """Tell whether a lab of that name can be started for a command."""
    try:
        from faildrill.lab.core import sorts
    except ImportError:
        return False
    return sorts.named(name) is not None


def _started(name: str, stack: contextlib.ExitStack, *, tell: bool) -> Path | None:
    """Start the lab of that name, None where it is no lab that commands start for themselves."""
    try:
        from faildrill.lab.core import sorts, startup, teardown
    except ImportError:
        return None
    sort = sorts.named(name)
    if sort is None:
        return None

    def say(text: str) -> None:
        if tell:
            click.echo(text, err=True)

    say(f"{name} is not up: starting it for this run")
    facts = startup.up(name, tell=say, of=sort)
    place = proven(loading.load_environment(facts.environment))

    def take_down() -> None:
        if marks(place):
            down = f"faildrill lab down --name {name}"
            click.echo(f"{name} stays up, as not everything is put back; when it is: {down}", err=True)
            return
        say(f"taking {name} down")
        teardown.down(name)

    stack.callback(take_down)
    return facts.environment
