"""Members that are containers: killed, paused, started and looked at by their engine, on real ones under Podman."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from faildrill.adapters.ssh.container import LocalContainer
from faildrill.errors import ActionFailed, CannotSee
from support.pid_file_servers import eventually

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(
        shutil.which("podman") is None or shutil.which("runc", path=f"{os.environ['PATH']}:/usr/sbin") is None,
        reason="no podman: apt install podman runc",
    ),
    pytest.mark.skipif(os.geteuid() != 0, reason="containers are run as root here"),
]
SERVER: Final = (
    "import socket; s = socket.create_server(('127.0.0.1', {port})); k = []\nwhile True: k.append(s.accept())"
)
LIMITS: Final = ("--ulimit", "nofile=1024:4096", "--ulimit", "nproc=1000:1000")
"""What a container may raise where this one is in a container itself."""


class Place:
    """Podman with a store of its own, and one container in it: a server, in the network of this host."""

    def __init__(self, folder: Path) -> None:
        where = ("--root", f"{folder}/images", "--runroot", f"{folder}/run", "--storage-driver", "vfs")
        how = ("--runtime", shutil.which("runc", path="/usr/sbin:/usr/bin"), "--cgroup-manager", "cgroupfs")
        self.engine = ["podman", *where, *map(str, how), "--events-backend", "none"]
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = f"127.0.0.1:{free.getsockname()[1]}"

    def ask(self, *words: str) -> str:
        argv = [*self.engine, *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout.strip()

    def run(self, folder: Path) -> None:
        """Start it: this Python is all that it needs of an image, and is lent to it."""
        (folder / "empty").mkdir()
        image = folder / "empty.tar"
        subprocess.run(["tar", "-C", str(folder / "empty"), "-cf", str(image), "."], check=True)
        self.ask("import", str(image), "empty:1")
        lent = [
            f"--volume={path}:{path}:ro" for path in ("/usr", "/lib", "/lib64", sys.base_prefix) if Path(path).exists()
        ]
        python = f"{sys.base_prefix}/bin/python3"
        program = SERVER.format(port=self.address.partition(":")[2])
        limits = ("--network", "host", *LIMITS, *lent)
        self.ask("run", "-d", "--name", "pay1", *limits, "empty:1", python, "-I", "-S", "-c", program)

    def reach(self) -> LocalContainer:
        return LocalContainer.model_validate({"engine": self.engine})

    def answers(self) -> bool:
        host, _, port = self.address.partition(":")
        try:
            socket.create_connection((host, int(port)), 1).close()
        except OSError:
            return False
        return True


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory(prefix="pod") as name:  # a short path: sockets lie in it
        one = Place(Path(name))
        try:
            one.run(Path(name))
            eventually(one.answers, 20)
            yield one
        finally:
            one.ask("rm", "--force", "--time", "0", "--all")
            one.ask("rmi", "--force", "--all")
            subprocess.run(["umount", f"{name}/images/vfs"], check=False, capture_output=True)
            for folder in sorted(Path("/sys/fs/cgroup").glob("**/libpod_parent/**/"), reverse=True):
                with suppress(OSError):
                    folder.rmdir()


def test_a_container_is_paused_killed_and_started(place: Place) -> None:
    async def course() -> None:
        reach = place.reach()
        assert await reach.state("pay1") == "running"
        [proved], differs, silent = await reach.leads("pay1", [place.address])
        assert (differs, silent) == ([], [])
        assert place.address in proved
        await reach.signal("pay1", "STOP")
        assert place.ask("inspect", "--format", "{{.State.Status}}", "pay1") == "paused"
        assert await reach.state("pay1") == "stopped"
        await reach.signal("pay1", "CONT")
        await reach.signal("pay1", "KILL")
        assert await reach.state("pay1") == "absent"
        assert not place.answers()
        await reach.start("pay1")
        await reach.start("pay1")
        assert await reach.state("pay1") == "running"

    asyncio.run(course())
    eventually(place.answers)


def test_an_address_that_another_one_answers_is_not_the_containers(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        address = f"127.0.0.1:{stranger.getsockname()[1]}"
        proved, [differs], silent = asyncio.run(place.reach().leads("pay1", [address]))
    assert (proved, silent) == ([], [])
    assert f"is not what answers at {address}" in differs


def test_what_is_no_container_is_not_seen_and_what_can_not_be_done_is_told(place: Place) -> None:
    with pytest.raises(CannotSee, match="the container pay2 is not seen"):
        asyncio.run(place.reach().state("pay2"))

    async def twice() -> None:
        await place.reach().signal("pay1", "STOP")
        try:
            with pytest.raises(ActionFailed, match="pause failed"):
                await place.reach().signal("pay1", "STOP")
        finally:
            await place.reach().signal("pay1", "CONT")

    asyncio.run(twice())


def test_the_host_brings_a_container_back_when_nothing_of_ours_lives_any_more(place: Place) -> None:
    program = (
        "import asyncio, os, sys\n"
        "from faildrill.adapters.ssh.container import LocalContainer\n"
        "async def main():\n"
        "    await LocalContainer.model_validate_json(sys.argv[1]).signal_for('pay1', 'KILL', 1.5)\n"
        "    os.write(1, b'done')\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    argv = [sys.executable, "-c", program, place.reach().model_dump_json()]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as ours:
        assert ours.stdout is not None
        assert ours.stdout.read(4) == b"done"
        ours.send_signal(signal.SIGKILL)
    eventually(lambda: place.ask("inspect", "--format", "{{.State.Status}}", "pay1") == "running", 10)
    eventually(place.answers)
