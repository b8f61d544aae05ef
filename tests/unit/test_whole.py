"""A file that is left whole or not at all."""

import resource
from pathlib import Path

import pytest

from faildrill import whole


def test_what_is_written_replaces_what_was_there_and_nothing_else_stays(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    for content in (b"old", b"new, and longer"):
        assert whole.write(path, content) == path
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_what_can_not_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    path = whole.write(tmp_path / "result.json", b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(OSError, match="large"):
            whole.write(path, b"x" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == b"old"
