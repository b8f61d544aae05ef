"""What a drill needs of an environment: the targets that it names."""

import re
from typing import Final

from pydantic import JsonValue

from faildrill.kinds import Shape, find
from faildrill.kinds.parameter_roles import target_parameters
from faildrill.kinds.target_table import sections
from faildrill.model.drill import Drill, actions
from faildrill.model.references import STEPS
from faildrill.ports.target import KindUse

_REFERENCE: Final = re.compile(r"\$\{([a-z0-9_-]+)\.([a-z0-9_-]+)")


def needs(drill: Drill) -> list[str]:
    """Return the targets that a drill names, as `clusters payments`; of a drill that was loaded by itself."""
    acting = [*actions(drill.every_step)]
    undone = [step.undo.use for step in acting if step.undo.use]
    uses: list[tuple[KindUse, Shape]] = [
        *((probe.use, "probe") for probe in (*drill.probes, *drill.load)),
        *((step.use, "action") for step in acting),
        *((use, "action") for use in undone),
        *((use, "expectation") for use in (*drill.expect, *(use for way in drill.ways for use in way.expect))),
        *((use, "abort") for use in drill.abort_when),
    ]
    return sorted({need for use, shape in uses for need in (*_by_name(use, shape), *_by_reference(dict(use.params)))})


def _by_name(use: KindUse, shape: Shape) -> list[str]:
    words: list[str] = []
    for key, sort in target_parameters(find(use.kind, shape)).items():
        given = use.params.get(key)
        names = given if isinstance(given, list) else [given]
        words += [_in_words(sort.section, name) for name in names if isinstance(name, str) and "${" not in name]
    return words


def _by_reference(value: JsonValue) -> list[str]:
    if isinstance(value, str):
        referred = [(section, name) for section, name in _REFERENCE.findall(value) if section != STEPS]
        known = sections(section for section, _ in referred)
        return [_in_words(section, name) for section, name in referred if section in known]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [need for child in inner for need in _by_reference(child)]


def _in_words(section: str, name: str) -> str:
    return f"{section.replace('_', ' ')} {name}"
