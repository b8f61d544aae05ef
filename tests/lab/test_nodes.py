import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from faildrill.errors import FaildrillError
from faildrill.lab.core import process_tree
from faildrill.lab.core.node import Node, Recipe

STRAY = """
import os, sys, time
if not os.fork():
    os.setsid()
    if os.fork():
        os._exit(0)
    print("stray", os.getpid(), flush=True)
time.sleep(60)
"""
"""A program that leaves a process outside of its own tree, session and group, as Patroni leaves PostgreSQL."""


SPREADING = """
import os, time
for _ in range(40):
    if not os.fork():
        time.sleep(60)
while os.fork():
    time.sleep(0.001)
time.sleep(60)
"""


WATCHED = """
import os, sys, time
reading, writing = os.pipe()
for number in range(150):
    if not os.fork():
        os.close(writing)
        if number == 149:
            os.read(reading, 1)
            open(sys.argv[1], "w").close()
        time.sleep(60)
time.sleep(60)
"""
"""A program whose last child notes its death, as Patroni sees PostgreSQL's."""


def recipe(folder: Path, program: str) -> Recipe:
    return Recipe("node", [sys.executable, "-c", program], folder, folder / "log")


async def until(look: Callable[[], object], within: float = 5.0) -> None:
    deadline = time.monotonic() + within
    while not look():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def play(scene: Callable[[Node], Awaitable[None]], folder: Path, program: str = STRAY) -> None:
    """Play a scene with a node, reaping as a supervisor does."""

    async def whole() -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGCHLD, process_tree.reap)
        node = Node(recipe(folder, program))
        try:
            await node.start()
            await scene(node)
        finally:
            await node.signal("KILL")

    asyncio.run(whole())
    assert process_tree.belonging(str(folder)) == []


async def with_its_stray(node: Node) -> int:
    await until(lambda: "stray" in node.recipe.log.read_text() and len(node.processes()) == 2)
    return int(node.recipe.log.read_text().split()[1])


def test_what_left_its_program_stays_in_the_nodes_tree(tmp_path: Path) -> None:
    async def scene(node: Node) -> None:
        stray = await with_its_stray(node)
        assert stray in [one.pid for one in node.processes()]

    play(scene, tmp_path)


def test_kill_leaves_nothing_of_a_node(tmp_path: Path) -> None:
    async def scene(node: Node) -> None:
        await with_its_stray(node)
        await node.signal("KILL")
        assert node.state() == "absent"
        assert process_tree.belonging(str(tmp_path)) == []

    play(scene, tmp_path)


def test_kill_ends_a_node_that_starts_processes_as_fast_as_it_can(tmp_path: Path) -> None:
    async def scene(node: Node) -> None:
        await until(lambda: len(node.processes()) > 20)
        await node.signal("KILL")
        assert process_tree.belonging(str(tmp_path)) == []

    play(scene, tmp_path, SPREADING)


def test_nothing_of_a_killed_node_lives_to_see_another_part_of_it_die(tmp_path: Path) -> None:
    noted = tmp_path / "noted"

    async def scene(node: Node) -> None:
        await until(lambda: len(node.processes()) == 151)
        await asyncio.sleep(0.1)
        await node.signal("KILL")
        assert not noted.exists()

    play(scene, tmp_path, WATCHED.replace("sys.argv[1]", repr(str(noted))))


def test_a_node_runs_as_soon_as_it_is_started(tmp_path: Path) -> None:
    async def scene(node: Node) -> None:
        assert node.state() == "running"

    play(scene, tmp_path)


def test_stop_holds_all_of_a_node_and_cont_lets_it_go(tmp_path: Path) -> None:
    async def scene(node: Node) -> None:
        await with_its_stray(node)
        assert node.state() == "running"
        await node.signal("STOP")
        assert node.state() == "stopped"
        await node.signal("CONT")
        assert node.state() == "running"

    play(scene, tmp_path)


def test_a_node_that_is_held_can_be_killed(tmp_path: Path) -> None:
    async def scene(node: Node) -> None:
        await with_its_stray(node)
        await node.signal("STOP")
        await node.signal("KILL")
        assert node.state() == "absent"

    play(scene, tmp_path)


def test_term_goes_to_the_main_program_only(tmp_path: Path) -> None:
    async def scene(node: Node) -> None:
        stray = await with_its_stray(node)
        await node.signal("TERM")
        await until(lambda: node.exited is not None)
        assert node.exited == -signal.SIGTERM
        assert [one.pid for one in node.processes()] == [stray]

    play(scene, tmp_path)


def test_a_node_that_crashed_stays_down_until_it_is_started(tmp_path: Path) -> None:
    async def scene(node: Node) -> None:
        await asyncio.wait_for(node.gone.wait(), 5)
        assert (node.state(), node.exited, node.starts) == ("absent", 3, 1)
        await node.start()
        assert node.starts == 2

    play(scene, tmp_path, "raise SystemExit(3)")


def test_a_node_that_runs_is_not_started_twice(tmp_path: Path) -> None:
    async def scene(node: Node) -> None:
        with pytest.raises(FaildrillError, match="is not down"):
            await node.start()

    play(scene, tmp_path)


def test_a_node_whose_init_is_killed_goes_down_whole(tmp_path: Path) -> None:
    async def scene(node: Node) -> None:
        await with_its_stray(node)
        os.kill(node.init, signal.SIGKILL)
        await asyncio.wait_for(node.gone.wait(), 5)
        assert process_tree.belonging(str(tmp_path)) == []

    play(scene, tmp_path)


def test_an_init_whose_supervisor_is_gone_ends_its_node(tmp_path: Path) -> None:
    async def scene(node: Node) -> None:
        await with_its_stray(node)
        assert node._writer is not None
        node._writer.transport.abort()
        await until(lambda: not process_tree.belonging(str(tmp_path)))

    play(scene, tmp_path)


def test_an_init_that_is_told_to_end_ends_its_node(tmp_path: Path) -> None:
    async def scene(node: Node) -> None:
        await with_its_stray(node)
        os.kill(node.init, signal.SIGTERM)
        await until(lambda: not process_tree.belonging(str(tmp_path)))

    play(scene, tmp_path)


def test_a_program_that_cannot_be_started_says_so_in_the_nodes_log(tmp_path: Path) -> None:
    async def scene() -> None:
        node = Node(Recipe("node", [str(tmp_path / "nothing")], tmp_path, tmp_path / "log"))
        await node.start()
        await asyncio.wait_for(node.gone.wait(), 5)
        assert node.exited == 127
        assert "cannot start" in node.recipe.log.read_text()

    asyncio.run(scene())


def test_a_node_sees_nothing_of_a_drill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAILDRILL_RUN", "r-1")
    monkeypatch.setenv("SECRET", "s")
    told = tmp_path / "told"

    async def scene(_: Node) -> None:
        await until(told.exists)
        await asyncio.sleep(0.05)
        seen = json.loads(told.read_text())
        assert seen["FAILDRILL_LAB"] == str(tmp_path)
        assert {name for name in seen if name.startswith(("FAILDRILL", "SECRET"))} == {"FAILDRILL_LAB"}

    program = f"import os, json, time; open({str(told)!r}, 'w').write(json.dumps(dict(os.environ))); time.sleep(60)"
    play(scene, tmp_path, program)


def test_an_unknown_signal_is_refused(tmp_path: Path) -> None:
    async def scene(node: Node) -> None:
        with pytest.raises(FaildrillError, match="no such signal"):
            await node.signal("RTMIN")

    play(scene, tmp_path)


def test_a_node_that_is_down_takes_no_signal_but_kill(tmp_path: Path) -> None:
    async def scene(node: Node) -> None:
        await node.signal("KILL")
        await node.signal("KILL")
        with pytest.raises(FaildrillError, match="is down"):
            await node.signal("STOP")

    play(scene, tmp_path)


def test_a_shell_that_stands_in_the_folder_does_not_belong_to_it(tmp_path: Path) -> None:
    async def scene() -> None:
        bystander = await asyncio.create_subprocess_exec("sleep", "30", cwd=tmp_path)
        assert process_tree.belonging(str(tmp_path)) == []
        bystander.kill()
        await bystander.wait()

    asyncio.run(scene())
