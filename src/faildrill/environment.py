"""The environment as declared: its targets, how it proves that it is not production. Frozen."""

import hashlib
import json
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from faildrill.drill import ProbePlan
from faildrill.settings import Standard
from faildrill.targets import Cluster, Database, Group, Hosts, KindUse, LoadBalancer, MariaDB, Redis, Service


class BlastRadius(BaseModel):
    """How many members of a target one drill may touch, at the most."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    groups: dict[str, Annotated[int, Field(ge=0)]] = Field(default={}, description="by group, how many members")
    clusters: dict[str, Annotated[int, Field(ge=0)]] = Field(default={}, description="by cluster, how many members")
    redis: dict[str, Annotated[int, Field(ge=0)]] = Field(default={}, description="by Redis, how many members")
    mariadb: dict[str, Annotated[int, Field(ge=0)]] = Field(default={}, description="by MariaDB, how many members")
    hosts: dict[str, Annotated[int, Field(ge=0)]] = Field(default={}, description="by `hosts` target, how many of them")
    unknown: Literal["refused", "allowed"] = Field(
        default="refused", description="what becomes of a step that can't tell which members it touches"
    )


class Approvals(BaseModel):
    """Who must have approved a drill before it may start here."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    by: tuple[str, ...] = Field(min_length=1, description="the names of those who may approve")
    at_least: int = Field(default=1, ge=1, description="how many of them must have approved")
    folder: str | None = Field(default=None, description="where approvals are; the machine's own state by default")
    one_login: bool = Field(
        default=False, description="true where everybody works under one login, so that it proves nobody"
    )

    @model_validator(mode="after")
    def _can_be(self) -> Self:
        if self.at_least > len(set(self.by)):
            raise ValueError(f"only {len(set(self.by))} may approve, so there are never {self.at_least} approvals")
        return self


class Environment(BaseModel):
    """A place that is drilled."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    name: str
    about: str = ""
    drillable: bool = Field(default=False, description="says in so many words that this is no production")
    identity: tuple[KindUse, ...] = Field(default=(), description="guards that read from the targets what they are")
    unproven: dict[str, str] = Field(
        default={},
        description="by kind that acts through no target, why nothing can prove what it acts on",
    )
    services: dict[str, Service] = {}
    databases: dict[str, Database] = {}
    clusters: dict[str, Cluster] = {}
    load_balancers: dict[str, LoadBalancer] = {}
    groups: dict[str, Group] = {}
    hosts: dict[str, Hosts] = {}
    redis: dict[str, Redis] = {}
    mariadb: dict[str, MariaDB] = {}
    standards: dict[str, Standard] = Field(default={}, description="what was approved, each in a file of its own")
    settings: dict[str, KindUse] = Field(default={}, description="what reads the settings that a standard is about")
    warrants: dict[str, tuple[KindUse, ...]] = Field(
        default={}, description="by database, the observers that are heard before it is failed over"
    )
    probes: tuple[ProbePlan, ...] = Field(default=(), description="watched in every drill here")
    watched: tuple[ProbePlan, ...] = Field(
        default=(), description="looked at by `faildrill watch` only, never in a drill"
    )
    guards: tuple[KindUse, ...] = Field(default=(), description="more reasons not to start")
    lock: KindUse | None = Field(default=None, description="what keeps other hosts from drilling at the same time")
    blast_radius: BlastRadius | None = None
    approvals: Approvals | None = None

    @property
    def proven_identity(self) -> str:
        """A digest of the facts that the identity guards prove, the same from any folder and under any name."""
        facts = sorted(json.dumps(_proven(use.model_dump(mode="json")), sort_keys=True) for use in self.identity)
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


def _proven(facts: JsonValue) -> JsonValue:
    """Leave out how hosts are asked: the path of an inventory differs from checkout to checkout."""
    if isinstance(facts, list):
        return [_proven(one) for one in facts]
    if not isinstance(facts, dict):
        return facts
    is_hosts = "inventory" in facts and "keys" in facts
    kept = {name: value for name, value in facts.items() if name != "unproven"}  # says nothing of what a place is
    return {name: _proven(value) for name, value in kept.items() if not is_hosts or name in ("name", "keys")}
