"""What no process of a run pays for: each imports what it uses, and starts the sooner."""

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

DRILL: Final = Path(__file__).parents[3] / "drills" / "postgres-primary-crash.yaml"
VALIDATE: Final = f"""
from faildrill.cli.main import main
sys.argv[1:] = ["validate", {str(DRILL)!r}]
try:
    main()
except SystemExit as end:
    assert end.code == 0
"""


def _loaded(program: str) -> set[str]:
    """Return the names of all that a program has imported; what is not loaded yet has no parts among them."""
    lines = subprocess.run(
        [sys.executable, "-c", f"import sys\n{program}\nprint(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    return set(lines[-1].split())


@pytest.mark.parametrize(
    ("program", "spared"),
    [
        (VALIDATE, {"email", "importlib.metadata", "jinja2", "numpy.linalg", "rich", "faildrill.lab.starting"}),
        ("import faildrill.running.sentinel", {"asyncio", "click", "numpy", "pydantic", "rich", "yaml"}),
        ("import faildrill.running.runner", {"click", "importlib.metadata", "jinja2", "numpy", "rich", "yaml"}),
        ("import faildrill.probing.prober", {"click", "importlib.metadata", "numpy", "rich", "yaml"}),
        ("import faildrill.reports.concluding", {"asyncio", "click", "importlib.metadata", "rich", "yaml"}),
    ],
    ids=["validate", "sentinel", "runner", "prober", "report"],
)
def test_a_process_imports_nothing_that_it_never_uses(program: str, spared: set[str]) -> None:
    assert not _loaded(program) & spared
