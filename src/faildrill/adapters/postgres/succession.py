"""Who could take over from a PostgreSQL primary, by what the servers say themselves, and why the others could not."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Final

import msgspec

from faildrill import durations
from faildrill.adapters.leader_store import Lack, LeaderStore, observed
from faildrill.adapters.postgres.asking import directly, in_words
from faildrill.adapters.postgres.talking import Talk
from faildrill.adapters.postgres.target import Cluster, ClusterMember
from faildrill.errors import UnresolvedSecret
from faildrill.toolkit.addresses import Address, Directory, directory

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
    writes: bool = False
    said: _Said = field(default_factory=lambda: _Said(0))

    def __str__(self) -> str:
        return f"{self.name} {self.silent or ('takes writes' if self.writes else 'is a standby')}"


@dataclass(frozen=True)
class Sight(LeaderStore):
    """All declared servers of a cluster, as seen in one observation."""

    HEALTHY: ClassVar[Sequence[str]] = ("takes writes", "is a standby")

    cluster: Cluster
    nodes: Mapping[str, Node]
    directory: Directory
    late: float = 10.0
    """Seconds for which a standby may not have replayed what is new."""
    still: frozenset[str] = frozenset()

    @property
    def others(self) -> list[str]:
        """The servers that don't take writes, sorted."""
        return sorted(name for name in self.nodes if name != self.leader)

    @property
    def leader(self) -> str | None:
        """The one server that takes writes; None when there is none, or more than one."""
        writers = [name for name, node in self.nodes.items() if node.writes]
        return writers[0] if len(writers) == 1 else None

    @property
    def tolerance(self) -> float:
        """Bytes of log that a standby may not have replayed."""
        return 16 << 20

    def positions(self) -> dict[str, int]:
        """Tell what each server has of the log."""
        return {name: node.said.at for name, node in self.nodes.items() if not node.silent}

    def with_still(self, names: frozenset[str]) -> "Sight":
        """Return the same, with standbys that were seen to get nothing."""
        return replace(self, still=names)

    def headless(self) -> list[Lack]:
        """Tell what there is instead of one server that takes writes."""
        writers = sum(node.writes for node in self.nodes.values())
        silent = [Lack(str(node)) for name, node in sorted(self.nodes.items()) if node.silent]
        return [*silent, Lack(f"{writers} members take writes where exactly one should")]

    def weighed(self, name: str, most: float) -> Lack | None:
        """Tell why a server could not take over now; None where it could."""
        node, primary = self.nodes[name], self.leader
        if node.silent or primary is None:
            return Lack(str(node), f"see that it is up, with hot_standby on, and lets {self.cluster.user} in")
        row = next((one for one in self.nodes[primary].said.standbys if one.application_name == name), None)
        return (
            self._unfollowing(node, primary, row)
            or self._behind(node, primary, row, most)
            or self._slotless(node, self.nodes[primary])
            or _set_otherwise(node)
        )

    def _unfollowing(self, node: Node, primary: str, row: _Standby | None) -> Lack | None:
        """Tell that a standby does not stream from the primary, which either of them may say."""
        receiver = node.said.receiver
        if row is not None:
            if row.state is None:
                return Lack(
                    f"{node.name} is not told about by {primary}: GRANT pg_monitor TO {self.cluster.user}",
                    f"GRANT pg_monitor TO {self.cluster.user}",
                )
            if row.state != "streaming":
                return Lack(f"{node.name} is in state {row.state}, not streaming", f"see the log of {node.name}")
        elif receiver is None or receiver.status != "streaming":
            remedy = f"see the log of {node.name}, its standby.signal and primary_conninfo"
            return Lack(f"{node.name} does not stream from {primary}", remedy)
        elif receiver.sender_host is not None and receiver.sender_port is not None:
            sender = Address(receiver.sender_host, receiver.sender_port)
            if self.directory.member(sender) != primary:
                remedy = f'if that is {primary}, write `known_as: "{sender}"` under {primary} in the environment file'
                return Lack(f"{node.name} does not stream from {primary}, but from {sender}", remedy)
        timeline = receiver.received_tli if receiver else None
        if timeline is not None and timeline != self.nodes[primary].said.timeline:
            return Lack(f"{node.name} is on timeline {timeline}, {primary} on another", f"rebuild {node.name}")
        return None

    def _behind(self, node: Node, primary: str, row: _Standby | None, most: float) -> Lack | None:
        behind = row.behind if row and row.behind is not None else self.nodes[primary].said.at - node.said.replayed
        remedy = "wait until it has caught up, and see what holds it up"
        if behind > most:
            return Lack(f"{node.name} is {behind:,} bytes behind, more than {most:,.0f}", remedy)
        if row and row.late > self.late:
            told = f"is late by {durations.show(row.late)}, more than {durations.show(self.late)}"
            return Lack(f"{node.name} {told}", remedy)
        if node.name in self.still:
            return Lack(f"{node.name} stands still while {primary} goes on", f"see the network to {node.name}")
        return None

    def _slotless(self, node: Node, primary: Node) -> Lack | None:
        """Tell that a standby's slot is gone, or has lost what it was to keep."""
        if not node.said.slot:
            return None
        slot = next((one for one in primary.said.slots if one.slot_name == node.said.slot), None)
        if slot is None:
            remedy = f"SELECT pg_create_physical_replication_slot('{node.said.slot}') on {primary.name}"
            return Lack(f"{node.name} has no slot {node.said.slot} on {primary.name}", remedy)
        if slot.wal_status in ("lost", "unreserved"):
            return Lack(
                f"the slot of {node.name} is {slot.wal_status}", f"rebuild {node.name}; see max_slot_wal_keep_size"
            )
        return None


def _set_otherwise(node: Node) -> Lack | None:
    """Tell what a standby is set to that keeps it from being promoted as it is, or from being followed."""
    said = node.said
    if said.paused:
        return Lack(f"{node.name} has paused replaying", f"SELECT pg_wal_replay_resume() on {node.name}")
    if said.targets:
        told = f"{node.name} stops at its {said.targets[0]}"
        return Lack(told, f"ALTER SYSTEM RESET {said.targets[0]} on {node.name}, and restart it", by_design=True)
    if said.delay not in (None, "", "0"):
        told = f"{node.name} replays {said.delay} late by design"
        return Lack(told, f"ALTER SYSTEM RESET recovery_min_apply_delay on {node.name}, and reload", by_design=True)
    if not said.senders:
        return Lack(
            f"{node.name} could not be followed: max_wal_senders is 0", f"set it on {node.name}, and restart it"
        )
    return None


async def weighed(cluster: Cluster, within: float, late: float = 10.0) -> Sight:
    """Ask every server at once, and see that standbys which are behind move."""

    async def look() -> Sight:
        nodes = await asyncio.gather(*(_asked(cluster, one, within / 2) for one in cluster.members.values()))
        receivers = [one.said.receiver for one in nodes if one.said.receiver]
        told = [Address(one.sender_host, one.sender_port) for one in receivers if one.sender_host and one.sender_port]
        known = await directory(own_addresses(cluster), told)
        return Sight(cluster, {node.name: node for node in nodes}, known, late)

    return await observed(look, within)


def own_addresses(cluster: Cluster) -> dict[str, list[Address]]:
    """Return by member the addresses by which it may be named."""
    return {
        name: [Address(one.host, one.port), *([Address.read(one.known_as)] if one.known_as else [])]
        for name, one in cluster.members.items()
    }


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
    [told] = await talk.ask(_PRIMARY if writes else _STANDBY) or [None]
    try:
        return Node(name, writes=writes, said=msgspec.json.decode(told or "", type=_Said))
    except msgspec.MsgspecError:
        return Node(
            name, "tells about its standbys what can't be read" if writes else "tells what can't be read", writes
        )
