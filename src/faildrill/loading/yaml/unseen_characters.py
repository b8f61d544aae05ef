"""Characters in a file that its reader doesn't see, or sees as something else: a file means what it looks like.

YAML 1.1, which libyaml reads, ends a line at U+0085, U+2028, U+2029 and at a carriage return alone; editors show one
line there, so that a comment could hold `undo: none`. Marks of direction reorder what is shown (CVE-2021-42574), and
the characters that Unicode calls default-ignorable aren't shown at all.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_CONTROL: Final = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufdd0-\ufdef\ufffe\uffff"
_BREAKS: Final = "\x85\u2028\u2029"
_REORDERING: Final = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_INVISIBLE: Final = (
    "\xad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_JOINING: Final = "\u200c\u200d\ufe00-\ufe0f"
"""Persian, Indic scripts and emoji join with these; after a plain character they only hide."""
_ODD: Final = re.compile(f"[{_CONTROL}{_BREAKS}{_REORDERING}{_INVISIBLE}]")
_ASCII_ODD: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ALONE: Final = re.compile(rf"\r(?!\n)|(?:(?<=[\x00-\x7f])|^)[{_JOINING}]")
_SORTS: Final = (
    (re.compile(f"[{_CONTROL}]"), "is a control character; nothing that is typed has one"),
    (re.compile(f"[{_BREAKS}\r]"), "ends a line for some readers and not for others; delete it, or type a line break"),
    (re.compile(f"[{_REORDERING}]"), "makes text look as if it stood elsewhere; delete it"),
)
_BLANKS: Final = re.compile("[\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_MARK: Final = "\ufeff"
"""Begins the files of some editors; it is dropped there."""


class Odd(NamedTuple):
    """One character that isn't what it looks like: where it is in the text, and what to say."""

    at: int
    why: str


def odd(text: str) -> Odd | None:
    """Return the first character of a text that nobody sees, or that shows others elsewhere; None: there is none."""
    start = 1 if text.startswith(_MARK) else 0
    strays = [character for character in _odd(text, start) if character]
    if not strays:
        return None
    first = min(strays, key=re.Match.start)
    why = next((why for sort, why in _SORTS if sort.match(first.group())), "can't be seen; delete it")
    return Odd(first.start(), f"U+{ord(first.group()):04X} {why}")


def _odd(text: str, start: int) -> Iterator[re.Match[str] | None]:
    """Yield the first odd character of each sort; a text of a mebibyte takes a few milliseconds."""
    if text.isascii():
        yield _ASCII_ODD.search(text, start)
    else:
        yield _ODD.search(text, start)
        yield _ALONE.search(text, start)
        return
    if text.count("\r") != text.count("\r\n"):
        yield _ALONE.search(text, start)


def odd_blank(text: str) -> Odd | None:
    """Return the first character that looks like a blank and is none; None when there is none."""
    blank = _BLANKS.search(text)
    if blank is None:
        return None
    return Odd(
        blank.start(), f"U+{ord(blank.group()):04X} looks like a blank and is none; type a blank, or quote the text"
    )
