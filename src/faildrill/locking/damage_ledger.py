"""What drills have cost a place in outage, and may still cost it: kept under each of its facts, in the state folder.

A run's cost is reserved before its first step, by the longest that it may take, and settled when it is judged. Both
are done under a lock, so that runs which begin at once never reserve more than there is.
"""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from faildrill import durations
from faildrill.errors import JournalDamaged, JournalError
from faildrill.locking.place_key import PlaceKey, places
from faildrill.record.chain import UNREADABLE
from faildrill.record.journal import Journal, read, seal
from faildrill.system import atomic_file, state_folder

WEEK: Final = timedelta(days=7)
_FILE: Final = "damage.jsonl"
_LOCK: Final = "damage.lock"
_PATIENCE: Final = 10.0
"""Seconds to wait for others who reserve or settle at the same time: that takes milliseconds."""
_MANY: Final = 500
"""Lines from which on those that count no more are dropped."""
_KEPT: Final = 2 * WEEK


class Reserved(msgspec.Struct, frozen=True, tag_field="event", tag="reserved", kw_only=True):
    """A run may cost the place so much."""

    run: str
    at: datetime
    seconds: float


class Settled(msgspec.Struct, frozen=True, tag_field="event", tag="settled", kw_only=True):
    """A run has cost the place so much at the most; the last word on a run counts, as of when the first was said."""

    run: str
    at: datetime
    seconds: float


_DECODER: Final[msgspec.json.Decoder[Reserved | Settled]] = msgspec.json.Decoder(Reserved | Settled)


@dataclass(frozen=True)
class Charge:
    """What a run is charged."""

    run: str
    seconds: float
    is_settled: bool
    """False: reserved, and not judged yet."""
    until: datetime
    """When it counts no more."""


def charges(proven: PlaceKey, now: datetime) -> list[Charge]:
    """Return what counts now, by the time at which it counts no more. JournalDamaged where it can't be trusted."""
    reserved: dict[str, Reserved] = {}
    settled: dict[str, Settled] = {}
    for entry in (line for key in proven.keys for line in _lines(_path(key))):
        if isinstance(entry, Reserved):
            reserved[entry.run] = entry
        else:
            settled[entry.run] = entry
    all_charges = [_charge(reservation, settled.get(run)) for run, reservation in reserved.items()]
    return sorted(
        (charge for charge in all_charges if charge.seconds and now < charge.until), key=lambda one: one.until
    )


def _charge(reserved: Reserved, settled: Settled | None) -> Charge:
    if settled is not None:
        return Charge(reserved.run, settled.seconds, is_settled=True, until=settled.at + WEEK)
    over = reserved.at + timedelta(seconds=reserved.seconds)
    return Charge(reserved.run, reserved.seconds, is_settled=False, until=over + WEEK)


def reserve(proven: PlaceKey, wanted: Reserved, allowed: float) -> str | None:
    """Reserve what a run may cost and return None; or return why that is too much, and when it no longer is.

    On return it survives a power loss. OSError or JournalError where it can't be read or written: nothing may be run.
    """
    with _held(proven):
        objection = too_much(charges(proven, wanted.at), wanted, allowed)
        for key in proven.keys if objection is None else ():
            _append(_path(key), wanted)
    return objection


def settle(proven: PlaceKey, settled: Settled) -> None:
    """Charge a run what it has cost, where something was reserved for it here. OSError, JournalError as `reserve`.

    A run that is judged again is charged what it has cost by then, as of when it was settled first.
    """
    with _held(proven):
        known = {path: [line for line in _lines(path) if line.run == settled.run] for path in map(_path, proven.keys)}
        words = [entry for told in known.values() for entry in told]
        if not any(isinstance(word, Reserved) for word in words):
            return
        first = min((word.at for word in words if isinstance(word, Settled)), default=settled.at)
        for path, entries in known.items():
            if _charged(entries) != settled.seconds:
                _append(path, msgspec.structs.replace(settled, at=first))


def _charged(told: list[Reserved | Settled]) -> float | None:
    """Return what a run was settled at last; None where it was not yet."""
    return next((entry.seconds for entry in reversed(told) if isinstance(entry, Settled)), None)


def too_much(counting: list[Charge], wanted: Reserved, allowed: float) -> str | None:
    """Say why what a run may cost is more than is left, and when it no longer is; None where it is not."""
    if sum(charge.seconds for charge in counting) + wanted.seconds <= allowed:
        return None
    rule = f"drills may cost this place {durations.show(allowed)} of outage in seven days (`damage_budget`)"
    asked = f"this one may cost {durations.show(wanted.seconds)} by its own limits"
    if wanted.seconds > allowed:
        return f"{rule}, and {asked} alone; shorten its `within`, its waits and `steady_again`, or allow more"
    spent = sum(charge.seconds for charge in counting)
    open_ones = [charge.run for charge in counting if not charge.is_settled]
    objection = f"{rule}: {durations.show(spent)} are charged at the most, and {asked}"
    if open_ones:
        objection += f"; not judged yet, and so charged in full: {', '.join(open_ones[:3])}"
    left = spent
    for charge in counting:
        left -= charge.seconds
        if left + wanted.seconds <= allowed:
            return f"{objection}; there is room from {charge.until:%Y-%m-%d %H:%M} UTC on"
    return objection


def _path(key: str) -> Path:
    return places() / key / _FILE


def _lines(path: Path) -> list[Reserved | Settled]:
    content = read(path)
    if content.damaged:
        what = "nobody can tell what drills have cost this place, which counts as all that they may"
        raise JournalDamaged(f"{path}: altered after byte {content.whole}: {what}; look at it, and move it away")
    return [_decoded(record, f"{path}:{number}") for number, record in enumerate(content.records, 1)]


def _decoded(record: bytes, where: str) -> Reserved | Settled:
    try:
        return _DECODER.decode(record)
    except UNREADABLE as error:
        raise JournalDamaged(f"{where}: not a line that this version knows ({error}): update faildrill") from error


def _append(path: Path, one: Reserved | Settled) -> None:
    _drop_old(path, one.at)
    try:
        journal = Journal.create(path)
    except FileExistsError:
        journal = Journal.resume(path)
    try:
        journal.append(msgspec.json.encode(one), durable=True)
    finally:
        journal.close()


def _drop_old(path: Path, now: datetime) -> None:
    """Drop what counts no more, where there is much of it."""
    known = _lines(path)
    if len(known) < _MANY:
        return
    kept = [entry for entry in known if now - entry.at < _KEPT]
    atomic_file.write(path, b"".join(seal(msgspec.json.encode(entry)) for entry in kept), durable=True)


@contextlib.contextmanager
def _held(proven: PlaceKey) -> Iterator[None]:
    """Hold the locks of all facts, taken in the one order in which everybody takes them; JournalError after 10 s."""
    until = time.monotonic() + _PATIENCE
    with contextlib.ExitStack() as taken:
        for key in proven.keys:
            path = _path(key).with_name(_LOCK)
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            taken.callback(os.close, descriptor)
            _take(descriptor, path, until)
        yield


def _take(descriptor: int, path: Path, until: float) -> None:
    try:
        state_folder.lock_within(descriptor, until - time.monotonic())
    except BlockingIOError:
        held = f"{path}: another process has held it for {_PATIENCE:g} s"
        raise JournalError(f"{held}; `fuser {path}` names it: is it stopped, or does its disk hang?") from None


def now() -> datetime:
    """Return the wall clock, in UTC."""
    return datetime.now(UTC)
