"""The environment as declared: its targets, how it proves that it is not production. Frozen."""

import hashlib
import json

from pydantic import BaseModel, ConfigDict, Field

from faildrill.drill import ProbePlan
from faildrill.targets import Cluster, Database, Group, KindUse, LoadBalancer, Service


class Environment(BaseModel):
    """A place that is drilled."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    about: str = ""
    drillable: bool = Field(default=False, description="says in so many words that this is no production")
    identity: tuple[KindUse, ...] = Field(default=(), description="guards that read from the targets what they are")
    services: dict[str, Service] = {}
    databases: dict[str, Database] = {}
    clusters: dict[str, Cluster] = {}
    load_balancers: dict[str, LoadBalancer] = {}
    groups: dict[str, Group] = {}
    probes: tuple[ProbePlan, ...] = Field(default=(), description="watched in every drill here")
    guards: tuple[KindUse, ...] = Field(default=(), description="more reasons not to start")

    @property
    def proven_identity(self) -> str:
        """A digest of the facts that the identity guards prove, the same from any folder and under any name."""
        facts = sorted(json.dumps(use.model_dump(mode="json"), sort_keys=True) for use in self.identity)
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]
