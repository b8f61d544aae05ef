"""A file that is left whole or not at all."""

import os
import resource
from pathlib import Path

import pytest

from faildrill.system import atomic_file


def test_what_is_written_replaces_what_was_there_and_nothing_else_stays(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    for content in (b"old", b"new, and longer"):
        assert atomic_file.write(path, content) == path
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_what_can_not_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    path = atomic_file.write(tmp_path / "result.json", b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(OSError, match="large"):
            atomic_file.write(path, b"x" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == b"old"


def test_a_draft_that_is_given_up_leaves_what_was_there_and_is_gone(tmp_path: Path) -> None:
    path = atomic_file.write(tmp_path / "samples", b"old")
    with pytest.raises(ValueError, match="given up"), atomic_file.draft(path) as beside:  # noqa: PT012 - one block
        beside.write_bytes(b"half of")
        raise ValueError("given up")
    assert [one.read_bytes() for one in tmp_path.iterdir()] == [b"old"]


def test_who_reads_meanwhile_reads_the_old_one(tmp_path: Path) -> None:
    path = atomic_file.write(tmp_path / "samples", b"old")
    with atomic_file.draft(path) as beside:
        beside.write_bytes(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("umask", [0o022, 0o077], ids=["others may read", "nobody else may read"])
def test_state_is_private_and_what_a_person_asked_for_is_as_private_as_the_umask_has_it(
    umask: int, tmp_path: Path
) -> None:
    former = os.umask(umask)
    try:
        with atomic_file.draft(tmp_path / "export", atomic_file.SHARED) as beside:
            beside.write_bytes(b"asked for")
        private = atomic_file.write(tmp_path / "state", b"ours", durable=True)
    finally:
        os.umask(former)
    assert (tmp_path / "export").stat().st_mode & 0o777 == 0o666 & ~umask
    assert private.stat().st_mode & 0o777 == 0o600
