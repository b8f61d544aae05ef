"""What the tests on hosts share: the lab of hosts, and steps on it without a whole drill."""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from faildrill.adapters.ansible.playbook import Playbook
from faildrill.kinds.supplying import Supplies
from faildrill.lab.facts import Facts
from faildrill.loading import load_environment
from faildrill.targets import Hosts

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
    return load_environment(lab.environment).hosts["staging"]


def step(lab: Facts, name: str, /, *, limit: tuple[str, ...] = (), **variables: Any) -> Playbook:  # noqa: ANN401 - any value
    """Return a step of the playbooks of that name: the project's own, or a test's."""
    folder = Path("playbooks", name) if Path("playbooks", name).is_dir() else PLAYS / name
    return Playbook.model_validate(
        {
            "hosts": hosts_of(lab).model_dump(mode="json"),
            "apply": str((folder / "apply.yml").absolute()),
            "undo": str((folder / "undo.yml").absolute()),
            "verify": str((folder / "verify.yml").absolute()),
            "limit": limit,
            "vars": variables,
        }
    )


def given(run: str = "test", timeout: float = 60.0, news: News | None = None) -> Supplies:
    """Return what the engine would give."""
    return Supplies(run, timeout=timeout, hear=news.hear if news else None)
