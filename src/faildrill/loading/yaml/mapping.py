"""One mapping of a file being read by hand: each key is taken by its sort, and what nobody took is a mistake."""

from collections.abc import Callable
from typing import Final, TypeVar

from faildrill import durations
from faildrill.kinds import did_you_mean
from faildrill.loading.names import NAME_RULE, REQUIREMENT_RULE, is_name, is_requirement
from faildrill.loading.yaml.mistakes import Mistakes
from faildrill.loading.yaml.nodes import Entry, Listing, Mapping, Node, Place, Scalar

LONGEST_TEXT = 4000
"""Characters in a text that a file gives about itself."""

NOTHING: Final = "has no value: write one, or leave the key out"
"""What is wrong with a key that has no value: its reader can't know what is meant."""

Found = TypeVar("Found")


class MappingReader:
    """Takes the values of one mapping; every mistake is noted at its place and reading goes on."""

    def __init__(self, entry: Entry, known: tuple[str, ...], mistakes: Mistakes) -> None:
        """Begin; `known` are the keys that it may have, besides a kind."""
        self.place = entry.place
        self.mistakes = mistakes
        self._known = known
        node = entry.node
        self.usable = isinstance(node, Mapping)
        self._entries = node.entries if isinstance(node, Mapping) else {}
        if not self.usable:
            mistakes.add(node.place, f"must be a mapping with {', '.join(known)}")

    @property
    def others(self) -> dict[str, Entry]:
        """The entries whose keys are not among the known ones."""
        return {key: entry for key, entry in self._entries.items() if key not in self._known}

    def refuse_others(self) -> None:
        """Note every key that is not among the known ones."""
        for key, entry in self.others.items():
            self.mistakes.add(entry.place, f"unknown key {key!r}{did_you_mean(key, list(self._known))}")

    def entry(self, key: str) -> Entry | None:
        """Return an entry, or None where it is not given."""
        return self._entries.get(key)

    def required(self, key: str, why: str) -> Entry | None:
        """Return an entry; where it is not given, say why it must be."""
        entry = self._entries.get(key)
        if entry is None:
            self.mistakes.add(self.place, f"`{key}` is missing: {why}")
        return entry

    def demand(self, key: str, why: str) -> None:
        """Note that a key is missing, or holds nothing."""
        if (entry := self._entries.get(key)) is None:
            self.mistakes.add(self.place, f"`{key}` is missing: {why}")
        elif is_empty(entry.node):
            self.mistakes.add(entry.place, f"`{key}` is empty: {why}")

    def text(self, key: str) -> str:
        """Return a text, empty where it is not given."""
        return self._read(key, as_text, "")

    def name(self, key: str, why: str) -> str:
        """Return a name, which is never a path; empty where it is not given or is none."""
        return self._read(key, as_name, "") if self.required(key, why) else ""

    def duration(self, key: str, default: float) -> float:
        """Return a time in seconds."""
        return self._read(key, as_duration, default)

    def truth(self, key: str, *, default: bool) -> bool:
        """Return true or false."""
        return self._read(key, _as_truth, default)

    def count(self, key: str, default: int) -> int:
        """Return a whole number of at least 1."""
        return self._read(key, _as_count, default)

    def items(self, key: str) -> tuple[Node, ...]:
        """Return the items of a list, none where it is not given."""
        return self._read(key, _as_items, ())

    def some(self, key: str, why: str) -> tuple[Node, ...]:
        """Return the items of a list that must have some."""
        self.demand(key, why)
        entry = self._entries.get(key)
        return () if entry and is_empty(entry.node) else self.items(key)

    def mapping(self, key: str) -> dict[str, Entry]:
        """Return the entries of a mapping, none where it is not given."""
        return self._read(key, _as_entries, {})

    def _read(self, key: str, read: Callable[[Node], Found], default: Found) -> Found:
        entry = self._entries.get(key)
        if entry is None:
            return default
        if entry.node == Scalar(entry.node.place, None):
            self.mistakes.add(entry.node.place, f"`{key}` {NOTHING}")
            return default
        try:
            return read(entry.node)
        except ValueError as error:
            self.mistakes.add(entry.node.place, str(error))
            return default


def as_text(node: Node) -> str:
    """Read a text; ValueError says what it must be."""
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        raise ValueError("must be text (quote it)")
    if len(node.value) > LONGEST_TEXT:
        raise ValueError(f"must have at most {LONGEST_TEXT} characters")
    return node.value


def as_name(node: Node) -> str:
    """Read a name."""
    return _text_by_rule(node, is_name, NAME_RULE)


def as_requirement(node: Node) -> str:
    """Read the label of a requirement, as those who wrote it down call it."""
    return _text_by_rule(node, is_requirement, REQUIREMENT_RULE)


def _text_by_rule(node: Node, keeps: Callable[[str], bool], rule: str) -> str:
    text = as_text(node)
    if not keeps(text):
        raise ValueError(rule)
    return text


def as_duration(node: Node) -> float:
    """Read a time of more than nothing, in seconds."""
    if not isinstance(node, Scalar) or isinstance(node.value, bool) or node.value is None:
        raise ValueError("must be a time with its unit, e.g. 500ms or 1m30s")
    seconds = durations.parse(str(node.value))
    if seconds <= 0:
        raise ValueError("a time must be more than nothing")
    return seconds


def is_empty(node: Node) -> bool:
    """Tell whether nothing is given: an empty value, list or mapping."""
    return node in (Scalar(node.place, None), Listing(node.place, ()), Mapping(node.place, {}))


def refuse_nothing(node: Node, mistakes: Mistakes) -> None:
    """Note every key of a mapping that has no value."""
    for key, entry in node.entries.items() if isinstance(node, Mapping) else ():
        if entry.node == Scalar(entry.node.place, None):
            mistakes.spoil(entry.node.place, f"`{key}` {NOTHING}")


def place_in(entry: Entry | None, otherwise: Place) -> Place:
    """Return where the value of an entry stands, or another place where there is no entry."""
    return entry.node.place if entry else otherwise


def _as_truth(node: Node) -> bool:
    if not isinstance(node, Scalar) or not isinstance(node.value, bool):
        raise ValueError("must be true or false")
    return node.value


def _as_count(node: Node) -> int:
    if not isinstance(node, Scalar) or isinstance(node.value, bool) or not isinstance(node.value, int):
        raise ValueError("must be a whole number, without quotes")
    if node.value < 1:
        raise ValueError("must be at least 1")
    return node.value


def _as_items(node: Node) -> tuple[Node, ...]:
    if not isinstance(node, Listing):
        raise ValueError("must be a list (- …)")
    return node.items


def _as_entries(node: Node) -> dict[str, Entry]:
    if not isinstance(node, Mapping):
        raise ValueError("must be a mapping (key: value)")
    return node.entries
