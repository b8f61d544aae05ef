"""The lab of hosts as a whole: brought up host by host, each waited for until what runs on it is really ready."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import asyncpg
import asyncssh

from faildrill.lab.core.folders import Place
from faildrill.lab.core.node import Node
from faildrill.lab.core.port_reservations import LOOPBACK
from faildrill.lab.hosts import configs, environment_file, plan
from faildrill.lab.hosts.plan import APPLICATION_HOSTS, BALANCER, DATABASE_HOSTS, HOSTS, HostsPlan
from faildrill.lab.payments import readiness, schema, staging
from faildrill.lab.payments.readiness import NotReady, until
from faildrill.lab.payments.schema import Identity

PRIMARY, STANDBY = DATABASE_HOSTS
_FAILURES = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)


class HostsStaging(staging.Staging):
    """Every host of one lab."""

    plan: HostsPlan

    def __init__(self, planned: HostsPlan) -> None:
        self.plan = planned
        self.nodes = {name: Node(configs.host(planned, name)) for name in HOSTS}
        self.links = {}
        _make_keys(planned)
        for name in HOSTS:
            configs.give(planned, name)
        planned.inventory.write_text(environment_file.inventory(planned), encoding="utf-8")
        environment_file.write_ssh_config(planned)

    def environment_text(self, identity: Identity) -> str:
        """Return the text of the environment file."""
        return environment_file.text(self.plan, identity)

    async def bring_up(self, progress: staging.Progress) -> Identity:
        """Boot every host and wait until a payment goes through; raises NotReady for the first part that isn't."""
        for node in self.nodes.values():
            await node.start()
        identity = await self._databases(progress)
        for name in HOSTS:
            await self._ready(name, "an SSH server", self._speaks_ssh)
        progress("ssh")
        for name in APPLICATION_HOSTS:
            await self._ready(name, "an answer", lambda name: readiness.healthy(self.plan.port(name), "/health"))
        progress("payment servers")
        await self._ready(BALANCER, "backends of healthy servers", lambda _: self._balanced())
        progress("haproxy")
        await self._ready(BALANCER, "answer to a payment", lambda _: self._pay())
        progress("payment")
        return identity

    async def steady(self) -> bool:
        """Look once whether all is as it was when the lab became ready."""
        return (
            all(node.state() == "running" for node in self.nodes.values())
            and await self._balanced()
            and await self._streaming()
            and await self._pay()
        )

    async def _ready(self, name: str, what: str, look: Callable[[str], Awaitable[object]]) -> None:
        await until(self.nodes[name], what, partial(look, name), staging.WITHIN)

    async def _databases(self, progress: staging.Progress) -> Identity:
        await self._ready(PRIMARY, "a PostgreSQL that takes logins", partial(schema.takes_standbys, self.plan))
        try:
            identity = await schema.create(self.plan, PRIMARY)
        except _FAILURES as error:
            raise NotReady(PRIMARY, f"its schema can't be created: {error!r}") from error
        progress(PRIMARY)
        await self._ready(STANDBY, "a standby that streams", lambda _: self._streaming())
        progress(STANDBY)
        return identity

    async def _streaming(self) -> bool:
        """Look whether the standby streams from the primary, and only it."""
        return await schema.standbys(self.plan, PRIMARY) == [STANDBY]

    async def _balanced(self) -> bool:
        socket = self.plan.place.run / "haproxy.sock"
        servers = await readiness.servers_up(socket, "payments")
        return servers == set(APPLICATION_HOSTS) and await readiness.servers_up(socket, "database") == {PRIMARY}

    async def _speaks_ssh(self, name: str) -> bool:
        reader, writer = await asyncio.open_connection(LOOPBACK, self.plan.port(f"{name} ssh"))
        try:
            return (await reader.readline()).startswith(b"SSH-2.0-")
        finally:
            writer.close()


def make(place: Place) -> HostsStaging:
    """Plan a lab of hosts and lay it out in its folders."""
    planned = plan.new(place)
    staging.make_folders(planned, HOSTS)
    staging.make_passwords(planned)
    return HostsStaging(planned)


def _make_keys(planned: HostsPlan) -> None:
    """Make the key that playbooks log in with, and one for each host."""
    planned.client_key.parent.mkdir()
    client = asyncssh.generate_private_key("ssh-ed25519", comment="faildrill")
    client.write_private_key(planned.client_key)
    planned.client_key.chmod(0o600)
    for name in HOSTS:
        etc = planned.folder(name) / "etc"
        key = asyncssh.generate_private_key("ssh-ed25519", comment=name)
        key.write_private_key(etc / "ssh_host_ed25519_key")
        key.write_public_key(etc / "ssh_host_ed25519_key.pub")
        client.write_public_key(etc / "authorized_keys")
