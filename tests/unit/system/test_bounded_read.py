"""Nothing that a person names is read without a bound."""

import asyncio
import os
import socket
import time
from contextlib import suppress
from pathlib import Path

import pytest

from faildrill.system import bounded_read, threads
from support.hanging_files import hanging
from support.places import until


def test_a_regular_file_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    path.write_bytes(b"123\n")
    assert bounded_read.read(path) == b"123\n"


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/random", "/dev/tty", "/dev/ptmx"])
def test_a_device_is_no_file(device: str) -> None:
    if not Path(device).exists():
        pytest.skip(f"there is no {device} here")
    with pytest.raises(OSError, match=r"it is no regular file|No such device"):
        bounded_read.read(device)


def test_a_named_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    begun = time.monotonic()
    with pytest.raises(OSError, match="it is no regular file"):
        bounded_read.read(tmp_path / "pipe")
    assert time.monotonic() - begun < bounded_read.WITHIN


def test_a_folder_and_a_socket_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="it is no regular file"):
        bounded_read.read(tmp_path)
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(tmp_path / "socket"))
        with pytest.raises(OSError, match="No such device"):
            bounded_read.read(tmp_path / "socket")


def test_a_link_to_a_device_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/zero")
    with pytest.raises(OSError, match="it is no regular file"):
        bounded_read.read(tmp_path / "link")


def test_a_file_may_be_as_large_as_it_may_and_no_larger(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 2048)
    assert len(bounded_read.read(path, 2048)) == 2048
    path.write_bytes(b"x" * 2049)
    with pytest.raises(OSError, match="it is larger than 2 KiB"):
        bounded_read.read(path, 2048)


def test_a_file_with_a_hole_of_a_terabyte_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(OSError, match="it is larger than 1 MiB"):
        bounded_read.read(path)


def test_what_is_not_there_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        bounded_read.read(tmp_path / "none")


def test_a_name_that_is_none_is_an_error_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="null"):
        bounded_read.read(f"{tmp_path}/a\0b")


def test_a_file_system_that_hangs_is_left_behind_and_holds_one_thread(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    path.write_bytes(b"123\n")
    with hanging(path):
        for _ in range(3):
            with pytest.raises(TimeoutError, match="does its file system hang"):
                bounded_read.read(path, within=0.2)
        begun = time.monotonic()
        with pytest.raises(TimeoutError):
            bounded_read.read(path, within=10)
        assert time.monotonic() - begun < 5
    until(lambda: _read_by_now(path) == b"123\n")


def _read_by_now(path: Path) -> bytes:
    """Read a file; nothing while the thread that it held up has not come to its end."""
    with suppress(TimeoutError):
        return bounded_read.read(path, within=10)
    return b""


def test_a_file_that_hangs_holds_up_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    path.write_bytes(b"123\n")

    async def both() -> bytes:
        with hanging(path):
            reading = asyncio.create_task(threads.read(path, within=60))
            await asyncio.sleep(0.05)
            assert not reading.done()
        return await reading

    assert asyncio.run(both()) == b"123\n"
