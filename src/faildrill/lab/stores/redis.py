"""A Redis master with two replicas, watched by three Sentinels; the nodes reach each other through links."""

import asyncio
import secrets
from functools import partial
from pathlib import Path
from typing import Any, Final

from faildrill.lab.core import users, wheel_programs
from faildrill.lab.core.folders import Place
from faildrill.lab.core.node import Node, Recipe
from faildrill.lab.core.port_reservations import LOOPBACK, Reservations
from faildrill.lab.payments import link_proxy, plan, staging
from faildrill.lab.payments.environment_file import host_identity, yaml_text
from faildrill.lab.payments.readiness import until
from faildrill.lab.payments.schema import Identity
from faildrill.lab.stores import certificates
from faildrill.lab.stores.system_programs import program

NODES: Final = ("r1", "r2", "r3")
SENTINELS: Final = ("s1", "s2", "s3")
MASTER: Final = "sessions"
KEY: Final = "faildrill:identity"
_QUORUM: Final = 2
_QUICKLY: Final = ("SENTINEL", "DEBUG", "info-period", "1000", "publish-period", "500")
"""Ten times as often as usual, where the Sentinel can (7.0): one that comes back follows in seconds."""
_EVERY: Final = {"every": "500ms", "timeout": "2s"}

# Every node and Sentinel also speaks TLS, at a port of its own. A master that starts again at once has all it had:
# without a file it would empty its replicas. One without a replica that kept up refuses writes: back from the dead, it
# takes none.
_NODE: Final = """\
bind {loopback}
port {port}
tls-port {tls_port}
tls-cert-file {tls.server}
tls-key-file {tls.key}
tls-ca-cert-file {tls.ca}
tls-auth-clients no
dir {folder}
save ""
appendonly yes
appendfsync everysec
requirepass {password}
masterauth {password}
replica-announce-ip {loopback}
replica-announce-port {link}
repl-diskless-sync-delay 0
repl-timeout 5
repl-ping-replica-period 1
min-replicas-to-write 1
min-replicas-max-lag 2
{replica_of}
"""
_SENTINEL: Final = """\
bind {loopback}
port {port}
tls-port {tls_port}
tls-cert-file {tls.server}
tls-key-file {tls.key}
tls-ca-cert-file {tls.ca}
tls-auth-clients no
dir {folder}
sentinel monitor {master} {loopback} {first} {quorum}
sentinel auth-pass {master} {password}
sentinel down-after-milliseconds {master} 3000
sentinel failover-timeout {master} 5000
sentinel parallel-syncs {master} 2
"""


class RedisStaging(staging.Staging):
    """Every node, Sentinel and link of one lab."""

    def __init__(self, planned: plan.Plan) -> None:
        self.plan = planned
        password = planned.password("redis")
        recipes = [_node(planned, name, password) for name in NODES]
        recipes += [_sentinel(planned, name, password) for name in SENTINELS]
        self.nodes = {recipe.name: Node(recipe) for recipe in recipes}
        self.links = {name: link_proxy.Link(name, planned.port(f"{name} link"), planned.port(name)) for name in NODES}

    async def bring_up(self, progress: staging.Progress) -> Identity:
        """Start the nodes, wait until both replicas follow, and then the Sentinels until they know of all."""
        for link in self.links.values():
            await link.open()
        await asyncio.gather(*(self.nodes[name].start() for name in NODES))
        await until(self.nodes[NODES[0]], "replicas that follow", self._followed, staging.WITHIN)
        progress("redis")
        await self._ask(NODES[0], "SET", KEY, self.plan.uid)
        await asyncio.gather(*(self.nodes[name].start() for name in SENTINELS))
        for name in SENTINELS:
            await until(self.nodes[name], "a view of all", partial(self._is_whole, name), staging.WITHIN)
            await self._ask(name, *_QUICKLY)
        progress("sentinels")
        return Identity("", self.plan.uid)

    async def steady(self) -> bool:
        """Look once whether all nodes run, one is the master of the others, and the Sentinels know of all."""
        running = all(node.state() == "running" for node in self.nodes.values())
        return running and await self._followed() and all([await self._is_whole(name) for name in SENTINELS])

    def environment_text(self, identity: Identity) -> str:
        """Return the text of the environment file."""
        planned = self.plan
        members = {
            name: {
                "host": LOOPBACK,
                "port": planned.port(name),
                "known_as": f"{LOOPBACK}:{planned.port(f'{name} link')}",
                "reach": "lab",
            }
            for name in NODES
        }
        content: dict[str, Any] = {
            "environment": planned.place.name,
            "about": "A Redis master with two replicas under three Sentinels, on this machine.",
            "drillable": True,
            "reaches": {"lab": {"lab.supervisor": {"socket": str(planned.place.control)}}},
            "redis": {
                MASTER: {
                    "master": MASTER,
                    "password": f"file:{planned.password_file('redis')}",
                    "sentinels": [f"{LOOPBACK}:{planned.port(name)}" for name in SENTINELS],
                    "members": members,
                }
            },
            "groups": {
                group: {
                    "members": {name: {"address": f"{LOOPBACK}:{planned.port(name)}", "reach": "lab"} for name in names}
                }
                for group, names in (("redis-nodes", NODES), ("sentinels", SENTINELS))
            },
            "identity": [
                {"redis.identity": {"redis": MASTER, "key": KEY, "holds": identity.uid}},
                host_identity(planned),
            ],
            "probes": {"redundancy": {"redis.redundancy": {"redis": MASTER}, **_EVERY}},
        }
        return yaml_text(content)

    async def _followed(self) -> bool:
        """Look whether one node is the master, followed by all others."""
        answers = [await self._ask(name, "INFO", "replication") for name in NODES]
        masters = [answer for answer in answers if "role:master" in answer]
        return len(masters) == 1 and masters[0].count("state=online") == len(NODES) - 1

    async def _is_whole(self, sentinel: str) -> bool:
        """Look whether a Sentinel knows the other ones and every replica, and sees none of them down."""
        answer = await self._ask(sentinel, "INFO", "sentinel")
        return (
            f"status=ok,address={LOOPBACK}" in answer
            and f"slaves={len(NODES) - 1},sentinels={len(SENTINELS)}" in answer
        )

    async def _ask(self, name: str, *words: str) -> str:
        """Ask a node or a Sentinel inline, and return what it says as text."""
        reader, writer = await asyncio.open_connection(LOOPBACK, self.plan.port(name))
        try:
            if name in NODES:
                writer.write(f"AUTH {self.plan.password('redis')}\r\n".encode())
                await reader.readline()
            writer.write(f"{' '.join(words)}\r\n".encode())
            answer = (await reader.readline()).decode()
            return (await reader.readexactly(int(answer[1:]))).decode() if answer.startswith("$") else answer
        finally:
            writer.close()


def make(place: Place) -> RedisStaging:
    """Plan a lab of Redis and lay it out in its folders."""
    planned = plan.Plan(place, wheel_programs.find(), Reservations(), users.myself(), secrets.token_hex(8))
    staging.make_folders(planned, (*NODES, *SENTINELS))
    planned.password_file("redis").write_text(secrets.token_hex(16), encoding="ascii")
    certificates.make(planned.place.folder / "tls")
    return RedisStaging(planned)


def _node(planned: plan.Plan, name: str, password: str) -> Recipe:
    first = planned.port(f"{NODES[0]} link")
    text = _NODE.format(
        loopback=LOOPBACK,
        port=planned.port(name),
        tls_port=planned.port(f"{name} tls"),
        tls=certificates.at(planned.place.folder / "tls"),
        link=planned.port(f"{name} link"),
        folder=planned.folder(name),
        password=password,
        replica_of="" if name == NODES[0] else f"replicaof {LOOPBACK} {first}",
    )
    return _recipe(planned, name, text, program("redis-server", "redis-server"))


def _sentinel(planned: plan.Plan, name: str, password: str) -> Recipe:
    text = _SENTINEL.format(
        loopback=LOOPBACK,
        port=planned.port(name),
        tls_port=planned.port(f"{name} tls"),
        tls=certificates.at(planned.place.folder / "tls"),
        folder=planned.folder(name),
        first=planned.port(f"{NODES[0]} link"),
        master=MASTER,
        quorum=_QUORUM,
        password=password,
    )
    return _recipe(planned, name, text, program("redis-sentinel", "redis-sentinel"))


def _recipe(planned: plan.Plan, name: str, text: str, binary: Path) -> Recipe:
    config = planned.folder(name) / "redis.conf"
    config.write_text(text, encoding="utf-8")
    folder = planned.folder(name)
    return Recipe(name, [str(binary), str(config)], folder, planned.log(name), part="redis")
