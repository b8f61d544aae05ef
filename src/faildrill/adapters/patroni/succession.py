"""Who could take over from a cluster's primary now, by Patroni's own rules, and why the others could not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, NamedTuple

from pydantic import JsonValue

from faildrill.adapters.leader_store import Lack, LeaderStore
from faildrill.adapters.patroni.status import Node

LAG: Final = 1 << 20
"""Bytes by which a standby may be behind and count as able to take over; Patroni's own default."""
PAUSED: Final = "paused"
_SYNCHRONOUS: Final = ("sync", "quorum")
_FOLLOWS: Final = "standby_leader"
_YES: Final = ("on", "true", "yes", "1")


class Rules(NamedTuple):
    """How a cluster fails over, from the configuration that all members share."""

    most: int = LAG
    """Bytes of log that a standby may not have and is still promoted."""
    synchronous: bool = False
    """None but a synchronous standby is promoted."""
    silent: str = ""
    """Why the configuration can't be told."""

    @classmethod
    def of(cls, config: Mapping[str, JsonValue]) -> "Rules":
        """Read them as Patroni does: what can't be read counts as not set."""
        mode, most = str(config.get("synchronous_mode")).lower(), config.get("maximum_lag_on_failover")
        try:
            bytes_ = LAG if most is None else int(str(most), 0)
        except ValueError:
            bytes_ = LAG
        return cls(bytes_, mode in _YES)


@dataclass(frozen=True)
class Sight(LeaderStore):
    """All declared nodes of a cluster, as seen in one observation."""

    HEALTHY: ClassVar[Sequence[str]] = ("primary", "streaming")

    nodes: Mapping[str, Node]
    rules: Rules | None = None
    """How the cluster fails over; None where it was not asked."""
    still: frozenset[str] = frozenset()
    """Standbys that were seen to get nothing of what the leader has."""

    @property
    def primaries(self) -> list[str]:
        """The nodes that say they take writes, sorted."""
        return sorted(name for name, node in self.nodes.items() if node.is_primary)

    @property
    def others(self) -> list[str]:
        """The nodes that don't lead, sorted."""
        return sorted(name for name in self.nodes if name != self.leader)

    @property
    def leader(self) -> str | None:
        """The one node that says it takes writes; None when there is none, or more than one."""
        primaries = self.primaries
        return primaries[0] if len(primaries) == 1 else None

    @property
    def timeline(self) -> int | None:
        """The timeline that the leader is on."""
        status = self.nodes[self.leader].status if self.leader else None
        return status.timeline if status else None

    @property
    def paused(self) -> bool:
        """Some node says that Patroni is paused: nothing fails over by itself."""
        return any(node.status.pause for node in self.nodes.values() if node.status)

    @property
    def synchronous(self) -> list[str]:
        """The standbys that the leader's commits wait for, sorted; none where they wait for nobody."""
        status = self.nodes[self.leader].status if self.leader else None
        receivers = status.replication if status else []
        return sorted(one.application_name or "?" for one in receivers if one.sync_state in _SYNCHRONOUS)

    @property
    def unlocked(self) -> bool:
        """Some node says that nobody holds the lead any more: Patroni has noticed that the leader is gone."""
        return any(node.status.cluster_unlocked for node in self.nodes.values() if node.status)

    def behind(self, name: str) -> tuple[int, int] | None:
        """Return by how many bytes a standby is behind in replaying, and in having; None where that can't be told."""
        leader = self.nodes[self.leader].status if self.leader else None
        standby = self.nodes[name].status
        if leader is None or standby is None or leader.xlog.location is None:
            return None
        replayed, received = standby.xlog.replayed_location, standby.xlog.received_location
        if replayed is None:
            return None
        at = leader.xlog.location
        return max(0, at - replayed), max(0, at - max(replayed, received or 0))  # as Patroni takes its position

    @property
    def tolerance(self) -> float:
        """Bytes of log that a standby may not have replayed."""
        return LAG

    def positions(self) -> dict[str, int]:
        """Tell what the leader has written, and the standbys have."""
        seen = {name: node.status.xlog for name, node in self.nodes.items() if node.status}
        has = {name: max(wal.replayed_location or 0, wal.received_location or 0) for name, wal in seen.items()}
        return {name: wal.location or has[name] for name, wal in seen.items()}

    def with_still(self, names: frozenset[str]) -> "Sight":
        """Return the same, with nodes that were seen to get nothing."""
        return replace(self, still=names)

    def weighed(self, name: str, most: float) -> Lack | None:
        """Tell why a node could not take over now; None where it could."""
        node = self.nodes[name]
        if node.status is None:
            return Lack(str(node), f"see that Patroni is up on {name}")
        if not node.is_streaming:
            return Lack(str(node), f"see the logs of Patroni and PostgreSQL on {name}")
        if node.status.timeline != self.timeline:
            return Lack(f"{name} on another timeline", f"patronictl reinit {node.status.patroni.scope} {name}")
        return self._late(name, most) or self.barred(name)

    def _late(self, name: str, most: float) -> Lack | None:
        """Tell how a standby is behind, where it is too far, by us or by Patroni, or gets nothing."""
        behind = self.behind(name)
        if behind is None or behind[0] > most:
            return Lack(f"{name} lags", "wait until it has caught up")
        if self.rules and behind[1] > self.rules.most:
            told = f"{name} lags by more than maximum_lag_on_failover"
            return Lack(told, f"wait until it has caught up; {self.rules.most:,} bytes are allowed")
        if name in self.still:
            return Lack(f"{name} lags", f"see the network between {self.leader} and {name}, and what holds it up")
        return None

    def barred(self, name: str) -> Lack | None:
        """Tell why Patroni would not promote a standby whatever it has; None where it would."""
        status = self.nodes[name].status
        if status is None:
            return None
        if tag := never_promoted(status.tags, "nofailover", "failover_priority"):
            return Lack(f"{name} {tag}", f"take `{tag.split()[0]}` off its tags and reload it", by_design=True)
        if status.watchdog_failed:
            return Lack(f"{name} has no watchdog", f"see why {name} can't open its watchdog device")
        if self.rules and self.rules.synchronous and not status.sync_standby:
            nosync = never_promoted(status.tags, "nosync", "sync_priority")
            remedy = f"take `{nosync.split()[0]}` off its tags" if nosync else "wait until the primary waits for it"
            return Lack(f"{name} not synchronous", remedy, by_design=True)
        if status.pending_restart:
            remedy = f"patronictl restart --pending {status.patroni.scope} {name}"
            return Lack(f"{name} waits for a restart", remedy, by_design=True)
        return None

    def hindrances(self) -> list[Lack]:
        """Tell what keeps Patroni from failing over at all."""
        found = []
        if self.paused:
            found.append(Lack(PAUSED, "patronictl resume"))
        if any(node.status.failsafe_mode_is_active for node in self.nodes.values() if node.status):
            found.append(Lack("failsafe mode is active", "have the nodes reach their store again"))
        if self.rules and self.rules.silent:
            found.append(Lack("configuration can't be told", f"see why GET /config fails: {self.rules.silent}"))
        return found

    def headless(self) -> list[Lack]:
        """Tell what there is instead of one leader."""
        primaries = self.primaries
        follows = [name for name, node in self.nodes.items() if node.status and node.status.role == _FOLLOWS]
        if follows and not primaries:
            told = f"a standby cluster, led by {', '.join(sorted(follows))}: it takes no writes"
            return [Lack(told, "drill the cluster that it follows, or take `standby_cluster` off its configuration")]
        unlocked = ["unlocked"] if self.unlocked else []
        first = [f"{len(primaries)} writers"] if primaries else ["no writer", *unlocked]
        rest = sorted(str(node) for node in self.nodes.values() if not node.is_primary)
        return [Lack(one) for one in (*first, *rest)]

    def by_hand(self) -> "Sight":
        """Return the same as a failover by hand takes it, which may promote an asynchronous standby."""
        return replace(self, rules=self.rules and self.rules._replace(synchronous=False))

    def as_data(self) -> dict[str, Any]:
        """Return what is worth writing down of it."""
        return {
            "leader": self.leader,
            "timeline": self.timeline,
            "able": self.candidates(),
            "members": {name: str(node).removeprefix(f"{name} ") for name, node in sorted(self.nodes.items())},
        }


def never_promoted(tags: Mapping[str, JsonValue], switch: str, priority: str) -> str:
    """Return the tag that says no, of a switch and a number that mean the same; the switch counts where both are."""
    by_switch = tags.get(switch)
    if by_switch is not None:
        return switch if by_switch else ""
    try:
        return f"{priority} {tags[priority]}" if int(str(tags.get(priority, 1))) <= 0 else ""
    except ValueError:
        return ""
