"""What a playbook did ends by itself when its time is over: the host holds the limit, and nobody is asked."""

import asyncio
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.conftest import eventually
from lab.hosts_lab import given, here, step

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]
CONTROL = """#!/bin/sh
echo "$*" >> {log}
case "$1" in
  show) echo {pid} ;;
  kill) kill "-$3" {pid} ;;
esac
"""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Path]:
    """A service of this machine, whose control notes what it is told."""
    with subprocess.Popen(["sleep", "300"]) as process:
        control = tmp_path / "control"
        control.write_text(CONTROL.format(log=tmp_path / "told", pid=process.pid))
        control.chmod(0o755)
        yield control
        process.kill()


def told(control: Path) -> list[str]:
    """List what it was told to do."""
    lines = control.with_name("told").read_text().splitlines()
    return [line for line in lines if line.split()[0] in ("kill", "start")]


def test_a_service_that_hangs_is_let_go_on_by_its_host_when_the_time_is_over(service: Path, tmp_path: Path) -> None:
    name = f"pay-{time.monotonic_ns()}"
    control = str(service)
    hang = step(
        here(tmp_path), "service-hang", service_hosts="here", service_name=name, service_control=control, service_for=4
    )
    asyncio.run(hang.apply({"hosts": {}}, given("limits")))
    done = told(service)
    assert f"kill -s STOP {name}" in done
    eventually(lambda: told(service)[-1] == f"kill -s CONT {name}")
    asyncio.run(hang.undo({"hosts": {}}, given("limits")))
    assert not Path(f"/tmp/faildrill-limit-{name}").exists()  # noqa: S108 - where the playbook has it


def test_a_limit_is_held_no_longer_when_its_fault_is_put_back(tmp_path: Path) -> None:
    ballast = tmp_path / "faildrill-ballast"
    fill = step(
        here(tmp_path), "disk-fill", disk_hosts="here", disk_folder=str(tmp_path), disk_size="1M", disk_for=3600
    )

    def holders() -> list[str]:
        found = subprocess.run(["pgrep", "-f", f"{ballast}.limit"], capture_output=True, text=True, check=False)
        return found.stdout.split()

    async def story() -> None:
        before = await fill.capture(given("limits"))
        await fill.apply(before, given("limits"))
        assert ballast.exists()
        assert holders()
        await fill.undo(before, given("limits"))
        assert not ballast.exists()
        eventually(lambda: holders() == [])

    asyncio.run(story())


def test_a_disk_is_freed_by_its_host_when_the_time_is_over(tmp_path: Path) -> None:
    fill = step(here(tmp_path), "disk-fill", disk_hosts="here", disk_folder=str(tmp_path), disk_size="1M", disk_for=4)
    answer = asyncio.run(fill.apply({"hosts": {}}, given("limits")))
    assert answer["changed"] == ["here"]
    eventually(lambda: not (tmp_path / "faildrill-ballast").exists())
