"""Which secrets a recovery will need and can't resolve: told before it begins, all at once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from faildrill.acting.undoing import open_intents
from faildrill.drill import Drill
from faildrill.environment import Environment
from faildrill.errors import FaildrillError, UnresolvedSecret
from faildrill.kinds import Shape, build
from faildrill.recovering.recover import started
from faildrill.recovering.salvaging import salvage
from faildrill.secrets import Reference
from faildrill.targets import KindUse
from faildrill.timeline import FILE


def lacking(folder: Path) -> list[str]:
    """Say of every secret that putting a run back needs and that can't be resolved here, how to give it."""
    found: dict[str, None] = {}
    for use, shape in _needed(folder):
        for reference in _references(use, shape):
            try:
                reference.resolve()
            except UnresolvedSecret as error:
                found[str(error)] = None
    return list(found)


def _needed(folder: Path) -> Iterator[tuple[KindUse, Shape]]:
    """Yield every kind that a recovery uses: the open steps, what proves the place, what is watched, the lock."""
    first = started(folder)
    drill, place = Drill.model_validate(first.drill), Environment.model_validate(first.place)
    for intent in open_intents(salvage(folder / FILE)):
        yield KindUse(kind=intent.kind, params=intent.params), "action"
        if intent.undo_kind:
            yield KindUse(kind=intent.undo_kind, params=intent.undo_params or {}), "action"
    for use in place.identity:
        yield use, "guard"
    for plan in (*drill.probes, *place.probes):
        yield plan.use, "probe"
    if place.lock:
        yield place.lock, "lock"


def _references(use: KindUse, shape: Shape) -> Iterator[Reference]:
    try:
        built = build(use, shape)
    except (FaildrillError, ValueError):
        return  # told when it is used
    yield from _within(built)


def _within(value: Any) -> Iterator[Reference]:  # noqa: ANN401 - whatever a kind's fields hold
    if isinstance(value, Reference):
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _within(getattr(value, name))
    elif isinstance(value, dict):
        for one in value.values():
            yield from _within(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _within(one)
