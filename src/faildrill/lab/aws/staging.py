"""The lab of AWS as a whole: instances, name server, service and API, brought up at once and each waited for."""

import asyncio
import secrets
import sys
from functools import partial
from http import HTTPStatus

import asyncpg

from faildrill.lab.aws import environment_file, postgres, zone
from faildrill.lab.aws.api.settings import Settings as ApiSettings
from faildrill.lab.aws.plan import (
    API,
    CLUSTER,
    FIRST,
    INSTANCES,
    KEPT,
    NAME_SERVER,
    NODES,
    OFFICE,
    REGION,
    SECOND,
    SERVICE,
    TAG,
    TTL,
    ZONES,
    AwsPlan,
    new,
)
from faildrill.lab.aws.service.settings import Instance
from faildrill.lab.aws.service.settings import Settings as ServiceSettings
from faildrill.lab.core.folders import Place
from faildrill.lab.core.node import Node, Recipe
from faildrill.lab.payments import readiness, schema, staging
from faildrill.lab.payments.configs import write
from faildrill.lab.payments.readiness import NotReady, until
from faildrill.lab.payments.schema import Identity


class AwsStaging(staging.Staging):
    """Every node of one lab."""

    plan: AwsPlan

    def __init__(self, planned: AwsPlan) -> None:
        self.plan = planned
        recipes = [postgres.instance(planned, name) for name in INSTANCES]
        recipes += [_name_server(planned), _office(planned), _service(planned), _api(planned)]
        self.nodes = {recipe.name: Node(recipe) for recipe in recipes}
        self.links = {}

    def environment_text(self, identity: Identity) -> str:
        """Return the text of the environment file."""
        return environment_file.text(self.plan, identity)

    async def bring_up(self, progress: staging.Progress) -> Identity:
        """Start all, and wait until the reader streams, names lead somewhere and the API answers."""
        await asyncio.gather(*(node.start() for node in self.nodes.values()))
        return await staging.both(self._database(progress), self._front(progress))

    async def steady(self) -> bool:
        """Look once whether every node runs, one instance leads the other, and the API answers."""
        if not all(node.state() == "running" for node in self.nodes.values()):
            return False
        streams = [await schema.standbys(self.plan, name) for name in INSTANCES]
        return sorted(streams) in ([[], [FIRST]], [[], [SECOND]]) and await self._answers()

    async def _database(self, progress: staging.Progress) -> Identity:
        first, second = self.nodes[FIRST], self.nodes[SECOND]
        look = partial(schema.takes_standbys, self.plan, FIRST)
        await until(first, "a PostgreSQL that takes logins", look, staging.WITHIN)
        try:
            identity = await schema.create(self.plan, FIRST)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise NotReady(FIRST, f"its schema can't be created: {error!r}") from error
        progress(FIRST)
        await until(
            second, "a reader that takes logins", partial(schema.takes_logins, self.plan, SECOND), staging.WITHIN
        )
        await until(first, "a reader that streams", self._streaming, staging.WITHIN)
        progress(SECOND)
        return identity

    async def _streaming(self) -> bool:
        return await schema.standbys(self.plan, FIRST) == [SECOND]

    async def _front(self, progress: staging.Progress) -> None:
        await until(self.nodes[SERVICE], "a zone", self._has_zone, staging.WITHIN)
        progress(SERVICE)
        await until(self.nodes[API], "an answer", self._answers, staging.WITHIN)
        progress(API)

    async def _has_zone(self) -> bool:
        return bool(zone.read(self.plan.zone).names)

    async def _answers(self) -> bool:
        """Look whether the API knows the writer."""
        plan = self.plan
        status, _ = await readiness.fetch(plan.port(API), "/faildrill/lies", host=plan.address(API))
        return status == HTTPStatus.OK


def make(place: Place) -> AwsStaging:
    """Plan a lab of AWS and lay it out in its folders."""
    planned = new(place)
    staging.make_folders(planned, NODES)
    staging.make_passwords(planned)
    write(planned.access_key_id_file, planned.access_key_id)
    write(planned.secret_access_key_file, secrets.token_urlsafe(30))
    return AwsStaging(planned)


def _name_server(plan: AwsPlan) -> Recipe:
    arguments = [plan.address(NAME_SERVER), str(plan.port(NAME_SERVER)), str(plan.zone)]
    return _recipe(plan, NAME_SERVER, ["faildrill.lab.aws.name_server", *arguments])


def _office(plan: AwsPlan) -> Recipe:
    arguments = [plan.address(OFFICE), str(plan.port(OFFICE)), str(plan.zone), str(KEPT)]
    return _recipe(plan, OFFICE, ["faildrill.lab.aws.name_server", *arguments])


def _service(plan: AwsPlan) -> Recipe:
    instances = {
        name: Instance(
            address=plan.address(name),
            writer_file=str(postgres.follows(plan, name)),
            zone=ZONES[name],
            name=f"{name}.{plan.domain}",
        )
        for name in INSTANCES
    }
    settings = ServiceSettings(
        socket=str(plan.service_socket),
        supervisor=str(plan.place.control),
        truth=str(plan.truth),
        records=str(plan.records),
        zone=str(plan.zone),
        cluster=CLUSTER,
        endpoint=plan.endpoint,
        reader_endpoint=f"{CLUSTER}.cluster-ro-{plan.domain}",
        ttl=TTL,
        port=plan.port(FIRST),
        password_file=str(plan.password_file("postgres")),
        first=FIRST,
        instances=instances,
    )
    path = write(plan.folder(SERVICE) / "settings.json", settings.text())
    return _recipe(plan, SERVICE, ["faildrill.lab.aws.service", str(path)])


def _api(plan: AwsPlan) -> Recipe:
    settings = ApiSettings(
        address=plan.address(API),
        port=plan.port(API),
        account=plan.account,
        region=REGION,
        access_key_id=plan.access_key_id,
        secret_file=str(plan.secret_access_key_file),
        service=str(plan.service_socket),
        truth=str(plan.truth),
        records=str(plan.records),
        cluster=CLUSTER,
        identifier=plan.uid[:12],
        database_port=plan.port(FIRST),
        zones=ZONES,
        tags=TAG,
    )
    path = write(plan.folder(API) / "settings.json", settings.text())
    return _recipe(plan, API, ["faildrill.lab.aws.api", str(path)], MOTO_ACCOUNT_ID=plan.account)


def _recipe(plan: AwsPlan, name: str, program: list[str], **variables: str) -> Recipe:
    argv = [sys.executable, "-P", "-m", *program]
    return Recipe(name, argv, plan.folder(name), plan.log(name), part=name, variables=variables)
