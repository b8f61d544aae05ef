"""What makes an answer over HTTP a good one: its status, text in it, values of its JSON, text that isn't in it."""

from collections.abc import Collection
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue

from faildrill.adapters.http.answer_values import NoValue, differing
from faildrill.adapters.http.bodies import Body
from faildrill.adapters.http.wire import finite
from faildrill.ports import Kind, Words

_GOOD: Final = range(200, 300)
"""Success (RFC 9110, 15.3)."""
BODILESS: Final = frozenset({204, 205, 304})
"""Statuses of answers that have no body, whatever is asked for (RFC 9110, 15.3.5, 15.3.6, 15.4.5)."""
_AN_ANSWER: Final = 200
"""The lowest status of an answer; below it one is only announced (RFC 9110, 15.2)."""


def _a_list(value: object) -> object:
    if isinstance(value, list):
        return tuple(value)  # what comes from a file is one, and by now no longer known to
    return (value,) if isinstance(value, int) else value


def _an_answer(status: int) -> int:
    if status < _AN_ANSWER:
        raise ValueError(f"a status below {_AN_ANSWER} only announces an answer, which has another one")
    return status


Statuses = Annotated[
    tuple[Annotated[int, Field(le=599, json_schema_extra={"minimum": _AN_ANSWER}), AfterValidator(_an_answer)], ...],
    BeforeValidator(_a_list),
]
"""A field for one status, or a list of them."""


Values = Annotated[dict[str, JsonValue], AfterValidator(finite)]
"""A field for the values in a JSON answer, by path."""


def no_body(method: str, status: Collection[int]) -> str:
    """Tell why no good answer has a body; empty where one may have."""
    if method == "HEAD":
        return "an answer to HEAD has no body"
    return f"an answer of {' or '.join(map(str, status))} has no body" if status and BODILESS.issuperset(status) else ""


class GoodAnswer(Kind):
    """What a good answer is."""

    status: Statuses = Field(default=(), description="the good statuses; by default 200 to 299")
    text: Words | None = Field(
        default=None,
        description="a text that the body of a good answer contains anywhere; to say where, use `values`",
    )
    values: Values = Field(
        default={}, description="the values in a good JSON answer, by path: {status: ok, checks.0.state: up}"
    )
    lacks: Words | None = Field(default=None, description="a text that the body of a good answer must not contain")

    @property
    def reads_the_body(self) -> bool:
        """Whether the whole body is needed to weigh an answer; `text` alone is looked for as it comes."""
        return bool(self.values or self.lacks)

    def is_good(self, status: int) -> bool:
        """Tell whether a status is a good one."""
        return status in (self.status or _GOOD)

    def tells_nothing(self, status: int, body: Body) -> bool:
        """Tell whether `lacks` is all that is said of a body, and the answer has none by its status."""
        return self.lacks is not None and not self.values and status in BODILESS and not body.content

    def wrong_with(self, body: Body) -> str:
        """Tell what is wrong with a whole body, besides `text`, in words that repeat; empty when nothing is."""
        if self.lacks is not None and body.holds(self.lacks):
            return "text that must not be there"
        if not self.values:
            return ""
        try:
            path = differing(body.content, self.values)
        except NoValue as error:
            return str(error)
        return "" if path is None else f"not the expected {path or 'answer'}"
