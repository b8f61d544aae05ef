"""One clock for durations, shared by all processes of a run, with the wall clock beside it."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

NANOSECONDS = 1_000_000_000
"""Nanoseconds in a second."""


class Clock(Protocol):
    """Tells the time; the engine never asks the system itself, so that tests can jump."""

    def now_ns(self) -> int:
        """Nanoseconds on a clock that never steps; comparable within one boot only."""
        ...

    def wall(self) -> str:
        """Tell the wall clock in UTC, ISO 8601 with microseconds; for people, never for durations."""
        ...


class SystemClock:
    """CLOCK_MONOTONIC, which every process of this boot shares, and the wall clock."""

    def now_ns(self) -> int:
        """Nanoseconds of CLOCK_MONOTONIC."""
        return time.monotonic_ns()

    def wall(self) -> str:
        """Now in UTC, as `2026-11-22T10:30:00.000000Z`."""
        return f"{datetime.now(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def boot_id() -> str:
    """Name this boot of the machine: monotonic times of another boot can't be compared with ours."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def seconds(duration_ns: int) -> float:
    """Convert nanoseconds to float seconds."""
    return duration_ns / NANOSECONDS


def nanoseconds(duration: float) -> int:
    """Convert float seconds to whole nanoseconds, rounded."""
    return round(duration * NANOSECONDS)
