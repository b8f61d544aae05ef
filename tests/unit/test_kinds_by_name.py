"""The engine knows no kind by its name: what it wants to know of one is a trait of its class."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from faildrill.kinds.table import TABLES

SOURCE: Final = Path(__file__).parents[2] / "src" / "faildrill"
APART: Final = ("adapters", "kinds", "lab", "testing")
"""A world names its own kinds, the table names all; the lab writes the environment files of its own parts,
and what ships for tests of kinds is the simulated world's face."""
NAMES: Final = {name for table in TABLES.values() for name in table if "." in name} | {*TABLES["target"]}
PRODUCTS: Final = {path.name for path in (SOURCE / "adapters").iterdir() if (path / "__init__.py").is_file()} - {
    *("access_log", "calendar", "command", "dns", "file", "http", "lab", "member", "process", "simulated", "tcp")
}
"""The worlds whose names are no ordinary words, so that a string which is one means the world."""
DOTTED: Final = re.compile(rf"\b({'|'.join(re.escape(name) for name in sorted(NAMES) if '.' in name)})\b")

SHOWN: Final = {
    "auditing/assessment.py": {"haproxy.settings"},
    "judging/expectations/lost_writes.py": {"postgres.ledger"},
    "judging/expectations/never.py": {"patroni.timeline", "postgres.timeline"},
    "judging/expectations/writers.py": {"patroni.writer", "postgres.writers"},
    "loading/load.py": {"http.request"},
    "explaining/first_drill.py": {"http.request", "member.kill"},
    "warranting/observers.py": {"patroni.testimony", "postgres.testimony"},
}
"""Where a text shows one to a person as an example of what to write: it decides nothing."""

OTHERS: Final = {
    "cli/main.py": {"kubernetes"},  # the command that prints what drills need of one
    "cli/notices.py": {"apprise"},  # the library, looked for before anything is touched
    "standards/settings.py": {"redis"},  # a protocol in which a load balancer asks a server whether it is well
}
"""Where a word that is a section's name, too, means something else."""


def _named(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from DOTTED.findall(node.value)
            if node.value in TABLES["target"] or node.value in PRODUCTS:
                yield node.value


def test_no_string_outside_of_the_worlds_and_the_table_names_a_kind_but_those_that_are_listed() -> None:
    found = {}
    for path in sorted(SOURCE.rglob("*.py")):
        inside = path.relative_to(SOURCE)
        if inside.parts[0] not in APART and (named := set(_named(path))):
            found[str(inside)] = named
    assert found == SHOWN | OTHERS
