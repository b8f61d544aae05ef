"""Who could take over from a cluster's primary now, by Patroni's own rules, and why the others could not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, NamedTuple

from pydantic import JsonValue

from faildrill.adapters.patroni.effective_settings import integer
from faildrill.adapters.patroni.status import Node
from faildrill.toolkit.leader_store import Lack, LeaderStore, Reason, Words

LAG: Final = 1 << 20
"""Bytes by which a standby may be behind and count as able to take over; Patroni's own default."""
PAUSED: Final = "paused"
WORDS: Final = Words(("primary", "streaming"), leader="primary", follows="streams from")
_SYNCHRONOUS: Final = ("sync", "quorum")
_FOLLOWS: Final = "standby_leader"
_TURN: Final = 10
"""Seconds of `loop_wait` where nobody has set it."""
_ACTING: Final = 5.0
"""Seconds that a turn takes at the most to act."""
_YES: Final = ("on", "true", "yes", "1")


class Rules(NamedTuple):
    """How a cluster fails over, from the configuration that all members share."""

    most: int = LAG
    """Bytes of log that a standby may not have and is still promoted."""
    synchronous: bool = False
    """None but a synchronous standby is promoted."""
    silent: str = ""
    """Why the configuration unknown."""
    turn: int = _TURN
    """Seconds from one turn of Patroni's loop to the next (`loop_wait`): a request that is kept waits for one."""

    @classmethod
    def of(cls, config: Mapping[str, JsonValue]) -> "Rules":
        """Read them as Patroni does: what can't be read counts as not set."""
        mode = str(config.get("synchronous_mode")).lower()
        most, turn = number(config, "maximum_lag_on_failover", LAG), number(config, "loop_wait", _TURN)
        return cls(most, mode in _YES, turn=turn)


def acts_late(turn: int) -> float:
    """Return the float seconds after which what Patroni was asked for is done, or never: a turn of its loop, and more.

    A node may have begun a turn just before, and reads and acts in the next one.
    """
    return turn + _ACTING


def number(config: Mapping[str, JsonValue], name: str, otherwise: int) -> int:
    """Return a number of a configuration, and another one where it isn't set or none."""
    value = integer(config.get(name))
    return otherwise if value is None else value


def never_promoted(tags: Mapping[str, JsonValue], switch: str, priority: str) -> str:
    """Return the tag that says no, of a switch and a number that mean the same; the switch counts where both are."""
    by_switch = tags.get(switch)
    if by_switch is not None:
        return switch if by_switch else ""
    value = integer(tags.get(priority))
    return f"{priority} {tags[priority]}" if value is not None and value <= 0 else ""


def _other_timeline(store: "Sight", node: Node) -> Mapping[str, str] | None:
    differs = node.status and node.status.timeline != store.timeline
    return {"scope": node.status.patroni.scope} if node.status and differs else None


def _lags(store: "Sight", node: Node) -> bool:
    behind = store.behind(node.name)
    return behind is None or behind[0] > store.limit


def _lags_by_patroni(store: "Sight", node: Node) -> str:
    behind = store.behind(node.name)
    return f"{store.rules.most:,}" if store.rules and behind and behind[1] > store.rules.most else ""


def _tagged(node: Node, switch: str, priority: str) -> Mapping[str, str] | None:
    tag = never_promoted(node.status.tags, switch, priority) if node.status else ""
    return {"tag": tag, "first": tag.split()[0]} if tag else None


def _asynchronous(store: "Sight", node: Node) -> bool:
    return bool(store.rules and store.rules.synchronous and node.status and not node.status.sync_standby)


REASONS: Final = (
    Reason(lambda _, node: node.status is None, "{node}", "see that Patroni is up on {name}"),
    Reason(lambda _, node: not node.is_streaming, "{node}", "see the logs of Patroni and PostgreSQL on {name}"),
    Reason(_other_timeline, "{name} on another timeline", "patronictl reinit {scope} {name}"),
    Reason(_lags, "{name} lags", "wait until it has caught up"),
    Reason(
        _lags_by_patroni,
        "{name} lags by more than maximum_lag_on_failover",
        "wait until it has caught up; {it} bytes are allowed",
    ),
    Reason(
        lambda store, node: node.name in store.still,
        "{name} lags",
        "see the network between {leader} and {name}, and what holds it up",
    ),
    Reason(
        lambda _, node: _tagged(node, "nofailover", "failover_priority"),
        "{name} {tag}",
        "take `{first}` off its tags and reload it",
        by_design=True,
        whoever_leads=True,
    ),
    Reason(
        lambda _, node: node.status and node.status.watchdog_failed,
        "{name} has no watchdog",
        "see why {name} can't open its watchdog device",
        whoever_leads=True,
    ),
    Reason(
        lambda store, node: _asynchronous(store, node) and _tagged(node, "nosync", "sync_priority"),
        "{name} not synchronous",
        "take `{first}` off its tags",
        by_design=True,
        whoever_leads=True,
    ),
    Reason(
        _asynchronous,
        "{name} not synchronous",
        "wait until the primary waits for it",
        by_design=True,
        whoever_leads=True,
    ),
    Reason(
        lambda _, node: node.status and node.status.pending_restart and {"scope": node.status.patroni.scope},
        "{name} waits for a restart",
        "patronictl restart --pending {scope} {name}",
        by_design=True,
        whoever_leads=True,
    ),
)


@dataclass(frozen=True)
class Sight(LeaderStore[Node]):
    """All declared nodes of a cluster, as seen in one observation."""

    WORDS: ClassVar[Words] = WORDS
    REASONS: ClassVar[Sequence[Reason]] = REASONS
    TOLERANCE: ClassVar[float] = LAG

    rules: Rules | None = None
    """How the cluster fails over; None where it was not asked."""

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
        return sorted(receiver.application_name or "?" for receiver in receivers if receiver.sync_state in _SYNCHRONOUS)

    @property
    def unlocked(self) -> bool:
        """Some node says that nobody holds the lead any more: Patroni has noticed that the leader is gone."""
        return any(node.status.cluster_unlocked for node in self.nodes.values() if node.status)

    @property
    def streaming(self) -> list[str]:
        """The standbys that say they receive from another node, sorted."""
        return sorted(name for name, node in self.nodes.items() if node.is_streaming)

    @property
    def sent(self) -> list[str]:
        """The standbys that the leader says it sends to, sorted."""
        status = self.nodes[self.leader].status if self.leader else None
        receivers = status.replication if status else []
        return sorted(receiver.application_name or "?" for receiver in receivers if receiver.state == "streaming")

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

    def hindrances(self) -> list[Lack]:
        """Tell what keeps Patroni from failing over at all."""
        lacks = []
        if self.paused:
            lacks.append(Lack(PAUSED, "patronictl resume"))
        if any(node.status.failsafe_mode_is_active for node in self.nodes.values() if node.status):
            lacks.append(Lack("failsafe mode is active", "have the nodes reach their store again"))
        if self.rules and self.rules.silent:
            lacks.append(Lack("configuration unknown", f"see GET /config of each member: {self.rules.silent}"))
        return lacks

    def headless(self) -> list[Lack]:
        """Tell what there is instead of one leader: also that Patroni has noticed, and that it is a standby cluster."""
        follows = [name for name, node in self.nodes.items() if node.status and node.status.role == _FOLLOWS]
        if follows and not self.leading:
            because = f"a standby cluster, led by {', '.join(sorted(follows))}: it takes no writes"
            return [Lack(because, "drill the cluster that it follows, or take `standby_cluster` off its configuration")]
        first, *rest = super().headless()
        return [first, *([Lack("unlocked")] if self.unlocked and not self.leading else []), *rest]

    def who(self) -> dict[str, str]:
        """Tell of which database system each node is."""
        return {name: node.status.database_system_identifier for name, node in self.nodes.items() if node.status}

    def miscounted(self, before: Mapping[str, Any]) -> list[str]:
        """Tell where the lead was not given to another node exactly once since an earlier `as_data`.

        Each time whoever gets it begins a timeline of its own.
        """
        was, now = before.get("timeline"), self.timeline
        if not isinstance(was, int) or now is None or now == was + 1:
            return []
        return [f"it is on timeline {now}, and was on {was}: it was handed over {max(0, now - was)} times"]

    def by_hand(self) -> "Sight":
        """Return the same as a failover by hand takes it, which may promote an asynchronous standby."""
        return replace(self, rules=self.rules and self.rules._replace(synchronous=False))

    def as_data(self) -> dict[str, Any]:
        """Return what is worth writing down of it: the timeline, too."""
        return {**super().as_data(), "timeline": self.timeline}
