"""What an environment file rules besides its guards: a lock, a blast radius, who must approve, what drills may cost."""

from collections.abc import Iterable
from typing import Any, Final

from pydantic import BaseModel, Field, create_model

from faildrill.kinds import did_you_mean, names
from faildrill.kinds.target_table import installed, sections
from faildrill.loading.kind_use import check_model, read_only_use
from faildrill.loading.names import NAME_RULE, is_name
from faildrill.loading.scope import Scope
from faildrill.loading.yaml.mapping import MappingReader
from faildrill.loading.yaml.nodes import Entry, Listing, Mapping, plain
from faildrill.model.environment import Approvals, BlastRadius, DamageBudget, Environment, Limit, Unknown
from faildrill.ports.target import BLAST_RADIUS, KindUse

RULES: Final = ("lock", "blast_radius", "approvals", "damage_budget", "unproven")
_SHORTEST: Final = 8
"""Characters of a reason."""
_LIMITS: Final = "by name, how many members of each one drill may touch"


def read_lock(reading: MappingReader, scope: Scope) -> KindUse | None:
    """Read which lock keeps other hosts away."""
    entry = reading.entry("lock")
    use = read_only_use(entry.node, "lock", scope, reading.mistakes) if entry else None
    return use.use if use else None


def read_blast_radius(reading: MappingReader, place: Environment) -> BlastRadius | None:
    """Read how many members of which targets may be touched; every one that is named must be there."""
    entry = reading.entry("blast_radius")
    if entry is None:
        return None
    given = entry.node.entries if isinstance(entry.node, Mapping) else {}
    shape = blast_radius_shape(given)
    for section in shape.model_fields.keys() & given.keys():
        limits, known = given[section].node, sorted(place.section(section))
        for name, limit in limits.entries.items() if isinstance(limits, Mapping) else ():
            if name not in known:
                reading.mistakes.add(limit.place, f"no {name!r} among the {section}{did_you_mean(name, known)}")
    rule = _model(shape, entry, reading)
    return BlastRadius.model_validate(rule.model_dump()) if rule else None


def blast_radius_shape(asked: Iterable[str] = ()) -> type[BaseModel]:
    """Return what `blast_radius` may hold: a limit by name for each section whose targets have members.

    Where every section that is asked for is one, those are enough: no class of another is imported.
    """
    those = [name for name in asked if name not in BlastRadius.model_fields]
    limited = those if those and all(map(_is_limited, those)) else filter(_is_limited, sections(those))
    limit: Any = (dict[str, Limit], Field(default={}, description=_LIMITS))
    fields: dict[str, Any] = dict.fromkeys(limited, limit)
    fields["unknown"] = (Unknown, BlastRadius.model_fields["unknown"])
    return create_model("BlastRadius", __config__=BlastRadius.model_config, **fields)


def _is_limited(section: str) -> bool:
    sort = installed(section)
    return sort is not None and BLAST_RADIUS in sort.rules()


def read_approvals(reading: MappingReader) -> Approvals | None:
    """Read who must have approved a drill."""
    entry = reading.entry("approvals")
    if entry is None:
        return None
    names = entry.node.entries.get("by") if isinstance(entry.node, Mapping) else None
    for node in names.node.items if names and isinstance(names.node, Listing) else ():
        name = plain(node)
        if isinstance(name, str) and not is_name(name):
            reading.mistakes.add(node.place, NAME_RULE)
    approvals = _model(Approvals, entry, reading)
    return approvals if isinstance(approvals, Approvals) else None


def read_damage_budget(reading: MappingReader) -> DamageBudget | None:
    """Read how much outage drills may cost the place."""
    entry = reading.entry("damage_budget")
    budget = _model(DamageBudget, entry, reading) if entry is not None else None
    return budget if isinstance(budget, DamageBudget) else None


def read_unproven(reading: MappingReader) -> dict[str, str]:
    """Read why nothing can prove what some kinds act on, by the name of an action or a probe."""
    reasons = {}
    known = sorted({*names("action"), *names("probe")}) if reading.entry("unproven") else []
    for kind, entry in reading.mapping("unproven").items():
        because = plain(entry.node)
        if kind not in known:
            reading.mistakes.add(entry.place, f"no action and no probe is called {kind!r}{did_you_mean(kind, known)}")
        elif not isinstance(because, str) or len(because.strip()) < _SHORTEST:
            reading.mistakes.add(entry.node.place, "must say why nothing can prove what it acts on, in a few words")
        else:
            reasons[kind] = because
    return reasons


def _model(model: type[BaseModel], entry: Entry, reading: MappingReader) -> BaseModel | None:
    data = plain(entry.node)
    if isinstance(data, dict):
        return check_model(model, data, entry, reading.mistakes)
    reading.mistakes.add(entry.node.place, f"must be a mapping with {', '.join(model.model_fields)}")
    return None
