"""The lines of HAProxy's files that count: conditional blocks decided (manual, 2.4)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from faildrill.adapters.haproxy.words import Variables, words
from faildrill.standards import Unread

_CONDITION: Final = re.compile(r"^\s*\.(?:el)?if\s+(.*?)\s*$")
_MACROS: Final = (".notice", ".warning", ".alert", ".diag")
"""Words for messages, which change nothing."""


class Source(NamedTuple):
    """One configuration file."""

    name: str
    text: str


class Beside(NamedTuple):
    """What HAProxy itself told that its files can't tell."""

    variables: Mapping[str, str] | None = None
    """The environment of the running process; None where it doesn't tell it."""
    conditions: Mapping[str, bool] = {}
    """What `haproxy -cc` said of a condition, by its words as the file has them."""
    version: tuple[int, ...] = ()
    """The version of the running process, empty where nobody knows."""


class Line(NamedTuple):
    """The words of one line; none where a file begins."""

    where: str
    words: list[str]
    sure: bool = True
    """False in a conditional block of which nobody knows whether it is taken."""


def conditions(sources: Sequence[Source]) -> list[str]:
    """Return every condition of the files once, in the words that `haproxy -cc` takes."""
    every = [match[1] for source in sources for line in split(source.text) if (match := _CONDITION.match(line))]
    return list(dict.fromkeys(every))


def split(text: str) -> list[str]:
    """Return the lines of a text: a line feed ends one, and nothing else does."""
    return text.split("\n")


def read(sources: Sequence[Source], beside: Beside, variables: Variables, unread: list[Unread]) -> Iterator[Line]:
    """Yield the lines that count; what can't be made out is added to `unread`."""
    for source in sources:
        blocks = _Blocks(beside.conditions)
        yield Line(source.name, [])
        for number, text in enumerate(split(source.text), 1):
            where = f"line {number}" + (f" of {source.name}" if len(sources) > 1 else "")
            try:
                line_words = words(text, variables)
            except ValueError as error:
                unread.append(Unread(where, str(error)))
                continue
            if not line_words:
                continue
            if line_words[0].startswith("."):
                undecided = blocks.take(line_words[0], text)
                if undecided:
                    unread.append(Unread(where, f"`{undecided}`: whether this condition holds is unknown"))
            elif blocks.taken is not False:
                variables.take(line_words, sure=blocks.taken is True)
                yield Line(where, line_words, sure=blocks.taken is True)


class _Blocks:
    """The conditional blocks around a line; None stands for what nobody knows."""

    def __init__(self, decided: Mapping[str, bool]) -> None:
        self._decided = decided
        self._stack: list[tuple[bool | None, bool | None]] = []
        """Of each block around: whether one of its branches was taken before, and whether this one is."""

    @property
    def taken(self) -> bool | None:
        """Tell whether a line here counts."""
        each = [state for _, state in self._stack]
        return False if False in each else None if None in each else True

    def take(self, word: str, line: str) -> str:
        """Take in a line that begins with a dot; return it where it can't be decided, empty otherwise."""
        match = _CONDITION.match(line)
        value = self._decided.get(match[1]) if match else None
        if word == ".if":
            self._stack.append((value, value))
        elif word in (".elif", ".else") and self._stack:
            before, _ = self._stack.pop()
            value = True if word == ".else" else value
            now = False if before or value is False else None if before is None or value is None else True
            self._stack.append((True if before or now else None if None in (before, now) else False, now))
        elif word == ".endif" and self._stack:
            self._stack.pop()
        elif word not in _MACROS:
            return line.strip()
        undecided = word in (".if", ".elif") and self.taken is None and value is None
        return line.strip() if undecided else ""
