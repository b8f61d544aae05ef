"""A strict composer of YAML: bytes that a stranger wrote become a tree of values that know their places.

libyaml only splits the text into events; nothing is ever constructed from a tag. What is refused: duplicate keys,
tags, merge keys, more than one document, text that is not UTF-8, characters that nobody sees, and files that are too
large, too deep or, with their aliases written out, too long.
"""

import errno
from pathlib import Path
from typing import Final, cast

import yaml

from faildrill.errors import WrongUsage, reason
from faildrill.loading.yaml.mistakes import Mistakes
from faildrill.loading.yaml.nodes import Entry, Listing, Mapping, Node, Place, Scalar
from faildrill.loading.yaml.scalars import resolve
from faildrill.loading.yaml.syntax import explain
from faildrill.loading.yaml.unseen_characters import odd, odd_blank
from faildrill.system import bounded_read

LARGEST: Final = 1 << 20
"""Bytes in a file."""
DEEPEST: Final = 32
"""Values inside of values."""
MOST_NODES: Final = 3_000
"""Values in a file, those that aliases repeat counted each time."""
LONGEST: Final = 1 << 16
"""Characters in one value."""
_LONGEST_KEY: Final = 128
_VERSION: Final = (1, 2)
"""The YAML that a file may say it is: `yes`, `010` and `1:30` mean something else in others."""
_START: Final = Place(1, 1)
_TOO_LARGE: Final = f"the file is larger than {LARGEST >> 20} MiB"


class _TooMuch(Exception):
    """Reading on is of no use; the mistake is noted."""


def read(path: Path, mistakes: Mistakes) -> Mapping:
    """Return the mapping that a file holds, noting mistakes that leave the rest of it readable.

    Raises WrongUsage when it can't be read, InvalidFile when nothing can be made of it.
    """
    try:
        return compose(bounded_read.read(path, LARGEST), mistakes)
    except FileNotFoundError as error:
        raise WrongUsage(f"{path}: there is no such file") from error
    except OSError as error:
        if error.errno != errno.EFBIG:
            raise WrongUsage(f"{path}: can't be read: {reason(error)}") from error
    mistakes.add(_START, _TOO_LARGE)
    mistakes.refuse()
    raise AssertionError("a file that is too large was not refused")  # pragma: no cover - refuse() raised


def compose(data: bytes, mistakes: Mistakes) -> Mapping:
    """Return the mapping that the bytes hold; InvalidFile when nothing can be made of them."""
    text = _text(data, mistakes)
    try:
        node = _Composer(text, mistakes).document()
    except yaml.MarkedYAMLError as error:
        mistakes.add(*explain(error, text))
        node = None
    except _TooMuch:
        node = None
    if isinstance(node, Mapping):
        return node
    if not len(mistakes):
        place = node.place if node else _START
        mistakes.add(place, "the file is empty" if node is None else "the file must be a mapping (key: value)")
    mistakes.refuse()
    raise AssertionError("a file without a mapping was not refused")  # pragma: no cover - refuse() raised


def _text(data: bytes, mistakes: Mistakes) -> str:
    if len(data) > LARGEST:
        mistakes.add(_START, _TOO_LARGE)
        mistakes.refuse()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        mistakes.add(_place_after(before), "the file is not UTF-8 from here on")
        mistakes.refuse()
        raise AssertionError from error  # pragma: no cover - refuse() raised
    stray = odd(text)
    if stray:
        mistakes.add(_place_after(text[: stray.at]), stray.why)
        mistakes.refuse()
    return text


def _place_after(text: str) -> Place:
    return Place(text.count("\n") + 1, len(text) - text.rfind("\n"))


def _place(event: yaml.Event) -> Place:
    mark = cast("yaml.Mark", event.start_mark)
    return Place(mark.line + 1, mark.column + 1)


class _Composer:
    """Turns libyaml's events into nodes."""

    def __init__(self, text: str, mistakes: Mistakes) -> None:
        self._events = yaml.CSafeLoader(text)
        self._mistakes = mistakes
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._nodes = 0

    def document(self) -> Node | None:
        """Return the only document's node; None when there is none."""
        # libyaml's order: the stream begins, then per document its begin, its node and its end; then the stream ends.
        self._next()
        start = self._next()
        if isinstance(start, yaml.StreamEndEvent):
            return None
        self._refuse_version(start)
        node = self._node(self._next(), 1)
        self._next()
        after = self._next()
        if not isinstance(after, yaml.StreamEndEvent):
            self._mistakes.spoil(_place(after), "a second document; one file holds one drill or one environment")
        return node

    def _refuse_version(self, start: yaml.Event) -> None:
        version: tuple[int, int] | None = getattr(start, "version", None)
        if version not in (None, _VERSION):
            self._mistakes.spoil(_place(start), "this is YAML 1.2; leave the %YAML line out")

    def _next(self) -> yaml.Event:
        return cast("yaml.Event", self._events.get_event())

    def _node(self, event: yaml.Event, depth: int) -> Node:
        self._count_nodes(event, 1)
        if depth > DEEPEST:
            self._give_up(event, f"values nested more than {DEEPEST} deep")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        self._refuse_tag(cast("yaml.NodeEvent", event))
        before = self._nodes
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._listing(event, depth)
        else:
            node = self._mapping(event, depth)
        anchor: str | None = getattr(event, "anchor", None)
        if anchor:  # only now that its value is complete: an alias within it would repeat itself without an end
            self._anchors[anchor] = (node, self._nodes - before + 1)
        return node

    def _count_nodes(self, event: yaml.Event, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > MOST_NODES:
            self._give_up(event, f"more than {MOST_NODES:,} values, those repeated by aliases counted each time")

    def _give_up(self, event: yaml.Event, message: str) -> None:
        self._mistakes.spoil(_place(event), message)
        raise _TooMuch

    def _refuse_tag(self, event: yaml.NodeEvent) -> None:
        tag = getattr(event, "tag", None)
        if tag is not None:
            self._mistakes.spoil(_place(event), "tags (!…) are not used here; quotes make text, no quotes a number")

    def _alias(self, event: yaml.AliasEvent) -> Node:
        anchor = cast("str", event.anchor)
        anchored = self._anchors.get(anchor)
        if anchored is None:
            self._mistakes.spoil(_place(event), f"*{anchor[:64]} repeats an anchor that is not complete before it")
            return Scalar(_place(event), None)
        node, size = anchored
        # All that it repeats counts: ten lines, each of which names the one before ten times, are 10 billion values.
        self._count_nodes(event, size - 1)
        return node

    def _scalar(self, event: yaml.ScalarEvent) -> Scalar:
        place = _place(event)
        stray = odd(event.value) or (odd_blank(event.value) if event.implicit[0] else None)
        if stray:
            self._mistakes.spoil(place, stray.why)
            return Scalar(place, "")
        if len(event.value) > LONGEST:
            self._mistakes.spoil(place, f"a value of more than {LONGEST >> 10} KiB")
            return Scalar(place, "")
        if not event.implicit[0]:
            return Scalar(place, event.value)
        try:
            return Scalar(place, resolve(event.value))
        except ValueError as error:
            self._mistakes.spoil(place, str(error))
            return Scalar(place, 0)

    def _listing(self, start: yaml.Event, depth: int) -> Listing:
        items: list[Node] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        return Listing(_place(start), tuple(items))

    def _mapping(self, start: yaml.Event, depth: int) -> Mapping:
        entries: dict[str, Entry] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._key(event, depth)
            node = self._node(self._next(), depth + 1)
            if key is None:
                continue
            if key in entries:
                self._mistakes.spoil(_place(event), f"{key!r} was given already, in line {entries[key].place.line}")
                continue
            entries[key] = Entry(_place(event), node)
        return Mapping(_place(start), entries)

    def _key(self, event: yaml.Event, depth: int) -> str | None:
        """Return a key as it is written (`on` is a word here, and `1` too), or None when it is none."""
        place = _place(event)
        if not isinstance(event, yaml.ScalarEvent):
            self._node(event, depth + 1)
            self._mistakes.spoil(place, "a key must be a plain word")
            return None
        self._count_nodes(event, 1)
        self._refuse_tag(event)
        if event.value == "<<" and event.implicit[0]:
            self._mistakes.spoil(place, "merge keys (<<) are not YAML 1.2; write the keys out")
            return None
        if not 0 < len(event.value) <= _LONGEST_KEY or odd(event.value) or odd_blank(event.value):
            self._mistakes.spoil(place, f"a key must have 1 to {_LONGEST_KEY} characters that can be printed")
            return None
        return event.value
