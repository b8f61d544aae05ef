"""A drill run as its user runs it, on the command line, and what came of it."""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faildrill.record import run_set
from faildrill.record.timeline import FILE


@dataclass
class Ran:
    """A run as its user saw it."""

    code: int
    folder: Path
    said: str

    @property
    def result(self) -> dict[str, Any]:
        """What was judged."""
        found: dict[str, Any] = json.loads((self.folder / "result.json").read_bytes())
        return found

    def findings(self, verdict: str) -> str:
        """All that was found with a verdict, in one text."""
        return "\n".join(
            f"{one['claim']}: {one['because']}" for one in self.result["findings"] if one["verdict"] == verdict
        )


@contextlib.contextmanager
def started(drill: Path, tmp_path: Path, env: str = "lab") -> Iterator["subprocess.Popen[str]"]:
    """Start a drill as a user does, and see to it that it is ended."""
    command = [
        sys.executable,
        "-m",
        "faildrill",
        "run",
        str(drill),
        "--env",
        env,
        "--reports",
        str(tmp_path / "reports"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def run(drill: Path, tmp_path: Path, env: str = "lab") -> Ran:
    """Run a drill to its end."""
    with started(drill, tmp_path, env) as process:
        said, _ = process.communicate(timeout=350)
        assert process.returncode != 2, said
        assert _recorded(tmp_path), said
        return Ran(process.returncode, folder_of(tmp_path), said)


def folder_of(tmp_path: Path) -> Path:
    """Return the folder of the only run, or set of runs."""
    deadline = time.monotonic() + 30
    while not (found := _recorded(tmp_path)):
        assert time.monotonic() < deadline, "no run has begun"
        time.sleep(0.02)
    return found[0]


def _recorded(tmp_path: Path) -> list[Path]:
    return [one.parent for name in (FILE, run_set.FILE) for one in (tmp_path / "reports").glob(f"*/{name}")]
