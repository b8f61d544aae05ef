"""A Redis under Sentinel, as an environment file declares it."""

from typing import ClassVar

from pydantic import Field

from faildrill.ports.addresses import Address, Host
from faildrill.ports.target import Encryption, Member, Target
from faildrill.secrets import SecretReference


class RedisMember(Member):
    """One Redis node, reached directly."""

    host: Host = Field(description="its host name or IP address")
    port: int = Field(default=6379, ge=1, le=65535, description="the port of its Redis")
    known_as: Address | None = Field(
        default=None,
        description="HOST:PORT that it announces to the Sentinels, if it differs from `host` and `port`",
    )

    @property
    def addresses(self) -> list[str]:
        """Its own, which no link or proxy stands for."""
        return [f"{self.host}:{self.port}"]

    @property
    def address(self) -> str:
        """How the Sentinels and the other nodes name it."""
        return self.known_as or f"{self.host}:{self.port}"


class Redis(Target, Encryption):
    """A Redis master with its replicas and Sentinels. Every node is reached directly.

    redis:
      sessions:
        master: mymaster
        password: env:REDIS_PASSWORD
        sentinels: ["10.0.0.21:26379", "10.0.0.22:26379", "10.0.0.23:26379"]
        members:
          r1: {host: 10.0.0.11}
          r2: {host: 10.0.0.12}
    """

    section: ClassVar[str] = "redis"

    master: str = Field(description="its name with the Sentinels, e.g. `mymaster`")
    user: str | None = Field(default=None, description="the ACL user; without it only the password is sent")
    password: SecretReference | None = Field(default=None, description="the password for the nodes")
    sentinel_password: SecretReference | None = Field(default=None, description="the password for the Sentinels")
    sentinels: list[Address] = Field(min_length=1, description="HOST:PORT of every Sentinel")
    members: dict[str, RedisMember] = Field(
        min_length=1, description="the master and its replicas, by a name of your choice"
    )
