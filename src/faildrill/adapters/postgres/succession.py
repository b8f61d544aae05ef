"""Who could take over from a PostgreSQL primary, by what the servers say themselves, and why the others could not."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

import msgspec

from faildrill import durations
from faildrill.adapters.postgres.client import Talk
from faildrill.adapters.postgres.sessions import directly, in_words
from faildrill.adapters.postgres.target import Cluster, ClusterMember
from faildrill.errors import UnresolvedSecret
from faildrill.toolkit.leader_store import LeaderStore, Reason, Words, observed
from faildrill.toolkit.leader_store.reasons import IF_THAT_IS
from faildrill.toolkit.node_addresses import Address, Directory, directory, own_addresses

_TARGETS: Final = ("recovery_target", "recovery_target_name", "recovery_target_time", "recovery_target_xid")
_ROLE: Final = "SELECT pg_is_in_recovery()"
_STANDBYS: Final = (
    "SELECT application_name, state, pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint AS behind, "
    "coalesce(extract(epoch FROM replay_lag), 0)::float8 AS late FROM pg_stat_replication"
)
_SLOTS: Final = "SELECT slot_name, to_jsonb(s) ->> 'wal_status' AS wal_status FROM pg_replication_slots s"
_PRIMARY: Final = (
    "SELECT json_build_object('at', pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint, "  # noqa: S608 - constants
    "'timeline', ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int, "
    f"'standbys', (SELECT coalesce(json_agg(row_to_json(one)), '[]') FROM ({_STANDBYS}) one), "
    f"'slots', (SELECT coalesce(json_agg(row_to_json(one)), '[]') FROM ({_SLOTS}) one))::text"
)
_STANDBY: Final = (
    "SELECT json_build_object("  # noqa: S608 - constants
    "'at', pg_wal_lsn_diff(coalesce(greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), '0/0'), "
    "'0/0')::bigint, "
    "'replayed', pg_wal_lsn_diff(coalesce(pg_last_wal_replay_lsn(), '0/0'), '0/0')::bigint, "
    "'paused', pg_is_wal_replay_paused(), "
    "'receiver', (SELECT to_jsonb(r) FROM pg_stat_wal_receiver r), "
    "'slot', current_setting('primary_slot_name', true), 'delay', current_setting('recovery_min_apply_delay', true), "
    "'senders', current_setting('max_wal_senders')::int, "
    f"'targets', (SELECT coalesce(json_agg(name), '[]') FROM pg_settings WHERE name IN {_TARGETS} "
    "AND setting <> ''))::text"
)


class _Standby(msgspec.Struct, frozen=True):
    """A standby as the primary sees it; None where the primary does not tell."""

    application_name: str
    state: str | None = None
    behind: int | None = None
    late: float = 0.0


class _Slot(msgspec.Struct, frozen=True):
    slot_name: str
    wal_status: str | None = None


class _Receiver(msgspec.Struct, frozen=True):
    """What receives a standby's log; None where the login may not see it."""

    status: str | None = None
    sender_host: str | None = None
    sender_port: int | None = None
    received_tli: int | None = None


class _Said(msgspec.Struct, frozen=True):
    """What a server says of itself."""

    at: int
    timeline: int = 0
    standbys: list[_Standby] = []
    slots: list[_Slot] = []
    replayed: int = 0
    paused: bool = False
    receiver: _Receiver | None = None
    slot: str | None = None
    delay: str | None = None
    senders: int = 1
    targets: list[str] = []


@dataclass(frozen=True)
class Node:
    """One server as it was seen: its own answer, or how it failed to give one."""

    name: str
    silent: str = ""
    leads: bool = False
    """It takes writes."""
    said: _Said = field(default_factory=lambda: _Said(0))

    @property
    def position(self) -> int | None:
        """What it has of the log."""
        return None if self.silent else self.said.at

    def __str__(self) -> str:
        return f"{self.name} {self.silent or ('takes writes' if self.leads else 'is a standby')}"


def _untold(store: "Sight", node: Node) -> Mapping[str, str] | None:
    row = store.row(node)
    return {"user": store.cluster.user} if row is not None and row.state is None else None


def _state(store: "Sight", node: Node) -> str:
    row = store.row(node)
    return row.state if row is not None and row.state not in (None, "streaming") else ""


def _unfollowing(store: "Sight", node: Node) -> bool:
    receiver = node.said.receiver
    return store.row(node) is None and (receiver is None or receiver.status != "streaming")


def _stranger(store: "Sight", node: Node) -> Address | None:
    """Return from whom a standby streams of which the primary says nothing, where that is not the primary."""
    receiver = node.said.receiver
    if store.row(node) is not None or receiver is None or not (receiver.sender_host and receiver.sender_port):
        return None
    sender = Address(receiver.sender_host, receiver.sender_port)
    return None if store.directory.member(sender) == store.leader else sender


def _other_timeline(store: "Sight", node: Node) -> int | None:
    timeline = node.said.receiver.received_tli if node.said.receiver else None
    return None if timeline == store.primary.timeline else timeline


def _behind(store: "Sight", node: Node) -> Mapping[str, str] | None:
    row = store.row(node)
    behind = row.behind if row and row.behind is not None else store.primary.at - node.said.replayed
    return {"behind": f"{behind:,}", "most": f"{store.limit:,.0f}"} if behind > store.limit else None


def _late(store: "Sight", node: Node) -> Mapping[str, str] | None:
    row = store.row(node)
    shown = {"late": durations.show(row.late), "most": durations.show(store.late)} if row else {}
    return shown if row and row.late > store.late else None


def _no_slot(store: "Sight", node: Node) -> str:
    return (node.said.slot or "") if store.slot(node) is None else ""


def _lost_slot(store: "Sight", node: Node) -> str:
    slot = store.slot(node)
    return (slot.wal_status or "") if slot and slot.wal_status in ("lost", "unreserved") else ""


_CAUGHT_UP: Final = "wait until it has caught up, and see what holds it up"
REASONS: Final = (
    Reason(
        lambda store, node: node.silent and {"user": store.cluster.user},
        "{node}",
        "see that it is up, with hot_standby on, and lets {user} in",
    ),
    Reason(
        _untold,
        "{leader} does not report {name}: GRANT pg_monitor TO {user}",
        "GRANT pg_monitor TO {user}",
    ),
    Reason(_state, "{name} is in state {it}, not streaming", "see the log of {name}"),
    Reason(
        _unfollowing,
        "{name} does not stream from {leader}",
        "see the log of {name}, its standby.signal and primary_conninfo",
    ),
    Reason(_stranger, "{name} does not stream from {leader}, but from {it}", IF_THAT_IS),
    Reason(_other_timeline, "{name} is on timeline {it}, {leader} on another", "rebuild {name}"),
    Reason(_behind, "{name} is {behind} bytes behind, more than {most}", _CAUGHT_UP),
    Reason(_late, "{name} is late by {late}, more than {most}", _CAUGHT_UP),
    Reason(
        lambda store, node: node.name in store.still,
        "{name} stands still while {leader} goes on",
        "see the network to {name}",
    ),
    Reason(
        _no_slot,
        "{name} has no slot {it} on {leader}",
        "SELECT pg_create_physical_replication_slot('{it}') on {leader}",
    ),
    Reason(_lost_slot, "the slot of {name} is {it}", "rebuild {name}; see max_slot_wal_keep_size"),
    Reason(
        lambda _, node: node.said.paused,
        "{name} has paused replaying",
        "SELECT pg_wal_replay_resume() on {name}",
        whoever_leads=True,
    ),
    Reason(
        lambda _, node: node.said.targets and node.said.targets[0],
        "{name} stops at its {it}",
        "ALTER SYSTEM RESET {it} on {name}, and restart it",
        by_design=True,
        whoever_leads=True,
    ),
    Reason(
        lambda _, node: node.said.delay != "0" and node.said.delay,
        "{name} replays {it} late by design",
        "ALTER SYSTEM RESET recovery_min_apply_delay on {name}, and reload",
        by_design=True,
        whoever_leads=True,
    ),
    Reason(
        lambda _, node: not node.said.senders,
        "{name} could not be followed: max_wal_senders is 0",
        "set it on {name}, and restart it",
        whoever_leads=True,
    ),
)


@dataclass(frozen=True)
class Sight(LeaderStore[Node]):
    """All declared servers of a cluster, as seen in one observation."""

    WORDS: ClassVar[Words] = Words(
        ("takes writes", "is a standby"), leader="primary", node="server", leads="takes writes"
    )
    REASONS: ClassVar[Sequence[Reason]] = REASONS
    TOLERANCE: ClassVar[float] = 16 << 20

    cluster: Cluster
    directory: Directory
    late: float = 10.0
    """Seconds for which a standby may not have replayed what is new."""

    @property
    def primary(self) -> _Said:
        """What the one that takes writes says; asked where there is one."""
        return self.nodes[self.leader or ""].said

    def row(self, node: Node) -> _Standby | None:
        """Return what the primary says of a standby; None where it does not know it by its name."""
        return next((standby for standby in self.primary.standbys if standby.application_name == node.name), None)

    def slot(self, node: Node) -> _Slot | None:
        """Return the primary's slot that a standby is set to use."""
        return next((slot for slot in self.primary.slots if slot.slot_name == node.said.slot), None)


async def weighed(cluster: Cluster, within: float, late: float = 10.0, behind: float | None = None) -> Sight:
    """Ask every server at once, and see that standbys which are behind move; `late` and `behind` are the limits."""

    async def look() -> Sight:
        nodes = await asyncio.gather(*(_asked(cluster, member, within / 2) for member in cluster.members.values()))
        receivers = [node.said.receiver for node in nodes if node.said.receiver]
        addresses = [
            Address(receiver.sender_host, receiver.sender_port)
            for receiver in receivers
            if receiver.sender_host and receiver.sender_port
        ]
        known = await directory(own_addresses(cluster.members), addresses)
        return Sight({node.name: node for node in nodes}, cluster, known, late, most=behind)

    return await observed(look, within)


async def _asked(cluster: Cluster, member: ClusterMember, within: float) -> Node:
    try:
        async with asyncio.timeout(within):
            talk = await Talk.begin(directly(cluster, member), "faildrill guard")
            try:
                return await _said(member.name, talk)
            finally:
                talk.end()
    except UnresolvedSecret as error:
        return Node(member.name, f"can't be asked: {error}")
    except OSError as error:
        return Node(member.name, in_words(error))


async def _said(name: str, talk: Talk) -> Node:
    role = await talk.ask(_ROLE)
    if role not in (["f"], ["t"]):
        return Node(name, "does not say whether it takes writes")
    writes = role == ["f"]
    [content] = await talk.ask(_PRIMARY if writes else _STANDBY) or [None]
    try:
        return Node(name, leads=writes, said=msgspec.json.decode(content or "", type=_Said))
    except msgspec.MsgspecError:
        return Node(
            name, "tells about its standbys what can't be read" if writes else "tells what can't be read", writes
        )
