"""Who could take over from the MariaDB server that takes writes, and why the others could not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final

from faildrill.adapters.leader_store import Lack, LeaderStore
from faildrill.adapters.mariadb.status import Node, newest
from faildrill.adapters.mariadb.target import MariaDB
from faildrill.toolkit.addresses import Address, Directory

LATE: Final = 10.0
"""Seconds by which a replica may be behind and count as able to take over."""
_OFF: Final = ("OFF", "0", "")


@dataclass(frozen=True)
class Sight(LeaderStore):
    """All declared servers, as seen in one observation."""

    HEALTHY: ClassVar[Sequence[str]] = ("writes", "follows")

    mariadb: MariaDB
    nodes: Mapping[str, Node]
    directory: Directory = field(default_factory=lambda: Directory({}, {}))
    still: frozenset[str] = frozenset()

    @property
    def writers(self) -> list[str]:
        """The servers that take writes, sorted."""
        return sorted(name for name, node in self.nodes.items() if node.writes)

    @property
    def writer(self) -> str | None:
        """The one server that takes writes; None when there is none, or more than one."""
        writers = self.writers
        return writers[0] if len(writers) == 1 else None

    @property
    def leader(self) -> str | None:
        """The same."""
        return self.writer

    @property
    def others(self) -> list[str]:
        """The servers that are not that one, sorted."""
        return sorted(name for name in self.nodes if name != self.writer)

    @property
    def tolerance(self) -> float:
        """Seconds."""
        return LATE

    def positions(self) -> dict[str, int]:
        """Tell how much of the log each server has."""
        return {name: newest(node.reached) for name, node in self.nodes.items() if not node.silent}

    def with_still(self, names: frozenset[str]) -> "Sight":
        """Return the same, with servers that were seen to get nothing."""
        return replace(self, still=names)

    def followed(self, name: str) -> str | None:
        """Return the declared server that another one follows; None where it is no declared one, or nobody.

        Its number counts, where it has one of its own; otherwise the address by which it is followed.
        """
        node = self.nodes[name]
        by_id = [one.name for one in self.nodes.values() if node.follows_id and one.server_id == node.follows_id]
        if len(by_id) == 1:
            return by_id[0]
        return self.directory.member(node.follows) if node.follows else None

    def weighed(self, name: str, most: float) -> Lack | None:
        """Tell why a server could not take over from the writer now; None where it could."""
        node, writer = self.nodes[name], self.writer
        if node.silent or node.writes or not node.follows or writer is None:
            return Lack(str(node))
        if node.halted:
            remedy = f"START SLAVE on {name}; where it stops again, see SHOW SLAVE STATUS"
            if "no" in node.halted:
                remedy += ", and whether it is started with `skip_slave_start`"
            return Lack(str(node), remedy)
        whom = self.followed(name)
        if whom is None:
            told = f"{name} follows {node.follows}, which is no declared server"
            remedy = f'if that is {writer}, write `known_as: "{node.follows}"` under {writer} in the environment file'
            return Lack(told, remedy)
        if whom != writer:
            return Lack(f"{name} follows {whom}", f"have it follow {writer}, if nobody wanted that")
        if node.late is None or node.late > most or name in self.still:
            return Lack(f"{name} is late", f"see what holds it up, and the network between {writer} and {name}")
        return self.barred(name) or self._strayed(node, self.nodes[writer])

    def barred(self, name: str) -> Lack | None:
        """Tell why a server should not take over, whoever writes now; None where it may."""
        node = self.nodes[name]
        twins = [one.name for one in self.nodes.values() if one.server_id == node.server_id and one.name != name]
        if node.server_id and twins:
            return Lack(f"{name} has the server_id of {', '.join(twins)}", "give each a `server_id` of its own")
        if not node.applies:
            return Lack(f"{name} does not apply what it has received", f"START SLAVE SQL_THREAD on {name}")
        if node.leaves_out:
            told = f"{name} has not all: {', '.join(node.leaves_out)}"
            return Lack(told, "take that off; a server that leaves something out can't stand in", by_design=True)
        off = [one for one in ("log_bin", "log_slave_updates") if node.settings.get(one, "ON") in _OFF]
        if off:
            return Lack(
                f"{name} could not be followed: {', '.join(off)} off", f"turn {' and '.join(off)} on for {name}"
            )
        return self._holed(node)

    def _holed(self, node: Node) -> Lack | None:
        """Tell of events that a server counts as applied and does not have."""
        for domain, at in node.applied.items():
            last = node.written.get(domain)
            if last is None or at.number > last.number:
                told = f"{node.name} has a hole: {at} is not in its log"
                return Lack(told, f"rebuild {node.name} from a backup of the one that writes")
        return None

    def _strayed(self, node: Node, writer: Node) -> Lack | None:
        """Tell of events that a replica has and the writer has not, or of other ones under the same number."""
        for domain, at in node.reached.items():
            there = writer.written.get(domain)
            is_own = at.server == node.server_id and (there is None or at.number > there.number)
            is_other = there is not None and at.number == there.number and at.server != there.server
            if is_own or is_other:
                return Lack(
                    f"{node.name} has writes of its own: {at}", f"rebuild {node.name} from a backup of {writer.name}"
                )
        return None

    def headless(self) -> list[Lack]:
        """Tell what there is instead of one server that takes writes."""
        first = f"{len(self.writers)} writers" if self.writers else "no writer"
        return [Lack(one) for one in (first, *sorted(str(node) for node in self.nodes.values() if not node.writes))]

    def heirs(self) -> list[str]:
        """List the replicas that could be promoted where nobody writes, the one that has applied most first."""
        found = [node for node in self.nodes.values() if node.follows and not node.silent and not node.writes]
        able = [node for node in found if self.barred(node.name) is None]
        return [node.name for node in sorted(able, key=lambda node: (-newest(node.reached), node.name))]

    def orphans(self) -> list[Lack]:
        """Tell why the others could not be promoted, where nobody takes writes."""
        barred = [lack for name in self.others if (lack := self.barred(name)) and not self.nodes[name].silent]
        return [*self.headless(), *barred]

    def richest(self, first: str) -> str:
        """Return the server that answers and has applied most; `first` where it has as much as any other."""
        there = [node for node in self.nodes.values() if not node.silent]
        return min(there, key=lambda node: (-newest(node.reached), node.name != first, node.name)).name

    def unspelled(self) -> dict[str, Address]:
        """Return the servers that others follow by an address that the environment file does not have, with it."""
        found: dict[str, Address] = {}
        for name, node in self.nodes.items():
            whom = self.followed(name)
            if whom is not None and node.follows and self.directory.member(node.follows) != whom:
                found[whom] = node.follows
        return found

    def as_data(self) -> dict[str, Any]:
        """Return what is worth writing down of it."""
        return {
            "writer": self.writer,
            "able": self.candidates(),
            "silent": sorted(name for name, node in self.nodes.items() if node.silent),
            "members": {name: str(node).removeprefix(f"{name} ") for name, node in sorted(self.nodes.items())},
            "reached": {
                name: ",".join(str(one) for one in node.reached.values()) for name, node in sorted(self.nodes.items())
            },
        }
