"""The environment as declared: its targets, how it proves that it is not production. Frozen."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    SerializeAsAny,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from faildrill.kinds import UnknownKind, find
from faildrill.kinds.parameter_roles import target_parameters
from faildrill.kinds.target_table import installed
from faildrill.model.drill import ProbePlan
from faildrill.ports import Duration
from faildrill.ports.target import KindUse, Target
from faildrill.standards import Standard

_Sort = TypeVar("_Sort", bound=Target)
Limit = Annotated[int, Field(ge=0)]
Unknown = Literal["refused", "allowed"]


class BlastRadius(BaseModel):
    """How many members of a target one drill may touch, at the most; written by section, as a file has it."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    limits: dict[str, dict[str, Limit]] = Field(default={}, description="by section, by name, how many members")
    unknown: Unknown = Field(
        default="refused", description="what becomes of a step that can't tell which members it touches"
    )

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        own, sections = _parted(cls, data)
        return {**own, "limits": {**own.get("limits", {}), **sections}}

    @model_serializer(mode="wrap")
    def _spread(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _spread(serialize(self), "limits")


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


class DamageBudget(BaseModel):
    """What drills may cost a place."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    outage: Duration = Field(gt=0, description="the outage that all drills together may cost it in any seven days")


class Environment(BaseModel):
    """A place that is drilled; written with each section of targets under its own name, as a file has it."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    name: str
    about: str = ""
    drillable: bool = Field(default=False, description="says in so many words that this is no production")
    identity: tuple[KindUse, ...] = Field(default=(), description="guards that read from the targets what they are")
    unproven: dict[str, str] = Field(
        default={},
        description="by kind that acts through no target, why nothing can prove what it acts on",
    )
    targets: dict[str, dict[str, SerializeAsAny[Target]]] = Field(default={}, description="by section, by name")
    unread: dict[str, JsonValue] = Field(
        default={}, description="recorded sections whose package is not installed here, as they were written"
    )
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
    damage_budget: DamageBudget | None = None

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, data: object) -> object:
        """Build each target with the class of its section; what no class here can read is kept as it is."""
        if not isinstance(data, dict):
            return data
        own, sections = _parted(cls, data)
        listed = {key: declared for key, declared in {**own.get("targets", {}), **sections}.items() if declared}
        sorts = {section: sort for section in listed if (sort := installed(section))}
        targets = {
            section: {name: sort.model_validate(declared) for name, declared in listed[section].items()}
            for section, sort in sorts.items()
        }
        unread = {section: declared for section, declared in listed.items() if section not in sorts}
        return {**own, "targets": targets, "unread": {**own.get("unread", {}), **unread}}

    @model_serializer(mode="wrap")
    def _spread(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _spread(_spread(serialize(self), "targets"), "unread")

    def section(self, name: str) -> Mapping[str, Target]:
        """Return what is listed in a section, by name; nothing where there is no such section."""
        return self.standards if name == Standard.section else self.targets.get(name, {})

    def of(self, sort: type[_Sort]) -> Mapping[str, _Sort]:
        """Return the targets of a class, by name."""
        return {name: target for name, target in self.section(sort.section).items() if isinstance(target, sort)}

    @property
    def declared(self) -> Iterator[Target]:
        """Every target, of whatever section."""
        for listed in self.targets.values():
            yield from listed.values()

    @property
    def proven_identity(self) -> str:
        """A digest of the facts that the identity guards prove, the same from any folder and under any name."""
        facts = sorted(json.dumps(_proven(use), sort_keys=True) for use in self.identity)
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


def _proven(guard: KindUse) -> dict[str, JsonValue]:
    """Return an identity guard as data, of each target that it is given only what says which place it is."""
    try:
        sorts = target_parameters(find(guard.kind, "guard"))
    except UnknownKind:
        sorts = {}
    params = {name: _which(sorts[name], given) if name in sorts else given for name, given in guard.params.items()}
    return {"kind": guard.kind, "params": params}


def _which(sort: type[Target], given: JsonValue) -> JsonValue:
    if isinstance(given, list):
        return [_which(sort, value) for value in given]
    return sort.proves(given) if isinstance(given, dict) else given


def _parted(model: type[BaseModel], data: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part data into what is under fields of a model, and what is under sections."""
    own = {key: value for key, value in data.items() if key in model.model_fields}
    return own, {key: value for key, value in data.items() if key not in own}


def _spread(written: dict[str, Any], field: str) -> dict[str, Any]:
    """Put what is in one field beside the others."""
    return {**{key: value for key, value in written.items() if key != field}, **written[field]}
