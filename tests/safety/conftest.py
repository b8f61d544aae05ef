"""Where the tests of safety run: a folder in memory where there is one, as they sync thousands of times."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it


@pytest.fixture
def ground(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with state of its own."""
    folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
    monkeypatch.setenv("FAILDRILL_STATE", str(folder / "state"))
    yield folder
    shutil.rmtree(folder)
