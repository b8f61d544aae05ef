"""What acknowledges a write over HTTP: a status, values of its JSON; what says two things proves nothing."""

import asyncio
import gzip
import json
from pathlib import Path

import pytest
from aiohttp import web
from pydantic import JsonValue, ValidationError

from faildrill.adapters.http.answer_values import NoValue, differing, parsed, value_at
from faildrill.adapters.http.bodies import Body
from faildrill.adapters.http.ledger import Ledger
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Seen
from faildrill.record.ledger import Note
from faildrill.record.samples import Outcome
from unit.adapters.web_server import serving

NO: dict[str, JsonValue] = {"unwritten": '"ok": false'}
OK: dict[str, JsonValue] = {"values": {"ok": True}}
BOTH: dict[str, JsonValue] = {**NO, **OK}
Params = dict[str, JsonValue]


def ledger(params: Params) -> Ledger:
    back = {"url": "http://127.0.0.1:1/{prefix}"}
    return Ledger.model_validate({"url": "http://127.0.0.1:1/{key}", "back": back, **params})


@pytest.mark.parametrize(
    ("status", "body", "params", "note"),
    [
        (200, '{"ok": true}', {}, Note.ACKNOWLEDGED),
        (200, '{"ok": true}', NO, Note.ACKNOWLEDGED),
        (200, '{"ok": false}', NO, Note.REJECTED),
        (201, '{"id": 7, "ok": false}', NO, Note.REJECTED),
        (503, '{"ok": false}', NO, Note.REJECTED),
        (503, "", NO, Note.UNKNOWN),
        (200, '{"ok": true}', OK, Note.ACKNOWLEDGED),
        (200, '{"ok": false}', OK, Note.UNKNOWN),
        (200, '{"ok": "true"}', OK, Note.UNKNOWN),
        (200, '{"ok": 1}', OK, Note.UNKNOWN),
        (200, '{"ok": true, "ok": false}', OK, Note.UNKNOWN),
        (200, '{"data": {"ok": true}}', OK, Note.UNKNOWN),
        (200, "it is fine", OK, Note.UNKNOWN),
        (200, "", OK, Note.UNKNOWN),
        (200, '{"ok": true, "old": {"ok": false}}', BOTH, Note.UNKNOWN),
        (200, '{"ok": false}', BOTH, Note.REJECTED),
        (409, '{"ok": true}', OK, Note.UNKNOWN),
        (422, '{"ok": true}', OK, Note.UNKNOWN),
        (422, "", {}, Note.REJECTED),
        (422, "", OK, Note.REJECTED),
        (409, "", {}, Note.UNKNOWN),
        (302, "", {}, Note.UNKNOWN),
        (202, "", {}, Note.UNKNOWN),
        (207, "", {}, Note.UNKNOWN),
        (202, "", {"status": 202}, Note.ACKNOWLEDGED),
        (202, '{"ok": true}', OK, Note.ACKNOWLEDGED),
        (200, "", {"status": [201]}, Note.UNKNOWN),
        (200, "x" * (2 << 20), NO, Note.UNKNOWN),
        (200, "x" * (2 << 20), {}, Note.ACKNOWLEDGED),
    ],
)  # fmt: skip
def test_an_answer_proves_a_write_or_that_there_is_none_or_nothing(
    status: int, body: str, params: Params, note: Note
) -> None:
    ended = ledger(params)._weighed(status, Body(body.encode()[: (1 << 20) + 1]))
    assert ended.note is note
    assert (ended.seen.outcome is Outcome.OK) is (note is Note.ACKNOWLEDGED)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"method": "HEAD", **OK}, "an answer to HEAD has no body, so neither `values` nor `unwritten` can be in it"),
        ({"status": 204, **NO}, "an answer of 204 has no body, so neither `values` nor `unwritten` can be in it"),
        ({"method": "CONNECT"}, "CONNECT asks for a tunnel"),
        ({"status": [100]}, "a status below 200 only announces an answer"),
        ({"headers": {"Content-Length": "5"}}, "the header Content-Length says how a message"),
        ({"secret_headers": {"Connection": "env:A"}}, "the header Connection says how a message"),
        ({"json": float("nan")}, "JSON has no number that is infinite, or none"),
        ({"values": {"a": float("nan")}}, "JSON has no number that is infinite, or none"),
    ],
)
def test_what_no_answer_could_tell_is_refused(params: Params, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ledger(params)


def test_a_whole_answer_is_read_also_where_it_comes_in_pieces(tmp_path: Path) -> None:
    async def in_pieces(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for piece in (b'{"pad": "' + b"x" * 70_000 + b'", ', b'"ok": ', b"false}"):
            await response.write(piece)
            await asyncio.sleep(0.02)
        return response

    assert asyncio.run(looked(in_pieces, NO, tmp_path)).detail == "HTTP 200, unwritten"


def test_who_is_turned_away_was_not_written_and_proves_nothing_of_the_service(tmp_path: Path) -> None:
    async def too_many(request: web.Request) -> web.StreamResponse:
        del request
        return web.Response(status=429)

    seen = asyncio.run(looked(too_many, {}, tmp_path))
    assert (seen.outcome, seen.detail) == (Outcome.THROTTLED, "HTTP 429")


TWO = gzip.compress(b'{"ok": true} ', mtime=0) + gzip.compress(b'"ok": false', mtime=0)
CUT = gzip.compress(b'{"ok": true}', mtime=0)[:-9]


@pytest.mark.parametrize(
    ("body", "params", "outcome", "detail"),
    [
        (TWO, NO, Outcome.WRONG, "HTTP 200, unwritten"),
        (CUT, NO, Outcome.BROKEN, "a compressed answer that is cut short"),
        (CUT, OK, Outcome.BROKEN, "a compressed answer that is cut short"),
        (CUT, {}, Outcome.OK, ""),
        (gzip.compress(b'{"ok": true}', mtime=0), OK, Outcome.OK, ""),
    ],
)
def test_a_compressed_answer_is_read_to_its_end_or_proves_nothing(
    tmp_path: Path, body: bytes, params: Params, outcome: Outcome, detail: str
) -> None:
    async def compressed(request: web.Request) -> web.Response:
        del request
        return web.Response(body=body, headers={"Content-Encoding": "gzip"})

    seen = asyncio.run(looked(compressed, params, tmp_path))
    assert (seen.outcome, seen.detail) == (outcome, detail)


async def looked(answer: object, params: Params, folder: Path) -> Seen:
    async with serving(answer) as url:  # type: ignore[arg-type] # a handler
        what = CallContext("r1", 2.0, 0.1, 4, "charges", folder)
        kept = ledger({**params, "url": f"{url}/{{key}}"})
        await kept.open(what)
        try:
            return await kept.look(what)
        finally:
            await kept.close()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a", {"b": [1, {"c": None}]}),
        ("a.b.0", 1),
        ("a.b.1.c", None),
        ("$.a.b.0", 1),
        ("", {"a": {"b": [1, {"c": None}]}}),
    ],
)
def test_a_value_is_found_by_its_path(path: str, value: JsonValue) -> None:
    assert value_at({"a": {"b": [1, {"c": None}]}}, path) == value


@pytest.mark.parametrize("path", ["b", "a.c", "a.b.2", "a.b.-1", "a.b.x", "a.b.0.z", "a.b.\N{ARABIC-INDIC DIGIT ZERO}"])
def test_a_path_that_leads_nowhere_is_told(path: str) -> None:
    with pytest.raises(NoValue):
        value_at({"a": {"b": [1, 2]}}, path)


@pytest.mark.parametrize("body", ["", "no", "[1", '{"a": 1, "a": 1}', '{"a": {"b": 1, "b": 2}}', "[" * 100_000])
def test_what_is_no_json_or_says_two_things_is_told(body: str) -> None:
    with pytest.raises(NoValue):
        parsed(body)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [(1, 1.0, True), (True, 1, False), (0, False, False), ("1", 1, False), ([1], [True], False), (None, None, True),
     ({"a": 1}, {"a": True}, False), ({"a": [1]}, {"a": [1.0]}, True)],
)  # fmt: skip
def test_values_are_the_same_only_where_their_sorts_are(one: JsonValue, other: JsonValue, *, same: bool) -> None:
    assert (differing(json.dumps({"v": one}), {"v": other}) is None) is same
