"""What an observer makes of a load balancer's counters."""

import asyncio
from pathlib import Path

import pytest

from faildrill.adapters.haproxy.target import LoadBalancer
from faildrill.adapters.haproxy.witness import Front
from faildrill.kinds.call_context import CallContext
from faildrill.ports.witness import Says

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
