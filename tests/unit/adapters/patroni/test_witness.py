"""What an observer makes of what Patroni's nodes say."""

import asyncio
import time

import pytest
from aiohttp import web

from faildrill.adapters.patroni.witness import View
from faildrill.adapters.postgres.target import Cluster
from faildrill.kinds.call_context import CallContext
from faildrill.ports.witness import Says
from unit.adapters.web_server import serving


async def patroni(**status: object) -> tuple[str, Says, str]:
    """Hear a witness of a cluster whose one node says something of itself."""
    node = {"state": "running", "role": "replica", "patroni": {"scope": "pay", "name": "pg1"}, **status}

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response(node)

    async with serving(answer) as url:
        member = {"name": "pg1", "api": url, "host": "127.0.0.1"}
        cluster = {"name": "payments", "scope": "pay", "user": "x", "members": {"pg1": member}}
        [testimony] = await View(cluster=Cluster.model_validate(cluster)).testify(CallContext("warrant", 2.0))
    return testimony.signal, testimony.says, testimony.because


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
