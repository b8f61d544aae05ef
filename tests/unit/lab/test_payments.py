"""A payment server without its database: everything that needs none, and what it says of what it can't do."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from faildrill.lab.core.port_reservations import LOOPBACK
from faildrill.lab.payments.server import Server, Settings

Client = TestClient[web.Request, web.Application]
Scene = Callable[[Client], Awaitable[None]]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "password").write_text("secret\n")
    with socket.create_server((LOOPBACK, 0)) as nobody:
        port = nobody.getsockname()[1]
    return Settings(
        name="pay1",
        port=0,
        database={"host": LOOPBACK, "port": port, "user": "payments"},
        password_file=str(tmp_path / "password"),
        nodes={"5432": "pg1"},
        within_seconds=0.3,
        capacity=2,
        service_seconds=0.0,
    )


def play(settings: Settings, scene: Scene) -> None:
    async def whole() -> None:
        async with TestClient(TestServer(Server(settings).application())) as client:
            await scene(client)

    asyncio.run(whole())


def test_health_says_nothing_of_the_database(settings: Settings) -> None:
    async def scene(client: Client) -> None:
        answer = await client.get("/health")
        assert answer.status == 200
        assert answer.headers["X-Server"] == "pay1"

    play(settings, scene)


def test_a_payment_without_a_database_is_refused_at_once_and_provably_not_written(settings: Settings) -> None:
    async def scene(client: Client) -> None:
        before = time.monotonic()
        answer = await client.post("/payments", json={"amount": 1})
        assert time.monotonic() - before < 20
        body = await answer.json()
        assert (answer.status, body["written"]) == (503, "no")
        assert "no connection to the database" in body["error"]

    play(settings, scene)


def test_a_database_that_accepts_and_says_nothing_is_waited_for_no_longer_than_the_bound(settings: Settings) -> None:
    with socket.create_server((LOOPBACK, 0)) as silent:
        silenced = replace(settings, database=settings.database | {"port": silent.getsockname()[1]})

        async def scene(client: Client) -> None:
            before = time.monotonic()
            answer = await client.post("/payments", json={"amount": 1})
            assert 0.25 < time.monotonic() - before < 20
            assert (answer.status, (await answer.json())["written"]) == (503, "no")

        play(silenced, scene)


def test_more_than_its_capacity_waits_and_is_then_refused(settings: Settings) -> None:
    slow = replace(settings, service_seconds=2.0, capacity=1)

    async def scene(client: Client) -> None:
        first = asyncio.create_task(client.post("/payments", json={"amount": 1}))
        await asyncio.sleep(0.1)
        second = await client.post("/payments", json={"amount": 1})
        assert second.status == 503
        assert "being worked on" in (await second.json())["error"]
        first.cancel()

    play(slow, scene)


def test_a_payment_by_card_holds_a_place_while_its_issuer_is_asked(settings: Settings) -> None:
    busy = replace(settings, within_seconds=10.2, authorisation_seconds=5.0, capacity=1)

    async def scene(client: Client) -> None:
        first = asyncio.create_task(client.post("/payments", json={"amount": 1, "method": "card"}))
        await asyncio.sleep(0.1)
        before = time.monotonic()
        second = await client.post("/payments", json={"amount": 1, "method": "card"})
        assert time.monotonic() - before > 0.1
        assert second.status == 503
        assert "being worked on" in (await second.json())["error"]
        first.cancel()

    play(busy, scene)


@pytest.mark.parametrize(
    "body",
    [
        *("", "{", "[]", "1", "[" * 2000),
        *('{"amount": 0}', '{"amount": -1}', '{"amount": 1.5}', '{"amount": true}', '{"amount": "1"}'),
        *(
            '{"amount": 1, "reference": ""}',
            '{"amount": 1, "reference": 7}',
            f'{{"amount": 1, "reference": "{"k" * 201}"}}',
        ),
        *('{"amount": 1, "method": "cash"}', '{"amount": 1e3}', f'{{"amount": {2**63}}}'),
    ],
)
def test_what_is_no_payment_is_refused(body: str, settings: Settings) -> None:
    async def scene(client: Client) -> None:
        answer = await client.post("/payments", data=body)
        assert (answer.status, (await answer.json())["written"]) == (400, "no")

    play(settings, scene)


@pytest.mark.parametrize("key", ["", "k" * 201, "\u00e4"])
def test_a_key_without_measure_is_refused(key: str, settings: Settings) -> None:
    async def scene(client: Client) -> None:
        answer = await client.post("/payments", json={"amount": 1}, headers={"Idempotency-Key": key})
        assert answer.status == 400

    play(settings, scene)
