"""What observers make of what they see: a load balancer's counters, an application's timing."""

import asyncio
import json
import time
from pathlib import Path

import pytest

from faildrill.adapters.haproxy.target import LoadBalancer
from faildrill.adapters.haproxy.witness import Front
from faildrill.adapters.http.witness import Timing
from faildrill.adapters.patroni.witness import View
from faildrill.adapters.postgres.target import Cluster
from faildrill.adapters.postgres.witness import Nodes
from faildrill.kinds.call_context import CallContext
from faildrill.ports.witness import Says
from unit.adapters.sockets import Serve, serving, silent

GIVEN = CallContext("warrant", 2.0)
HEAD = "# pxname,svname,qcur,scur,slim,stot,lbtot,rtime,status,weight,\n"
Row = tuple[int, int, int, int]
"""Queued, sessions, requests so far, milliseconds of an answer."""


def counters(*rows: Row) -> str:
    """Write HAProxy's statistics of the servers pay1, pay2, …"""
    lines = [f"payments,pay{number},{q},{s},32,{t},{t},{ms},UP,1,\n" for number, (q, s, t, ms) in enumerate(rows, 1)]
    return HEAD + "".join(lines)


async def front(folder: Path, before: str, after: str) -> tuple[Says, str]:
    """Hear a witness of a load balancer whose counters go from one state to another."""
    answers = [before, after]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answers.pop(0).encode())
        writer.close()

    path = folder / "haproxy.sock"
    async with await asyncio.start_unix_server(serve, path):
        balancer = LoadBalancer(name="front", haproxy_socket=str(path))
        [one] = await Front.model_validate({"load_balancer": balancer, "backend": "payments", "over": "10ms"}).testify(
            GIVEN
        )
    return one.says, one.because


@pytest.mark.parametrize(
    ("after", "says", "told"),
    [
        (((0, 5, 400, 5), (0, 5, 400, 5), (0, 5, 400, 5)), Says.CLEAR, "900 requests"),
        (((0, 5, 700, 5), (0, 5, 200, 5), (0, 5, 200, 5)), Says.ELSEWHERE, "pay1 got 75% of 800 requests, 33% is due"),
        (((0, 5, 105, 5), (0, 5, 101, 5), (0, 5, 101, 5)), Says.CLEAR, "7 requests"),
        (((40, 32, 400, 5), (0, 5, 400, 5), (0, 5, 400, 5)), Says.ELSEWHERE, "pay1: 40 queue, 32 sessions"),
        (((40, 32, 400, 5), (40, 32, 400, 5), (40, 32, 400, 5)), Says.CLEAR, "900 requests"),
        (
            ((0, 5, 400, 1900), (0, 5, 400, 5), (0, 5, 400, 6)),
            Says.ELSEWHERE,
            "pay1 answers in 1.9 s, another one in 5 ms",
        ),
        (((0, 5, 400, 1900), (0, 5, 400, 1900), (0, 5, 400, 1800)), Says.CLEAR, "900 requests"),
        (((0, 5, 100, 1900), (0, 5, 400, 5), (0, 5, 400, 5)), Says.ELSEWHERE, "pay1 got 0% of 600 requests"),
        (((0, 0, 100, 5), (0, 0, 100, 5), (0, 0, 100, 5)), Says.NOTHING, "no request"),
        (((0, 5, 30, 5), (0, 5, 30, 5), (0, 5, 30, 5)), Says.CLEAR, "90 requests"),
    ],
)
def test_a_load_balancer_explains_what_users_feel_when_some_servers_fare_otherwise_than_others(
    tmp_path: Path, after: tuple[Row, ...], says: Says, told: str
) -> None:
    before = counters(*([(0, 5, 100, 5)] * 3))
    said, because = asyncio.run(front(tmp_path, before, counters(*after)))
    assert said is says, because
    assert told in because


async def application(answer: bytes) -> tuple[Says, str]:
    """Hear a witness of an application that gives one answer to everybody."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    async with serving(serve if answer else silent) as port:
        [one] = await Timing(url=f"http://127.0.0.1:{port}/", asks=3).testify(GIVEN)
    return one.says, one.because


def http(status: str, body: str) -> bytes:
    """Write an HTTP answer."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()


@pytest.mark.parametrize(
    ("answer", "says", "told"),
    [
        (http("200 OK", '{"database_ms": 3.5}'), Says.ALIVE, "its statements take 3.5 ms"),
        (http("200 OK", '{"database_ms": 900}'), Says.SLOW, "its statements take 900 ms"),
        (http("503 No", '{"error": "no connection"}'), Says.DEAD, "it can't reach its database: 503 no connection"),
        (http("503 No", "<html><h1>503 Service Unavailable"), Says.NOTHING, "503, and not the application's own"),
        (http("500 No", ""), Says.NOTHING, "it tells nothing: 500"),
        (http("200 OK", '{"database_ms": "fast"}'), Says.NOTHING, "no number called 'database_ms'"),
        (http("200 OK", "<html>"), Says.NOTHING, "no number called 'database_ms'"),
        (b"\x00\xff\r\n\r\n", Says.NOTHING, "it tells nothing"),
        (b"", Says.NOTHING, "it tells nothing: timed out"),
    ],
)
def test_an_application_tells_how_its_database_does_or_nothing(answer: bytes, says: Says, told: str) -> None:
    said, because = asyncio.run(application(answer))
    assert (said, told in because) == (says, True), because


async def patroni(**status: object) -> tuple[str, Says, str]:
    """Hear a witness of a cluster whose one node says something of itself."""
    told = {"state": "running", "role": "replica", "patroni": {"scope": "pay", "name": "pg1"}, **status}

    async with serving(_answering(http("200 OK", json.dumps(told)))) as port:
        member = {"name": "pg1", "api": f"http://127.0.0.1:{port}", "host": "127.0.0.1"}
        cluster = {"name": "payments", "scope": "pay", "user": "x", "members": {"pg1": member}}
        [one] = await View(cluster=Cluster.model_validate(cluster)).testify(GIVEN)
    return one.signal, one.says, one.because


def _answering(answer: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    return serve


@pytest.mark.parametrize(
    ("status", "seen_ago", "signal", "says"),
    [
        ({"role": "primary"}, None, "patroni", Says.ALIVE),
        ({"cluster_unlocked": True}, None, "patroni", Says.DEAD),
        ({"cluster_unlocked": True}, 0, "patroni", Says.DEAD),
        ({"cluster_unlocked": True}, 90, "store", Says.ELSEWHERE),
        ({}, None, "patroni", Says.NOTHING),
    ],
)
def test_a_free_lead_counts_only_from_a_node_that_reaches_the_store(
    status: dict[str, object], seen_ago: int | None, signal: str, says: Says
) -> None:
    seen = {} if seen_ago is None else {"dcs_last_seen": int(time.time()) - seen_ago}
    found = asyncio.run(patroni(**status, **seen))
    assert found[:2] == (signal, says), found


def test_a_paused_patroni_is_told() -> None:
    assert "Patroni is paused" in asyncio.run(patroni(role="primary", pause=True))[2]


async def nodes() -> tuple[Says, str]:
    """Hear a witness of a cluster one of whose members is silent, while the other one refuses."""
    async with serving(silent) as refused:
        pass
    async with serving(silent) as port:
        members = {
            name: {"name": name, "api": "http://127.0.0.1:1", "host": "127.0.0.1", "port": at}
            for name, at in (("pg1", port), ("pg2", refused))
        }
        cluster = {"name": "payments", "scope": "pay", "user": "x", "database": "x", "members": members}
        witness = Nodes(cluster=Cluster.model_validate(cluster))
        [one] = await witness.testify(CallContext("warrant", 0.5))
    return one.says, one.because


def test_a_member_that_refuses_is_no_death_while_another_one_is_silent_and_may_be_the_primary() -> None:
    says, because = asyncio.run(nodes())
    assert (says, because) == (Says.NOTHING, "pg1 timed out; pg2 refused")
