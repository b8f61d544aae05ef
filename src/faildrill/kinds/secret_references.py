"""The secrets that kinds refer to."""

from collections.abc import Iterable, Iterator
from contextlib import suppress

from pydantic import BaseModel

from faildrill.errors import FaildrillError, UnresolvedSecret
from faildrill.kinds import Shape, build
from faildrill.ports.target import KindUse
from faildrill.secrets import Reference

Uses = Iterable[tuple[KindUse, Shape]]
"""Kinds with their parameters, and what each is used as."""


def references(uses: Uses) -> Iterator[Reference]:
    """Yield every reference to a secret in these kinds; nothing of one that can't be built, which is told elsewhere."""
    for use, shape in uses:
        with suppress(FaildrillError, ValueError):
            yield from _within(build(use, shape))


def learn(uses: Uses) -> None:
    """Keep every secret that these kinds refer to out of all that this process writes, whoever lets it out.

    What a step is told by a target may hold a secret that only a probe, in its own process, has resolved.
    """
    for reference in references(uses):
        with suppress(UnresolvedSecret):
            reference.resolve()


def unresolvable(uses: Uses) -> list[str]:
    """Say of every secret that these kinds refer to and that can't be resolved here, how to give it."""
    missing: dict[str, None] = {}
    for reference in references(uses):
        try:
            reference.resolve()
        except UnresolvedSecret as error:
            missing[str(error)] = None
    return list(missing)


def _within(value: object) -> Iterator[Reference]:
    if isinstance(value, Reference):
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _within(getattr(value, name))
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _within(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _within(inner)
