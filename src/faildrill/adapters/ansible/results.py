"""What came of a play, told apart: what each host did, and what it gave. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from faildrill.ports import causes

_LONGEST: Final = 300
"""Characters of what a task said."""


class Task(NamedTuple):
    """How a task ended on a host."""

    host: str
    task: str
    how: str
    changed: bool
    ignored: bool
    result: Mapping[str, Any]
    path: str

    def __str__(self) -> str:
        """Tell it in a sentence's part."""
        how = "changed" if self.how == "ok" and self.changed else self.how
        why = f": {said(self.result)}" if self.how in ("failed", "unreachable") else ""
        return f"{self.host}: {self.task} ({how}){why}"


def said(result: Mapping[str, Any]) -> str:
    """Return what a task's result says went wrong, in short."""
    parts = [str(result.get(name) or "").strip() for name in ("msg", "stderr", "module_stderr")]
    return " ".join(" ".join(part for part in parts if part).split())[:_LONGEST] or "no reason given"


@dataclass
class Played:
    """One play of playbooks, from what its process told."""

    tasks: list[Task] = field(default_factory=list)
    stats: dict[str, dict[str, int]] = field(default_factory=dict)
    given: dict[str, Any] = field(default_factory=dict)
    """What `set_stats` gave for the run as a whole."""
    code: int | None = None
    """How Ansible ended; None when it was ended by us, or never said."""
    output: str = ""

    def take(self, news: Mapping[str, Any]) -> Task | None:
        """Take in what the process tells; returns the task where it is one."""
        match news["is"]:
            case "task":
                how, changed, ignored = news["how"], news["changed"], news["ignored"]
                task = Task(news["host"], news["task"], how, changed, ignored, news["result"], news["path"])
                self.tasks.append(task)
                return task
            case "stats":
                self.stats, self.given = news["stats"], news["given"]
            case "ended":
                self.code, self.output = news["code"], news["said"]
        return None

    @property
    def hosts(self) -> list[str]:
        """Name the hosts that a task was tried on."""
        return sorted({host for name in ("ok", "dark", "failures", "skipped") for host in self.stats.get(name, {})})

    @property
    def changed(self) -> list[str]:
        """Name the hosts on which something was changed."""
        return sorted({task.host for task in self.tasks if task.changed})

    @property
    def failed(self) -> list[Task]:
        """List the tasks that failed for good, on any host."""
        rescued = {host for host in self.stats.get("rescued", {}) if host not in self.stats.get("failures", {})}
        return [task for task in self.tasks if task.how == "failed" and not task.ignored and task.host not in rescued]

    @property
    def unreachable(self) -> list[Task]:
        """List the tasks before which a host could not be reached."""
        return [task for task in self.tasks if task.how == "unreachable" and not task.ignored]

    def facts(self) -> dict[str, dict[str, Any]]:
        """Return by host what `set_fact` has set, the last value of each."""
        by_host: dict[str, dict[str, Any]] = {}
        for task in self.tasks:
            facts = task.result.get("ansible_facts")
            if isinstance(facts, dict) and task.how == "ok":
                mine = {
                    name: value for name, value in facts.items() if not name.startswith(("ansible_", "discovered_"))
                }
                by_host.setdefault(task.host, {}).update(mine)
        return by_host

    def told(self) -> str:
        """Tell for each host what it did: changed, unchanged, skipped, failed and unreachable are told apart."""
        words = {"changed": "changed", "ok": "ok", "skipped": "skipped", "failures": "failed", "dark": "unreachable"}
        lines = []
        for host in self.hosts:
            counts = [f"{self.stats[name][host]} {word}" for name, word in words.items() if self.stats[name].get(host)]
            lines.append(f"{host}: {', '.join(counts) or 'nothing'}")
        return "; ".join(lines) or "no host was played on"


_REMEDIES: Final = {
    "Temporary failure in name resolution": causes.what_to_do(causes.NO_RESOLVER),
    causes.NO_RESOLVER: causes.what_to_do(causes.NO_RESOLVER),
    "Could not resolve hostname": (
        "correct `ansible_host` in the inventory, or let this machine know the name: `getent hosts NAME`"
    ),
    causes.NO_NAME: "correct `ansible_host` in the inventory, or let this machine know the name: `getent hosts NAME`",
    "Permission denied": (
        "correct `ansible_user`, or let it in: put the public part of the inventory's key into authorized_keys there"
    ),
    "HOST IDENTIFICATION HAS CHANGED": "see that it is the host it should be; then correct its key in `keys`",
    "Host key verification failed": "declare its key in `keys`, as `ssh-keyscan` prints it, once you have compared it",
    "Connection refused": "start its SSH server, or correct `ansible_host` and `ansible_port`",
    "timed out": "see that it is up, and that no firewall between here and there drops what is sent",
    "No route to host": "see that there is a route from here to it",
}
"""What to do by what ssh says: a part of it."""


def what_to_do(why: str) -> str:
    """Tell what to do about a host that could not be logged in to."""
    remedy = "see that its SSH server is up, has the key in `keys`, and lets this user in by the inventory's key"
    return next((do for words, do in _REMEDIES.items() if words in why), remedy)


def told(played: Played) -> str:
    """Tell what went wrong with a play, task by task, and how each host fared."""
    if played.code is None:
        return f"the play was ended at its deadline; {played.told()}"
    troubles = "; ".join(str(trouble) for trouble in (*played.unreachable, *played.failed)[:5])
    return f"{troubles or played.output.strip()[-600:] or f'Ansible ended with {played.code}'} ({played.told()})"
