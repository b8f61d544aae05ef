"""What the lab of hosts consists of: its hosts, what runs on each, and where it is, before anything is started."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from faildrill.lab.core.folders import Place
from faildrill.lab.payments import plan

APPLICATION_HOSTS: Final = ("app1", "app2")
DATABASE_HOSTS: Final = ("db1", "db2")
BALANCER: Final = "lb1"
HOSTS: Final = (*APPLICATION_HOSTS, *DATABASE_HOSTS, BALANCER)
USER: Final = "drill"
"""Whom playbooks log in as; on every host it is the one who started the lab."""


@dataclass(frozen=True)
class HostsPlan(plan.Plan):
    """A lab of hosts to be."""

    DATABASES: ClassVar[tuple[str, ...]] = DATABASE_HOSTS

    @property
    def client_key(self) -> Path:
        """The key that playbooks log in with."""
        return self.place.folder / "keys" / "id_ed25519"

    @property
    def inventory(self) -> Path:
        """The Ansible inventory of the hosts."""
        return self.place.folder / "inventory.yml"


def new(place: Place) -> HostsPlan:
    """Plan a lab of hosts."""
    return HostsPlan.of(place)
