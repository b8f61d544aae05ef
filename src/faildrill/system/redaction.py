"""Keep secrets out of what is written down: every value that this process has resolved, in every form it may take.

A value is learnt the moment it is resolved, and cleaned from there on at every sink: the timeline, the details of
samples, standard error, what a command prints. Standard library only.
"""

import base64
import json
import re
from typing import Any, Final, TextIO, TypeVar
from urllib.parse import quote, quote_plus

HIDDEN: Final = "•••"
"""What is shown in place of a secret."""
SHORTEST: Final = 4
"""Characters of a value below which it can't be told from other text, and so not be kept out of it."""
_SHORTEST_LINE: Final = 8
"""Characters of a line of a longer secret (a key in PEM) below which it may be any word."""
_SHORTEST_ENCODED: Final = 8
"""Bytes below which base64 or hexadecimal digits of a value may come about by chance."""
T = TypeVar("T")

_forms: Final[set[str]] = set()
"""Of all values that were learnt: as they are, and as encodings write them."""
_patterns: Final[list[re.Pattern[str]]] = []
"""One, or none as long as nothing was learnt: a list, so that it can be exchanged in place."""


def learn(value: str) -> None:
    """Keep a value out of everything from now on. ValueError when it is too short for that."""
    if len(value) < SHORTEST:
        raise ValueError(f"a secret of less than {SHORTEST} characters can't be kept out of reports")
    if value not in _forms:
        _forms.update(_forms_of(value))
        # An alternation takes the first that fits: a secret that begins with another one would leave its end
        # readable.
        longest_first = sorted(_forms, key=len, reverse=True)
        _patterns[:] = [re.compile("|".join(re.escape(form) for form in longest_first))]


def clean(text: str) -> str:
    """Return a text without any known secret."""
    return _patterns[0].sub(HIDDEN, text) if _patterns else text


def clean_all(value: T) -> T:
    """Return data without any known secret, keys included; what is no text stays as it is."""
    cleaned: T = _cleaned(value) if _patterns else value
    return cleaned


def holds_secret(value: object) -> bool:
    """Tell whether data holds a known secret anywhere."""
    return bool(_patterns) and bool(_cleaned(value) != value)


def _cleaned(value: Any) -> Any:  # noqa: ANN401 - any data
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_cleaned(inner) for inner in value]
    if isinstance(value, tuple):
        return tuple(_cleaned(inner) for inner in value)
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(inner) for key, inner in value.items()}
    return value


def _forms_of(value: str) -> set[str]:
    """Return a value as it is, and as URLs, JSON, Python, base64 and hexadecimal write it."""
    raw = value.encode("utf-8", "surrogateescape")
    lines = [line for line in value.splitlines() if len(line) >= _SHORTEST_LINE]
    forms = {value, *lines}
    for text in (value, *lines):
        # `quote` raises for half characters, which a value read from a file may hold.
        plain = text.encode("utf-8", "replace").decode()
        forms |= {quote(plain, safe=""), quote_plus(plain), quote(plain)}
        # Without the quotes around them: within a longer text the value has other neighbours.
        forms |= {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}
        forms |= {repr(text)[1:-1], repr(plain.encode())[2:-1], ascii(text)[1:-1]}
    if len(raw) >= _SHORTEST_ENCODED:
        forms |= {raw.hex(), raw.hex().upper(), *_base64(raw)}
        forms |= {"".join(f"%{byte:02x}" for byte in raw), "".join(f"%{byte:02X}" for byte in raw)}  # every byte of it
    return {form for form in forms if len(form) >= SHORTEST}


def _base64(raw: bytes) -> set[str]:
    """Return what base64 makes of a value at each place where it may begin in a longer text, e.g. after `user:`."""
    forms = set()
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw).decode()
        first = (shift * 8 + 5) // 6  # characters that hold bits of what comes before
        last = (shift + len(raw)) * 8 // 6  # behind it are bits of what follows
        core = encoded[first:last]
        # Both alphabets: of RFC 4648, 4 and of its section 5, as tokens of JWT have it.
        forms |= {core, core.replace("+", "-").replace("/", "_")}
    return forms


class Stream:
    """A stream of text that secrets don't pass: cleans whole lines, as a value may come in parts.

    Until a value is learnt everything passes as it comes.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._begun = ""

    def write(self, text: str) -> int:
        """Write the whole lines that there are by now."""
        if not _patterns and not self._begun:
            self._stream.write(text)
            return len(text)
        # Whole lines only: a value that is written in two parts is in none of them.
        whole, newline, self._begun = (self._begun + text).rpartition("\n")
        if newline:
            self._stream.write(clean(whole) + newline)
            self._stream.flush()
        return len(text)

    def flush(self) -> None:
        """Write what there is of a line, too."""
        begun, self._begun = self._begun, ""
        self._stream.write(clean(begun))
        self._stream.flush()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the stream offers besides
        return getattr(self._stream, name)
