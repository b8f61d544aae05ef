"""`ansible.playbook`: every host that is played on is told, by itself. Two hosts, both of them this machine."""

import asyncio
import sys
from pathlib import Path
from typing import Final

import pytest

from faildrill.adapters.ansible.playbook import Playbook
from faildrill.adapters.ansible.target import Hosts
from faildrill.errors import CannotSee
from lab.hosts_lab import given, step
from support.playbooks import idle

pytestmark = [pytest.mark.lab, pytest.mark.timeout(180)]
ACTS: Final = ("apply", "undo", "verify")
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


MARK = "    - ansible.builtin.file: {path: /nowhere, state: touch}\n"
PLAY = "- hosts: one\n  gather_facts: false\n"
BY_NAME = f"{MARK}      delegate_to: other\n"
AWAY = {
    "a task": (f"{PLAY}  tasks:\n{BY_NAME}", {}),
    "a template": (f'{PLAY}  tasks:\n{MARK}      delegate_to: "{{{{ groups.all | last }}}}"\n', {}),
    "one of the inventory": (f"{PLAY}  tasks:\n{MARK}      delegate_to: two\n", {}),
    "a play": (f"{PLAY}  vars: {{x: !unsafe '1'}}\n  handlers:\n{BY_NAME}  tasks:\n{MARK}", {}),
    "included": (f"{PLAY}  tasks:\n    - ansible.builtin.include_tasks: in.yml\n", {"in.yml": BY_NAME}),
    "included again": (
        f"{PLAY}  tasks:\n    - include_tasks: {{file: a/in.yml}}\n",
        {"a/in.yml": "- include_tasks: more.yml\n", "a/more.yml": BY_NAME},
    ),
    "a role": (f"{PLAY}  roles: [{{role: r}}]\n", {"roles/r/tasks/main.yml": BY_NAME}),
    "a role by a task": (
        f"{PLAY}  tasks:\n    - ansible.builtin.include_role: {{name: r}}\n",
        {"roles/r/tasks/main.yml": BY_NAME},
    ),
    "another playbook": ("- import_playbook: b.yml\n", {"b.yml": f"{PLAY}  tasks:\n{BY_NAME}"}),
}


def written(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize("way", AWAY)
@pytest.mark.parametrize("act", ["apply", "undo"])
def test_a_task_that_is_delegated_to_a_host_that_is_not_played_on_refuses_the_drill(
    hosts: Hosts, tmp_path: Path, way: str, act: str
) -> None:
    text, others = AWAY[way]
    plain = f"{PLAY}  tasks:\n{MARK}"
    written(tmp_path, {"apply.yml": plain, "undo.yml": plain, "verify.yml": plain, **others, f"{act}.yml": text})
    action = Playbook.model_validate(
        {"hosts": hosts.model_dump(mode="json"), **{one: str(tmp_path / f"{one}.yml") for one in ACTS}}
    )
    said = asyncio.run(action.objection(given()))
    assert said is not None
    assert "delegates a task to" in said
    assert f"on which {act}.yml is not played" in said


@pytest.mark.parametrize("to", ["localhost", '"{{ inventory_hostname }}"', "one"])
def test_a_task_that_is_delegated_to_who_is_told_or_to_this_host_does_not(
    hosts: Hosts, tmp_path: Path, to: str
) -> None:
    plain = f"{PLAY}  tasks:\n{MARK}      delegate_to: {to}\n"
    written(tmp_path, dict.fromkeys(("apply.yml", "undo.yml", "verify.yml"), plain))
    action = Playbook.model_validate(
        {"hosts": hosts.model_dump(mode="json"), **{one: str(tmp_path / f"{one}.yml") for one in ACTS}}
    )
    assert asyncio.run(action.objection(given())) is None


def test_what_does_not_fit_a_dynamic_inventory_is_told_before_any_host_is_touched(tmp_path: Path) -> None:
    async def scenario() -> None:
        assert await idle(tmp_path).objection(given()) is None
        seen = await idle(tmp_path, limit=["web1"]).preview(given())
        assert seen.touches == ["staging:web1"]
        assert seen.effect == "apply.yml: Do apply"
        unknown = await idle(tmp_path, limit=["web3"]).objection(given())
        assert unknown == "the inventory knows no web3; its hosts are web1, web2"
        assert "no task with these tags" in (await idle(tmp_path, tags=["other"]).objection(given()) or "")
        assert "has no task 'Do it'; it has Do apply" in (await idle(tmp_path, began="Do it").objection(given()) or "")
        late = idle(tmp_path)
        (tmp_path / "undo.yml").unlink()
        assert await late.objection(given()) == f"there is no playbook {tmp_path}/undo.yml"

    asyncio.run(scenario())
