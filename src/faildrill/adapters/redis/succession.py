"""Who could take over from a Redis master now, as the Sentinels would decide, and why the others could not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Final

from faildrill.adapters.redis.status import Node, Replica, Watch
from faildrill.adapters.redis.target import Redis
from faildrill.toolkit.addresses import Address, Directory
from faildrill.toolkit.leader_store import Lack, LeaderStore

LAG: Final = 1 << 20
"""Bytes by which a replica may be behind and count as able to take over."""
_DOWN: Final = ("s_down", "o_down", "disconnected")
"""Flags of a replica that Sentinel does not promote."""


@dataclass(frozen=True)
class Sight(LeaderStore):
    """All declared nodes and Sentinels, as seen in one observation."""

    HEALTHY: ClassVar[Sequence[str]] = ("master", "follows")

    redis: Redis
    nodes: Mapping[str, Node]
    watches: list[Watch] = field(default_factory=list)
    directory: Directory = field(default_factory=lambda: Directory({}, {}))
    still: frozenset[str] = frozenset()

    @property
    def masters(self) -> list[str]:
        """The nodes that say they are the master, sorted."""
        return sorted(name for name, node in self.nodes.items() if node.is_master)

    @property
    def leader(self) -> str | None:
        """The one node that says so; None when there is none, or more than one."""
        masters = self.masters
        return masters[0] if len(masters) == 1 else None

    @property
    def others(self) -> list[str]:
        """The nodes that are not that one, sorted."""
        return sorted(name for name in self.nodes if name != self.leader)

    @property
    def tolerance(self) -> float:
        """Bytes."""
        return LAG

    def positions(self) -> dict[str, int]:
        """Tell the replication offsets."""
        return {name: node.offset for name, node in self.nodes.items() if not node.silent}

    def with_still(self, names: frozenset[str]) -> "Sight":
        """Return the same, with nodes that were seen to get nothing."""
        return replace(self, still=names)

    def weighed(self, name: str, most: float) -> Lack | None:
        """Tell why a node could not take over now; None where it could."""
        node, leader = self.nodes[name], self.leader
        if node.silent or node.is_master or node.link != "connected" or leader is None:
            return Lack(str(node), "" if leader is None else f"see its log, and that it reaches {leader}")
        if lack := self._follows(node, leader):
            return lack
        if self.nodes[leader].offset - node.offset > most or name in self.still:
            return Lack(f"{name} lags", f"see the network between {leader} and {name}")
        return self._barred(node) or self._unseen(node)

    def _follows(self, node: Node, leader: str) -> Lack | None:
        """Tell whom a replica follows, where that is not the master."""
        if node.follows is None:
            return Lack(f"{node.name} follows nobody")
        whom = self.directory.member(node.follows)
        if whom == leader:
            return None
        if whom is not None:
            return Lack(f"{node.name} follows {whom}", f"have it follow {leader}, if nobody wanted that")
        ours, theirs = self.nodes[leader].info.get("master_replid"), node.info.get("master_replid")
        if ours is not None and ours == theirs:
            return None  # one history, by whatever name it is reached
        told = f"{node.name} follows {node.follows}, which is no declared member"
        return Lack(told, _if_that_is(leader, node.follows))

    def _barred(self, node: Node) -> Lack | None:
        if node.untold:
            return Lack(f"{node.name} can't be told: INFO {node.untold}", "give the login `+info`")
        if node.info.get("slave_priority") == "0":
            remedy = f"CONFIG SET replica-priority 100 on {node.name}, and in its file"
            return Lack(f"{node.name} replica-priority 0", remedy, by_design=True)
        if node.info.get("slave_read_only") == "0":
            return Lack(f"{node.name} is writable", f"CONFIG SET replica-read-only yes on {node.name}, and in its file")
        if node.info.get("master_sync_in_progress") == "1":
            return Lack(f"{node.name} is still syncing", "wait until it has all")
        return None

    def _unseen(self, node: Node) -> Lack | None:
        """Tell which Sentinel would not choose a replica, by what it knows of it."""
        for watch in self.watches:
            if watch.silent:
                continue
            known = self._known_to(watch, node)
            if known is None:
                told = f"{node.name} not known to Sentinel {watch.where}"
                return Lack(told, "wait ten seconds; else see that it announces an address at which Sentinels reach it")
            if down := [one for one in _DOWN if one in known.flags]:
                remedy = f"see that the Sentinel reaches {known.address}, with a password that holds there"
                return Lack(f"{node.name} {down[0]} for Sentinel {watch.where}", remedy)
            if known.priority == "0":
                return Lack(f"{node.name} replica-priority 0 for Sentinel {watch.where}", "wait ten seconds")
        return None

    def _known_to(self, watch: Watch, node: Node) -> Replica | None:
        by_run = [one for one in watch.replicas if one.run_id and one.run_id == node.run_id]
        by_address = [one for one in watch.replicas if self.directory.member(one.address) == node.name]
        return next(iter([*by_run, *by_address]), None)

    def hindrances(self) -> list[Lack]:
        """Tell which Sentinels don't answer, name another master or could not authorise a failover."""
        told = []
        for one in self.watches:
            where = f"Sentinel {one.where}"
            if one.silent:
                told.append(Lack(f"{where} {one.silent}", "see that it runs and lets us in"))
            elif self.leader and self.named(one) != self.leader:
                told.append(self._astray(one, self.leader))
            elif one.can_decide:
                told.append(Lack(f"{where} {one.can_decide}", one.remedy))
        return told

    def _astray(self, watch: Watch, leader: str) -> Lack:
        """Tell of a Sentinel that names another; never to re-point it, as that is what Sentinels do themselves."""
        whom = self.named(watch)
        if whom is None and watch.address is not None:
            told = f"Sentinel {watch.where} names {watch.address}, which is no declared member"
            return Lack(told, _if_that_is(leader, watch.address))
        return Lack(f"Sentinel {watch.where} names {whom}", "wait until the Sentinels agree")

    def blind(self) -> list[str]:
        """Tell the same in a few words."""
        return [one.told for one in self.hindrances()]

    def named(self, watch: Watch) -> str | None:
        """Return the member that a Sentinel takes for the master; None where that is no declared one.

        The process counts, where it tells which; otherwise the address.
        """
        by_run = [name for name, node in self.nodes.items() if node.run_id and node.run_id == watch.run_id]
        return by_run[0] if by_run else self.directory.member(watch.address) if watch.address else None

    def headless(self) -> list[Lack]:
        """Tell what there is instead of one master."""
        first = f"{len(self.masters)} masters" if self.masters else "no master"
        return [Lack(one) for one in (first, *sorted(str(node) for node in self.nodes.values() if not node.is_master))]

    def unspelled(self) -> dict[str, Address]:
        """Return the members that the Sentinels know by an address that the environment file does not, with it."""
        found: dict[str, Address] = {}
        for watch in self.watches:
            seen = [(watch.run_id, watch.address), *((one.run_id, one.address) for one in watch.replicas)]
            for run_id, address in seen:
                names = [name for name, node in self.nodes.items() if node.run_id and node.run_id == run_id]
                if names and address is not None and self.directory.member(address) is None:
                    found[names[0]] = address
        return found

    def as_data(self) -> dict[str, Any]:
        """Return what is worth writing down of it."""
        return {
            "master": self.leader,
            "able": self.candidates(),
            "members": {name: str(node).removeprefix(f"{name} ") for name, node in sorted(self.nodes.items())},
        }


def _if_that_is(leader: str, address: Address) -> str:
    """Tell what to write, and nothing that would re-point a node: the other name may be the right one."""
    return f'if that is {leader}, write `known_as: "{address}"` under {leader} in the environment file'
