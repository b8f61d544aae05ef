"""`faildrill status`: what runs on this machine, what is dirty, what is halted."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Final

import click

from faildrill.guarding.asking import under_way
from faildrill.guarding.halting import Halt, all_halts
from faildrill.guarding.holding import Holder, Mark, all_marks

_UNSAFE: Final = 6
_REFUSED: Final = 3


@click.command()
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text")
def status(output: str) -> None:
    """Show what runs on this machine, which environments are dirty, and which are halted.

    Exits 6 when one is dirty, else 3 when one is halted, else 0.
    """
    running, halts = under_way(), dict(all_halts())
    dirty = _left(running)
    if output == "json":
        click.echo(json.dumps(_plain(running, dirty, halts), indent=2))
    else:
        lines = [*_lines(running, dirty, halts)]
        click.echo("\n".join(lines) or "clean: no run has left anything behind on this machine")
    sys.exit(_UNSAFE if dirty else _REFUSED if halts else 0)


def _left(running: dict[str, Holder]) -> dict[str, list[Mark]]:
    """Return the marks of runs that are over: one that is under way puts back what it touched itself."""
    found: dict[str, list[Mark]] = {}
    for identity, some in all_marks().items():
        holder = running.get(identity)
        left = [one for one in some if holder is None or holder.run != one.run]
        if left:
            found[identity] = left
    return found


def _plain(running: dict[str, Holder], dirty: dict[str, list[Mark]], halts: dict[str, Halt]) -> dict[str, object]:
    return {
        "running": {identity: asdict(one) for identity, one in running.items()},
        "dirty": {identity: [asdict(one) for one in some] for identity, some in dirty.items()},
        "halted": {identity: asdict(one) for identity, one in halts.items()},
    }


def _lines(running: dict[str, Holder], dirty: dict[str, list[Mark]], halts: dict[str, Halt]) -> Iterator[str]:
    for identity, holder in running.items():
        yield f"running {identity}: {holder}; stop it with: faildrill abort {holder.folder}"
    for identity, some in dirty.items():
        for one in some:
            yield f"DIRTY {identity}: {one.drill} since {one.since}; put it back with: faildrill recover {one.folder}"
    for identity, halt in halts.items():
        yield f"HALTED {identity} ({halt.environment}): {halt}; take it back with: faildrill resume {identity}"
