"""What the tests on hosts share: the lab of hosts, and steps on it without a whole drill."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from faildrill.adapters.ansible.playbook import Playbook
from faildrill.adapters.ansible.target import Hosts
from faildrill.kinds.call_context import CallContext
from faildrill.lab.core.facts import Facts
from faildrill.loading import load_environment

PLAYS = Path(__file__).with_name("plays")
needs_ssh = pytest.mark.skipif(shutil.which("ssh") is None, reason="no ssh client: apt install openssh-client")


@dataclass
class News:
    """What an action told of itself."""

    told: list[tuple[str, int, bool]] = field(default_factory=list)

    def hear(self, what: str, at: int, began: bool) -> None:
        self.told.append((what, at, began))


def hosts_of(lab: Facts) -> Hosts:
    """Return the hosts as the lab's environment declares them."""
    return load_environment(lab.environment).of(Hosts)["staging"]


def here(folder: Path) -> Hosts:
    """Return this machine as a host, on which Ansible acts without SSH."""
    inventory = folder / "inventory.yml"
    inventory.write_text(
        f"all: {{hosts: {{here: {{ansible_connection: local, ansible_python_interpreter: {sys.executable}}}}}}}\n"
    )
    return Hosts(name="here", inventory=str(inventory))


def step(where: Facts | Hosts, name: str, /, *, limit: tuple[str, ...] = (), **variables: Any) -> Playbook:
    """Return a step of the playbooks of that name: the project's own, or a test's."""
    folder = Path("playbooks", name) if Path("playbooks", name).is_dir() else PLAYS / name
    hosts = where if isinstance(where, Hosts) else hosts_of(where)
    return Playbook.model_validate(
        {
            "hosts": hosts.model_dump(mode="json"),
            "apply": str((folder / "apply.yml").absolute()),
            "undo": str((folder / "undo.yml").absolute()),
            "verify": str((folder / "verify.yml").absolute()),
            "limit": limit,
            "vars": variables,
        }
    )


def twice(where: Facts | Hosts, name: str, **variables: Any) -> Playbook:
    """Return a step of a project's playbook that plays `apply` and `undo` two times in a row each."""
    return step(where, "twice", twice=str(Path("playbooks", name).absolute()), **variables)


async def done_and_put_back(action: Playbook, run: str, look: Callable[[bool], None] = lambda _: None) -> None:
    """Do it and put it back, each seen; `look` looks for itself: False before and after, True in between."""
    look(False)  # noqa: FBT003 - not in effect
    before = await action.capture(given(run))
    await action.apply(before, given(run))
    assert (await action.confirm(before, given(run))).holds
    look(True)  # noqa: FBT003 - in effect
    await action.undo(before, given(run))
    restored = await action.restored(before, given(run))
    assert restored.holds, restored.because
    look(False)  # noqa: FBT003 - not in effect


def given(run: str = "test", timeout: float = 150.0, news: News | None = None) -> CallContext:
    """Return what the engine would give."""
    return CallContext(run, timeout=timeout, hear=news.hear if news else None)
