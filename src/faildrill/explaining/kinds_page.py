"""docs/kinds.md: every kind that comes with faildrill, written from the classes, so that it is never out of date."""

from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from faildrill.explaining.kind_description import SHAPES, Description, describe
from faildrill.kinds import Shape
from faildrill.kinds.table import TABLES

FILE: Final = Path(__file__).with_name("last_seen.json")
"""Where each kind of action was last seen to act and be undone, in runs of the project: `make seen` writes it."""
_HEAD = """\
# Kinds

Every name that a drill or an environment may use, with its parameters. Written by `faildrill explain --markdown`
from the classes themselves; `faildrill explain KIND` shows one of them. A *time* has a number and a unit
(`us`, `ms`, `s`, `m`, `h`, `d`): `500ms`, `1m30s`. How a file is built is told in [drills.md](drills.md).

The section of an action ends with the run in which it was last seen to act and be undone, where one of the
project's own is kept as evidence.
"""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A run that PASSED, in which a kind took effect and was seen undone."""

    day: str
    """UTC."""
    drill: str
    environment: str
    version: str
    """Of faildrill."""
    run: str


def markdown() -> str:
    """Return the whole document."""
    parts = [_HEAD, _contents()]
    for shape, meaning in SHAPES.items():
        parts.append(f"## {_heading(shape)}\n\n{meaning[0].upper()}{meaning[1:]}.\n")
        parts += [_section(describe(name, shape)) for name in sorted(TABLES[shape])]
    return "\n".join(parts)


@cache
def last_seen() -> dict[str, Seen]:
    """Return it by kind; a kind that no recorded run has shown is not in it."""
    return msgspec.json.decode(FILE.read_bytes(), type=dict[str, Seen])


def _heading(shape: Shape) -> str:
    return {
        "target": "Targets",
        "probe": "Probes",
        "action": "Actions",
        "expectation": "Expectations",
        "abort": "Abort conditions",
        "guard": "Guards",
        "lock": "Locks",
        "settings": "Readers of settings",
        "witness": "Witnesses",
        "reach": "Reaches",
    }[shape]


def _contents() -> str:
    rows = [f"- {_heading(shape)}: {', '.join(f'`{name}`' for name in sorted(TABLES[shape]))}" for shape in SHAPES]
    return "\n".join(rows) + "\n"


def _section(kind: Description) -> str:
    parts = [f"### `{kind.name}`\n", f"{kind.text}\n", f"```yaml\n{kind.example}\n```\n"]
    if kind.parameters:
        rows = [
            f"| `{given.name}` | {_cell(given.takes)} | {given.default or '**required**'} | {_cell(given.about)} |"
            for given in kind.parameters
        ]
        parts.append("\n".join(["| parameter | takes | default | |", "| --- | --- | --- | --- |", *rows]) + "\n")
    proof = last_seen().get(kind.name)
    if proof is not None:
        where = f"in `{proof.environment}` by the drill `{proof.drill}` (faildrill {proof.version}, run `{proof.run}`)"
        parts.append(f"Last seen to act and be undone: {proof.day}, {where}.\n")
    return "\n".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
