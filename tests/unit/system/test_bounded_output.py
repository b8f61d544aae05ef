"""What a program prints is taken within bounds, and the program never outlives who asked it."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from faildrill.system import bounded_output

PIPE = asyncio.subprocess.PIPE


async def shell(text: str, within: float = 20.0, most: int = 1 << 20) -> tuple[bytes, bytes]:
    process = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", text, stdout=PIPE, stderr=PIPE, start_new_session=True
    )
    try:
        return await bounded_output.communicate(process, within, group=True, most=most)
    finally:
        assert process.returncode is not None


def test_all_that_a_program_prints_is_returned() -> None:
    assert asyncio.run(shell("echo one; echo two >&2; echo three")) == (b"one\nthree\n", b"two\n")


@pytest.mark.parametrize("to", ["&1", "&2"])
def test_a_program_that_prints_without_end_is_ended(to: str) -> None:
    with pytest.raises(OSError, match="prints more than 1 MiB"):
        asyncio.run(shell(f"exec cat /dev/zero >{to}"))


def test_a_program_that_does_not_end_is_ended_with_what_it_started(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError):
        asyncio.run(shell(f"sleep 60 & echo $! > {tmp_path}/pid; wait", within=1.0))
    _is_gone(int((tmp_path / "pid").read_text(encoding="ascii")))


def test_who_is_cancelled_leaves_no_program_running(tmp_path: Path) -> None:
    async def story() -> None:
        asked = asyncio.create_task(shell(f"echo $$ > {tmp_path}/pid; exec sleep 60"))
        await asyncio.wait({asked}, timeout=1.0)
        asked.cancel()
        await asyncio.wait({asked})

    asyncio.run(story())
    _is_gone(int((tmp_path / "pid").read_text(encoding="ascii")))


def _is_gone(pid: int) -> None:
    deadline = time.monotonic() + 20
    while Path(f"/proc/{pid}").exists() and _state(pid) != "Z":
        assert time.monotonic() < deadline, f"{pid} of {os.getpid()} goes on running"
        time.sleep(0.01)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return "Z"
