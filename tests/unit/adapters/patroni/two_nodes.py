"""Two nodes that speak Patroni's REST interface over real sockets, and misbehave as they are told to."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from faildrill.adapters.postgres.target import Cluster, ClusterMember
from unit.adapters.web_server import Answer, serving


@dataclass
class TwoNodes:
    """What the nodes say, and how they take changing calls."""

    leader: str | None = "pg1"
    also: str | None = None
    """A second node that says it is the primary."""
    standby: dict[str, Any] = field(default_factory=dict)
    """What the standby says besides what a healthy one says."""
    scope: str = "payments"
    timeline: int = 3
    times: int = 1
    """How often a changing call is done."""
    paused: bool = False
    changing: str = "done"
    """How a changing call is taken: done, 503, drop, stall (all three do it), 412, redirect."""
    calls: list[dict[str, Any]] = field(default_factory=list)
    """Every changing call that came in."""
    config: dict[str, Any] = field(default_factory=lambda: {"ttl": 20, "postgresql": {"parameters": {"jit": "on"}}})
    behind: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What a node tells as the configuration, by name, where it has not read the newest one yet."""
    system: str = "7001"
    """The database system that both say they are of."""
    at: int = 5_000_000
    """How much of the log the primary has written; the standby has the same."""
    grows: int = 0
    """By how much more, at each look at the primary."""
    stuck_at: int | None = None
    """What the standby has, where it gets nothing more."""
    sends: str = "streaming"
    """What the primary says of the connection to its standby."""
    synchronous_after: int = 0
    """After how many looks at a node its standby is synchronous, where it is configured to be."""

    def status(self, name: str) -> dict[str, Any]:
        said: dict[str, Any] = {
            "state": "running",
            "timeline": self.timeline,
            "database_system_identifier": self.system,
            "patroni": {"scope": self.scope, "name": name},
        }
        if self.paused:
            said["pause"] = True
        if name in (self.leader, self.also):
            receiver = {"application_name": "pg2", "state": self.sends, "sync_state": self.sync_state()}
            self.at += self.grows
            return said | {"role": "primary", "xlog": {"location": self.at}, "replication": [receiver]}
        has = self.at if self.stuck_at is None else self.stuck_at
        healthy = {"role": "replica", "replication_state": "streaming", "xlog": {"replayed_location": has}}
        return said | healthy | self.standby

    def sync_state(self) -> str:
        if not self.config.get("synchronous_mode"):
            return "async"
        self.synchronous_after -= 1
        return "sync" if self.synchronous_after < 0 else "potential"

    async def configure(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.calls.append({"call": request.path, **body})
        if self.changing == "412":
            return web.Response(status=409, text="conflict")
        merge(self.config, body)
        return web.json_response(self.config, status=503 if self.changing == "503" else 200)

    async def change(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.calls.append({"call": request.path, **body})
        if self.changing == "412":
            return web.Response(status=412, text="leader name does not match")
        if self.changing == "redirect":
            return web.Response(status=307, headers={"Location": str(request.url)})
        self.leader = body.get("candidate") or ("pg2" if self.leader == "pg1" else "pg1")
        self.timeline += self.times
        if self.changing == "drop":
            assert request.transport is not None
            request.transport.abort()
        elif self.changing == "stall":
            await asyncio.sleep(30)
        status = 503 if self.changing == "503" else 200
        return web.Response(status=status, text="Switchover failed" if status != 200 else "Successfully switched over")


@asynccontextmanager
async def cluster(nodes: TwoNodes) -> AsyncIterator[Cluster]:
    """Serve both nodes; gives the cluster that they are."""

    def answering(name: str) -> Answer:
        async def answer(request: web.Request) -> web.StreamResponse:
            if request.method == "POST":
                return await nodes.change(request)
            if request.method == "PATCH":
                return await nodes.configure(request)
            if request.path == "/config":
                return web.json_response(nodes.behind.get(name, nodes.config))
            return web.Response(text=json.dumps(nodes.status(name)))

        return answer

    async with serving(answering("pg1")) as first, serving(answering("pg2")) as second:
        yield declared(first, second)


def merge(config: dict[str, Any], changes: dict[str, Any]) -> None:
    """Merge as Patroni does: mappings into mappings, null removes."""
    for name, value in changes.items():
        if value is None:
            config.pop(name, None)
        elif isinstance(value, dict) and isinstance(config.get(name), dict):
            merge(config[name], value)
        else:
            config[name] = value


def declared(first: str, second: str) -> Cluster:
    """Declare a cluster of two nodes by the URLs of their interfaces."""
    members = {
        name: ClusterMember(name=name, api=url, host="127.0.0.1", port=1)
        for name, url in (("pg1", first), ("pg2", second))
    }
    return Cluster(name="payments", scope="payments", user="faildrill", members=members)
