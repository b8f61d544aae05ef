"""Who could take over from the MariaDB server that takes writes, and why the others could not."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from faildrill.adapters.mariadb.status import Gtid, Node, newest
from faildrill.toolkit.leader_store import Lack, LeaderStore, Reason, Words
from faildrill.toolkit.leader_store.reasons import follows_a_stranger, follows_another
from faildrill.toolkit.node_addresses import Address, Directory

LATE: Final = 10.0
"""Seconds by which a replica may be behind and count as able to take over."""
WORDS: Final = Words(("writes", "follows"), "writer", "server that takes writes", node="server", leads="takes writes")
_OFF: Final = ("OFF", "0", "")
_FOLLOWED: Final = ("log_bin", "log_slave_updates")


def _follows(store: "Sight", node: Node) -> str | None:
    return store.followed(node.name)


def _twins(store: "Sight", node: Node) -> str:
    same = [
        other.name for other in store.nodes.values() if other.server_id == node.server_id and other.name != node.name
    ]
    return ", ".join(same) if node.server_id else ""


def _unfollowable(_: "Sight", node: Node) -> dict[str, str] | None:
    off = [setting for setting in _FOLLOWED if node.settings.get(setting, "ON") in _OFF]
    return {"off": ", ".join(off), "both": " and ".join(off)} if off else None


def _hole(_: "Sight", node: Node) -> Gtid | None:
    """Return an event that a server counts as applied and does not have."""
    for domain, at in node.applied.items():
        last = node.written.get(domain)
        if last is None or at.number > last.number:
            return at
    return None


def _strayed(store: "Sight", node: Node) -> Gtid | None:
    """Return an event that a replica has and the writer has not, or another one under the same number."""
    written = store.nodes[store.leader].written if store.leader else {}
    for domain, at in node.reached.items():
        there = written.get(domain)
        is_own = at.server == node.server_id and (there is None or at.number > there.number)
        is_other = there is not None and at.number == there.number and at.server != there.server
        if is_own or is_other:
            return at
    return None


REASONS: Final = (
    Reason(lambda _, node: node.silent or node.leads or not node.follows, "{node}"),
    Reason(
        lambda _, node: "no" in node.halted,
        "{node}",
        "START SLAVE on {name}; where it stops again, see SHOW SLAVE STATUS, and whether it is started with "
        "`skip_slave_start`",
    ),
    Reason(
        lambda _, node: node.halted,
        "{node}",
        "START SLAVE on {name}; where it stops again, see SHOW SLAVE STATUS",
    ),
    follows_a_stranger(_follows, "server"),
    follows_another(_follows),
    Reason(
        lambda store, node: node.late is None or node.late > store.limit or node.name in store.still,
        "{name} is late",
        "see what holds it up, and the network between {leader} and {name}",
    ),
    Reason(_twins, "{name} has the server_id of {it}", "give each a `server_id` of its own", whoever_leads=True),
    Reason(
        lambda _, node: not node.applies,
        "{name} does not apply what it has received",
        "START SLAVE SQL_THREAD on {name}",
        whoever_leads=True,
    ),
    Reason(
        lambda _, node: ", ".join(node.leaves_out),
        "{name} has not all: {it}",
        "take that off; a server that leaves something out can't stand in",
        by_design=True,
        whoever_leads=True,
    ),
    Reason(_unfollowable, "{name} could not be followed: {off} off", "turn {both} on for {name}", whoever_leads=True),
    Reason(
        _hole,
        "{name} has a hole: {it} is not in its log",
        "rebuild {name} from a backup of the one that writes",
        whoever_leads=True,
    ),
    Reason(_strayed, "{name} has writes of its own: {it}", "rebuild {name} from a backup of {leader}"),
)


@dataclass(frozen=True)
class Sight(LeaderStore[Node]):
    """All declared servers, as seen in one observation."""

    WORDS: ClassVar[Words] = WORDS
    REASONS: ClassVar[Sequence[Reason]] = REASONS
    TOLERANCE: ClassVar[float] = LATE

    directory: Directory = field(default_factory=lambda: Directory({}, {}))

    def followed(self, name: str) -> str | None:
        """Return the declared server that another one follows; None where it is no declared one, or nobody.

        Its number counts, where it has one of its own; otherwise the address by which it is followed.
        """
        node = self.nodes[name]
        by_id = [other.name for other in self.nodes.values() if node.follows_id and other.server_id == node.follows_id]
        if len(by_id) == 1:
            return by_id[0]
        return self.directory.member(node.follows) if node.follows else None

    def heirs(self) -> list[str]:
        """List the replicas that could be promoted where nobody writes, the one that has applied most first."""
        followers = [node for node in self.nodes.values() if node.follows and not node.silent and not node.leads]
        able = [node for node in followers if self.barred(node.name) is None]
        return [node.name for node in sorted(able, key=lambda node: (-newest(node.reached), node.name))]

    def orphans(self) -> list[Lack]:
        """Tell why the others could not be promoted, where nobody takes writes."""
        barred = [lack for name in self.others if (lack := self.barred(name)) and not self.nodes[name].silent]
        return [*self.headless(), *barred]

    def richest(self, first: str) -> str:
        """Return the server that answers and has applied most; `first` where it has as much as any other."""
        there = [node for node in self.nodes.values() if not node.silent]
        return min(there, key=lambda node: (-newest(node.reached), node.name != first, node.name)).name

    def who(self) -> dict[str, str]:
        """Tell the servers' numbers, and the hosts that they run on."""
        numbered = {name: node for name, node in self.nodes.items() if node.server_id}
        return {
            name: f"server {one.server_id} on {one.settings.get('hostname', '?')}" for name, one in numbered.items()
        }

    def is_loose(self, name: str, writer: str) -> bool:
        """Tell whether a server answers, takes no writes, and does not follow the one that does, or by half."""
        node = self.nodes[name]
        return not node.silent and not node.leads and bool(node.halted or self.followed(name) != writer)

    def unspelled(self) -> dict[str, Address]:
        """Return the servers that others follow by an address that the environment file does not have, with it."""
        by_node: dict[str, Address] = {}
        for name, node in self.nodes.items():
            whom = self.followed(name)
            if whom is not None and node.follows and self.directory.member(node.follows) != whom:
                by_node[whom] = node.follows
        return by_node

    def as_data(self) -> dict[str, Any]:
        """Return what is worth writing down of it: who is silent and what each has reached, too."""
        reached = {name: ",".join(map(str, node.reached.values())) for name, node in sorted(self.nodes.items())}
        silent = sorted(name for name, node in self.nodes.items() if node.silent)
        return {**super().as_data(), "silent": silent, "reached": reached}
