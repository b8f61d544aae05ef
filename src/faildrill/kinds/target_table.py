"""The sections of an environment: one a class of targets, from the table or from another package."""

from collections.abc import Iterable
from typing import cast

from faildrill.kinds import UnknownKind, find, names
from faildrill.kinds.table import TARGETS
from faildrill.ports.target import Target


def sections(asked: Iterable[str] = ()) -> tuple[str, ...]:
    """List the sections that there are: those of the table, in its order, then those of other packages.

    The others are looked for only where one is asked for that is none of the table's: reading what is installed takes
    long, and most environments have no such section.
    """
    if all(section in TARGETS for section in asked):
        return tuple(TARGETS)
    return (*TARGETS, *(name for name in names("target") if name not in TARGETS))


def installed(section: str) -> type[Target] | None:
    """Return the class of the targets of a section, None where nothing here can read it."""
    try:
        return sort_of(section)
    except UnknownKind:
        return None


def sort_of(section: str) -> type[Target]:
    """Return the class of the targets of a section; UnknownKind where there is none, or it can't be imported."""
    return cast("type[Target]", find(section, "target"))
