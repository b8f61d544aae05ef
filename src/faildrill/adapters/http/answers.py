"""`http.answer`, `prometheus.query` and `alertmanager.quiet`: what a system outside of the drill says, as a condition.

Each is a guard, and an abort condition: it is asked before the start, and again while the drill runs. Whatever is not
the declared answer objects: silence, another status, a redirect, text that can't be parsed, no data.
"""

import asyncio
import math
from typing import Annotated, Any, Final, Self

import aiohttp
import msgspec
from pydantic import AfterValidator, Field, JsonValue, model_validator

from faildrill.errors import UnresolvedSecret
from faildrill.ports import Duration, Given, Kind, causes
from faildrill.ports.addresses import a_url
from faildrill.secrets import SecretReference
from faildrill.system import redaction
from faildrill.toolkit.deadlines import SHARE
from faildrill.toolkit.http_errors import in_words

LARGEST: Final = 1 << 20
"""Bytes of an answer that are read."""
_OK: Final = 200
_SHOWN: Final = 80
"""Characters of an answer that are shown."""
_ALERTS_SHOWN: Final = 3
"""Names of alerts that are told; more are counted."""


def _web_address(url: str) -> str:
    return a_url(url).rstrip("/")


class _Unanswered(Exception):
    """There is no answer, or one that is none; in words."""


class _Asks(Kind):
    """What all three share: where they ask, how, and how often while a drill runs."""

    url: Annotated[str, AfterValidator(_web_address)] = Field(description="the URL to ask")
    bearer: SecretReference | None = Field(default=None, description="sent as `Authorization: Bearer …`")
    every: Duration = Field(default=5.0, ge=0.1, description="how often it is asked while a drill runs")

    async def objection(self, given: Given) -> str | None:
        """Ask once, and object to whatever isn't the declared answer."""
        try:
            async with asyncio.timeout(given.timeout * SHARE):
                return self._weighed(await self._answer(*self._question()))
        except (OSError, aiohttp.ClientError) as error:
            words = in_words(error)
            return f"{self.url} can't be asked ({words}): {causes.what_to_do(words, self.url)}"
        except (_Unanswered, UnresolvedSecret) as error:
            return f"{self.url} {error}"

    def _question(self) -> tuple[str, dict[str, str]]:
        """Return the address to get, and the parameters of the query."""
        return self.url, {}

    def _weighed(self, answer: JsonValue) -> str | None:
        """Return what is wrong with an answer; _Unanswered when it is none."""
        raise NotImplementedError

    async def _answer(self, url: str, query: dict[str, str]) -> JsonValue:
        headers = {"Authorization": f"Bearer {self.bearer.resolve().reveal()}"} if self.bearer else {}
        connector = aiohttp.TCPConnector(force_close=True)
        async with (
            # No proxy of whoever runs this, and no memory: two askings are to be alike, on any machine.
            aiohttp.ClientSession(connector=connector, trust_env=False, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.get(url, params=query, headers=headers, allow_redirects=False) as response,
        ):
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > LARGEST:
                    raise _Unanswered("answers with more than 1 MiB")
            if response.status != _OK:
                raise _Unanswered(f"answers HTTP {response.status}")
        try:
            answer: JsonValue = msgspec.json.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise _Unanswered("answers what is no JSON") from None
        return answer


class _Bounded(_Asks):
    """What must be true of a value."""

    at_least: float | None = Field(default=None, description="the smallest number that the value may be")
    at_most: float | None = Field(default=None, description="the largest number that the value may be")

    def _out_of_bounds(self, value: float) -> bool:
        """Tell whether a number is not within the bounds; what is no number is never within them."""
        if math.isnan(value):
            return True
        too_small = self.at_least is not None and value < self.at_least
        return too_small or (self.at_most is not None and value > self.at_most)

    def _bounds(self) -> str:
        parts = [("at least", self.at_least), ("at most", self.at_most)]
        return " and ".join(f"{word} {limit:g}" for word, limit in parts if limit is not None)


class Answer(_Bounded):
    """Refuses the drill, or ends it, unless a value in a JSON answer is what it should be.

    The answer must be HTTP 200 with JSON; redirects are not followed. `value` is the path to the value, its keys and
    list positions joined by dots (`checks.0.state`); without it the whole answer is the value. `equals` compares with a
    text, a number, true or false; `at_least` and `at_most` need a number.

        http.answer: {url: "https://status.internal/api/incidents", value: open, at_most: 0}
    """

    value: str = Field(default="", description="where in the answer the value is, e.g. `data.open`")
    equals: str | bool | int | float | None = Field(default=None, description="what the value must be")

    @model_validator(mode="after")
    def _claims_something(self) -> Self:
        if self.equals is None and self.at_least is None and self.at_most is None:
            raise ValueError("say what the value must be: `equals`, `at_least` or `at_most`")
        return self

    def _weighed(self, answer: JsonValue) -> str | None:
        value: Any = answer
        for key in filter(None, self.value.split(".")):
            value = _inner(value, key)
        shown = f"{self.url}: {self.value or 'the answer'} is {redaction.clean(str(value))[:_SHOWN]!r}"
        if self.equals is not None and (
            # Python takes True for 1: a service that says `true` must not pass where the number 1 was declared.
            value != self.equals or isinstance(value, bool) != isinstance(self.equals, bool)
        ):
            return f"{shown}, not {self.equals!r}"
        if self.at_least is None and self.at_most is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"{shown}, which is no number"
        return f"{shown}, not {self._bounds()}" if self._out_of_bounds(value) else None


class Query(_Bounded):
    """Refuses the drill, or ends it, unless the result of a Prometheus query is within its bounds.

    Every series of the result must be within the bounds. No data is an objection, because a query of a metric that is
    gone proves nothing: write `or vector(0)` if nothing is what you hope for. A result with a warning (`warnings`,
    `isPartial`) is an objection too, for example from a Thanos that did not reach every store.

        prometheus.query: {url: "http://prometheus:9090", query: 'sum(rate(errors[1m])) or vector(0)', at_most: 5}
    """

    query: str = Field(min_length=1, description="in PromQL; its result is a scalar or an instant vector")

    @model_validator(mode="after")
    def _claims_something(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("say what the result must be: `at_least` or `at_most`")
        return self

    def _question(self) -> tuple[str, dict[str, str]]:
        return f"{self.url}/api/v1/query", {"query": self.query}

    def _weighed(self, answer: JsonValue) -> str | None:
        values = _prometheus(answer)
        if not values:
            return f"{self.url}: {self.query} has no data"
        bad = {name: value for name, value in values.items() if self._out_of_bounds(value)}
        if not bad:
            return None
        shown = ", ".join(f"{value:g}{f' for {name}' if name else ''}" for name, value in list(bad.items())[:3])
        return f"{self.url}: {self.query} is {shown}, not {self._bounds()}"


class Quiet(_Asks):
    """Refuses the drill, or ends it, while an alert fires in Alertmanager.

    Alerts that are silenced or inhibited don't count; alerts that Alertmanager has not processed yet do. With
    `matching` only alerts that carry all of these labels count. Alerts that carry any of the labels in `ignoring` don't
    count: list there what the drill itself sets off.

        alertmanager.quiet: {url: "http://alertmanager:9093", matching: {severity: page}, ignoring: {team: drills}}
    """

    matching: dict[str, str] = Field(default={}, description="labels that an alert must carry to count")
    ignoring: dict[str, str] = Field(default={}, description="an alert that carries one of these does not count")

    def _question(self) -> tuple[str, dict[str, str]]:
        return f"{self.url}/api/v2/alerts", {"active": "true", "silenced": "false", "inhibited": "false"}

    def _weighed(self, answer: JsonValue) -> str | None:
        try:
            alerts = msgspec.convert(answer, list[_Alert])
        except msgspec.ValidationError:
            raise _Unanswered("answers what is no list of alerts") from None
        firing = [alert for alert in alerts if alert.status.state != "suppressed" and self._counts(alert.labels)]
        if not firing:
            return None
        names = sorted({alert.labels.get("alertname", "an alert without a name") for alert in firing})
        more = f" and {len(names) - _ALERTS_SHOWN} more" if len(names) > _ALERTS_SHOWN else ""
        return f"{self.url}: firing: {', '.join(names[:_ALERTS_SHOWN])}{more}; end or silence it first"

    def _counts(self, labels: dict[str, str]) -> bool:
        ignored = any(labels.get(key) == value for key, value in self.ignoring.items())
        return not ignored and all(labels.get(key) == value for key, value in self.matching.items())


class _Status(msgspec.Struct):
    state: str


class _Alert(msgspec.Struct):
    labels: dict[str, str]
    status: _Status


class _Series(msgspec.Struct):
    value: tuple[float, str]
    metric: dict[str, str]


class _Vector(msgspec.Struct, tag_field="resultType", tag="vector"):
    result: list[_Series]


class _Scalar(msgspec.Struct, tag_field="resultType", tag="scalar"):
    result: tuple[float, str]


class _Result(msgspec.Struct):
    status: str
    data: _Vector | _Scalar
    warnings: list[str] = []
    is_partial: bool = msgspec.field(name="isPartial", default=False)


def _prometheus(answer: JsonValue) -> dict[str, float]:
    """Return the values of a result by the name of their series."""
    try:
        result = msgspec.convert(answer, _Result)
        if result.status != "success":
            raise _Unanswered(f"answers {redaction.clean(result.status)[:_SHOWN]!r}")
        if result.warnings or result.is_partial:
            why = redaction.clean("; ".join(result.warnings))[:_SHOWN] or "isPartial"
            raise _Unanswered(f"answers with a part of the result, perhaps: {why!r}")
        if isinstance(result.data, _Scalar):
            return {"": float(result.data.result[1])}
        return {_name(series.metric): float(series.value[1]) for series in result.data.result}
    except (msgspec.ValidationError, ValueError):
        raise _Unanswered("answers what is no result of a query") from None


def _name(metric: dict[str, str]) -> str:
    labels = ",".join(f'{key}="{value}"' for key, value in sorted(metric.items()))
    return f"{{{labels}}}" if labels else ""


def _inner(found: JsonValue, key: str) -> JsonValue:
    if isinstance(found, dict) and key in found:
        return found[key]
    if isinstance(found, list) and key.isdecimal() and int(key) < len(found):
        return found[int(key)]
    raise _Unanswered(f"answers without {key[:_SHOWN]!r}, so its value can't be weighed")
