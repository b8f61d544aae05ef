"""What the kernel keeps of a killed server is freed with its lab, and nobody else's ever is. On real segments."""

import ctypes
from collections.abc import Iterator
from pathlib import Path

import pytest

from faildrill.lab.core import shared_memory

PRIVATE, CREATE = 0, 0o1600
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.shmat.restype = ctypes.c_void_p
LIBC.shmdt.argtypes = [ctypes.c_void_p]


def there(segment: int) -> bool:
    lines = shared_memory.SEGMENTS.read_text(encoding="ascii").splitlines()[1:]
    return any(int(line.split()[1]) == segment for line in lines)


@pytest.fixture
def segment() -> Iterator[int]:
    """A segment of 56 bytes, as PostgreSQL has one."""
    number = LIBC.shmget(PRIVATE, 56, CREATE)
    assert number >= 0
    yield number
    LIBC.shmctl(number, 0, None)


def server(folder: Path, key: int, segment: int) -> None:
    """Write the pid file of a server that was killed, in a data directory below the folder."""
    data = folder / "nodes" / "pg1" / "data"
    data.mkdir(parents=True)
    told = f"4194000\n{data}\n1795390419\n5432\n\n127.0.0.1\n  {key:>9} {segment:>9}\nready   \n"
    (data / "postmaster.pid").write_text(told, encoding="utf-8")


def test_the_segment_of_a_killed_server_is_freed(segment: int, tmp_path: Path) -> None:
    server(tmp_path, PRIVATE, segment)
    shared_memory.let_go(tmp_path)
    assert not there(segment)


def test_a_segment_that_somebody_still_uses_stays(segment: int, tmp_path: Path) -> None:
    server(tmp_path, PRIVATE, segment)
    used = LIBC.shmat(segment, None, 0)
    shared_memory.let_go(tmp_path)
    assert there(segment)
    LIBC.shmdt(used)


def test_a_segment_with_another_key_has_become_somebody_elses_and_stays(segment: int, tmp_path: Path) -> None:
    server(tmp_path, PRIVATE + 1, segment)
    shared_memory.let_go(tmp_path)
    assert there(segment)


@pytest.mark.parametrize("told", ["", "1\n2\n3\n4\n5\n6\nnot numbers\n", "1\n2\n3\n4\n5\n6\n7\n"])
def test_a_pid_file_that_tells_nothing_frees_nothing(told: str, segment: int, tmp_path: Path) -> None:
    (tmp_path / "postmaster.pid").write_text(told, encoding="utf-8")
    shared_memory.let_go(tmp_path)
    assert there(segment)


def test_no_folder_is_no_mistake(tmp_path: Path) -> None:
    shared_memory.let_go(tmp_path / "nowhere")
