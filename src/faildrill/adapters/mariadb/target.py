"""MariaDB servers, as an environment file declares them."""

from typing import ClassVar

from pydantic import Field

from faildrill.ports.addresses import Address, Host
from faildrill.ports.target import Encryption, Member, Target
from faildrill.secrets import SecretReference


class MariaDBMember(Member):
    """One MariaDB server, reached directly."""

    host: Host = Field(description="its host name or IP address")
    port: int = Field(default=3306, ge=1, le=65535, description="the port of its MariaDB")
    known_as: Address | None = Field(
        default=None, description="HOST:PORT that other servers replicate from, if it differs from `host` and `port`"
    )

    @property
    def addresses(self) -> list[str]:
        """Its own, which no link or proxy stands for."""
        return [f"{self.host}:{self.port}"]


class MariaDB(Target, Encryption):
    """MariaDB servers that no manager watches: one takes writes, the others replicate from it by GTID.

    mariadb:
      payments:
        database: payments
        user: payments
        password: env:DB_PASSWORD
        admin: drills
        admin_password: env:ADMIN_PASSWORD
        replication_user: replicator
        members:
          m1: {host: 10.0.0.11}
          m2: {host: 10.0.0.12}
    """

    section: ClassVar[str] = "mariadb"

    database: str = Field(description="the database that the drill's rows go to")
    user: str = Field(
        description="a user with the application's rights; not READ_ONLY ADMIN, which writes to read-only servers"
    )
    password: SecretReference | None = Field(default=None, description="the password of `user`")
    admin: str = Field(description="the user that reads and changes replication; its GRANT is in docs/mariadb.md")
    admin_password: SecretReference | None = Field(default=None, description="the password of `admin`")
    replication_user: str = Field(description="the user with which a replica logs in to the server it replicates from")
    replication_password: SecretReference | None = Field(default=None, description="the password of `replication_user`")
    address: Address | None = Field(
        default=None, description="HOST:PORT of the proxy that users write through, if there is one"
    )
    members: dict[str, MariaDBMember] = Field(min_length=1, description="the servers, by a name of your choice")
