"""The body of an answer over HTTP as a reader sees it: not compressed, in UTF-8, and of JSON without its escapes."""

import re
import zlib
from functools import cached_property, lru_cache
from typing import Final

LARGEST: Final = 1 << 20
"""Bytes of a body that are read at the most, also of one that was compressed."""
_EITHER: Final = 32 + zlib.MAX_WBITS
"""For zlib: what follows tells by its first bytes whether it is gzip's format or zlib's."""
_BARE: Final = -zlib.MAX_WBITS
"""For zlib: there are no such first bytes, as some servers and every browser understand `deflate`."""
_MOST_MEMBERS: Final = 256
"""Members of a gzip file that are read at the most, as what remains is copied for each."""
_COMPRESSED: Final = frozenset({"gzip", "x-gzip", "deflate"})
"""Codings that can be read here (RFC 9110, 8.4.1)."""
_CHARSET: Final = re.compile(r";\s*charset\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)
"""The charset in a Content-Type (RFC 9110, 8.3.2)."""
_ESCAPED: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|/)")
"""What JSON may write in place of a character that a text can be searched for."""
_AS_IT_IS: Final = frozenset({"", "utf-8", "utf8", "us-ascii", "ascii"})
"""Charsets of which every text that is searched for has the same bytes in UTF-8."""


class Unreadable(ValueError):
    """A body that can't be read as text: whether it is a good one can't be told."""


class Sort:
    """What the headers of an answer say of its body: `Content-Encoding`, `Content-Type`."""

    def __init__(self, coding: str = "", kind: str = "") -> None:
        self._codings = [word for word in re.split(r"[\s,]+", coding.lower()) if word not in ("", "identity")]
        self._charset = next(iter(_CHARSET.findall(kind)), "").lower()
        self._is_json = "json" in kind.partition(";")[0].lower()

    @property
    def is_plain(self) -> bool:
        """Whether a text is in the body as it is in what was received."""
        return not self._codings and not self._is_json and self._charset in _AS_IT_IS

    def body(self, received: bytes) -> "Body":
        """Return the body; Unreadable where it is not whole, compressed otherwise, or in no known charset."""
        content = received
        for coding in reversed(self._codings):
            content = _uncompressed(content, coding)
        if self._charset not in _AS_IT_IS:
            try:
                content = content.decode(self._charset, "replace").encode()
            except LookupError:
                raise Unreadable(f"an answer in {self._charset[:30]}, which can't be read") from None
        return Body(content, is_json=self._is_json)


@lru_cache(maxsize=16)
def sort_of(coding: bytes, kind: bytes) -> Sort:
    """Read the two headers as they came; they rarely differ from one answer to the next."""
    return Sort(coding.decode("latin-1"), kind.decode("latin-1"))


class Body:
    """A body in UTF-8."""

    def __init__(self, content: bytes, *, is_json: bool = False) -> None:
        self.content = content
        self._is_json = is_json

    def holds(self, text: str) -> bool:
        """Tell whether a text is in it: as it is written there, or as JSON means what is written."""
        return text.encode() in self.content or (self._is_json and text in self._unescaped)

    @cached_property
    def _unescaped(self) -> str:
        text = self.content.decode("utf-8", "replace")
        if "\\" not in text:
            return text
        plain = _ESCAPED.sub(lambda one: chr(int(one[1], 16)) if one[1] else "/", text)
        # JSON escapes characters beyond 16 bits as two halves (RFC 8259, 7): through UTF-16 each pair becomes one
        # character.
        return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _uncompressed(content: bytes, coding: str) -> bytes:
    if coding not in _COMPRESSED:
        raise Unreadable(f"an answer compressed by {coding[:30]}, which can't be read")
    for window in (_EITHER, _BARE) if coding == "deflate" else (_EITHER,):
        try:
            return _members(content, window)
        except zlib.error:
            continue
    raise Unreadable(f"an answer that is not compressed by {coding}, as it says")


def _members(content: bytes, window: int) -> bytes:
    """Read all members of a compressed file (RFC 1952, 2.2), each to its end; zlib.error where it is none."""
    unpacked = bytearray()
    for _ in range(_MOST_MEMBERS):
        if not content:
            return bytes(unpacked)
        reading = zlib.decompressobj(window)
        # One byte more than allowed tells that it is too large, without ever holding what a bomb unpacks to.
        unpacked += reading.decompress(content, LARGEST - len(unpacked) + 1)
        if len(unpacked) > LARGEST:
            raise Unreadable("an answer of more than 1 MiB")
        if not reading.eof:
            raise Unreadable("a compressed answer that is cut short")
        content = reading.unused_data
    raise Unreadable(f"a compressed answer of more than {_MOST_MEMBERS} parts")
