"""Under which conditions a run was measured, from its first event."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from faildrill import durations
from faildrill.history.comparability import CADENCE, Conditions
from faildrill.kinds.parameter_roles import portable
from faildrill.record.events import FORMAT

_SERVER: Final = re.compile(r"(?<=//)[^/\s]+")
_PASSING: Final = frozenset({"port", "address", "unproven"})
"""What of a target says where it is reached today, and not what it is."""


def conditions(drill: Mapping[str, Any], place: Mapping[str, Any], probe: str) -> Conditions:
    """Return the conditions of a run from its first event: its drill and its environment as they were loaded.

    Ports and addresses count for nothing, as a staging that is set up anew is the same topology.
    """
    plans = [*drill.get("probes", ()), *drill.get("load", ())]
    plan: Mapping[str, Any] = next((declared for declared in plans if declared.get("name") == probe), {})
    use = plan.get("use", {})
    return {
        CADENCE: durations.show(float(plan.get("every", 0.0))),
        "probe": f"{probe}, {_named([use])}",
        "fault": _named(_uses(drill.get("steps", ()))) or "none",
        "topology": _digested(_topology(place)),
        "measuring version": str(FORMAT),
    }


def _uses(steps: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    uses: list[Mapping[str, Any]] = []
    for step in steps:
        uses += _uses(step["steps"]) if "steps" in step else [step["use"]] if "use" in step else []
    return uses


def kinds(drill: Mapping[str, Any]) -> list[str]:
    """Return the kinds of the actions of a drill, in their order."""
    return [str(use.get("kind", "")) for use in _uses(drill.get("steps", ()))]


def _named(uses: list[Mapping[str, Any]]) -> str:
    """Name kinds with a short digest of their parameters, so that other parameters are told as another one."""
    return ", ".join(
        f"{use.get('kind', 'unknown')} ({_digested(_lasting(portable(use.get('params', {}))))})" for use in uses
    )


def _lasting(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return parameters without what is another one each time a staging is set up."""
    if isinstance(value, Mapping):
        if "name" in value and len(value) > 1:  # a target, in whose place its name stands
            return value["name"]
        return {name: _lasting(inner) for name, inner in value.items() if name not in _PASSING}
    if isinstance(value, list):
        return [_lasting(inner) for inner in value]
    return _SERVER.sub("", value) if isinstance(value, str) else value


def _topology(place: Mapping[str, Any]) -> dict[str, dict[str, list[str]]]:
    """Return by section of an environment the names of its targets, each with those of its members."""
    topology: dict[str, dict[str, list[str]]] = {}
    for section, targets in place.items():
        if isinstance(targets, Mapping) and all(isinstance(target, Mapping) for target in targets.values()):
            topology[section] = {name: _members(target) for name, target in targets.items()}
    return topology


def _members(target: Mapping[str, Any]) -> list[str]:
    members = target.get("members")
    return sorted(members) if isinstance(members, Mapping) else []


def _digested(value: object) -> str:
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()[:8]
