"""Who could take over from a Redis master now, as the Sentinels would decide, and why the others could not."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, NamedTuple

from faildrill.adapters.redis.status import Node, Replica, Watch
from faildrill.toolkit.leader_store import Lack, LeaderStore, Reason, Words
from faildrill.toolkit.leader_store.reasons import IF_THAT_IS, follows_a_stranger, follows_another
from faildrill.toolkit.node_addresses import Address, Directory

LAG: Final = 1 << 20
"""Bytes by which a replica may be behind and count as able to take over."""
WORDS: Final = Words(
    ("master", "follows"), key="master", leader="master", several="master", leads="is the master", led="was"
)
_DOWN: Final = ("s_down", "o_down", "disconnected")
"""Flags of a replica that Sentinel does not promote."""


class _View(NamedTuple):
    """What one Sentinel that answers knows of one replica."""

    where: str
    replica: Replica | None

    @property
    def flag(self) -> str:
        """Why it would not choose it, as Sentinel calls that; empty where it would."""
        return next((flag for flag in _DOWN if self.replica and flag in self.replica.flags), "")

    def filled(self) -> dict[str, str]:
        """Return what a reason tells of it."""
        return {"where": self.where, "flag": self.flag, "address": str(self.replica and self.replica.address)}


def _follows(store: "Sight", node: Node) -> str | None:
    return store.followed(node)


def _first(views: Iterator[_View]) -> dict[str, str] | None:
    return next((view.filled() for view in views), None)


REASONS: Final = (
    Reason(
        lambda _, node: node.silent or node.leads or node.link != "connected",
        "{node}",
        "see its log, and that it reaches {leader}",
    ),
    Reason(lambda _, node: node.follows is None, "{name} follows nobody"),
    follows_another(_follows),
    follows_a_stranger(_follows, "member"),
    Reason(
        lambda store, node: store.behind(node) > store.limit or node.name in store.still,
        "{name} lags",
        "see the network between {leader} and {name}",
    ),
    Reason(lambda _, node: node.untold, "{name} unknown: INFO {it}", "give the login `+info`"),
    Reason(
        lambda _, node: node.info.get("slave_priority") == "0",
        "{name} replica-priority 0",
        "CONFIG SET replica-priority 100 on {name}, and in its file",
        by_design=True,
        whoever_leads=True,
    ),
    Reason(
        lambda _, node: node.info.get("slave_read_only") == "0",
        "{name} is writable",
        "CONFIG SET replica-read-only yes on {name}, and in its file",
        whoever_leads=True,
    ),
    Reason(
        lambda _, node: node.info.get("master_sync_in_progress") == "1",
        "{name} is still syncing",
        "wait until it has all",
    ),
    Reason(
        lambda store, node: _first(view for view in store.views(node) if view.replica is None),
        "{name} not known to Sentinel {where}",
        "wait ten seconds; else see that it announces an address at which Sentinels reach it",
    ),
    Reason(
        lambda store, node: _first(seen_by for seen_by in store.views(node) if seen_by.flag),
        "{name} {flag} for Sentinel {where}",
        "see that the Sentinel reaches {address}, with a password that holds there",
    ),
    Reason(
        lambda store, node: _first(one for one in store.views(node) if one.replica and one.replica.priority == "0"),
        "{name} replica-priority 0 for Sentinel {where}",
        "wait ten seconds",
    ),
)


@dataclass(frozen=True)
class Sight(LeaderStore[Node]):
    """All declared nodes and Sentinels, as seen in one observation."""

    WORDS: ClassVar[Words] = WORDS
    REASONS: ClassVar[Sequence[Reason]] = REASONS
    TOLERANCE: ClassVar[float] = LAG

    watches: list[Watch] = field(default_factory=list)
    directory: Directory = field(default_factory=lambda: Directory({}, {}))

    def behind(self, node: Node) -> int:
        """Return by how many bytes a node is behind the master."""
        return self.nodes[self.leader].offset - node.offset if self.leader else 0

    def followed(self, node: Node) -> str | None:
        """Return the declared node that another one follows; None where it is no declared one, or nobody.

        Its address counts, and where that is nobody's, that it has the master's own history: one, by whatever name.
        """
        whom = self.directory.member(node.follows) if node.follows else None
        if whom is None and self.leader is not None:
            ours, theirs = self.nodes[self.leader].info.get("master_replid"), node.info.get("master_replid")
            return self.leader if ours is not None and ours == theirs else None
        return whom

    def views(self, node: Node) -> Iterator[_View]:
        """Tell what each Sentinel that answers knows of a node."""
        for watch in self.watches:
            if not watch.silent:
                by_run = [replica for replica in watch.replicas if replica.run_id and replica.run_id == node.run_id]
                by_address = [
                    replica for replica in watch.replicas if self.directory.member(replica.address) == node.name
                ]
                yield _View(watch.where, next(iter([*by_run, *by_address]), None))

    def hindrances(self) -> list[Lack]:
        """Tell which Sentinels don't answer, name another master or could not authorise a failover."""
        lacks = []
        for watch in self.watches:
            where = f"Sentinel {watch.where}"
            if watch.silent:
                lacks.append(Lack(f"{where} {watch.silent}", "see that it runs and lets us in"))
            elif self.leader and self.named(watch) != self.leader:
                lacks.append(self._astray(watch, self.leader))
            elif watch.can_decide:
                lacks.append(Lack(f"{where} {watch.can_decide}", watch.remedy))
        return lacks

    def belated(self) -> list[Lack]:
        """Tell which Sentinels have not seen yet that a replica follows: once promoted, they make it follow again.

        They ask the nodes every ten seconds.
        """
        hindrances = [
            f"Sentinel {view.where} has not seen yet that {node.name} follows"
            for node in self.nodes.values()
            if node.name != self.leader
            for view in self.views(node)
            if view.replica and view.replica.reported == "master"
        ]
        return [Lack(hindrance, "wait ten seconds") for hindrance in hindrances]

    def _astray(self, watch: Watch, leader: str) -> Lack:
        """Tell of a Sentinel that names another; never to re-point it, as that is what Sentinels do themselves."""
        whom = self.named(watch)
        if whom is None and watch.address is not None:
            because = f"Sentinel {watch.where} names {watch.address}, which is no declared member"
            return Lack(because, IF_THAT_IS.format(leader=leader, it=watch.address))
        return Lack(f"Sentinel {watch.where} names {whom}", "wait until the Sentinels agree")

    def blind(self) -> list[str]:
        """Tell the same in a few words."""
        return [lack.told for lack in self.hindrances()]

    def named(self, watch: Watch) -> str | None:
        """Return the member that a Sentinel takes for the master; None where that is no declared one.

        The process counts, where it tells which; otherwise the address.
        """
        by_run = [name for name, node in self.nodes.items() if node.run_id and node.run_id == watch.run_id]
        return by_run[0] if by_run else self.directory.member(watch.address) if watch.address else None

    def miscounted(self, before: Mapping[str, Any]) -> list[str]:
        """Tell where the master's history is not the next one after that of an earlier `as_data`.

        Whoever becomes the master begins a history of its own, and remembers the one before it (`master_replid2`).
        """
        was, info = before.get("history"), self.nodes[self.leader].info if self.leader else {}
        if not was or info.get("master_replid2", was) == was:
            return []
        return [f"its history does not go on from that of {before['master']}: there was more than one failover"]

    def epoch(self) -> int | None:
        """Return the number of the last failover, as the Sentinel has it that knows the newest one; None: none tells.

        Each failover that a Sentinel begins takes the next number, and gives it to the master that it makes.
        """
        return max((watch.epoch for watch in self.watches if watch.epoch is not None), default=None)

    def who(self) -> dict[str, str]:
        """Tell the processes (`run_id`)."""
        return {name: node.run_id for name, node in self.nodes.items()}

    def started(self) -> dict[str, float]:
        """Tell since when each runs: in whole seconds, rounded down, so that none seems older than it is."""
        uptimes = {name: node.info.get("uptime_in_seconds", "") for name, node in self.nodes.items()}
        # `uptime_in_seconds` is rounded down, so the start seems later than it was, by less than a second.
        return {name: time.time() - int(seconds) for name, seconds in uptimes.items() if seconds.isdecimal()}

    def as_data(self) -> dict[str, Any]:
        """Return what is worth writing down of it: the history that the master writes, too, and when that was."""
        history = self.nodes[self.leader].info.get("master_replid", "") if self.leader else ""
        return {**super().as_data(), "history": history, "at": time.time()}

    def unspelled(self) -> dict[str, Address]:
        """Return the members that the Sentinels know by an address that the environment file does not, with it."""
        by_node: dict[str, Address] = {}
        for watch in self.watches:
            ids = [(watch.run_id, watch.address), *((replica.run_id, replica.address) for replica in watch.replicas)]
            for run_id, address in ids:
                names = [name for name, node in self.nodes.items() if node.run_id and node.run_id == run_id]
                if names and address is not None and self.directory.member(address) is None:
                    by_node[names[0]] = address
        return by_node
