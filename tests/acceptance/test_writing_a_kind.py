"""docs/writing-a-kind.md from an empty folder to a run: its files are written, its commands run, as they stand there.

Two packages of somebody else's: one does nothing, the other drills a server that is real.
"""

import os
import re
import secrets
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

PAGE: Final = Path(__file__).parents[2] / "docs" / "writing-a-kind.md"
FILES: Final = re.compile(r"^`([\w./-]+)`\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CONSOLE: Final = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OWN: Final = "3f2a9c41"
"""What only the gate of the page says; each test has one of its own, as one drill of a place runs at a time."""


class World:
    """The page, written out in a folder, with its packages installed and its server running."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.own = f"{secrets.randbits(32):08x}"
        self.page = PAGE.read_text(encoding="utf-8").replace("7007", str(port)).replace(OWN, self.own)
        for name, text in FILES.findall(self.page):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self.packages = [path.parent for path in folder.rglob("pyproject.toml")]
        for package in self.packages:
            self._install(package)

    @property
    def says(self) -> str:
        """What the server answers to `who`."""
        return f"staging gate {self.own}"

    def _install(self, package: Path) -> None:
        """Do what `pip install -e` does, without asking anybody for anything."""
        project = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        info = package / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        info.mkdir()
        named = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        (info / "METADATA").write_text(named, encoding="utf-8")
        [(group, points)] = project["entry-points"].items()
        lines = "".join(f"{name} = {where}\n" for name, where in points.items())
        (info / "entry_points.txt").write_text(f"[{group}]\n{lines}", encoding="utf-8")

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the page."""
        program, *arguments = command.split()
        assert program == "faildrill"
        env = os.environ | {
            "PYTHONPATH": os.pathsep.join(map(str, self.packages)),
            "FAILDRILL_STATE": str(self.folder / "state"),
            "COLUMNS": "300",
        }
        return subprocess.run(
            [sys.executable, "-P", "-m", "faildrill", *arguments],
            env=env,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def asked(self, word: str) -> str:
        """Ask the server itself."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as there:
            there.sendall(f"{word}\n".encode())
            return there.makefile().readline().strip()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    made = World(tmp_path, port)
    with subprocess.Popen([sys.executable, "gate_server.py", str(port), made.says], cwd=tmp_path) as server:
        try:
            _up(made)
            yield made
        finally:
            server.kill()


def _up(world: World) -> None:
    for _ in range(100):
        try:
            assert world.asked("who") == world.says
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the server of the page does not come up")


def test_the_page_leads_from_an_empty_folder_to_a_run(world: World) -> None:
    for block in CONSOLE.findall(world.page):
        for part in block.split("$ ")[1:]:
            command, *shown = part.splitlines()
            done = world.run(command)
            for line in filter(None, shown):
                told = re.compile(".*".join(map(re.escape, line.split("…"))), re.DOTALL)
                assert told.search(done.stdout + done.stderr), f"$ {command}\n{done.stdout}{done.stderr}"
    assert world.asked("state") == "open"


def test_without_a_look_at_its_effect_the_first_run_proves_nothing(world: World) -> None:
    code = world.folder / "noop" / "noop.py"
    text = code.read_text(encoding="utf-8")
    confirm, restored = text.index("    async def confirm("), text.index("    async def restored(")
    code.write_text(text[:confirm] + text[restored:], encoding="utf-8")
    done = world.run("faildrill run noop/drills/nothing-happens.yaml")
    assert done.returncode == 4, done.stdout + done.stderr
    assert "not confirmed: nothing changed" in done.stdout


def test_another_gate_than_the_declared_one_is_refused_and_stays_open(world: World) -> None:
    place = world.folder / "drills" / "environments" / "staging.yaml"
    place.write_text(place.read_text(encoding="utf-8").replace(world.own, "00000000"), encoding="utf-8")
    done = world.run("faildrill run drills/closed-gate.yaml")
    assert done.returncode == 3
    assert f"front says that it is {world.says!r}" in done.stdout + done.stderr
    assert world.asked("state") == "open"


def test_a_gate_that_nothing_proves_is_refused_with_the_line_to_write(world: World) -> None:
    place = world.folder / "drills" / "environments" / "staging.yaml"
    (world.folder / "place").write_text("staging of a test", encoding="utf-8")
    other = "- file.identity: {path: ../../place, content: staging of a test}"
    text = place.read_text(encoding="utf-8")
    place.write_text(re.sub(r"- gates.identity: .*", other, text), encoding="utf-8")
    done = world.run("faildrill plan drills/closed-gate.yaml")
    assert "front (of gates) is acted on by step close-the-gate (gates.close)" in done.stdout
    assert "- gates.identity: {gate: front, says: …}" in done.stdout


def test_a_run_whose_package_is_gone_is_still_judged_and_told(world: World) -> None:
    assert world.run("faildrill run drills/closed-gate.yaml").returncode == 0
    [run] = (world.folder / "reports").glob("*/")
    before = (run / "result.json").read_bytes()
    (run / "result.json").unlink()
    for path in (world.folder / "faildrill_gates-1.0.dist-info").iterdir():
        path.unlink()
    done = world.run(f"faildrill judge {run}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (run / "result.json").read_bytes() == before
