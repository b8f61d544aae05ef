"""A run as others show it: spans of a trace, and the stretches of time that a dashboard marks."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

Value = str | int | float | bool
Attributes = Mapping[str, Value]


class Span(NamedTuple):
    """One thing that was done, and how it went; moments are nanoseconds of the wall clock, UTC."""

    id: int
    """64 bits."""
    parent: int | None
    """The span within which it was done; None where nobody told of one."""
    name: str
    sort: Literal["server", "internal"]
    began: int
    ended: int
    attributes: Attributes
    wrong: str | None = None
    """Why it is an error; None where it is none."""


class Trace(NamedTuple):
    """Spans that belong together."""

    id: int
    """128 bits."""
    about: Attributes
    """What holds for all of them."""
    spans: Sequence[Span]


class Annotation(NamedTuple):
    """A stretch of time, and what to say of it; moments are milliseconds of the wall clock, UTC."""

    began: int
    ended: int
    text: str
    tags: Sequence[str]
