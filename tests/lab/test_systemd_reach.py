"""Members that are units of systemd: signalled by their control group, kept down, and brought back by a timer."""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from faildrill.adapters.ssh.unit import LocalUnit
from faildrill.errors import ActionRefused, CannotSee
from support.pid_file_servers import eventually, state
from support.user_systemd import needs_systemd, user_systemd

pytestmark = [pytest.mark.lab, pytest.mark.timeout(120), needs_systemd]
SERVER: Final = (
    "import os, socket\\ns = socket.create_server(('127.0.0.1', {port}))\\n"
    "os.fork()\\nk = []\\nwhile True: k.append(s.accept())"
)
UNIT: Final = """\
[Service]
ExecStart={python} -I -S -c "{program}"
Restart={restart}
RestartSec=0
StartLimitIntervalSec=0
"""

BESIDE: Final = {
    "part.service": "[Unit]\nPartOf=always.service\n[Service]\nExecStart=/bin/sleep 1000\n",
    "needs.service": "[Unit]\nRequires=always.service\nAfter=always.service\n[Service]\nExecStart=/bin/sleep 1000\n",
    "bound.service": "[Unit]\nBindsTo=no.service\nAfter=no.service\n[Service]\nExecStart=/bin/sleep 1000\n",
    "forks.service": "[Service]\nType=forking\nGuessMainPID=no\nExecStart=/bin/sh -c 'sleep 1000 &'\n",
    "stays.service": "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c 'sleep 1000 &'\n",
}
"""Units that hang on another one, and two that have no main process."""


class Place:
    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self.folder, self.address = folder, f"127.0.0.1:{self.port}"
        python = f"{sys.base_prefix}/bin/python3"
        program = SERVER.format(port=self.port)
        self.units = {
            f"{restart}.service": UNIT.format(python=python, program=program, restart=restart)
            for restart in ("no", "always")
        } | BESIDE

    def ctl(self, *words: str) -> str:
        argv = ["systemctl", "--user", *words]
        return subprocess.run(argv, check=False, capture_output=True, text=True, env=dict(os.environ)).stdout.strip()

    def pids(self) -> list[int]:
        """Return the processes of both units."""
        found = []
        for one in Path("/proc").iterdir():
            try:
                words = (one / "cmdline").read_bytes() if one.name.isdecimal() else b""
            except OSError:
                continue
            if f"'127.0.0.1', {self.port}".encode() in words and words.startswith(sys.base_prefix.encode()):
                found.append(int(one.name))
        return [pid for pid in found if state(pid) not in "ZX"]

    def states(self, unit: str) -> list[str]:
        """Return what the processes of a unit's control group do."""
        group = self.ctl("show", "-p", "ControlGroup", "--value", unit)
        lists = [Path(f"/sys/fs/cgroup{tree}{group}/cgroup.procs") for tree in ("", "/systemd", "/unified")]
        pids = next((one.read_text().split() for one in lists if group and one.exists()), [])
        return [state(int(pid)) for pid in pids]


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="faildrill-test-") as name:
        one = Place(Path(name))
        with user_systemd(Path(name), one.units) as runtime, pytest.MonkeyPatch.context() as environment:
            environment.setenv("XDG_RUNTIME_DIR", str(runtime))
            yield one


@pytest.fixture
def unit(request: pytest.FixtureRequest, place: Place) -> Iterator[str]:
    """A unit that runs; `always` is one that systemd starts again at once."""
    place.ctl("start", request.param)
    eventually(lambda: len(place.pids()) == 2)
    yield request.param
    place.ctl("kill", "--signal=CONT", request.param)
    place.ctl("stop", "no", "always")
    eventually(lambda: not place.pids())


def reach() -> LocalUnit:
    return LocalUnit.model_validate({"unit": "{member}.service", "user": True})


@pytest.mark.parametrize("unit", ["no", "always"], indirect=True)
def test_a_unit_is_held_killed_and_stays_down_until_it_is_started(unit: str, place: Place) -> None:
    async def course() -> None:
        assert await reach().state(unit) == "running"
        [proved], differs, silent = await reach().leads(unit, [place.address])
        assert (differs, silent) == ([], [])
        assert place.address in proved
        await reach().signal(unit, "STOP")
        assert [state(pid) for pid in place.pids()] == ["T", "T"]
        assert await reach().state(unit) == "stopped"
        await reach().signal(unit, "CONT")
        assert await reach().state(unit) == "running"
        await reach().signal(unit, "KILL")
        assert place.pids() == []
        await asyncio.sleep(0.3)  # as long as systemd takes to start one again, and more
        assert await reach().state(unit) == "absent"
        await reach().start(unit)
        await reach().start(unit)
        assert await reach().state(unit) == "running"

    asyncio.run(course())
    eventually(lambda: len(place.pids()) == 2)


@pytest.mark.parametrize(("name", "unit"), [("STOP", "no"), ("KILL", "always")], indirect=["unit"])
def test_systemd_brings_a_unit_back_when_nothing_of_ours_lives_any_more(name: str, unit: str, place: Place) -> None:
    program = (
        "import asyncio, os, sys\n"
        "from faildrill.adapters.ssh.unit import LocalUnit\n"
        "async def main():\n"
        f"    await LocalUnit.model_validate_json(sys.argv[1]).signal_for('{unit}', '{name}', 1.5)\n"
        "    os.write(1, b'done')\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    argv = [sys.executable, "-c", program, reach().model_dump_json()]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as ours:
        assert ours.stdout is not None
        assert ours.stdout.read(4) == b"done"
        ours.kill()
    eventually(lambda: [state(pid) for pid in place.pids()] == ["S", "S"], 10)
    assert place.ctl("list-units", "--all", "--no-legend", "--state=active", "faildrill-limit-*.timer") == ""


@pytest.mark.parametrize("unit", ["no"], indirect=True)
def test_a_timer_is_taken_away_when_the_unit_is_put_back(unit: str, place: Place) -> None:
    def timers() -> str:
        return place.ctl("list-units", "--all", "--no-legend", "faildrill-limit-*.timer")

    async def course() -> None:
        await reach().signal_for(unit, "STOP", 600.0)
        assert "faildrill-limit-" in timers()
        await reach().signal(unit, "CONT")
        assert timers() == ""

    asyncio.run(course())


@pytest.mark.parametrize("unit", ["always"], indirect=True)
def test_what_requires_a_unit_or_is_part_of_it_stays_up_as_after_a_crash(unit: str, place: Place) -> None:
    place.ctl("start", "part", "needs")

    async def course() -> None:
        await reach().signal(unit, "KILL")
        assert place.ctl("is-active", "part", "needs").split() == ["active", "active"]
        await asyncio.sleep(0.3)
        assert await reach().state(unit) == "absent"
        await reach().start(unit)
        assert place.ctl("is-active", "part", "needs", unit).split() == ["active"] * 3

    asyncio.run(course())
    place.ctl("stop", "part", "needs")


@pytest.mark.parametrize("unit", ["no"], indirect=True)
def test_a_unit_that_another_one_is_bound_to_is_not_killed(unit: str, place: Place) -> None:
    async def course() -> None:
        with pytest.raises(ActionRefused, match=r"bound\.service would go down with no"):
            await reach().signal(unit, "KILL")
        assert place.ctl("is-active", "bound", unit).split() == ["active", "active"]
        await reach().signal(unit, "STOP")
        await reach().signal(unit, "CONT")
        place.ctl("stop", "bound")
        await reach().signal(unit, "KILL")

    place.ctl("start", "bound")
    asyncio.run(course())


@pytest.mark.parametrize("unit", ["forks", "stays"])
def test_a_unit_without_a_main_process_goes_on_by_its_limit_and_is_started_again(unit: str, place: Place) -> None:
    async def course() -> None:
        place.ctl("start", unit)
        await reach().signal_for(unit, "STOP", 0.5)
        assert place.states(unit) == ["T"]
        await asyncio.to_thread(eventually, lambda: place.states(unit) == ["S"], 10)
        await reach().signal(unit, "KILL")
        assert place.states(unit) == []
        await reach().start(unit)
        assert place.states(unit) == ["S"]
        await reach().signal_for(unit, "KILL", 0.5)
        await asyncio.to_thread(eventually, lambda: place.states(unit) == ["S"], 10)

    asyncio.run(course())
    place.ctl("stop", unit)


def test_a_unit_that_is_not_there_is_not_seen(place: Place) -> None:
    assert place.units
    with pytest.raises(CannotSee, match="there is no unit nobody"):
        asyncio.run(reach().state("nobody"))
