"""A mistake that HAProxy is told to load, for real: a master with its worker goes on, and everything is as it was."""

import asyncio
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from faildrill.adapters.haproxy.broken_file import BrokenFile
from faildrill.adapters.haproxy.master import Standing, reload, standing
from faildrill.adapters.haproxy.target import LoadBalancer
from faildrill.errors import ActionRefused, CannotSee
from faildrill.lab.core.wheel_programs import find
from lab.haproxies import CONFIG, PARTS, Balancer
from lab.kinds_here import done, given, put_back

pytestmark = [pytest.mark.lab, pytest.mark.timeout(120)]
ODD = "# caf\xe9\r\n# \t \n\n".encode("latin-1")
"""What stands at the end of the file: no UTF-8, other ends of lines, blanks."""


class Master(Balancer):
    """A HAProxy that runs as a master with a worker."""

    @property
    def config(self) -> Path:
        return self.folder / "haproxy.cfg"

    @property
    def target(self) -> LoadBalancer:
        here = {"master_socket": str(self.folder / "master.sock"), "config_file": str(self.config)}
        return super().target.model_copy(update={**here, "binary": str(find().haproxy)})

    def step(self, **params: str) -> BrokenFile:
        return BrokenFile.model_validate({"load_balancer": self.target.model_dump(), **params})

    async def standing(self) -> Standing:
        return await standing(str(self.folder / "master.sock"))

    async def serves(self) -> bool:
        try:
            return (await self.standing()).worker > 0 and "Pid:" in await self.tell("show info")
        except (OSError, ValueError):
            return False

    @property
    def command(self) -> list[str]:
        return [str(find().haproxy), "-W", "-S", f"{self.folder}/master.sock,level,admin", "-f", str(self.config)]


@pytest.fixture
def haproxy(tmp_path: Path) -> Iterator[Master]:
    here = Master(tmp_path)
    text = CONFIG.replace("    bind fd@{listening}\n", "").format(**{**PARTS, "folder": tmp_path})
    here.config.write_bytes(text.encode() + ODD)
    here.config.chmod(0o640)
    with subprocess.Popen(here.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 20
            while not asyncio.run(here.serves()):
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield here
        finally:
            process.terminate()


def test_a_mistake_that_is_loaded_takes_nothing_down_and_every_byte_is_put_back(haproxy: Master) -> None:
    async def story() -> None:
        former, kept = haproxy.config.read_bytes(), haproxy.config.stat()
        step = haproxy.step()
        assert (await step.preview(given())).touches == ["front/haproxy.cfg"]
        first = await haproxy.standing()
        before = await done(step, 20)
        seen = await step.confirm(before, given())
        assert f"1 reloads failed, worker {first.worker} goes on" in seen.because
        assert "unknown keyword 'this_line_is_a_mistake'" in seen.because
        assert not (await step.restored(before, given())).holds
        await haproxy.ask(20)
        with pytest.raises(ActionRefused, match="not good as they are"):
            await step.capture(given())
        await put_back(step, before, 20)
        await step.undo(before, given(20))
        now = await haproxy.standing()
        assert (now.failed, now.reloads) == (0, first.reloads + 2)
        assert now.worker != first.worker
        await haproxy.ask(20)
        assert haproxy.config.read_bytes() == former
        after = haproxy.config.stat()
        assert (after.st_mode, after.st_uid, after.st_gid) == (kept.st_mode, kept.st_uid, kept.st_gid)
        assert [one.name for one in haproxy.folder.iterdir() if "faildrill" in one.name] == []

    asyncio.run(story())


def test_what_was_set_at_run_time_outlives_the_reload_that_puts_it_back(haproxy: Master) -> None:
    async def story() -> None:
        await haproxy.tell("set server payments/s1 weight 7", "set server payments/s2 state maint")
        step = haproxy.step()
        before = await done(step, 20)
        await put_back(step, before, 20)
        answer = await haproxy.tell("show servers state payments")
        rows = {row.split()[3]: row.split()[6:8] for row in answer.splitlines() if " payments " in row}
        assert rows == {"s1": ["0", "7"], "s2": ["1", "1"], "s3": ["0", "1"]}

    asyncio.run(story())


@pytest.mark.parametrize("mistake", ["# nothing wrong here", "    timeout client 5s"])
def test_a_line_that_haproxy_accepts_is_no_mistake_and_is_never_loaded(haproxy: Master, mistake: str) -> None:
    async def story() -> None:
        former = haproxy.config.read_bytes()
        step = haproxy.step(mistake=mistake)
        before = await step.capture(given())
        with pytest.raises(ActionRefused, match="it is no mistake; the file is as it was"):
            await step.apply(before, given(10))
        assert haproxy.config.read_bytes() == former
        assert (await haproxy.standing()).reloads == 0
        assert not (await step.confirm(before, given())).holds
        await step.undo(before, given(10))
        assert (await haproxy.standing()).reloads == 0

    asyncio.run(story())


def test_an_edit_that_nobody_has_loaded_is_not_loaded_by_a_drill(haproxy: Master) -> None:
    async def story() -> None:
        time.sleep(0.1)  # noqa: ASYNC251 - a worker is dated by the kernel's clock, in hundredths
        haproxy.config.write_bytes(b"# of somebody else\n" + haproxy.config.read_bytes())
        with pytest.raises(ActionRefused, match=r"was written after HAProxy loaded it.*load it first"):
            await haproxy.step().capture(given())

    asyncio.run(story())


def test_a_master_whose_last_reload_failed_is_left_alone(haproxy: Master) -> None:
    async def story() -> None:
        good = haproxy.config.read_bytes()
        haproxy.config.write_bytes(good + b"somebody's own mistake\n")
        await reload(str(haproxy.folder / "master.sock"))
        haproxy.config.write_bytes(good)
        with pytest.raises(CannotSee, match="1 reloads of front failed before"):
            await haproxy.step().capture(given())

    asyncio.run(story())


def test_a_restart_with_the_mistake_in_the_file_takes_haproxy_down(haproxy: Master) -> None:
    async def story() -> None:
        before = await done(haproxy.step(), 20)
        again = await asyncio.create_subprocess_exec(*haproxy.command, stderr=subprocess.DEVNULL)
        assert await asyncio.wait_for(again.wait(), 20) != 0
        await put_back(haproxy.step(), before, 20)

    asyncio.run(story())


def test_a_file_that_may_not_be_written_stays_as_it_was(haproxy: Master) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everything")
    haproxy.folder.chmod(0o500)
    former = haproxy.config.read_bytes()
    try:
        with pytest.raises(Exception, match="can't be written"):
            asyncio.run(haproxy.step().apply({}, given()))
        assert haproxy.config.read_bytes() == former
    finally:
        haproxy.folder.chmod(0o700)
