"""Observers that hang, break or know nothing: the answer comes in time, and nothing is made of their silence."""

import asyncio
import time
from pathlib import Path

import pytest

from faildrill.errors import InvalidFile, WrongUsage
from faildrill.loading import load_environment
from faildrill.ports.target import KindUse
from faildrill.ports.witness import Says
from faildrill.warranting import Answer, hear, observers, weigh
from unit.adapters.sockets import serving, silent

ENVIRONMENT = """\
environment: here
clusters:
  payments:
    scope: payments
    user: nobody
    members: {pg1: {api: "http://127.0.0.1:%d", host: 127.0.0.1, port: %d}}
load_balancers: {front: {haproxy_socket: "127.0.0.1:%d"}}
warrants:
  payments-db:
    - postgres.testimony: {cluster: payments}
    - patroni.testimony: {cluster: payments}
    - http.testimony: {url: "http://127.0.0.1:%d/"}
    - haproxy.testimony: {load_balancer: front, backend: payments}
"""


def uses(folder: Path, port: int) -> tuple[KindUse, ...]:
    """Return observers who all ask one port."""
    path = folder / "here.yaml"
    path.write_text(ENVIRONMENT % ((port,) * 4), encoding="utf-8")
    return observers(load_environment(path), "payments-db")


def test_observers_who_meet_silence_answer_in_time_and_warrant_nothing(tmp_path: Path) -> None:
    async def asked() -> tuple[Answer, set[Says], float]:
        async with serving(silent) as port:
            began = time.monotonic()
            heard = await hear(uses(tmp_path, port), 0.5)
            return weigh(heard).answer, {one.says for one in heard}, time.monotonic() - began

    answer, says, took = asyncio.run(asked())
    assert (answer, says) == (Answer.INSUFFICIENT, {Says.NOTHING})
    assert took < 5


def test_observers_who_are_refused_everywhere_warrant_nothing_as_no_standby_answers(tmp_path: Path) -> None:
    async def unused() -> int:
        async with serving(silent) as port:
            return port

    heard = asyncio.run(hear(uses(tmp_path, asyncio.run(unused())), 2.0))
    assert Says.DEAD in {one.says for one in heard}
    assert weigh(heard).answer is Answer.INSUFFICIENT


def test_observers_who_are_told_garbage_say_nothing(tmp_path: Path) -> None:
    async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"\x00\xffgarbage\r\n\r\n")
        await writer.drain()

    async def asked() -> Answer:
        async with serving(garbage) as port:
            return weigh(await hear(uses(tmp_path, port), 1.0)).answer

    assert asyncio.run(asked()) is Answer.INSUFFICIENT


def test_a_database_that_nobody_watches_is_told_how_to_list_observers(tmp_path: Path) -> None:
    path = tmp_path / "bare.yaml"
    path.write_text("environment: bare\n", encoding="utf-8")
    with pytest.raises(WrongUsage, match=r"lists no observers of 'payments-db' .*; it lists none"):
        observers(load_environment(path), "payments-db")


def test_a_list_of_observers_that_is_none_is_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("environment: wrong\nwarrants: {payments-db: all}\n", encoding="utf-8")
    with pytest.raises(InvalidFile, match="2:25: must be a list of observers"):
        load_environment(path)
