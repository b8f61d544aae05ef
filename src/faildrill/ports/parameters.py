"""What parameters of a kind can be, besides what pydantic knows: times with a unit, names of probes and of steps."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema

from faildrill import durations


def _seconds(value: object) -> object:
    if isinstance(value, str):
        return durations.parse(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f"a time needs a unit, e.g. {value}s or {value}ms")
    return value


def _text(value: float) -> str:
    return f"{value * 1e6:.0f}us"


def _says_something(value: str) -> str:
    if not value.strip():
        raise ValueError("has nothing but blanks, which are found everywhere and prove nothing")
    return value


Words = Annotated[str, AfterValidator(_says_something)]
"""A field with a text that is looked for, or proves something: nothing, and blanks, are found everywhere."""


Duration = Annotated[
    float,
    BeforeValidator(_seconds),
    PlainSerializer(_text, when_used="json"),
    WithJsonSchema(
        {"type": "string", "pattern": r"^ *([0-9]+(\.[0-9]+)? *(us|µs|ms|s|m|h|d) *)+$", "examples": ["500ms"]}
    ),
]
"""A field in float seconds that a file gives with a unit: `20ms`, `1m30s`."""


class ProbeMark:
    """Marks a field that names a probe of the drill."""


ProbeName = Annotated[str, ProbeMark(), Field(description="the name of a probe of this drill")]
"""A field that names a probe of the drill; loading refuses a name that is not one."""


class StepMark:
    """Marks a field that names a step of the drill, or is one of the words that mean something else."""

    def __init__(self, words: Iterable[str] = ()) -> None:
        self.words = frozenset(words)


StepName = Annotated[str, StepMark(), Field(description="the id of a step of this drill")]
"""A field that names a step of the drill by its id; loading refuses an id that no step has."""
