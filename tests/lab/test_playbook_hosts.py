"""`ansible.playbook`: every host that is played on is told, by itself. Two hosts, both of them this machine."""

import asyncio
import sys
from pathlib import Path
from typing import Final

import pytest

from faildrill.adapters.ansible.target import Hosts
from faildrill.errors import CannotSee
from lab.hosts_lab import given, step

pytestmark = [pytest.mark.lab, pytest.mark.timeout(180)]
WAYS: Final = ("once", "batch", "host", "skipped", "unreachable")


@pytest.fixture
def hosts(tmp_path: Path) -> Hosts:
    inventory = tmp_path / "inventory.yml"
    each = f"{{ansible_connection: local, ansible_python_interpreter: {sys.executable}}}"
    inventory.write_text(f"all: {{hosts: {{one: {each}, two: {each}}}}}\n")
    (tmp_path / "less").touch()
    return Hosts(name="both", inventory=str(inventory))


@pytest.mark.parametrize("way", WAYS)
def test_a_step_is_refused_before_anything_where_its_verification_leaves_a_host_out(
    hosts: Hosts, tmp_path: Path, way: str
) -> None:
    (tmp_path / "less").write_text(way)
    with pytest.raises(CannotSee, match=r"two"):
        asyncio.run(step(hosts, "two", folder=str(tmp_path)).capture(given()))
    assert not (tmp_path / "one").exists()


@pytest.mark.parametrize("way", WAYS)
def test_a_host_that_is_not_told_after_the_undo_is_not_put_back(hosts: Hosts, tmp_path: Path, way: str) -> None:
    action = step(hosts, "two", folder=str(tmp_path), undone="one")

    async def scenario() -> None:
        before = await action.capture(given())
        await action.apply(before, given())
        (tmp_path / "less").write_text(way)
        with pytest.raises(CannotSee, match=r"two"):
            await action.confirm(before, given())
        await action.undo(before, given())
        with pytest.raises(CannotSee, match=r"two"):
            await action.restored(before, given())
        assert (tmp_path / "two").exists()

    asyncio.run(scenario())


def test_a_host_that_a_play_adds_to_itself_is_left_out_as_nobody_told_what_was_there(
    hosts: Hosts, tmp_path: Path
) -> None:
    action = step(hosts, "two", folder=str(tmp_path), more="three")

    async def scenario() -> None:
        before = await action.capture(given())
        await action.apply(before, given())
        assert (await action.confirm(before, given())).holds
        assert not (tmp_path / "three").exists()
        await action.undo(before, given())
        assert (await action.restored(before, given())).holds

    asyncio.run(scenario())
