"""What a drill will need of hosts under Ansible, looked at by `faildrill doctor`."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Final

from pydantic import JsonValue, PrivateAttr

from faildrill.adapters.ansible import inventory, plays
from faildrill.adapters.ansible.results import Played, Task, said, told, what_to_do
from faildrill.adapters.ansible.target import Hosts
from faildrill.errors import CannotSee
from faildrill.ports import Checked, Given, Kind
from faildrill.toolkit.connection_errors import of_name

_CLOSED: Final = re.compile(r"\s*Shared connection to \S+ closed\.$")
"""What ssh adds when a terminal was asked for."""
_LOOK: Final = str(Path(__file__).with_name("examine.yml"))
_PYTHON: Final = (3, 7)
"""The oldest Python on a host that no ansible-core still in use refuses."""


class Machines(Kind):
    """Looks whether Ansible runs here, and every host can be logged in to and has what playbooks need."""

    patience: ClassVar[float] = 30.0

    target: Hosts
    _addresses: dict[str, str] = PrivateAttr(default_factory=dict)

    async def examine(self, given: Given) -> list[Checked]:
        """Ask Ansible here, then every host in one play that changes nothing."""
        name, within = self.target.name, given.timeout * plays.SHARE
        try:
            answers = [await self._programs(within / 3), await self._listed(within / 3)]
        except CannotSee as error:
            remedy = "docs/ansible.md tells what an inventory and Ansible's programs must be like"
            return [Checked(f"hosts {name}", ok=False, told=str(error), remedy=remedy)]
        known: dict[str, JsonValue] = {
            "faildrill_become": self.target.become,
            "faildrill_python": self.target.python,
            "faildrill_tools": {where: list(names) for where, names in self.target.tools.items()},
        }
        score = plays.Score(self.target, _LOOK, known)
        try:
            played = await plays.play(score, plays.key_of(given.run, "examine"), within, given.run)
        except CannotSee as error:
            remedy = "see whether a play of your own works: ansible -i INVENTORY -m ping all"
            return [*answers, Checked(f"hosts {name}", ok=False, told=str(error), remedy=remedy)]
        return [*answers, *self._hosts(played, await self._unresolved(played))]

    async def _programs(self, within: float) -> Checked:
        """See which Ansible it is."""
        with plays.private(plays.key_of("", "examine")) as folder:
            env = plays.surroundings(self.target, folder, {})
            said_first = (await inventory.ask("ansible-playbook", ["--version"], env, within)).partition("\n")[0]
        return Checked(f"hosts {self.target.name} Ansible", ok=True, told=said_first.removeprefix("ansible-playbook "))

    async def _listed(self, within: float) -> Checked:
        """See which hosts the inventory lists, and whether each has a key."""
        with plays.private(plays.key_of("", "examine")) as folder:
            env = plays.surroundings(self.target, folder, {})
            self._addresses, groups = await inventory.addresses(self.target, env, within)
        hosts = set(self._addresses)
        what = f"hosts {self.target.name} inventory"
        if unknown := sorted({*self.target.keys, *self.target.tools} - hosts - groups):
            words = f"lists no {', '.join(unknown)}, which `keys` or `tools` names"
            return Checked(what, ok=False, told=words, remedy="correct the name, or take it out")
        if bare := sorted(hosts - set(self.target.keys)):
            remedy = "declare what `ssh-keyscan -t ed25519 HOST` prints, once you have compared it with the host's own"
            return Checked(what, ok=False, told=f"no key in `keys` for {', '.join(bare)}", remedy=remedy)
        return Checked(what, ok=True, told=f"{len(hosts)} hosts, each with its key")

    async def _unresolved(self, played: Played) -> dict[str, str]:
        """Tell of the hosts on which nothing came to an end why their names don't resolve here, where they don't.

        Asked only then: SSH may know by its own settings where a host is whose name nobody resolves.
        """
        silent = sorted(set(self._addresses) - {task.host for task in played.tasks})
        unresolved = await asyncio.gather(*(_unresolved(self._addresses[host]) for host in silent))
        return dict(zip(silent, unresolved, strict=True))

    def _hosts(self, played: Played, unresolved: dict[str, str]) -> Iterator[Checked]:
        by_host: dict[str, list[Task]] = {}
        for task in played.tasks:
            by_host.setdefault(task.host, []).append(task)
        for host in sorted({*by_host, *played.hosts, *unresolved}):
            yield from _host(f"{self.target.name}/{host}", by_host.get(host, []), unresolved.get(host, ""))
        if not by_host:
            remedy = "see whether a play of your own works: ansible -i INVENTORY -m ping all"
            yield Checked(f"hosts {self.target.name}", ok=False, told=told(played), remedy=remedy)


def _host(what: str, tasks: list[Task], unresolved: str) -> Iterator[Checked]:
    """Tell what was seen of one host, from the tasks that came to an end there; `unresolved`: why its name isn't."""
    by_name = {result.task: result for result in tasks}
    login = by_name.get("Log in")
    if login is None or login.how != "ok":
        why = said(login.result) if login else unresolved or "it did not answer in time"
        yield Checked(f"{what} login", ok=False, told=why, remedy=what_to_do(why))
        return
    yield Checked(f"{what} login", ok=True, told="lets us in over SSH, with the declared key")
    broken = False  # Ansible asks no more of a host on which a task failed
    for name, tell in (("Python", _python), ("Become root", _root), ("Programs", _programs)):
        task = by_name.get(name)
        if task is None and broken:
            continue
        broken = task is not None and task.how == "failed" and not task.ignored
        if task is None or task.how == "unreachable":
            remedy = "run doctor again when the host is less busy"
            yield Checked(f"{what} {name.lower()}", ok=False, told="was not seen in time", remedy=remedy)
        elif task.how != "skipped":
            yield tell(f"{what} {name.lower()}", task)


async def _unresolved(host: str) -> str:
    try:
        await asyncio.get_running_loop().getaddrinfo(host, None)
    except OSError as error:
        return f"{host}: {of_name(error)}"
    return ""


def _python(what: str, task: Task) -> Checked:
    interpreter, _, version = str(task.result.get("stdout", "")).strip().partition("\n")
    try:
        is_good = tuple(int(part) for part in version.strip().split(".")) >= _PYTHON
    except ValueError:
        is_good = False
    oldest = ".".join(str(part) for part in _PYTHON)
    if is_good:
        words = f"{version.strip()}, {interpreter.strip()}"
    elif version.strip():
        words = f"{interpreter.strip()} is {version.strip()}, older than {oldest}"
    else:
        words = f"no usable {interpreter.strip() or 'interpreter'}: {_CLOSED.sub('', said(task.result))}"
    remedy = f"install Python {oldest} or newer there, or name where it is: `ansible_python_interpreter` of this host"
    return Checked(what, is_good, words, "" if is_good else remedy)


def _root(what: str, task: Task) -> Checked:
    is_root = task.how == "ok" and not task.ignored and str(task.result.get("stdout", "")).strip().endswith("0")
    words = "works" if is_root else said(task.result)
    remedy = "" if is_root else "let this login use sudo, set `ansible_become_password`, or take `become` out"
    return Checked(what, is_root, words, remedy)


def _programs(what: str, task: Task) -> Checked:
    missing = str(task.result.get("stdout", "")).split()
    words = f"no {', '.join(missing)}" if missing else "all are there"
    return Checked(what, not missing, words, "install what is missing, or correct `tools`" if missing else "")
