"""What a node of a cluster says of itself, or how it failed to."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

_PRIMARY: Final = ("primary", "master")


class _Wal(msgspec.Struct, frozen=True):
    location: int | None = None
    received_location: int | None = None
    replayed_location: int | None = None


class _Patroni(msgspec.Struct, frozen=True):
    scope: str = ""
    name: str = ""
    version: str = ""


class _Receiver(msgspec.Struct, frozen=True):
    application_name: str | None = None
    state: str | None = None
    sync_state: str | None = None


class Status(msgspec.Struct, frozen=True):
    """The part of a node's answer that is used here."""

    state: str
    role: str
    patroni: _Patroni
    timeline: int | None = None
    replication_state: str | None = None
    xlog: _Wal = _Wal()
    replication: list[_Receiver] = []
    pause: bool = False
    cluster_unlocked: bool = False
    database_system_identifier: str = ""
    failsafe_mode_is_active: bool = False
    """It can't reach the store that all share, and its primary goes on only because all members answer it."""
    tags: dict[str, Any] = {}
    """What its configuration says of it: `nofailover`, `nosync`…"""
    sync_standby: bool = False
    """Patroni may promote it where it promotes none but synchronous standbys."""
    pending_restart: bool = False
    watchdog_failed: bool = False
    dcs_last_seen: int | None = None
    """Seconds since the epoch, by the node's clock, at which it last reached the store that all share."""


@dataclass(frozen=True)
class Node:
    """One node as it was seen: its own answer, or how it failed to give one."""

    name: str
    status: Status | None = None
    silent: str = ""
    """Why there is no status: `refused`, `timed out`, `reset`, `garbage`, `is of another cluster`…"""
    answered: int = 0
    """Monotonic ns at which the answer was whole."""

    @property
    def leads(self) -> bool:
        """It says that it runs, and takes writes."""
        return self.status is not None and self.status.state == "running" and self.status.role in _PRIMARY

    @property
    def is_streaming(self) -> bool:
        """It says that it runs as a standby, and is receiving from another node."""
        status = self.status
        return bool(
            status
            and status.state == "running"
            and status.role not in _PRIMARY
            and status.replication_state == "streaming"
        )

    @property
    def position(self) -> int | None:
        """What the leader has written, and a standby has."""
        wal = self.status.xlog if self.status else None
        return (wal.location or max(wal.replayed_location or 0, wal.received_location or 0)) if wal else None

    def __str__(self) -> str:
        """Tell in two or three words what it is doing: `pg1 refused`, `pg1 starting`, `pg1 not streaming`."""
        if self.status is None:
            return f"{self.name} {self.silent}"
        if self.status.state != "running":
            return f"{self.name} {self.status.state}"
        return f"{self.name} primary" if self.leads else f"{self.name} {'' if self.is_streaming else 'not '}streaming"
