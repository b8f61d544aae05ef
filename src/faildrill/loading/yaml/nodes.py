"""A file as plain values that know their places."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import JsonValue

Path = Sequence[str | int]
"""Keys and indices that lead from a node to one inside it."""


class Place(NamedTuple):
    """Where something stands in a file: line and column count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value: text, a number, true, false or null."""

    place: Place
    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of values."""

    place: Place
    items: tuple["Node", ...]


class Entry(NamedTuple):
    """One value of a mapping, and where its key stands."""

    place: Place
    node: "Node"


@dataclass(frozen=True, slots=True)
class Mapping:
    """Values by key, in the order of the file."""

    place: Place
    entries: dict[str, Entry]


Node = Scalar | Listing | Mapping


def plain(node: Node) -> JsonValue:
    """Return the values without their places."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Listing):
        return [plain(item) for item in node.items]
    return {key: plain(entry.node) for key, entry in node.entries.items()}


def existing(node: Node, path: Path) -> Path:
    """Return the longest beginning of the path that exists in the node."""
    for length, step in enumerate(path):
        inner = _child(node, step)
        if inner is None:
            return path[:length]
        node = inner.node
    return path


def place_of(entry: Entry, path: Path, *, at_key: bool = False) -> Place:
    """Tell where the value at a path inside the entry stands, or its key; the nearest around it if there is none."""
    for step in path:
        inner = _child(entry.node, step)
        if inner is None:
            break
        entry = inner
    return entry.place if at_key else entry.node.place


def _child(node: Node, step: str | int) -> Entry | None:
    if isinstance(node, Mapping):
        return node.entries.get(str(step))
    if isinstance(node, Listing) and isinstance(step, int) and 0 <= step < len(node.items):
        return Entry(node.items[step].place, node.items[step])
    return None
