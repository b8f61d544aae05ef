"""In a network namespace of its own: what looks see when a route takes the way to a healthy service away. Prints JSON.

`routes.py KIND`: a kind of route (`prohibit`, `blackhole`, `unreachable`); `filter`: a packet filter of this host;
`itself`: nobody listens, and the one port that is left for a connection's own end is the one that it leads to;
`full`: somebody listens, and no port is left.
"""

import asyncio
import json
import socket
import subprocess
import sys
from pathlib import Path

from pydantic import JsonValue

from faildrill.kinds import build
from faildrill.kinds.supplying import Supplies
from faildrill.ports import Opens, Probe
from faildrill.probing.prober import Loop
from faildrill.targets import KindUse

# From 127.0.0.1 every address of loopback is reached; to faildrill 127.1 is a name, which has one address.
HOST = {"itself": "127.0.0.1", "full": "127.1"}.get(sys.argv[1], "127.0.0.5")
HELD: list[socket.socket] = []
PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
GIVEN = Supplies(run="routes", timeout=1.0, every=0.1, in_flight=2, name="ledger", folder=Path(sys.argv[2]))
PLACES: dict[str, dict[str, JsonValue]] = {
    "tcp.connect": {"address": f"{HOST}:7001"},
    "http.request": {"url": f"http://{HOST}:7001/"},
    "dns.query": {"server": f"{HOST}:7001", "name": "a.example"},
    "postgres.read": {"database": {"name": "d", "host": HOST, "port": 7001, "database": "d", "user": "u"}},
    "postgres.ledger": {"database": {"name": "d", "host": HOST, "port": 7001, "database": "d", "user": "u"}},
    "http.ledger": {"url": f"http://{HOST}:7001/{{key}}", "back": {"url": f"http://{HOST}:7001/{{prefix}}"}},
    "mariadb.ledger": {
        "mariadb": {
            "name": "m", "database": "d", "user": "u", "admin": "a", "replication_user": "r",
            "members": {"m1": {"name": "m1", "host": HOST, "port": 7001}},
        }
    },
    "redis.ledger": {
        "redis": {
            "name": "r", "master": "m", "sentinels": [f"{HOST}:7001"],
            "members": {"r1": {"name": "r1", "host": HOST, "port": 7001}},
        }
    },
}  # fmt: skip


async def look(kind: str, params: dict[str, JsonValue]) -> tuple[str, str]:
    probe: Probe = build(KindUse(kind=kind, params=params), "probe")
    if isinstance(probe, Opens):
        await probe.open(GIVEN)
    try:
        seen = await asyncio.wait_for(probe.look(GIVEN), 1.5)
    except TimeoutError:
        return "TIMED_OUT", ""
    finally:
        if isinstance(probe, Opens):
            await probe.close()
    return seen.outcome.name, seen.detail


def take_away(kind: str) -> None:
    run(["ip", "link", "set", "lo", "up"])
    if kind == "filter":
        run(["nft", "add table ip t; add chain ip t out { type filter hook output priority 0; }"])
        run(["nft", f"add rule ip t out ip daddr {HOST} reject with icmp type admin-prohibited"])
    elif kind == "itself":
        PORTS.write_text("7001 7001", encoding="ascii")
    elif kind == "full":
        PORTS.write_text("7002 7002", encoding="ascii")
        HELD.extend((socket.create_server(("127.0.0.1", 7001)), socket.create_connection(("127.0.0.1", 7001))))
    else:
        run(["ip", "route", "add", kind, f"{HOST}/32", "table", "local"])


def run(argv: list[str]) -> None:
    subprocess.run(argv, check=True)


async def main() -> None:
    take_away(sys.argv[1])
    print(json.dumps({kind: await look(kind, params) for kind, params in PLACES.items()}))  # noqa: T201 - the result


with asyncio.Runner(loop_factory=Loop) as runner:
    runner.run(main())
