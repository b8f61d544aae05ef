"""`patroni.settings` against a server that tells a dynamic configuration, and how each difference is put right."""

import asyncio
import json

import pytest

from faildrill.adapters.patroni.settings import Dynamic
from faildrill.errors import CannotSee
from faildrill.kinds.supplying import Supplies
from faildrill.settings import Failover, Settings, differences
from faildrill.targets import Cluster
from unit.adapters.sockets import serving

CONFIG = {"ttl": 20, "loop_wait": 1, "synchronous_mode": True, "pause": True, "postgresql": {"parameters": {"a": "1"}}}


def dynamic(port: int) -> Dynamic:
    """Return a reader of a cluster with one member at a port."""
    member = {"name": "pg1", "api": f"http://127.0.0.1:{port}", "host": "127.0.0.1"}
    cluster = {"name": "payments", "scope": "pay", "user": "x", "members": {"pg1": member}}
    return Dynamic(cluster=Cluster.model_validate(cluster))


async def read(body: bytes) -> Failover | None:
    """Read what a server tells."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
        await writer.drain()

    async with serving(serve) as port:
        found = await dynamic(port).settings(Supplies("audit", 5.0))
    return found.live.failover


def test_what_is_set_is_read_and_what_is_not_is_patronis_own() -> None:
    found = asyncio.run(read(json.dumps(CONFIG).encode()))
    assert found is not None
    assert (found.ttl, found.loop_wait, found.retry_timeout) == (20.0, 1.0, 10.0)
    assert (found.synchronous, found.paused, found.failsafe, found.maximum_lag) == ("on", True, False, 1 << 20)
    assert found.parameters == {"a": "1"}


@pytest.mark.parametrize("body", [b"<html>", b'{"ttl": "soon"}', b"[]"])
def test_what_is_no_configuration_can_not_be_read(body: bytes) -> None:
    with pytest.raises(CannotSee):
        asyncio.run(read(body))


@pytest.mark.parametrize(
    ("wanted", "command"),
    [
        ({"ttl": "30s"}, "patronictl edit-config --force -s ttl=30 pay"),
        ({"maximum_lag": 0}, "patronictl edit-config --force -s maximum_lag_on_failover=0 pay"),
        ({"paused": False}, "patronictl resume pay"),
        ({"parameters": {"a": "2"}}, "patronictl edit-config --force -p a=2 pay"),
        ({"synchronous": "on"}, "patronictl edit-config --force -s synchronous_mode=on pay"),
        ({"failsafe": True}, "patronictl edit-config --force -s failsafe_mode=on pay"),
    ],
)
def test_a_difference_is_put_right_by_the_exact_command(wanted: dict[str, object], command: str) -> None:
    live = {"ttl": "20s", "maximum_lag": 5, "paused": True, "parameters": {"a": "1"}, "synchronous": "off"}
    there = Settings.model_validate({"failover": {**live, "failsafe": False}})
    [one] = differences(Settings.model_validate({"failover": wanted}), there)
    assert dynamic(1).remedy(one) == command
