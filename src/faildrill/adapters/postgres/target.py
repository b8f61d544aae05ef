"""A database as its users reach it, and a cluster of PostgreSQL nodes, as an environment file declares them."""

import re
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from faildrill.ports.addresses import LAST_PORT, Address, Host, Url, a_host, of_url
from faildrill.ports.target import FilePath, MaybeSecretMark, Member, Target
from faildrill.secrets import SecretReference
from faildrill.toolkit.client_names import AsksForItself

_PASSWORD: Final = re.compile(r"(?:^|[\s?&])password\s*=|://[^/@\s]*:[^/@\s]+@")
"""A password within a connection string."""


def _hosts(text: str) -> str:
    """Accept what libpq takes for `host`: names and addresses, or folders of Unix sockets, separated by commas."""
    if "=" in text or "://" in text:
        raise ValueError("a connection string is given as `dsn`, and `host` names hosts")
    for part in (part.strip() for part in text.split(",")):
        # libpq-connect, `host`: empty is the default socket, and what begins with / or @ is the folder of one.
        if part and part[0] not in "/@":
            a_host(part)
    return text


class Libpq(BaseModel):
    """What libpq is told of how to log in, by its own names."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] | None = Field(
        default=None,
        description="whether connections are encrypted and the server's certificate checked; `prefer` by default",
    )
    sslrootcert: FilePath | None = Field(
        default=None, description="a file with the authorities that may sign the servers' certificates"
    )
    sslcert: FilePath | None = Field(default=None, description="the client certificate, if the servers ask for one")
    sslkey: FilePath | None = Field(default=None, description="the key of the client certificate")
    passfile: FilePath | None = Field(
        default=None, description="a `.pgpass` file, used if there is no `password`; PGPASSFILE or ~/.pgpass by default"
    )

    @property
    def libpq(self) -> tuple[tuple[str, str], ...]:
        """Those that are given, by name."""
        given = ((name, getattr(self, name)) for name in Libpq.model_fields)
        return tuple((name, str(value)) for name, value in given if value is not None)


class Database(Target, Libpq, AsksForItself):
    """A database as its users reach it: the path through the load balancer, or through a pool such as PgBouncer.

    databases:
      payments: {host: 10.0.0.5, database: payments, user: app, password: env:DB_PASSWORD}
    """

    section: ClassVar[str] = "databases"

    host: Annotated[str, AfterValidator(_hosts)] = Field(
        default="", description="a host, several hosts separated by commas, or the folder of a Unix socket"
    )
    port: int | str | None = Field(default=None, description="5432 by default; several separated by commas")
    database: str = Field(default="", description="the database to connect to")
    user: str = Field(default="", description="the user to log in as")
    password: SecretReference | None = Field(default=None, description="the password of `user`")
    dsn: Annotated[str, MaybeSecretMark()] = Field(
        default="",
        description="a connection string of libpq (`host=a,b dbname=…`, `postgresql://…`), or `env:NAME`, `file:PATH`",
    )
    service: str | None = Field(default=None, description="a service of pg_service.conf")
    target_session_attrs: Literal["any", "read-write", "read-only", "primary", "standby", "prefer-standby"] | None = (
        Field(default=None, description="with several hosts, what the server must be; `any` by default")
    )

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if _PASSWORD.search(self.dsn):
            raise ValueError("a password in `dsn`: give it as `password: env:NAME`, or the whole as `dsn: env:NAME`")
        missing = [name for name in ("host", "database", "user") if not getattr(self, name)]
        if missing and not (self.dsn or self.service):
            raise ValueError(f"{', '.join(missing)} missing, and neither `dsn` nor `service` is given")
        if not all(port.isascii() and port.isdigit() and 0 < int(port) <= LAST_PORT for port in self.ports):
            raise ValueError(f"a port is a number from 1 to {LAST_PORT}, and so is each of several")
        return self

    @property
    def ports(self) -> list[str]:
        """What `port` tells, in its order."""
        return [] if self.port is None else str(self.port).split(",")

    @property
    def addresses(self) -> list[str]:
        """Where users reach it, as far as `host` and `port` tell."""
        hosts, ports = [name for name in self.host.split(",") if name], self.ports or ["5432"]
        return [f"{host}:{port}" for host, port in zip(hosts, ports * len(hosts), strict=False)]

    @property
    def libpq(self) -> tuple[tuple[str, str], ...]:
        """What is given of libpq's settings, by name."""
        more = (("service", self.service), ("target_session_attrs", self.target_session_attrs))
        return (*super().libpq, *((name, value) for name, value in more if value is not None))


class ClusterMember(Member):
    """One PostgreSQL node under Patroni, reached directly."""

    api: Url = Field(description="the URL of its Patroni REST API")
    host: Host = Field(description="its host name or IP address")
    port: int = Field(default=5432, ge=1, le=65535, description="the port of its PostgreSQL")
    known_as: Address | None = Field(
        default=None, description="HOST:PORT that standbys stream from, if it differs from `host` and `port`"
    )

    @property
    def addresses(self) -> list[str]:
        """PostgreSQL's and Patroni's."""
        return [f"{self.host}:{self.port}", of_url(self.api)]


class Cluster(Target, Libpq):
    """A PostgreSQL cluster under Patroni. Every node of it is reached directly.

    clusters:
      payments:
        scope: payments
        user: faildrill
        password: env:DB_PASSWORD
        members:
          pg1: {api: "http://10.0.0.11:8008", host: 10.0.0.11}
          pg2: {api: "http://10.0.0.12:8008", host: 10.0.0.12}
    """

    section: ClassVar[str] = "clusters"

    scope: str = Field(description="the name of the cluster in Patroni (`scope`)")
    database: str = Field(default="postgres", description="the database to connect to")
    user: str = Field(description="the user to log in to PostgreSQL as")
    password: SecretReference | None = Field(default=None, description="the password of `user`")
    api_user: str | None = Field(
        default=None, description="the user for Patroni calls that change something, if it asks for one"
    )
    api_password: SecretReference | None = Field(default=None, description="the password of `api_user`")
    api_ca: FilePath | None = Field(
        default=None,
        description="a file with the authorities that may sign `https` certificates; by default the system's",
    )
    api_certificate: FilePath | None = Field(
        default=None, description="the client certificate, if the APIs ask for one"
    )
    api_certificate_key: FilePath | None = Field(
        default=None, description="the key of the client certificate, if it is in a file of its own"
    )
    members: dict[str, ClusterMember] = Field(min_length=1, description="its nodes, by their names in Patroni")
