"""Conditions outside of the drill, against real servers that answer well, wrongly, slowly, or not at all."""

import asyncio
import json
import time
from typing import Any

import pytest
from pydantic import JsonValue, ValidationError

from faildrill.adapters.http.answers import LARGEST
from faildrill.kinds import build
from faildrill.kinds.call_context import CallContext
from faildrill.ports.target import KindUse
from unit.adapters.sockets import Serve, serving, silent

GIVEN = CallContext("run-1", 10.0)
HURRIED = CallContext("run-1", 1.0)


def answering(body: object, status: str = "200 OK", headers: str = "") -> Serve:
    """Answer every request with this."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\n{headers}\r\n"
        writer.write(head.encode() + content)
        await writer.drain()

    return serve


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b" " * 65536)
        await writer.drain()


async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1":
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.1)


async def closing(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read(10)


def said(serve: Serve, kind: str, **params: JsonValue) -> str | None:
    async def story() -> str | None:
        async with serving(serve) as port:
            use = KindUse(kind=kind, params={"url": f"http://127.0.0.1:{port}", **params})
            answer: str | None = await build(use, "guard").objection(GIVEN)
            return answer

    return asyncio.run(story())


@pytest.mark.parametrize(
    ("body", "params"),
    [
        ({"open": 0}, {"value": "open", "at_most": 0}),
        ({"checks": [{"state": "green"}]}, {"value": "checks.0.state", "equals": "green"}),
        (5, {"at_least": 5, "at_most": 5.5}),
        ({"ok": True}, {"value": "ok", "equals": True}),
    ],
)
def test_the_declared_answer_agrees(body: object, params: dict[str, Any]) -> None:
    assert said(answering(body), "http.answer", **params) is None


@pytest.mark.parametrize(
    ("body", "params", "word"),
    [
        ({"open": 1}, {"value": "open", "at_most": 0}, "is '1', not at most 0"),
        ({"open": "0"}, {"value": "open", "at_most": 0}, "no number"),
        ({"open": False}, {"value": "open", "at_most": 0}, "no number"),
        ({"open": None}, {"value": "open", "at_most": 0}, "no number"),
        ({}, {"value": "open", "at_most": 0}, "answers without 'open'"),
        ([], {"value": "0.state", "equals": "green"}, "answers without '0'"),
        ({"state": "red"}, {"value": "state", "equals": "green"}, "not 'green'"),
        ({"ok": 1}, {"value": "ok", "equals": True}, "not True"),
        (b"", {"at_most": 0}, "no JSON"),
        (b"NaN", {"at_most": 0}, "no JSON"),
        (b"[" * 100_000, {"at_most": 0}, "no JSON"),
        (b"\xff\xfe", {"at_most": 0}, "no JSON"),
        (b"<html>ok</html>", {"equals": "ok"}, "no JSON"),
        (b'"' + b"x" * LARGEST + b'"', {"equals": "ok"}, "more than 1 MiB"),
    ],
)
def test_any_other_answer_objects(body: object, params: dict[str, Any], word: str) -> None:
    assert word in str(said(answering(body), "http.answer", **params))


@pytest.mark.parametrize("status", ["500 Oops", "302 Found", "401 Unauthorized", "202 Accepted", "201 Created"])
def test_any_other_status_objects(status: str) -> None:
    answer = said(answering(0, status, "Location: /elsewhere\r\n"), "http.answer", at_most=0)
    assert f"HTTP {status.split(maxsplit=1)[0]}" in str(answer)


@pytest.mark.parametrize(
    ("serve", "word"),
    [(silent, "timed out"), (slow, "timed out"), (closing, "can't be asked"), (endless, "1 MiB")],
)
def test_no_answer_objects_in_time(serve: Serve, word: str) -> None:
    given = HURRIED if word == "timed out" else GIVEN

    async def story() -> tuple[str | None, float]:
        async with serving(serve) as port:
            use = KindUse(kind="http.answer", params={"url": f"http://127.0.0.1:{port}", "at_most": 0})
            before = time.monotonic()
            return await build(use, "guard").objection(given), time.monotonic() - before

    answer, took = asyncio.run(story())
    assert word in str(answer)
    assert took < given.timeout + 10


def test_nobody_at_the_address_objects() -> None:
    use = KindUse(kind="http.answer", params={"url": "http://127.0.0.1:1", "at_most": 0})
    assert "can't be asked" in str(asyncio.run(build(use, "guard").objection(GIVEN)))


def test_an_answer_that_nothing_is_asked_of_is_a_mistake() -> None:
    with pytest.raises(ValidationError, match="say what the value must be"):
        build(KindUse(kind="http.answer", params={"url": "http://x"}), "guard")


def vector(*values: str, status: str = "success") -> dict[str, Any]:
    result = [{"metric": {"job": f"j{n}"}, "value": [1.5, value]} for n, value in enumerate(values)]
    return {"status": status, "data": {"resultType": "vector", "result": result}}


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (vector("3", "5"), None),
        ({"status": "success", "data": {"resultType": "scalar", "result": [1.5, "4"]}}, None),
        (vector("3", "6"), '6 for {job="j1"}, not at most 5'),
        (vector("NaN"), "nan"),
        (vector("+Inf"), "inf"),
        (vector(), "has no data"),
        (vector("1", status="error"), "'error'"),
        ({**vector("1"), "warnings": []}, None),
        ({**vector("1"), "warnings": ["store-eu: gone"]}, "a part of the result, perhaps: 'store"),
        ({**vector("1"), "infos": ["metric might not be a counter"]}, None),
        ({**vector("1"), "isPartial": True}, "a part of the result, perhaps: 'isPartial'"),
        (vector("many"), "no result of a query"),
        ({"status": "success", "data": {"resultType": "matrix", "result": []}}, "no result of a query"),
        ({"status": "success"}, "no result of a query"),
        ([], "no result of a query"),
    ],
)
def test_every_series_of_a_query_must_be_within_bounds_and_no_data_is_not(body: object, word: str | None) -> None:
    answer = said(answering(body), "prometheus.query", query="errors", at_most=5)
    assert answer is None if word is None else word in str(answer)


def alert(state: str = "active", **labels: str) -> dict[str, Any]:
    return {"labels": labels, "status": {"state": state, "silencedBy": []}, "fingerprint": "f"}


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ([], None),
        ([alert(alertname="Lag", severity="info")], None),
        ([alert("suppressed", alertname="Down", severity="page")], None),
        ([alert("unprocessed", alertname="Down", severity="page")], "firing: Down"),
        ([alert(alertname="Down", severity="page", team="drills")], None),
        ([alert(alertname="Down", severity="page")], "firing: Down"),
        ([alert(alertname=f"A{n}", severity="page") for n in range(5)], "firing: A0, A1, A2 and 2 more"),
        ([{"labels": {}}], "no list of alerts"),
        ({}, "no list of alerts"),
        (None, "no list of alerts"),
    ],
)
def test_alertmanager_is_quiet_when_no_alert_that_counts_fires(body: object, word: str | None) -> None:
    answer = said(answering(body), "alertmanager.quiet", matching={"severity": "page"}, ignoring={"team": "drills"})
    assert answer is None if word is None else word in str(answer)
