"""A state folder of its own for each unit test: what labs are up on this machine is none of its business."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path / "state of this test"))
