"""The words of a line of HAProxy's configuration, made as HAProxy makes them (its manual, 2.2 and 2.3).

`haproxy -dC` prints words, but not where one ends, with the blocks that a condition leaves out, and without what
`setenv` sets; so they are made here. A variable that nobody knows leaves `UNKNOWN` in its word.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final

UNKNOWN: Final = "\0"
"""Stands in a word for what a variable would put there; no word of HAProxy's has it."""
Lookup = Callable[[str], str | None]
"""From the name of a variable to its value: None where it is not set, UNKNOWN where nobody knows."""

_END: Final = re.compile(r"[\0\n\r]")
"""What ends a line for HAProxy's own reader of files."""
_VARIABLE: Final = re.compile(
    r"\$(?:\{(?P<braced>\.?\w+)(?P<each>\[\*\])?(?:-(?P<default>[^}]*))?\}|(?P<bare>\.?\w+))", re.ASCII
)
"""`$name`, `${name}`, `${name-default}`, `${name[*]}` (2.3)."""
_ESCAPE: Final = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|([ \\tnr#'\"]))")
"""What a backslash may stand before outside of quotes, and within weak ones (2.2)."""
_MEANS: Final = {"t": "\t", "n": "\n", "r": "\r"}
"""Escapes that stand for another character."""
_SPACES: Final = re.compile(r"[ \t\v\f]+")
"""What parts words."""
_ADDRESS_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)\}|(\w+))", re.ASCII)
"""Variables in an address, which are taken there also without quotes (11)."""
_ASSIGNS: Final = re.compile(r"^\s*(?:setenv|presetenv)\s+[\"']?(\w+)", re.MULTILINE | re.ASCII)
"""Lines of `global` that set a variable."""
_TAKES_AWAY: Final = re.compile(r"^\s*(?:unsetenv|resetenv)\b", re.MULTILINE)
"""Lines that take some away."""


def known(*words: str) -> bool:
    """Tell whether nothing in these words is left open."""
    return not any(UNKNOWN in word for word in words)


def words(line: str, lookup: Lookup) -> list[str]:
    """Return the words of a line without its end; ValueError where a quotation is not closed."""
    return _Line(_END.split(line, maxsplit=1)[0], lookup).read()


def in_address(address: str, lookup: Lookup) -> str:
    """Put variables into an address, where HAProxy takes them without quotes, too."""
    return _ADDRESS_VARIABLE.sub(lambda match: lookup(match[1] or match[2]) or "", address)


class Variables:
    """What is known of the variables while a file is read from its first line to its last.

    `process`: those of the running process, None where it does not tell them. They are as the whole file left them,
    so what the file assigns is taken from its own lines, from there on.
    """

    def __init__(self, process: Mapping[str, str] | None, text: str) -> None:
        self._process = process
        self._assigned_somewhere = frozenset(_ASSIGNS.findall(text))
        self._some_taken_away = _TAKES_AWAY.search(text) is not None
        self._so_far: dict[str, str] = {}

    def __call__(self, name: str) -> str | None:
        """Return a variable's value at this line."""
        if name in self._so_far:
            return self._so_far[name]
        if self._process is None or name in self._assigned_somewhere or name.startswith("."):
            return UNKNOWN
        return self._process.get(name, UNKNOWN if self._some_taken_away else None)

    def take(self, line: list[str], *, sure: bool) -> None:
        """Take in a line of the section `global`, which may assign one."""
        command, name, value = (*line, "", "", "")[:3]
        if command == "setenv":
            self._so_far[name] = value if sure else UNKNOWN
        elif command == "presetenv":
            self._so_far[name] = (self._process or {}).get(name, UNKNOWN)
        elif command in ("unsetenv", "resetenv"):
            self._so_far = dict.fromkeys(self._so_far, UNKNOWN)


class _Line:
    """One line that is being read."""

    def __init__(self, text: str, lookup: Lookup) -> None:
        self._text, self._lookup = text, lookup
        self._at, self._quoted = 0, False
        self._word: str | None = None
        self._words: list[str] = []

    def read(self) -> list[str]:
        while self._at < len(self._text) and self._step():
            pass
        if self._quoted:
            raise ValueError("no closing quotation")
        self._end()
        return self._words

    def _step(self) -> bool:
        """Read what comes next; False where a comment begins."""
        char = self._text[self._at]
        if char == "\\":
            self._escape()
        elif char == '"':
            self._quoted = not self._quoted
            self._put("", 1)
        elif self._quoted:
            self._in_quotes(char)
        elif char == "#":
            return False
        elif char == "'":
            self._literal()
        elif spaces := _SPACES.match(self._text, self._at):
            self._end()
            self._at = spaces.end()
        else:
            self._put(char, 1)
        return True

    def _in_quotes(self, char: str) -> None:
        match = _VARIABLE.match(self._text, self._at)
        if match is None:
            self._put(char, 1)
            return
        value = self._lookup(match["braced"] or match["bare"])
        value = match["default"] if value is None else value
        self._at = match.end()
        first, *more = (value or "").split() or [""] if match["each"] else [value or ""]
        self._put(first, 0)
        for option in more:
            self._end()
            self._put(option, 0)

    def _escape(self) -> None:
        """Read a backslash: it stands for itself where nothing follows that it could mean."""
        match = _ESCAPE.match(self._text, self._at)
        if match:
            self._put(chr(int(match[1], 16)) if match[1] else _MEANS.get(match[2], match[2]), match.end() - self._at)
        # Within weak quotes a backslash also keeps a dollar sign from naming a variable (2.2).
        elif self._quoted and self._text.startswith("\\$", self._at):
            self._put("$", 2)
        else:
            self._put("\\", 1)

    def _literal(self) -> None:
        end = self._text.find("'", self._at + 1)
        if end < 0:
            raise ValueError("no closing quotation")
        self._put(self._text[self._at + 1 : end], end + 1 - self._at)

    def _put(self, text: str, length: int) -> None:
        self._word = (self._word or "") + text
        self._at += length

    def _end(self) -> None:
        if self._word is not None:
            self._words.append(self._word)
        self._word = None
