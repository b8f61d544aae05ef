"""The lab of Kubernetes as a whole: control plane, nodes, proxy and database, up when a payment goes through it."""

import asyncio
from collections.abc import Iterable
from functools import partial
from http import HTTPStatus

import asyncpg

from faildrill.lab.core.folders import Place
from faildrill.lab.core.node import Node
from faildrill.lab.kubernetes import addresses, components, environment_file, identities, rights, workloads
from faildrill.lab.kubernetes.api import Api, Body, Refused
from faildrill.lab.kubernetes.plan import (
    ADMIN,
    API_SERVER,
    CONTROL_PLANE,
    CONTROLLERS,
    DATABASE,
    ETCD,
    MARKER,
    NAMESPACE,
    NODES,
    PAYMENTS,
    PROXY,
    SCHEDULER,
    new,
)
from faildrill.lab.kubernetes.plan import KubernetesPlan as Plan
from faildrill.lab.payments import link_proxy, readiness, schema, staging
from faildrill.lab.payments.readiness import NotReady, until
from faildrill.lab.payments.schema import Identity


class KubernetesStaging(staging.Staging):
    """Every part of one lab."""

    plan: Plan

    def __init__(self, planned: Plan) -> None:
        self.plan = planned
        self._system = ""
        """The uid of the namespace `kube-system`, once there is one: what the cluster is known by."""
        whole = (components.etcd, components.api_server, components.controller_manager, components.scheduler)
        recipes = [make(planned) for make in (*whole, components.proxy, components.database)]
        recipes += [components.kubelet(planned, name) for name in NODES]
        self.nodes = {recipe.name: Node(recipe) for recipe in recipes}
        api = planned.port(API_SERVER)
        self.links = {name: link_proxy.Link(name, planned.port(f"{name} link"), api) for name in (*NODES, PROXY)}

    def environment_text(self, identity: Identity) -> str:
        """Return the text of the environment file."""
        return environment_file.text(self.plan, identity, self._system)

    async def bring_up(self, progress: staging.Progress) -> Identity:
        """Start everything and wait until a payment goes through it; NotReady for the first part that isn't ready."""
        for link in self.links.values():
            await link.open()
        identity = await staging.both(self._database_alone(progress), self._cluster(progress))
        await until(self.nodes[PROXY], "answer to a payment", self._pay, staging.WITHIN)
        progress("payment")
        return identity

    async def steady(self) -> bool:
        """Look once whether everything runs, every payment server is ready, and a payment is answered."""
        if not all(node.state() == "running" for node in self.nodes.values()):
            return False
        async with Api(self.plan.kubeconfig(ADMIN)) as api:
            return await api.ready() and await self._are_ready(api) and await self._pay()

    async def _database_alone(self, progress: staging.Progress) -> Identity:
        node = self.nodes[DATABASE]
        await node.start()
        look = partial(schema.takes_logins, self.plan, DATABASE)
        await until(node, "a PostgreSQL that takes logins", look, staging.WITHIN)
        try:
            identity = await schema.create(self.plan, DATABASE)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise NotReady(DATABASE, f"its schema can't be created: {error!r}") from error
        progress("database")
        return identity

    async def _cluster(self, progress: staging.Progress) -> None:
        """Bring up the control plane, then the nodes and what runs on them."""
        async with Api(self.plan.kubeconfig(ADMIN)) as api:
            await asyncio.gather(self.nodes[ETCD].start(), self.nodes[API_SERVER].start())
            await until(self.nodes[API_SERVER], "an API that is ready", api.ready, staging.WITHIN)
            progress("API server")
            self._system = (await api.get("/api/v1/namespaces/kube-system"))["metadata"]["uid"]
            await asyncio.gather(*(self.nodes[name].start() for name in (CONTROLLERS, SCHEDULER, *NODES, PROXY)))
            await self._create(api, [("/api/v1/namespaces", self._namespace()), *rights.objects()])
            await until(self.nodes[CONTROLLERS], "account for pods", partial(self._is_given, api), staging.WITHIN)
            progress("controllers")
            for name in NODES:  # before any pod is there: those that were bound early would all be on the first of them
                await until(self.nodes[name], "a node to bind to", partial(self._takes_pods, api, name), staging.WITHIN)
                await api.patch(f"/api/v1/nodes/{name}", {"metadata": {"labels": {MARKER: self.plan.uid}}})
            progress("nodes")
            await self._create(api, workloads.objects(self.plan))
            ready = partial(self._are_ready, api)
            await until(self.nodes[SCHEDULER], "payment server on each node", ready, staging.WITHIN)
            progress("payment servers")

    def _namespace(self) -> Body:
        return {"metadata": {"name": NAMESPACE, "labels": {MARKER: self.plan.uid}}}

    async def _create(self, api: Api, objects: Iterable[tuple[str, Body]]) -> None:
        """Create objects, each in its collection."""
        try:
            for collection, body in objects:
                await api.create(collection, body)
        except Refused as error:
            raise NotReady(API_SERVER, str(error)) from error

    async def _is_given(self, api: Api) -> bool:
        """Tell whether the controllers have given the namespace an account; ValueError says why not."""
        try:
            await api.get(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/default")
        except Refused as error:
            raise ValueError(str(error)) from error
        return True

    async def _takes_pods(self, api: Api, name: str) -> bool:
        """Tell whether the scheduler may bind pods to a node."""
        try:
            node = await api.get(f"/api/v1/nodes/{name}")
        except Refused as error:
            raise ValueError(str(error)) from error
        said = {one["type"]: one["status"] for one in node["status"].get("conditions", [])}
        return said.get("Ready") == "True" and not node["spec"].get("taints")

    async def _are_ready(self, api: Api) -> bool:
        """Tell whether every payment server is ready."""
        try:
            status = (await api.get(workloads.DEPLOYMENT)).get("status", {})
        except Refused as error:
            raise ValueError(str(error)) from error
        return bool(status.get("availableReplicas") == status.get("replicas") == workloads.REPLICAS)

    async def _pay(self) -> bool:
        """Pay once through the Service."""
        where = addresses.listening(addresses.PAYMENTS)
        status, content = await readiness.fetch(self.plan.port(PAYMENTS), "/payments", '{"amount": 1}', where)
        if status != HTTPStatus.CREATED:
            raise ValueError(f"{status} {content[:200]!r}")
        return True


def make(place: Place) -> KubernetesStaging:
    """Plan a lab of Kubernetes and lay it out in its folders."""
    planned = new(place)
    staging.make_folders(planned, (*CONTROL_PLANE, *NODES, PROXY, DATABASE))
    staging.make_passwords(planned)
    identities.make(planned)
    return KubernetesStaging(planned)
