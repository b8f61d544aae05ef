"""What makes an answer over HTTP a good one: its status, text in it, values of its JSON, text that isn't in it."""

from typing import Annotated, Final

from pydantic import BeforeValidator, Field, JsonValue

from faildrill.adapters.http.answer_values import NoValue, differing
from faildrill.adapters.http.bodies import Body
from faildrill.ports import Kind, Words

_GOOD: Final = range(200, 300)


def _a_list(value: object) -> object:
    if isinstance(value, list):
        return tuple(value)  # what comes from a file is one, and by now no longer known to
    return (value,) if isinstance(value, int) else value


Statuses = Annotated[tuple[Annotated[int, Field(ge=100, le=599)], ...], BeforeValidator(_a_list)]
"""A field for one status, or a list of them."""


class GoodAnswer(Kind):
    """What a good answer is."""

    status: Statuses = Field(default=(), description="the good statuses; by default 200 to 299")
    text: Words | None = Field(
        default=None,
        description="a text that the body of a good answer contains anywhere; to say where, use `values`",
    )
    values: dict[str, JsonValue] = Field(
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
