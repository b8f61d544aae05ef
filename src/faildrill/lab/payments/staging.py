"""The staging as a whole: its nodes and links, brought up part by part, each waited for until it is really ready."""

import asyncio
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

from faildrill.errors import FaildrillError
from faildrill.lab.core.facts import Facts
from faildrill.lab.core.folders import Place
from faildrill.lab.core.node import Node, Recipe
from faildrill.lab.core.port_reservations import LOOPBACK
from faildrill.lab.payments import configs, environment_file, link_proxy, readiness
from faildrill.lab.payments.plan import DATABASE_NODES, PAYMENT_NODES, ROLES, Plan, new
from faildrill.lab.payments.readiness import NotReady, until
from faildrill.lab.payments.schema import Identity

FIRST, SECOND = DATABASE_NODES
WITHIN = 60.0
"""Seconds that any one part may take to become ready."""
_Told = TypeVar("_Told")
Progress = Callable[[str], None]
"""Told the name of each part as it becomes ready."""


class Staging:
    """Every node and link of one lab."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.nodes = {recipe.name: Node(recipe) for recipe in _recipes(plan)}
        self.links = {
            node: link_proxy.Link(node, plan.port(f"{node} link"), plan.port(node)) for node in DATABASE_NODES
        }

    def node(self, name: str) -> Node:
        """Return the node of that name; raises FaildrillError when there is none."""
        if name not in self.nodes:
            raise FaildrillError(f"no such node: {name!r}; there are {', '.join(self.nodes)}")
        return self.nodes[name]

    def link(self, name: str) -> link_proxy.Link:
        """Return the link to that database node; raises FaildrillError when there is none."""
        if name not in self.links:
            raise FaildrillError(f"no such link: {name!r}; there are {', '.join(self.links)}")
        return self.links[name]

    def environment_text(self, identity: Identity) -> str:
        """Return the text of the environment file."""
        return environment_file.text(self.plan, identity)

    async def bring_up(self, progress: Progress) -> Identity:
        """Start everything and wait until a payment goes through it.

        Raises NotReady for the first part that does not become ready.
        """
        for link in self.links.values():
            await link.open()
        identity = await both(self._database(progress), self._front(progress))
        await until(self.nodes["haproxy"], "answer to a payment", self._pay, WITHIN)
        progress("payment")
        return identity

    async def end(self) -> None:
        """Kill every node, whatever it does, and close the links."""
        await asyncio.gather(*(node.signal("KILL") for node in self.nodes.values()), return_exceptions=True)
        for link in self.links.values():
            await link.close()
        self.plan.reservations.close()

    async def _database(self, progress: Progress) -> Identity:
        """Bring up etcd, the first database node as primary with its schema, and the second as its standby."""
        etcd, first, second = self.nodes["etcd"], self.nodes[FIRST], self.nodes[SECOND]
        api = self.plan.port(f"{FIRST} api")
        await etcd.start()
        await until(etcd, "a health report", lambda: readiness.healthy(self.plan.port("etcd"), "/health"), WITHIN)
        progress("etcd")
        await first.start()
        await until(first, "a data directory", lambda: _exists(first.recipe.folder / "data"), WITHIN)
        await second.start()
        await until(first, "a primary", lambda: readiness.healthy(api, "/primary"), WITHIN)
        progress(FIRST)
        identity = await self._schema(first)
        progress("schema")
        await until(second, "a standby", lambda: readiness.healthy(self.plan.port(f"{SECOND} api"), "/replica"), WITHIN)
        await until(first, "a standby that streams", lambda: readiness.streaming_standbys(api), WITHIN)
        progress(SECOND)
        return identity

    async def _schema(self, primary: Node) -> Identity:
        import asyncpg  # noqa: PLC0415 - takes 0.1 s, which is free only while the database starts

        from faildrill.lab.payments import schema  # noqa: PLC0415 - the same

        try:
            return await schema.create(self.plan, primary.recipe.name)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise NotReady(primary.recipe.name, f"its schema can't be created: {error!r}") from error

    async def _front(self, progress: Progress) -> None:
        """Bring up the payment servers and the load balancer, until it holds all of them for up."""
        balancer, socket = self.nodes["haproxy"], self.plan.place.run / "haproxy.sock"
        await balancer.start()
        for name in PAYMENT_NODES:
            await self.nodes[name].start()
        for name in PAYMENT_NODES:
            look = partial(readiness.healthy, self.plan.port(name), "/health")
            await until(self.nodes[name], "an answer", look, WITHIN)
        progress("payment servers")

        async def all_up() -> bool:
            return await readiness.servers_up(socket, "payments") == set(PAYMENT_NODES)

        await until(balancer, "backend of healthy payment servers", all_up, WITHIN)
        progress("haproxy")

    async def steady(self) -> bool:
        """Look once whether all is as it was when the lab became ready, whichever node is the primary.

        Raises what `readiness` raises where something does not answer.
        """
        socket = self.plan.place.run / "haproxy.sock"
        primary = await readiness.servers_up(socket, "database")
        return (
            all(node.state() == "running" for node in self.nodes.values())
            and len(primary) == 1
            and await readiness.streaming_standbys(self.plan.port(f"{primary.pop()} api")) == 1
            and await readiness.servers_up(socket, "payments") == set(PAYMENT_NODES)
            and await self._pay()
        )

    async def _pay(self) -> bool:
        """Pay once through the whole staging."""
        status, content = await readiness.fetch(self.plan.port("payments"), "/payments", '{"amount": 1}')
        if status != HTTPStatus.CREATED:
            raise ValueError(f"{status} {content[:200]!r}")
        return True


async def both(leading: Awaitable[_Told], other: Awaitable[object]) -> _Told:
    """Bring two parts up at once, and return what the first one tells; when one fails, the other is given up."""
    everything = asyncio.gather(leading, other)
    try:
        told, _ = await everything
    except BaseException:  # also when cancelled or interrupted: nothing is started any more then
        everything.cancel()
        raise
    return told


def make(place: Place) -> Staging:
    """Plan a lab and lay it out in its folders."""
    planned = new(place)
    make_folders(planned, ("etcd", *DATABASE_NODES, *PAYMENT_NODES, "haproxy"))
    make_passwords(planned)
    return Staging(planned)


def make_passwords(plan: Plan) -> None:
    """Make up a password for each database role."""
    for role in ROLES:
        plan.password_file(role).write_text(secrets.token_urlsafe(24), encoding="ascii")


def make_folders(plan: Plan, nodes: Iterable[str]) -> None:
    """Make the folders of a lab, one for each node among them, and the link to the sockets' folder."""
    place = plan.place
    shared = plan.postgres_user.how == "other"
    run = place.short_run if shared else place.run
    place.folder.mkdir(mode=0o700)
    if run != place.folder / "run":
        (place.folder / "run").symlink_to(run)
    run.mkdir(mode=0o700)
    for folder in (place.logs, place.passwords):
        folder.mkdir()
    for name in nodes:
        plan.folder(name).mkdir(parents=True)
    if shared:
        _let_in(run, plan)


def _let_in(run: Path, plan: Plan) -> None:
    """Let the user of the database nodes pass to its folders, and make its sockets beside ours."""
    (run / "nodes").chmod(0o711)
    run.chmod(0o711)
    plan.postgres_sockets.mkdir(mode=0o700, exist_ok=True)


def _recipes(plan: Plan) -> list[Recipe]:
    return [
        configs.etcd(plan),
        *(configs.database(plan, node) for node in DATABASE_NODES),
        *(configs.payment_server(plan, node) for node in PAYMENT_NODES),
        configs.load_balancer(plan),
    ]


async def _exists(path: Path) -> bool:
    return os.path.exists(path)  # noqa: ASYNC240, PTH110 - as quick as any call here


def facts(staging: Staging, timings: dict[str, float]) -> Facts:
    """Return the facts of a staging that has become ready, owned by this process."""
    plan = staging.plan
    return Facts(
        name=plan.place.name,
        folder=plan.place.folder,
        environment=plan.place.environment,
        control=plan.place.control,
        logs=plan.place.logs,
        supervisor=os.getpid(),
        uid=plan.uid,
        ready_at=time.time(),
        timings=timings,
        payments=plan.payments_url,
        statistics=f"http://{LOOPBACK}:{plan.port('stats')}/",
        database_port=plan.database_port,
    )
