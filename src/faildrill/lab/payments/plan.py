"""What one lab consists of: its nodes, their ports, their folders and passwords, before anything is started."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from faildrill.lab.core import users, wheel_programs
from faildrill.lab.core.folders import Place
from faildrill.lab.core.port_reservations import LOOPBACK, Reservations

SCOPE = "payments"
"""The name of the database cluster, as Patroni has it."""
DATABASE = "payments"
DATABASE_NODES = ("pg1", "pg2")
PAYMENT_NODES = ("pay1", "pay2", "pay3")
ROLES = ("postgres", "replicator", "rewind", "payments", "faildrill")
"""Database roles: the first three are Patroni's, then the application's and the one that drills ask with."""


@dataclass(frozen=True)
class Plan:
    """A lab to be: the recipes of `configs` are written from it."""

    place: Place
    parts: wheel_programs.Parts
    reservations: Reservations
    postgres_user: users.User
    uid: str
    """The random identity of this lab, which its marker row carries."""
    ADDRESSES: ClassVar[Mapping[str, str]] = {}
    """Of the nodes that have one of their own."""
    DATABASES: ClassVar[tuple[str, ...]] = DATABASE_NODES
    """The nodes that run as `postgres_user`."""

    @classmethod
    def of(cls, place: Place, **more: Any) -> Self:
        """Plan a lab: find the parts, choose the user of the database nodes, make up its identity."""
        return cls(place, wheel_programs.find(), Reservations(), users.for_postgres(), secrets.token_hex(8), **more)

    def address(self, node: str) -> str:
        """Return where a node listens."""
        return self.ADDRESSES.get(node, LOOPBACK)

    def port(self, purpose: str) -> int:
        """Return the port for a purpose, e.g. `pg1`, `pg1 api`, `pg1 link`, `database`, `payments`."""
        return self.reservations.port(purpose)

    def folder(self, node: str) -> Path:
        """Return a node's own folder; that of a database node is where the user that it runs as can reach it."""
        base = self.place.run if self.is_shared and node in self.DATABASES else self.place.folder
        return base / "nodes" / node

    @property
    def is_shared(self) -> bool:
        """Whether the database nodes run as another user of this system."""
        return self.postgres_user.how == "other"

    @property
    def payments_url(self) -> str:
        """Where users reach the payments service."""
        return f"http://{LOOPBACK}:{self.port('payments')}"

    @property
    def database_port(self) -> int:
        """The port of the database as the service uses it."""
        return self.port("database")

    @property
    def postgres_sockets(self) -> Path:
        """The folder of PostgreSQL's own sockets, writable for the user that it runs as."""
        return self.place.run / "postgres" if self.is_shared else self.place.run

    @property
    def truth(self) -> Path:
        """What really happened, and when, where a part of the lab logs it."""
        return self.place.logs / "truth.jsonl"

    def log(self, node: str) -> Path:
        """Return the file that a node's output goes to."""
        return self.place.logs / f"{node}.log"

    def password_file(self, role: str) -> Path:
        """Return the file that holds a role's password."""
        return self.place.passwords / role

    def password(self, role: str) -> str:
        """Read a role's password."""
        return self.password_file(role).read_text(encoding="ascii").strip()


def new(place: Place) -> Plan:
    """Plan a lab of payments."""
    return Plan.of(place)
