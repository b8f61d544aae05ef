"""An API of AWS with one cluster, which fails over in its own time, and lies as it is told: STS and RDS by HTTP."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Literal
from urllib.parse import parse_qs

from faildrill.adapters.aws.target import Account

ACCOUNT, REGION = "123456789012", "eu-central-1"
Answer = Literal[
    "taken", "closed", "silence", "drips", "half", "html", "500", "503", "throttled", "refused", "login page"
]
ANSWERS: dict[str, bytes] = {
    "500": b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
    "503": b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy",
    "html": b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 18\r\n\r\n<html>hello</html>",
    "login page": b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 18\r\n\r\n<html>login</html>",
    "half": b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n<FailoverDBClusterResponse>",
}


@dataclass
class Lies:
    """What is done with the next request for a failover, and how it is answered."""

    answer: Answer = "taken"
    does: bool = True
    to: str = ""
    """Who becomes the writer instead of the one that was asked for."""
    comes_back: bool = False
    """The first writer is the writer again a moment later, and an event says so."""
    is_stale: bool = False
    """The API names the first writer for longer than the events."""
    abandons: bool = False
    """It is begun and not completed."""
    events: bool = True
    also: bool = False
    """Somebody else fails it over once more."""


@dataclass
class Rds:
    """One cluster."""

    writer: str = "au1"
    names: tuple[str, ...] = ("au1", "au2", "au3")
    status: str = "available"
    statuses: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=lambda: {"faildrill": "staging"})
    account: str = ACCOUNT
    lies: Lies = field(default_factory=Lies)
    events: list[tuple[datetime, str]] = field(default_factory=list)
    asked: list[str | None] = field(default_factory=list)
    """The targets of all requests for a failover, in their order."""
    calls: list[str] = field(default_factory=list)
    down: bool = False
    resource: str = "cluster-P"
    delay: float = 0.1
    _moving: set["asyncio.Task[None]"] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError), contextlib.closing(writer):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            key = head.partition("Credential=")[2].partition("/")[0]
            length = next(
                int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-le")
            )
            asked = {key: value[0] for key, value in parse_qs((await reader.readexactly(length)).decode()).items()}
            self.signed(asked["Action"], key)
            await self._answer(asked, writer)

    def signed(self, action: str, key: str) -> None:
        """Take in whose key signs a request."""

    async def _answer(self, asked: dict[str, str], writer: asyncio.StreamWriter) -> None:
        action = asked["Action"]
        self.calls.append(action)
        if self.down:
            writer.write(ANSWERS["503"])
            return
        if action == "FailoverDBCluster":
            await self._failover(asked.get("TargetDBInstanceIdentifier"), writer)
            return
        bodies: dict[str, Callable[[], str]] = {
            "GetCallerIdentity": self._identity,
            "DescribeDBClusters": lambda: f"<DBClusters>{self._cluster()}</DBClusters>",
            "DescribeDBInstances": self._instances,
            "DescribeEvents": lambda: self._events(asked),
        }
        writer.write(_good(action, bodies[action]()))

    async def _failover(self, target: str | None, writer: asyncio.StreamWriter) -> None:
        self.asked.append(target)
        lies, self.lies = self.lies, Lies()
        if lies.answer in ("refused", "throttled"):
            code = {"refused": "InvalidDBClusterStateFault", "throttled": "Throttling"}[lies.answer]
            writer.write(_error(code, "no"))
            return
        if lies.does:
            self._keep(self._move(lies.to or target or "au2", lies))
        if lies.answer == "taken":
            writer.write(_good("FailoverDBCluster", self._cluster()))
        elif lies.answer == "drips":
            for byte in b"HTTP/1.1 200 OK\r\n" * 100:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.1)
        elif lies.answer == "silence":
            await asyncio.sleep(30)
        elif lies.answer != "closed":
            writer.write(ANSWERS[lies.answer])

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._moving.add(task)
        task.add_done_callback(self._moving.discard)

    async def _move(self, to: str, lies: Lies) -> None:
        first = self.writer
        await asyncio.sleep(self.delay)
        self.status = "failing-over"
        self._happened(lies, f"Started cross AZ failover to DB instance: {to}")
        await asyncio.sleep(self.delay)
        if not lies.abandons:
            self.writer = first if lies.is_stale else to
            self._happened(lies, f"Completed failover to DB instance: {to}")
        if lies.comes_back:
            await asyncio.sleep(self.delay)
            self.writer = first
            self._happened(lies, f"Completed failover to DB instance: {first}")
        if lies.also:
            self._happened(lies, "Completed failover to DB instance: au3")
            self.writer = "au3"
        await asyncio.sleep(self.delay)
        self.status = "available"

    def _happened(self, lies: Lies, message: str) -> None:
        if lies.events:
            self.events.append((datetime.now(UTC), message))

    def _identity(self) -> str:
        return f"<Arn>arn:aws:iam::{self.account}:user/drills</Arn><UserId>A</UserId><Account>{self.account}</Account>"

    def _cluster(self) -> str:
        members = "".join(
            f"<DBClusterMember><DBInstanceIdentifier>{name}</DBInstanceIdentifier>"
            f"<IsClusterWriter>{str(name == self.writer).lower()}</IsClusterWriter>"
            f"<PromotionTier>{tier}</PromotionTier></DBClusterMember>"
            for tier, name in enumerate(self.names)
        )
        tags = "".join(f"<Tag><Key>{key}</Key><Value>{value}</Value></Tag>" for key, value in self.tags.items())
        arn = f"arn:aws:rds:{REGION}:{self.account}:cluster:payments"
        return (
            f"<DBCluster><DBClusterIdentifier>payments</DBClusterIdentifier><Status>{self.status}</Status>"
            f"<DBClusterArn>{arn}</DBClusterArn><DbClusterResourceId>{self.resource}</DbClusterResourceId>"
            f"<DBClusterMembers>{members}</DBClusterMembers><TagList>{tags}</TagList></DBCluster>"
        )

    def _instances(self) -> str:
        every = "".join(
            f"<DBInstance><DBInstanceIdentifier>{name}</DBInstanceIdentifier>"
            f"<DBInstanceStatus>{self.statuses.get(name, 'available')}</DBInstanceStatus>"
            f"<DbiResourceId>db-{name}</DbiResourceId></DBInstance>"
            for name in self.names
        )
        return f"<DBInstances>{every}</DBInstances>"

    def _events(self, asked: dict[str, str]) -> str:
        since = datetime.now(UTC) - timedelta(minutes=int(asked.get("Duration", 60)))
        since = datetime.fromisoformat(asked["StartTime"]) if "StartTime" in asked else since
        every = "".join(
            f"<Event><SourceIdentifier>payments</SourceIdentifier><Message>{message}</Message>"
            f"<EventCategories><EventCategory>failover</EventCategory></EventCategories>"
            f"<Date>{at.isoformat(timespec='milliseconds').replace('+00:00', 'Z')}</Date></Event>"
            for at, message in self.events
            if at >= since
        )
        return f"<Events>{every}</Events>"


def _good(action: str, body: str) -> bytes:
    return _http(200, f"<{action}Response><{action}Result>{body}</{action}Result></{action}Response>")


def _error(code: str, message: str) -> bytes:
    said = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    return _http(400, f"<ErrorResponse>{said}<RequestId>r</RequestId></ErrorResponse>")


def _http(status: int, body: str) -> bytes:
    date = format_datetime(datetime.now(UTC), usegmt=True)
    return f"HTTP/1.1 {status} X\r\nDate: {date}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def on_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Have a test run on a loop of its own."""

    @functools.wraps(test)
    def run(*given: Any, **more: Any) -> None:
        asyncio.run(test(*given, **more))

    return run


@contextlib.asynccontextmanager
async def served(rds: Rds, **more: Any) -> AsyncIterator[Account]:
    """Serve an API; gives the account as an environment declares it."""
    async with await asyncio.start_server(rds.serve, "127.0.0.1", 0) as server:
        yield account(server.sockets[0].getsockname()[1], **more)


def account(port: int, **more: Any) -> Account:
    """Return the account behind a port."""
    given = {
        "name": "staging",
        "account": ACCOUNT,
        "region": REGION,
        "endpoint_url": f"http://127.0.0.1:{port}",
        "access_key_id": "env:DRILLS_ID",
        "secret_access_key": "env:DRILLS_SECRET",
        "tag": {"faildrill": "staging"},
        "db_clusters": ["payments"],
        "calls_per_second": 100,
    }
    return Account.model_validate({**given, **more})
