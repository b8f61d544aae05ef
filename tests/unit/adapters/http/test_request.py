"""What a look over HTTP makes of every sort of answer: raw bytes from a real socket."""

import asyncio
import gzip
import shutil
import ssl
import subprocess
import zlib
from pathlib import Path

import pytest
from pydantic import JsonValue, ValidationError

from faildrill.adapters.http.answer_values import LONGEST_WHO
from faildrill.adapters.http.connections import Connection
from faildrill.adapters.http.request import Request
from faildrill.adapters.http.wire import wire
from faildrill.ports import Seen
from faildrill.record.samples import Outcome
from unit.adapters.http.looks import GIVEN, look, saying
from unit.probing.ground import Ground, ground

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "params", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Server: s1\r\n\r\nok", {}, (Outcome.OK, "s1", "")),
        (b"HTTP/1.1 200 OK\r\nNode: n2\r\n\r\nuntil it ends", {"who_header": "Node"}, (Outcome.OK, "n2", "")),
        (b"HTTP/1.0 204 No Content\r\n\r\n", {}, (Outcome.OK, "", "")),
        (b"HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", {}, (Outcome.OK, "", "")),
        (CHUNKED + b"1\r\nx\r\n0\r\n\r\n", {"text": "x"}, (Outcome.OK, "", "")),
        (b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", {}, (Outcome.WRONG, "", "HTTP 302")),
        (b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", {"status": 302}, (Outcome.OK, "", "")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", {"status": [201, 202]}, (Outcome.WRONG, "", "HTTP 200")),
        (CHUNKED + b"1\r\nx\r\n0\r\n\r\n", {"text": "y"}, (Outcome.WRONG, "", "not the expected text")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", {}, (Outcome.RESET, "", "closed in the middle of an answer")),
        (b"HTTP/1.1 200 OK\r\nContent-", {}, (Outcome.RESET, "", "closed in the middle of an answer")),
        (b"", {}, (Outcome.RESET, "", "closed without an answer")),
        (b"SSH-2.0-OpenSSH_9.7\r\n", {}, (Outcome.WRONG, "", "not HTTP")),
        (b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", {}, (Outcome.WRONG, "", "not HTTP")),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * (2 << 20), {}, (Outcome.WRONG, "", "an answer of more than 1 MiB")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", {"method": "HEAD"}, (Outcome.OK, "", "")),
    ],
)  # fmt: skip
def test_an_answer_is_weighed(answer: bytes, params: dict[str, JsonValue], expected: tuple[Outcome, str, str]) -> None:
    seen = look(answer, **params)
    assert (seen.outcome, seen.who, seen.detail) == expected
    assert seen.sent is not None
    assert seen.answered is not None
    assert seen.sent < seen.answered


CHUNKED_LF = b"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n"


@pytest.mark.parametrize(
    "chunks",
    [
        b"2\nok\r\n0\r\n\r\n",
        b"2;a=b\nok\r\n0\r\n\r\n",
        b"2\r\nok\n0\r\n\r\n",
        b"2\r\nok\r\n0\n\n",
        b"2\r\nok\r\n0\r\n\n",
        b"2\r\nok\r\n0\r\nA: b\n\r\n",
    ],
    ids=["size", "extension", "content", "last size", "end", "trailer"],
)
def test_a_chunk_whose_line_ends_in_a_bare_line_feed_is_neither_good_nor_dark(chunks: bytes) -> None:
    """curl 7.88, wget 1.21 and Python 3.11 take most of them, Go 1.26 and Node 20 none."""
    seen = look(CHUNKED_LF + chunks, text="ok")
    assert seen.outcome is Outcome.BROKEN
    assert seen.detail == "a chunk with a line that ends in LF without CR: some clients take it, and others refuse it"


@pytest.mark.parametrize("chunks", [b"2\rok\r\n0\r\n\r\n", b"x\r\n", b"2\r\nokX0\r\n\r\n", b"\n2\r\nok\r\n"])
def test_chunks_that_no_client_takes_are_not_http(chunks: bytes) -> None:
    assert look(CHUNKED + chunks)[:3:2] == (Outcome.WRONG, "not HTTP")


@pytest.mark.parametrize("chunks", [b"2\r\nok\r\n0\r\n\r\n", b"2 \r\nok\r\n0\r\nA: b\r\n\r\n"])
def test_lines_of_the_head_may_end_in_a_bare_line_feed(chunks: bytes) -> None:
    assert look(CHUNKED_LF + chunks, text="ok").outcome is Outcome.OK


def of_json(body: str, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", body]
    return "\r\n".join(lines).encode()


def sent(content: bytes, *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(content)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + content


DOWN = "maintenance, zurück um 8"
TWICE = gzip.compress(gzip.compress(b"ok", mtime=0), mtime=0)
ZIPPED = ("Content-Encoding: gzip",)
WELL = gzip.compress(b"status: ok, " * 50, mtime=0)
MEMBERS = WELL + gzip.compress(b"database: DOWN", mtime=0)
BARE = zlib.compress(b"status: ok", wbits=-zlib.MAX_WBITS)
CUT = "a compressed answer that is cut short"
MIB = gzip.compress(bytes(1 << 20), mtime=0)
JSON = ("Content-Type: application/problem+json; charset=utf-8",)


@pytest.mark.parametrize(
    ("answer", "params"),
    [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Server: {}\r\n\r\nok", {}),
        ('HTTP/1.1 200 OK\r\nContent-Length: 215\r\n\r\n{{"who": "{}"}}', {"who_field": "who"}),
    ],
)
def test_names_that_differ_after_what_is_kept_of_them_stay_two(answer: str, params: dict[str, JsonValue]) -> None:
    names = [(letter * 3).rjust(204, "x") for letter in "ab"]
    one, other = (look(answer.format(name).encode(), **params).who for name in names)
    assert one[:80] == other[:80] == "x" * 80
    assert one != other
    assert len(one) == len(other) == LONGEST_WHO


@pytest.mark.parametrize(
    ("answer", "params", "expected"),
    [
        (sent(gzip.compress(DOWN.encode(), mtime=0), *ZIPPED), {"lacks": "maintenance"}, "text that must not be there"),
        (sent(gzip.compress(b"all is well", mtime=0), *ZIPPED), {"lacks": "maintenance", "text": "is well"}, ""),
        (sent(zlib.compress(b'{"a": "b"}'), "Content-Encoding: deflate"), {"values": {"a": "b"}}, ""),
        (sent(TWICE, "Content-Encoding: gzip, gzip"), {"text": "ok"}, ""),
        (sent(DOWN.encode("utf-16"), "Content-Type: text/html; Charset=UTF-16"), {"lacks": "zurück"}, "must not be"),
        (sent(DOWN.encode("latin-1"), 'Content-Type: text/html; charset="iso-8859-1"'), {"text": "zurück"}, ""),
        (sent(b'{"s": "mainten\\u0061nce"}', *JSON), {"lacks": "maintenance"}, "text that must not be there"),
        (sent(b'{"s": "zur\\u00fcck \\ud83d\\ude00 \\/ok"}', *JSON), {"text": "zurück 😀 /ok"}, ""),
        (sent(b"mainten\\u0061nce", "Content-Type: text/plain"), {"lacks": "maintenance"}, ""),
        (sent(b"ok", "Content-Encoding: identity"), {"text": "ok"}, ""),
        (sent(MEMBERS, *ZIPPED), {"text": "status: ok", "lacks": "DOWN"}, "text that must not be there"),
        (sent(MEMBERS, *ZIPPED), {"text": "ok, database"}, ""),
        (sent(BARE, "Content-Encoding: deflate"), {"text": "status: ok"}, ""),
        (sent(b"", *ZIPPED), {"lacks": "DOWN"}, ""),
    ],
)  # fmt: skip
def test_a_body_is_read_as_its_reader_sees_it(answer: bytes, params: dict[str, JsonValue], expected: str) -> None:
    seen = look(answer, **params)
    assert seen.outcome is (Outcome.WRONG if expected else Outcome.OK)
    assert expected in seen.detail


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (sent(b"\x0b\x02", "Content-Encoding: br"), "an answer compressed by br, which can't be read"),
        (sent(b"plain", *ZIPPED), "an answer that is not compressed by gzip, as it says"),
        (sent(gzip.compress(bytes(2 << 20), mtime=0), *ZIPPED), "an answer of more than 1 MiB"),
        (sent(WELL[:-1], *ZIPPED), CUT),
        (sent(WELL[:-20], *ZIPPED), CUT),
        (sent(MEMBERS[:-20], *ZIPPED), CUT),
        (sent(WELL + WELL[:5], *ZIPPED), CUT),
        (sent(BARE[:-1], "Content-Encoding: deflate"), CUT),
        (sent(WELL + b"garbage", *ZIPPED), "an answer that is not compressed by gzip, as it says"),
        (sent(b"plain", "Content-Encoding: deflate"), "an answer that is not compressed by deflate, as it says"),
        (sent(MIB + WELL, *ZIPPED), "an answer of more than 1 MiB"),
        (sent(gzip.compress(b"", mtime=0) * 300, *ZIPPED), "a compressed answer of more than 256 parts"),
        (sent(b"ok", "Content-Type: text/plain; charset=klingon"), "an answer in klingon, which can't be read"),
    ],
)
def test_a_body_that_can_not_be_read_proves_nothing_where_it_is_what_counts(answer: bytes, why: str) -> None:
    for params in ({"lacks": "maintenance"}, {"text": "ok"}, {"values": {"a": 1}}):
        seen = look(answer, **params)
        assert (seen.outcome, seen.detail) == (Outcome.BROKEN, why)
    assert look(answer).outcome is Outcome.OK


def test_nobody_is_asked_to_compress_an_answer() -> None:
    assert b"\r\nAccept-Encoding: identity\r\n" in wire(Request.model_validate({"url": "http://pay"}))


USED_UP = "HTTP 403, its requests are used up"
FILTERED = "HTTP 202, a filter against bots"
NESTED = '{"status":"unavailable","parts":[{"name":"db","status":"ok"},{"name":"cache","up":true}]}'


@pytest.mark.parametrize(
    ("answer", "params", "expected"),
    [
        (of_json(NESTED), {"text": '"status":"ok"'}, (Outcome.OK, "")),
        (of_json(NESTED), {"text": "ok", "lacks": "unavailable"}, (Outcome.WRONG, "text that must not be there")),
        (of_json(NESTED), {"values": {"status": "ok"}}, (Outcome.WRONG, "not the expected status")),
        (of_json(NESTED), {"values": {"parts.0.status": "ok", "parts.1.up": True}}, (Outcome.OK, "")),
        (of_json(NESTED), {"values": {"parts.1.up": 1}}, (Outcome.WRONG, "not the expected parts.1.up")),
        (of_json(NESTED), {"values": {"parts.2.up": True}}, (Outcome.WRONG, "no parts.2.up")),
        (of_json("<html>"), {"values": {"status": "ok"}}, (Outcome.WRONG, "no JSON")),
        (of_json("", "429 Slow down"), {}, (Outcome.THROTTLED, "HTTP 429")),
        (of_json("", "429 Slow down"), {"status": [200, 429]}, (Outcome.OK, "")),
        (of_json("", "403 No"), {}, (Outcome.WRONG, "HTTP 403")),
        (of_json("", "503 No", "Retry-After: 1"), {}, (Outcome.WRONG, "HTTP 503")),
        (of_json("", "403 No", "X-RateLimit-Remaining: 0"), {}, (Outcome.THROTTLED, USED_UP)),
        (of_json("", "403 No", "X-RateLimit-Remaining: 5"), {}, (Outcome.WRONG, "HTTP 403")),
        (of_json("", "403 No", "cf-mitigated: challenge"), {}, (Outcome.THROTTLED, "HTTP 403, a filter against bots")),
        (of_json("", "202 No", "x-amzn-waf-action: challenge"), {}, (Outcome.THROTTLED, FILTERED)),
    ],
)  # fmt: skip
def test_an_answer_is_weighed_by_what_it_says_and_to_whom(
    answer: bytes, params: dict[str, JsonValue], expected: tuple[Outcome, str]
) -> None:
    seen = look(answer, **params)
    assert (seen.outcome, seen.detail) == expected


@pytest.mark.parametrize(("told", "wait"), [("7", 7.0), ("", 0.0), ("soon", 0.0), ("-1", 0.0), ("9" * 30, 999999999.0)])
def test_a_wish_to_wait_is_read(told: str, wait: float) -> None:
    assert look(of_json("", "429 Slow down", f"Retry-After: {told}")).wait == wait


def test_expected_text_is_found_across_pieces_of_the_body() -> None:
    pieces = b"".join(b"1\r\n" + bytes([one]) + b"\r\n" for one in b"all is fine here") + b"0\r\n\r\n"
    seen = look(CHUNKED + pieces, text="is fine")
    assert seen.outcome is Outcome.OK


def test_a_request_is_written_as_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAY_TOKEN", "Bearer 123")
    request = Request.model_validate(
        {
            "url": "https://pay.example:8443/päy?a=1&b=ü",
            "method": "POST",
            "json": {"amount": 100},
            "headers": {"Accept": "application/json"},
            "secret_headers": {"Authorization": "env:PAY_TOKEN"},
            "connection": "kept",
        }
    )
    assert wire(request).decode() == (
        "POST /p%C3%A4y?a=1&b=%C3%BC HTTP/1.1\r\nHost: pay.example:8443\r\nUser-Agent: faildrill\r\n"
        "Accept-Encoding: identity\r\nConnection: keep-alive\r\n"
        "Content-Type: application/json\r\nContent-Length: 15\r\n"
        'Accept: application/json\r\nAuthorization: Bearer 123\r\n\r\n{"amount": 100}'
    )
    assert "123" not in repr(request)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"url": "ftp://x/"}, "a URL looks like http://HOST:PORT/PATH"),
        ({"url": "http://user:pw@x/"}, "no user and password in a URL"),
        ({"url": "http://x/a b"}, "no spaces or control characters"),
        ({"url": "http://x:99999/"}, "Port out of range"),
        ({"url": "http://x/", "headers": {"A": "1\r\nB: 2"}}, "the header A has a character in it"),
        ({"url": "http://x/", "headers": {"A:": "1"}}, "'A:' can't be the name of a header"),
        ({"url": "http://x/", "json": 1, "body": "x"}, "not both"),
        ({"url": "http://x/", "status": 99}, "a status below 200 only announces an answer"),
        ({"url": "http://x/", "status": [200, 101]}, "a status below 200 only announces an answer"),
        ({"url": "http://x/", "method": "HEAD", "lacks": "DOWN"}, "an answer to HEAD has no body, so `lacks` proves"),
        ({"url": "http://x/", "method": "HEAD", "text": "ok"}, "an answer to HEAD has no body, so `text` proves"),
        ({"url": "http://x/", "method": "HEAD", "values": {"a": 1}}, "an answer to HEAD has no body, so `values`"),
        ({"url": "http://x/", "method": "HEAD", "who_field": "by"}, "an answer to HEAD has no body, so `who_field`"),
        ({"url": "http://x/", "status": 204, "lacks": "DOWN"}, "an answer of 204 has no body, so `lacks` proves"),
        ({"url": "http://x/", "status": [204, 304], "text": "ok"}, "an answer of 204 or 304 has no body, so `text`"),
        ({"url": "http://x/", "method": "CONNECT"}, "CONNECT asks for a tunnel"),
        ({"url": "http://x/", "headers": {"Content-length": "5"}}, "the header Content-length says how a message"),
        ({"url": "http://x/", "headers": {"Transfer-Encoding": "chunked"}}, "the header Transfer-Encoding says how"),
        ({"url": "http://x/", "headers": {"connection": "close"}, "connection": "kept"}, "the header connection says"),
        ({"url": "http://x/", "secret_headers": {"Connection": "env:A"}}, "the header Connection says how a message"),
        ({"url": "http://x/", "secret_headers": {"A:": "env:A"}}, "'A:' can't be the name of a header"),
        ({"url": "http://x/", "json": {"a": [float("nan")]}}, "JSON has no number that is infinite, or none"),
        ({"url": "http://x/", "values": {"a": float("inf")}}, "JSON has no number that is infinite, or none"),
    ],
)
def test_a_request_that_can_not_be_right_is_refused(params: dict[str, JsonValue], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Request.model_validate(params)


@pytest.mark.parametrize("status", ["204 No Content", "205 Reset Content", "304 Not Modified"])
def test_where_no_body_came_it_lacks_everything_and_proves_nothing(status: str) -> None:
    seen = look(of_json("", status), status=[200, 204, 205, 304], lacks="DOWN")
    assert seen.outcome is Outcome.BROKEN
    assert seen.detail == f"HTTP {status[:3]}, which has no body to look for a text in"


def test_a_status_without_a_body_is_good_where_nothing_is_said_of_one() -> None:
    assert look(of_json("", "204 No Content"), status=204).outcome is Outcome.OK
    assert look(of_json(""), lacks="DOWN").outcome is Outcome.OK


def test_a_secret_that_would_inject_a_header_is_refused_unseen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PAY_TOKEN", "canary\r\nX: 1")
    request = Request.model_validate({"url": "http://x/", "secret_headers": {"Authorization": "env:PAY_TOKEN"}})
    with pytest.raises(ValueError, match="the header Authorization has") as caught:
        wire(request)
    assert "canary" not in str(caught.value)


def test_a_kept_connection_that_is_ending_already_is_replaced_before_anything_is_sent() -> None:
    async def scene(server: Ground) -> tuple[Seen, Seen]:
        probe = Request.model_validate({"url": server.url, "connection": "kept"})
        first = await probe.look(GIVEN)
        link = probe.links._idle[0]
        assert link.transport
        link.transport.abort()
        second = await probe.look(GIVEN)
        await probe.close()
        return first, second

    with ground() as server:
        first, second = asyncio.run(scene(server))
        assert (first.outcome, second.outcome) == (Outcome.OK, Outcome.OK)
        assert server.count("connections") == 2


def test_a_connection_that_ends_before_it_is_used_is_a_reset() -> None:
    async def scene() -> Seen:
        link = Connection(Request.model_validate({"url": "http://127.0.0.1:1/"}).links)
        return await link.send(b"", 1)

    seen = asyncio.run(scene())
    assert (seen.outcome, seen.detail) == (Outcome.RESET, "closed before it could be used")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")
def test_over_tls_a_certificate_is_trusted_or_named_as_what_is_wrong(tmp_path: Path) -> None:
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=pay.example"
    names = ["-addext", "subjectAltName=DNS:pay.example", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command.split(), *names], check=True, capture_output=True)
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust.load_cert_chain(certificate, key)
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    async def seen(**params: JsonValue) -> tuple[Outcome, str]:
        async with saying(answer, trust) as (port, _):
            probe = Request.model_validate({"url": f"https://127.0.0.1:{port}/", **params})
            found = await probe.look(GIVEN)
            await probe.close()
            return found.outcome, found.detail

    good = asyncio.run(seen(ca=str(certificate), server_name="pay.example"))
    other = asyncio.run(seen(ca=str(certificate), server_name="other.example"))
    unknown = asyncio.run(seen(server_name="pay.example"))
    assert good == (Outcome.OK, "")
    assert other[0] is unknown[0] is Outcome.WRONG
    assert "other.example" in other[1]
    assert unknown[1] == "certificate: self-signed certificate"
