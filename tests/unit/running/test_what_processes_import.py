"""What no process of a run pays for: each imports what it uses, and starts the sooner."""

import os
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


HISTORY: Final = """
import faildrill.cli.past_runs
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
        (VALIDATE, {"jinja2", "numpy.linalg", "rich", "faildrill.lab.core.startup"}),
        (HISTORY, {"jinja2", "numpy", "pydantic", "rich", "yaml"}),
        ("import faildrill.running.sentinel", {"asyncio", "click", "numpy", "pydantic", "rich", "yaml"}),
        ("import faildrill.running.runner", {"click", "importlib.metadata", "jinja2", "numpy", "rich", "yaml"}),
        ("import faildrill.probing.prober", {"click", "importlib.metadata", "numpy", "rich", "yaml"}),
        ("import faildrill.reports.run_files", {"asyncio", "click", "importlib.metadata", "rich", "yaml"}),
    ],
    ids=["validate", "history", "sentinel", "runner", "prober", "report"],
)
def test_a_process_imports_nothing_that_it_never_uses(program: str, spared: set[str]) -> None:
    assert not _loaded(program) & spared


def test_a_plugin_of_pydantic_that_happens_to_be_installed_is_told_nothing(tmp_path: Path) -> None:
    info = tmp_path / "spying-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: spying\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[pydantic]\nspy = spying:Spy\n", encoding="utf-8")
    heard = tmp_path / "heard"
    (tmp_path / "spying.py").write_text(f"open({str(heard)!r}, 'w').close()\nSpy = None\n", encoding="utf-8")
    validated = _ran_beside(tmp_path, VALIDATE)
    assert "valid" in validated
    assert not heard.exists()
    _ran_beside(tmp_path, "import pydantic; pydantic.create_model('Model')")
    assert heard.exists(), "the plugin would have been found"


def _ran_beside(folder: Path, program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{program}"],
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


def test_a_limit_of_the_size_of_files_leaves_no_compiled_module_cut_off(tmp_path: Path) -> None:
    """CPython 3.11 renames what a limit, or a full disk, cut off, and nothing imports that module ever after."""
    told = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    told["PYTHONPYCACHEPREFIX"] = str(tmp_path)
    words = ["sh", "-c", 'ulimit -f 8; exec "$@"', "sh", sys.executable, "-m", "faildrill", "--version"]
    subprocess.run(words, env=told, check=True, capture_output=True)
    cut = [one.name for one in tmp_path.glob("**/src/faildrill/**/*.pyc") if one.stat().st_size == 8 * 512]
    assert cut == []  # what this Python imports before anything of ours is beyond us
