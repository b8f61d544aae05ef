"""What a drill will need of hosts under Ansible, looked at by `faildrill doctor`."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Final

from pydantic import JsonValue

from faildrill.adapters.ansible import inventory, plays
from faildrill.adapters.ansible.results import Played, Task, said, told
from faildrill.adapters.ansible.target import Hosts
from faildrill.errors import CannotSee
from faildrill.ports import Checked, Given, Kind

SHARE: Final = 0.9
_LOOK: Final = str(Path(__file__).with_name("examine.yml"))
_PYTHON: Final = (3, 7)
"""The oldest Python on a host that no ansible-core still in use refuses."""


class Machines(Kind):
    """Looks whether Ansible runs here, and every host can be logged in to and has what playbooks need."""

    patience: ClassVar[float] = 30.0

    target: Hosts

    async def examine(self, given: Given) -> list[Checked]:
        """Ask Ansible here, then every host in one play that changes nothing."""
        name, within = self.target.name, given.timeout * SHARE
        try:
            found = [await self._programs(within / 3), await self._listed(within / 3)]
        except CannotSee as error:
            remedy = "docs/ansible.md tells what an inventory and Ansible's programs must be like"
            return [Checked(f"hosts {name}", ok=False, told=str(error), remedy=remedy)]
        known: dict[str, JsonValue] = {
            "faildrill_become": self.target.become,
            "faildrill_tools": {where: list(names) for where, names in self.target.tools.items()},
        }
        score = plays.Score(self.target, _LOOK, known)
        try:
            played = await plays.play(score, plays.key_of(given.run, "examine"), within, given.run)
        except CannotSee as error:
            remedy = "see whether a play of your own works: ansible -i INVENTORY -m ping all"
            return [*found, Checked(f"hosts {name}", ok=False, told=str(error), remedy=remedy)]
        return [*found, *self._hosts(played)]

    async def _programs(self, within: float) -> Checked:
        """See which Ansible it is."""
        with plays.private(plays.key_of("", "examine")) as folder:
            env = plays.surroundings(self.target, folder, {})
            said_first = (await inventory.ask("ansible-playbook", ["--version"], env, within)).partition("\n")[0]
        return Checked(f"hosts {self.target.name} Ansible", ok=True, told=said_first.removeprefix("ansible-playbook "))

    async def _listed(self, within: float) -> Checked:
        """See which hosts the inventory lists, and whether each has a key."""
        with plays.private(plays.key_of("", "examine")) as folder:
            hosts, groups = await inventory.names(self.target, plays.surroundings(self.target, folder, {}), within)
        what = f"hosts {self.target.name} inventory"
        if unknown := sorted({*self.target.keys, *self.target.tools} - hosts - groups):
            words = f"lists no {', '.join(unknown)}, which `keys` or `tools` names"
            return Checked(what, ok=False, told=words, remedy="correct the name, or take it out")
        if bare := sorted(hosts - set(self.target.keys)):
            remedy = "declare what `ssh-keyscan -t ed25519 HOST` prints, once you have compared it with the host's own"
            return Checked(what, ok=False, told=f"no key in `keys` for {', '.join(bare)}", remedy=remedy)
        return Checked(what, ok=True, told=f"{len(hosts)} hosts, each with its key")

    def _hosts(self, played: Played) -> Iterator[Checked]:
        by_host: dict[str, list[Task]] = {}
        for one in played.tasks:
            by_host.setdefault(one.host, []).append(one)
        for host in sorted({*by_host, *played.hosts}):
            yield from _host(f"{self.target.name}/{host}", by_host.get(host, []))
        if not by_host:
            remedy = "see whether a play of your own works: ansible -i INVENTORY -m ping all"
            yield Checked(f"hosts {self.target.name}", ok=False, told=told(played), remedy=remedy)


def _host(what: str, tasks: list[Task]) -> Iterator[Checked]:
    """Tell what was seen of one host, from the tasks that came to an end there."""
    by_name = {one.task: one for one in tasks}
    login = by_name.get("Log in")
    if login is None or login.how != "ok":
        why = said(login.result) if login else "it did not answer in time"
        remedy = "see that its SSH server is up, has the key in `keys`, and lets this user in by the inventory's key"
        yield Checked(f"{what} login", ok=False, told=why, remedy=remedy)
        return
    yield Checked(f"{what} login", ok=True, told="lets us in over SSH, with the declared key")
    for name, tell in (("Python", _python), ("Become root", _root), ("Programs", _programs)):
        task = by_name.get(name)
        if task is None or task.how == "unreachable":
            remedy = "run doctor again when the host is less busy"
            yield Checked(f"{what} {name.lower()}", ok=False, told="was not seen in time", remedy=remedy)
        elif task.how != "skipped":
            yield tell(f"{what} {name.lower()}", task)


def _python(what: str, task: Task) -> Checked:
    version = str(task.result.get("stdout", "")).strip()
    try:
        is_good = tuple(int(part) for part in version.split(".")) >= _PYTHON
    except ValueError:
        is_good = False
    words = version or f"none: {' '.join(str(task.result.get('stderr', '')).split())[-200:]}"
    remedy = "" if is_good else "install python3 there, or name another with `ansible_python_interpreter`"
    return Checked(what, is_good, words, remedy)


def _root(what: str, task: Task) -> Checked:
    is_root = task.how == "ok" and not task.ignored and str(task.result.get("stdout", "")).strip().endswith("0")
    words = "works" if is_root else said(task.result)
    remedy = "" if is_root else "let this login use sudo, set `ansible_become_password`, or take `become` out"
    return Checked(what, is_root, words, remedy)


def _programs(what: str, task: Task) -> Checked:
    missing = str(task.result.get("stdout", "")).split()
    words = f"no {', '.join(missing)}" if missing else "all are there"
    return Checked(what, not missing, words, "install what is missing, or correct `tools`" if missing else "")
