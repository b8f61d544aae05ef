"""The parser of an answer: it takes the lines that every client takes, and tells those that only some do."""

from typing import Any, Final

import httptools

from faildrill.record.samples import Outcome

_NO_CR: Final = ("Missing expected CR", "Invalid header field char")
"""How llhttp begins to say that LF came without CR; the other one is what it says of the end, after the last chunk."""
BARE_LF: Final = "a chunk with a line that ends in LF without CR: some clients take it, and others refuse it"

OF_CHUNKS: Final = {"lenient_optional_cr_before_lf": False}
"""How it is set once the head is read: RFC 9112 allows a bare LF there only, as chunks with it split answers."""


def lenient(listener: object) -> Any:  # noqa: ANN401 - the library has no types
    """Make a parser that takes the lines which every client takes, besides those that a server should write.

    Lines of the head that end in a bare LF (RFC 9112, 2.2), folded ones (5.2), and blanks after the size of a chunk
    (7.1.1).
    """
    parser = httptools.HttpResponseParser(listener)
    parser.set_dangerous_leniencies(
        lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
    )
    return parser


def refused(why: str, *, is_chunked: bool) -> tuple[Outcome, str]:
    """Tell what an answer is worth that the parser refuses, given its words: some clients take chunks with a bare LF.

    curl, wget and Python do, Go (CVE-2025-22871) and Node don't.
    """
    is_taken_by_some = is_chunked and why.startswith(_NO_CR)
    return (Outcome.BROKEN, BARE_LF) if is_taken_by_some else (Outcome.WRONG, "not HTTP")
