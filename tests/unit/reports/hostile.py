"""Strings that somebody who controls a drill, a target or an answer might choose, and where they can stand."""

from collections.abc import Callable
from typing import Final

STRINGS: Final = (
    "<script>alert(1)</script>",
    '"><img src=http://127.0.0.1:9/x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "]]><boom/>",
    "</title></style></svg><script>alert(2)</script>",
    "javascript:alert(1)",
    "![x](http://127.0.0.1:9/x) [y](javascript:alert(1))",
    "{{ 7 * 7 }}{% raw %}",
    "\x1b]0;owned\x07\x1b[31mred\x1b[2J",
    "one\ntwo\r\n# three\n<b>four",
    "\u202egnp.exe\u2066\u200f",
    "a\x00b\x08c\x7fd\x9b31m\ufffe",
    "&lt;b&gt; &amp;",
    "x" * 5_000,
)


def put_into(every: str) -> Callable[[str], str]:
    """Return how a text becomes a hostile one that is still told apart from others."""
    return lambda text: f"{every} {text}"
