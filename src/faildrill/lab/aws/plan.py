"""What the lab of AWS consists of, and where it is, before anything is started."""

import string
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from faildrill.lab.core.folders import Place
from faildrill.lab.payments import plan

INSTANCES: Final = ("au1", "au2")
FIRST, SECOND = INSTANCES
NAME_SERVER: Final = "dns"
OFFICE: Final = "dns-office"
"""A resolver that keeps what it is told for longer than it may."""
SERVICE: Final = "rds"
API: Final = "aws"
NODES: Final = (*INSTANCES, NAME_SERVER, OFFICE, SERVICE, API)
CLUSTER: Final = "payments"
REGION: Final = "us-east-1"
ZONES: Final = {FIRST: f"{REGION}a", SECOND: f"{REGION}b"}
TAG: Final = {"faildrill": "staging"}
"""What drills ask for before they touch anything."""
TTL: Final = 5
"""Seconds for which a resolver may keep the address of the writer, as for Aurora."""
KEPT: Final = 30
"""Seconds for which the office's does."""
_DIGITS: Final = 12
"""Of an account's number."""


@dataclass(frozen=True)
class AwsPlan(plan.Plan):
    """A lab of AWS to be."""

    ADDRESSES: ClassVar[Mapping[str, str]] = {FIRST: "127.0.17.1", SECOND: "127.0.17.2"}
    """Those of the instances: all listen at the same port, so that only names tell them apart."""
    DATABASES: ClassVar[tuple[str, ...]] = INSTANCES

    def port(self, purpose: str) -> int:
        """Return the port for a purpose; that of an instance is the cluster's."""
        return super().port("database" if purpose in INSTANCES else purpose)

    @property
    def account(self) -> str:
        """The number of this lab's account, which no other lab has."""
        return f"{int(self.uid, 16) % 10**_DIGITS:0{_DIGITS}d}"

    @property
    def access_key_id(self) -> str:
        """The id of the access key that drills use."""
        letters = string.ascii_uppercase
        return "AKIA" + "".join(letters[int(digit, 16)] for digit in self.uid)

    @property
    def access_key_id_file(self) -> Path:
        """The file that holds it."""
        return self.password_file("aws_access_key_id")

    @property
    def secret_access_key_file(self) -> Path:
        """The file that holds the secret that belongs to it."""
        return self.password_file("aws_secret_access_key")

    @property
    def endpoint_url(self) -> str:
        """Where the API is."""
        return f"http://{self.address(API)}:{self.port(API)}"

    @property
    def domain(self) -> str:
        """What every name of the cluster ends in."""
        return f"{self.uid[:12]}.{REGION}.rds.amazonaws.com"

    @property
    def endpoint(self) -> str:
        """The name that leads to the writer."""
        return f"{CLUSTER}.cluster-{self.domain}"

    @property
    def records(self) -> Path:
        """What the service knows of its cluster, version by version."""
        return self.place.folder / "records.json"

    @property
    def zone(self) -> Path:
        """What the name server answers."""
        return self.place.folder / "zone.json"

    @property
    def service_socket(self) -> Path:
        """Where the API asks the service."""
        return self.place.run / "rds.sock"


def new(place: Place) -> AwsPlan:
    """Plan a lab of AWS."""
    return AwsPlan.of(place)
