"""A run is sealed again and again: what was sealed before stays, and no file that is none is waited for."""

import os
from pathlib import Path

import pytest

from faildrill.clock import SystemClock
from faildrill.record import chain, manifest
from faildrill.record.timeline import FILE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a run that was sealed."""
    made = tmp_path / "run"
    made.mkdir()
    (made / FILE).write_text("one\n")
    (tmp_path / chain.FILE).touch()
    manifest.seal(made, SystemClock())
    return made


def test_what_was_sealed_before_stays(folder: Path) -> None:
    first = manifest.sealing(folder).manifest.seals
    (folder / FILE).write_text("one\ntwo\n")
    manifest.seal(folder, SystemClock())
    found = manifest.decode((folder / manifest.FILE).read_bytes()).seals
    assert (len(found), found[:1]) == (2, first)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(b'"format": 1', b'"format": 2', id="of a newer version"),
        pytest.param(b'"sha256"', b'"blake3"', id="of a newer version, otherwise laid out"),
        pytest.param(b"}", b"", id="corrupt"),
    ],
)
def test_a_manifest_that_can_not_be_read_is_never_overwritten(folder: Path, old: bytes, new: bytes) -> None:
    path = folder / manifest.FILE
    path.write_bytes(path.read_bytes().replace(old, new))
    before, entered = path.read_bytes(), (folder.parent / chain.FILE).read_bytes()
    with pytest.raises(OSError, match="earlier seals would be lost") as told:
        manifest.seal(folder, SystemClock())
    assert told.value.filename == str(path)
    assert path.read_bytes() == before
    assert (folder.parent / chain.FILE).read_bytes() == entered


@pytest.mark.parametrize("name", [f"run/{manifest.FILE}", chain.FILE])
def test_a_named_pipe_is_not_waited_for(folder: Path, name: str) -> None:
    path = folder.parent / name
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(OSError, match="no regular file") as told:
        manifest.seal(folder, SystemClock())
    assert told.value.filename == str(path)
