"""The run of `crash` on disk, written once: reports only read it."""

import shutil
from pathlib import Path

import pytest

from unit.reports import crash


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("20261122-103000-postgres-primary-crash-4f2a91c0")
    crash.write(folder)
    return folder


@pytest.fixture
def run(recorded: Path, tmp_path: Path) -> Path:
    """Return a copy of the run's folder, to write into."""
    return Path(shutil.copytree(recorded, tmp_path / "20261122-103000-postgres-primary-crash-4f2a91c0"))
