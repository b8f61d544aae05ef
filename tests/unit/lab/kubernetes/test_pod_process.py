"""The process of a container: how it ended, and that nothing of it is left."""

import asyncio
import time
from pathlib import Path

from faildrill.lab.kubernetes.kubelet.pod_process import PodProcess
from lab import traces

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


def started(folder: Path, script: str) -> PodProcess:
    return PodProcess(["/bin/sh", "-c", script], {**ENVIRONMENT, "FAILDRILL_LAB": str(folder)}, folder, folder / "log")


async def ready(folder: Path) -> None:
    for _ in range(1000):
        if (folder / "ready").exists():
            return
        await asyncio.sleep(0.01)


def test_its_exit_code_is_told_and_what_it_printed_is_in_its_log(tmp_path: Path) -> None:
    async def story() -> int:
        return await started(tmp_path, "echo said; exit 7").ended()

    assert asyncio.run(story()) == 7
    assert (tmp_path / "log").read_text() == "said\n"


def test_what_is_killed_ends_with_128_and_the_number_of_the_signal(tmp_path: Path) -> None:
    async def story() -> int:
        return await started(tmp_path, "kill -9 $$").ended()

    assert asyncio.run(story()) == 137


def test_one_that_obeys_ends_at_once_however_long_its_grace(tmp_path: Path) -> None:
    async def story() -> int:
        process = started(tmp_path, "trap 'exit 3' TERM; touch ready; while :; do sleep 0.05; done")
        await ready(tmp_path)
        await process.end(60)
        return await process.ended()

    assert asyncio.run(story()) == 3


def test_one_that_does_not_obey_is_killed_with_all_below_it(tmp_path: Path) -> None:
    async def story() -> float:
        process = started(tmp_path, "trap '' TERM; setsid sleep 60 & touch ready; while :; do sleep 0.05; done")
        await ready(tmp_path)
        began = time.monotonic()
        await process.end(0.2)
        return time.monotonic() - began

    assert asyncio.run(story()) >= 0.2
    assert traces.processes(tmp_path) == []


def test_what_one_leaves_in_its_session_goes_with_it(tmp_path: Path) -> None:
    async def story() -> int:
        return await started(tmp_path, "sleep 60 & exit 0").ended()

    assert asyncio.run(story()) == 0
    time.sleep(0.05)
    assert traces.processes(tmp_path) == []
