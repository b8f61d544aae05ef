"""A payment server: takes payments over HTTP and writes each into the database before it says so.

    POST /payments {"amount": 100}   201 with id, server and database node; also as X-Server, X-Database-Node.
                                     With `Idempotency-Key: k` the same k is the same payment, written once;
                                     with `"reference": "k"` it is only a note, and written as often as it is sent.
                                     With `"method": "card"` its issuer authorises it first, which takes half a second
                                     and one of the server's places.
    GET /payments/keys?prefix=k      the keys and references that begin so, in the order of their payments
    GET /payments/count              how many there are
    GET /health                      this process is alive
    GET /health/database             how long the database takes, as this server sees it

`/health` says nothing of the database on purpose: all servers share it, so a check that depended on it would take
every server out at once when it fails over, and their recovery would add to the outage.

503 says whether the payment was written: `"written": "no"` (provably not) or `"unknown"` (sent, no answer).
Nothing is tried twice here; that is for whoever knows whether it may be.
"""

import asyncio
import json
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
from aiohttp import web

from faildrill.errors import reason
from faildrill.lab.core.port_reservations import LOOPBACK
from faildrill.lab.payments.plan import DATABASE

_INSERT = """
    INSERT INTO payments (amount, server, idempotency_key, reference) VALUES ($1, $2, $3, $4)
    ON CONFLICT (idempotency_key) DO NOTHING RETURNING id, amount, inet_server_port() AS port
"""
_FIND = "SELECT id, amount, inet_server_port() AS port FROM payments WHERE idempotency_key = $1"
_KEYS = """
    SELECT coalesce(idempotency_key, reference) AS key, inet_server_port() AS port FROM payments
    WHERE starts_with(coalesce(idempotency_key, reference), $1) ORDER BY id
"""
_COUNT = "SELECT count(*) AS count, inet_server_port() AS port FROM payments"
_NOW = "SELECT inet_server_port() AS port"
_LATELY = 10.0
"""Seconds for which a statement's time counts."""
_LOST = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
_LONGEST_KEY = 200
_LARGEST_AMOUNT = 2**62


class Unavailable(Exception):
    """The database did not answer in time, or not at all."""

    def __init__(self, why: str, written: str) -> None:
        super().__init__(why)
        self.written = written


@dataclass(frozen=True)
class Settings:
    """What the server's file says."""

    name: str
    port: int
    database: dict[str, Any]
    password_file: str
    nodes: dict[str, str]
    """The name of the database node by its port."""
    within_seconds: float
    """A payment is answered within this time, or refused."""
    capacity: int
    """How many payments are worked on at once; more wait."""
    service_seconds: float
    """What a payment costs besides its write."""
    authorisation_seconds: float = 0.5
    """What a payment by card costs besides: its issuer is asked."""
    host: str = LOOPBACK
    """Where it listens."""

    def password(self) -> str:
        """Read the password of the database role."""
        return Path(self.password_file).read_text(encoding="ascii").strip()


class Payment(NamedTuple):
    """What is asked for."""

    amount: int
    key: str | None = None
    """The same key is the same payment."""
    reference: str | None = None
    """A note of whoever pays."""
    by_card: bool = False


class Server:
    """Takes payments."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._places = asyncio.Semaphore(settings.capacity)
        self._pool: asyncpg.Pool | None = None
        self._timings: deque[tuple[float, float]] = deque(maxlen=1000)
        """When statements ended, and how many seconds they took: what the database costs, as this server sees it."""

    def application(self) -> web.Application:
        """Return the routes, with the pool opened before the first request and closed after the last."""
        application = web.Application(client_max_size=4096)
        application.router.add_post("/payments", self.pay)
        application.router.add_get("/payments/count", self.count)
        application.router.add_get("/payments/keys", self.keys)
        application.router.add_get("/health", self.health)
        application.router.add_get("/health/database", self.database)
        application.cleanup_ctx.append(self._connected)
        return application

    async def pay(self, request: web.Request) -> web.Response:
        """Write one payment."""
        try:
            payment = _read(await request.text(), request.headers.get("Idempotency-Key"))
        except ValueError as error:
            return self._answer(400, {"error": str(error), "written": "no"})
        try:
            return await self._pay(payment)
        except Unavailable as error:
            return self._answer(503, {"error": str(error), "written": error.written})

    async def count(self, _: web.Request) -> web.Response:
        """Count the payments."""
        try:
            row = (await self._ask(_COUNT))[0]
        except Unavailable as error:
            return self._answer(503, {"error": str(error)})
        return self._answer(200, {"count": row["count"]}, row["port"])

    async def keys(self, request: web.Request) -> web.Response:
        """List the keys and references of payments."""
        try:
            rows = await self._ask(_KEYS, request.query.get("prefix", ""))
        except Unavailable as error:
            return self._answer(503, {"error": str(error)})
        return self._answer(200, {"keys": [row["key"] for row in rows]}, rows[0]["port"] if rows else None)

    async def health(self, _: web.Request) -> web.Response:
        """Say that this process is alive; see the module's docstring for what it leaves out, and why."""
        return self._answer(200, {"alive": True})

    async def database(self, _: web.Request) -> web.Response:
        """Tell how long the database takes, by a statement now and by those of the last ten seconds."""
        try:
            [row] = await self._ask(_NOW)
        except Unavailable as error:
            return self._answer(503, {"error": str(error), "database": "unreachable"})
        now = asyncio.get_running_loop().time()
        lately = sorted(taken for ended, taken in self._timings if ended > now - _LATELY)
        middle, worst = lately[len(lately) // 2], lately[-1]
        times = {"database_ms": round(middle * 1e3, 3), "worst_ms": round(worst * 1e3, 3), "statements": len(lately)}
        return self._answer(200, times, row["port"])

    async def _pay(self, payment: Payment) -> web.Response:
        loop = asyncio.get_running_loop()
        until = loop.time() + self.settings.within_seconds
        asked = self.settings.authorisation_seconds if payment.by_card else 0.0
        patience = self.settings.within_seconds - 2 * asked  # no place is given to what would come too late anyhow
        try:
            await asyncio.wait_for(self._places.acquire(), patience)
        except TimeoutError:
            raise Unavailable(f"{self.settings.capacity} payments are being worked on already", "no") from None
        try:
            await asyncio.sleep(self.settings.service_seconds + asked)
            values = (payment.amount, self.settings.name, payment.key, payment.reference)
            rows = await self._ask(_INSERT, *values, until=until)
            status = 201 if rows else 200
            rows = rows or await self._ask(_FIND, payment.key, until=until)
            if not rows:
                raise Unavailable("the payment of this key was there a moment ago", "unknown")
            row = rows[0]
            if row["amount"] != payment.amount:
                return self._answer(422, {"error": "this key belongs to another amount", "written": "no"})
            return self._answer(status, {"id": row["id"], "amount": payment.amount}, row["port"])
        finally:
            self._places.release()

    async def _ask(self, query: str, *values: object, until: float | None = None) -> list[asyncpg.Record]:
        """Run one statement, which is a transaction of its own, on a connection that is given up at any doubt."""
        loop = asyncio.get_running_loop()
        ends = until or loop.time() + self.settings.within_seconds
        if self._pool is None:
            raise Unavailable("not connected yet", "no")
        try:
            connection = await self._pool.acquire(timeout=max(0.001, ends - loop.time()))
        except _LOST as error:
            raise Unavailable(f"no connection to the database: {reason(error)}", "no") from error
        began = loop.time()
        try:
            async with asyncio.timeout_at(ends):
                rows: list[asyncpg.Record] = await connection.fetch(query, *values)
        except _LOST as error:
            with suppress(asyncpg.InterfaceError):  # a connection that was lost has left the pool already
                connection.terminate()
            provable = isinstance(error, asyncpg.PostgresError) and not isinstance(
                error, asyncpg.PostgresConnectionError | asyncpg.OperatorInterventionError
            )
            raise Unavailable(f"the database: {reason(error)}", "no" if provable else "unknown") from error
        finally:
            self._timings.append((loop.time(), loop.time() - began))
            await self._pool.release(connection, timeout=1.0)
        return rows

    async def _connected(self, _: web.Application) -> AsyncIterator[None]:
        async with asyncpg.create_pool(
            **self.settings.database,
            database=DATABASE,
            password=self.settings.password(),
            min_size=0,
            max_size=8,
            timeout=1.0,
            ssl=False,
            max_inactive_connection_lifetime=60.0,
            server_settings={"application_name": self.settings.name, "jit": "off"},
        ) as self._pool:
            yield

    def _answer(self, status: int, body: dict[str, Any], port: int | None = None) -> web.Response:
        """Answer in JSON, saying which server answers and which database node it had its answer from."""
        node = self.settings.nodes.get(str(port), "") if port else ""
        headers = {"X-Server": self.settings.name} | ({"X-Database-Node": node} if node else {})
        content = body | {"server": self.settings.name} | ({"database_node": node} if node else {})
        return web.json_response(content, status=status, headers=headers)


def _read(text: str, key: str | None) -> Payment:
    """Return a payment; raises ValueError that says what is wrong with it."""
    try:
        body = json.loads(text)
        amount, reference, method = body["amount"], body.get("reference"), body.get("method", "transfer")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError('a payment looks like {"amount": 100}') from None
    if type(amount) is not int or not 0 < amount <= _LARGEST_AMOUNT:
        raise ValueError("an amount is a whole number above 0")
    for value in (key, reference):
        if value is not None and not (isinstance(value, str) and 0 < len(value) <= _LONGEST_KEY and value.isascii()):
            raise ValueError(f"a key and a reference have 1 to {_LONGEST_KEY} ASCII characters")
    if method not in ("transfer", "card"):
        raise ValueError("a payment is by transfer or by card")
    return Payment(amount, key, reference, method == "card")


def main() -> None:
    """Serve until told to end: `python -m faildrill.lab.payments.server FILE`."""
    settings = Settings(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    application = Server(settings).application()
    web.run_app(application, host=settings.host, port=settings.port, print=None, access_log=None, shutdown_timeout=1.0)


if __name__ == "__main__":
    main()
