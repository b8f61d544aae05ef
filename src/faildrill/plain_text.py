"""What came from outside, made harmless: no control, escape or reordering character reaches a terminal or a report."""

import re
from typing import Any, Final, TextIO

LONGEST: Final = 2_000
"""Characters of one text that a report prints; the files of the run hold the rest."""
_REPLACED: Final = "\N{REPLACEMENT CHARACTER}"
_REORDERING: Final = "\u061c\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff"
_NONCHARACTERS: Final = "\ufdd0-\ufdef" + "".join(
    f"{chr(end)}{chr(end + 1)}" for end in range(0xFFFE, 0x110000, 0x10000)
)
_SPACE: Final = re.compile("[\t-\r\x85\u2028\u2029]")
_ODD: Final = re.compile(f"[\x00-\x1f\x7f-\x9f\ud800-\udfff{_REORDERING}{_NONCHARACTERS}]")
_ON_A_TERMINAL: Final = re.compile(
    f"[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f\u2028\u2029{_REORDERING}]|\r(?!\n)|\x1b(?!\\[[0-9;]*m)"
)
"""What a terminal obeys, or shows elsewhere; colours pass."""


def plain(text: str, most: int = LONGEST) -> str:
    """Return the text on one line, printable: no control, escape or reordering character is left in it.

    Line breaks and tabs become spaces, the other such characters one replacement character each; what is longer
    than `most` characters is cut, and says so.
    """
    cut = text if len(text) <= most else text[: most - 1] + "…"
    if cut.isascii() and cut.isprintable():
        return cut
    return _ODD.sub(_REPLACED, _SPACE.sub(" ", cut))


def lines(text: str, most: int = 20_000) -> list[str]:
    """Return the lines of a longer text, each printable as `plain` makes it."""
    return [plain(line.expandtabs()) for line in text[:most].splitlines()]


class Stream:
    """A stream of text on which what came from outside commands no terminal: only colours and line breaks pass."""

    def __init__(self, bare: TextIO) -> None:
        self.bare = bare

    def write(self, text: str) -> int:
        """Write a text, each other such character replaced."""
        self.bare.write(_ON_A_TERMINAL.sub(_REPLACED, text))
        return len(text)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the stream offers besides
        return getattr(self.bare, name)
