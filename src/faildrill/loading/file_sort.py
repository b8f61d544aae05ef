"""What kind of file a file is, and which environment a drill names: read without loading it."""

from pathlib import Path
from typing import Literal

from faildrill.kinds.target_table import sections
from faildrill.loading.environment_file import FIRST, LAST
from faildrill.loading.yaml.composer import read
from faildrill.loading.yaml.mistakes import Mistakes
from faildrill.loading.yaml.nodes import Listing, Mapping, Place, Scalar

_ONLY_ENVIRONMENTS = frozenset((*FIRST, *LAST)) - {"environment", "about", "probes"}


def sort_of(path: Path) -> Literal["drill", "environment", "standard", "game day"]:
    """Tell by its keys what a file is; InvalidFile when nothing can be made of it."""
    keys = read(path, Mistakes(str(path))).entries
    if "standard" in keys:
        return "standard"
    if "game_day" in keys:
        return "game day"
    if "drill" in keys:
        return "drill"
    others = keys.keys() - {*FIRST, *LAST}
    is_environment = bool(_ONLY_ENVIRONMENTS & keys.keys() or others.intersection(sections(others)))
    return "environment" if is_environment else "drill"


def environment_named_in(path: Path) -> tuple[str | None, Place]:
    """Return which environment a drill names, None where it names none, and where; InvalidFile as above."""
    entry = read(path, Mistakes(str(path))).entries.get("environment")
    named = entry.node.value if entry and isinstance(entry.node, Scalar) else None
    return (named if isinstance(named, str) else None), (entry.node.place if entry else Place(1, 1))


def lines_of(path: Path) -> dict[str, int]:
    """Return in which line of a drill each kind is first expected, and `steps` begin; InvalidFile as above."""
    entries = read(path, Mistakes(str(path))).entries
    expected = entries.get("expect")
    items = expected.node.items if expected is not None and isinstance(expected.node, Listing) else ()
    lines = {"steps": entries["steps"].place.line} if "steps" in entries else {}
    for item in items:
        for kind, entry in item.entries.items() if isinstance(item, Mapping) else ():
            lines.setdefault(kind, entry.place.line)
    return lines
