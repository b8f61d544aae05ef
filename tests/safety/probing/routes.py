"""In network namespaces of their own: what looks see when a route takes the way to a healthy service away.

`routes.py FOLDER WAY...`: a kind of route (`prohibit`, `blackhole`, `unreachable`); `filter`: a packet filter of this
host; `itself`: nobody listens, and the one port that is left for a connection's own end is the one that it leads to;
`full`: somebody listens, and no port is left. All are played at once, each in a process that has imported all that
looks use; prints what they see as JSON, a line a way.
"""

import asyncio
import ctypes
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

from pydantic import JsonValue

from faildrill.kinds import build
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Opens, Probe
from faildrill.ports.target import KindUse
from faildrill.probing.prober import Loop

NEW_NETWORK = 0x40000000
HELD: list[socket.socket] = []
PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")


def host(way: str) -> str:
    # From 127.0.0.1 every address of loopback is reached; to faildrill 127.1 is a name, which has one address.
    return {"itself": "127.0.0.1", "full": "127.1"}.get(way, "127.0.0.5")


def places(at: str) -> dict[str, dict[str, JsonValue]]:
    return {
        "tcp.connect": {"address": f"{at}:7001"},
        "http.request": {"url": f"http://{at}:7001/"},
        "dns.query": {"server": f"{at}:7001", "name": "a.example"},
        "postgres.read": {"database": {"name": "d", "host": at, "port": 7001, "database": "d", "user": "u"}},
        "postgres.ledger": {"database": {"name": "d", "host": at, "port": 7001, "database": "d", "user": "u"}},
        "http.ledger": {"url": f"http://{at}:7001/{{key}}", "back": {"url": f"http://{at}:7001/{{prefix}}"}},
        "mariadb.ledger": {
            "mariadb": {
                "name": "m", "database": "d", "user": "u", "admin": "a", "replication_user": "r",
                "members": {"m1": {"name": "m1", "host": at, "port": 7001}},
            }
        },
        "redis.ledger": {
            "redis": {
                "name": "r", "master": "m", "sentinels": [f"{at}:7001"],
                "members": {"r1": {"name": "r1", "host": at, "port": 7001}},
            }
        },
    }  # fmt: skip


def probes(at: str) -> dict[str, Probe]:
    return {kind: build(KindUse(kind=kind, params=params), "probe") for kind, params in places(at).items()}


async def look(probe: Probe, folder: Path) -> tuple[str, str]:
    given = CallContext(run="routes", timeout=1.0, every=0.1, in_flight=2, name="ledger", folder=folder)
    if isinstance(probe, Opens):
        await probe.open(given)
    try:
        seen = await asyncio.wait_for(probe.look(given), 1.5)
    except TimeoutError:
        return "TIMED_OUT", ""
    finally:
        if isinstance(probe, Opens):
            await probe.close()
    return seen.outcome.name, seen.detail


def take_away(way: str) -> None:
    run(["ip", "link", "set", "lo", "up"])
    if way == "filter":
        run(["nft", "add table ip t; add chain ip t out { type filter hook output priority 0; }"])
        run(["nft", f"add rule ip t out ip daddr {host(way)} reject with icmp type admin-prohibited"])
    elif way == "itself":
        PORTS.write_text("7001 7001", encoding="ascii")
    elif way == "full":
        PORTS.write_text("7002 7002", encoding="ascii")
        HELD.extend((socket.create_server(("127.0.0.1", 7001)), socket.create_connection(("127.0.0.1", 7001))))
    else:
        run(["ip", "route", "add", way, f"{host(way)}/32", "table", "local"])


def run(argv: list[str]) -> None:
    subprocess.run(argv, check=True)


async def see(way: str, folder: Path) -> dict[str, tuple[str, str]]:
    seen = {}
    for kind, probe in probes(host(way)).items():
        own = folder / kind
        own.mkdir(parents=True)
        seen[kind] = await look(probe, own)
    return seen


def play(way: str, folder: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NEW_NETWORK):
        raise OSError(ctypes.get_errno(), "no network of its own")
    take_away(way)
    with asyncio.Runner(loop_factory=Loop) as runner:
        seen = runner.run(see(way, folder))
    os.write(1, json.dumps({"way": way, "seen": seen}).encode() + b"\n")


def main(folder: Path, ways: list[str]) -> int:
    probes(host(""))  # imports what they use
    children = []
    for way in ways:
        if not (child := os.fork()):
            play(way, folder / way)
            return 0
        children.append(child)
    return max(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children)


sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
