"""The things in an environment that a drill can name: services, databases, clusters, load balancers, groups.

A kind whose field is annotated with one of these classes takes a *name* in a drill file; loading puts the whole
target in its place, so that a kind, an intent on disk and a probing process need no environment file.
"""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from faildrill.secrets import SecretReference


class KindUse(BaseModel):
    """A kind named in a file, with its parameters as data: what can be written down and built again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    params: dict[str, JsonValue] = {}


class Target(BaseModel):
    """A thing in the environment; `section` is where an environment file lists it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    section: ClassVar[str]

    name: str = Field(description="given by its key in the environment file")


class Member(BaseModel):
    """One node or process of a target."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="given by its key in the environment file")
    reach: KindUse | None = Field(
        default=None, description="how it is signalled, started and run on: a name from `reaches`"
    )


class Service(Target):
    """Something that users call at an address."""

    section: ClassVar[str] = "services"

    url: str

    def __str__(self) -> str:
        return self.url


class Database(Target):
    """A database as its users reach it: the path through the load balancer."""

    section: ClassVar[str] = "databases"

    host: str
    port: int = Field(default=5432, ge=1, le=65535)
    database: str
    user: str
    password: SecretReference | None = None


class ClusterMember(Member):
    """One PostgreSQL node under Patroni, reached directly."""

    api: str = Field(description="the URL of its Patroni REST API")
    host: str
    port: int = Field(default=5432, ge=1, le=65535)


class Cluster(Target):
    """A PostgreSQL cluster under Patroni, every node of it reached directly."""

    section: ClassVar[str] = "clusters"

    scope: str
    database: str = "postgres"
    user: str
    password: SecretReference | None = None
    api_user: str | None = Field(default=None, description="for Patroni's changing calls, where it asks for one")
    api_password: SecretReference | None = None
    members: dict[str, ClusterMember] = Field(min_length=1)


class LoadBalancer(Target):
    """A HAProxy, asked through its runtime socket."""

    section: ClassVar[str] = "load_balancers"

    haproxy_socket: str = Field(description="path of its runtime socket, or HOST:PORT")
    backends: dict[str, list[str]] = Field(default={}, description="by backend, the servers that belong in it")


class GroupMember(Member):
    """One process or host of a group."""

    address: str | None = Field(default=None, description="HOST:PORT where it answers, if it does")


class Group(Target):
    """Processes or hosts of one sort."""

    section: ClassVar[str] = "groups"

    members: dict[str, GroupMember] = Field(min_length=1)


TARGETS: tuple[type[Target], ...] = (Service, Database, Cluster, LoadBalancer, Group)
"""Every class of target, in the order of an environment file's sections."""
