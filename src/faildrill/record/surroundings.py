"""What is set around a drill, read before anything is done and after all is put back: a file beside the timeline.

No verdict rests on it. A run whose environment lists no `settings` has none.
"""

import contextlib
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import msgspec

from faildrill.errors import JournalError
from faildrill.record.journal import Journal, read
from faildrill.system import bounded_read

FILE: Final = "surroundings.jsonl"
_LARGEST: Final = 1 << 26


class Sight(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was read at one moment."""

    when: Literal["before", "after"]
    wall: str
    settings: dict[str, Any]
    """By the name under `settings` of the environment, what is in force there."""
    unread: dict[str, list[str]] = {}
    """By the same name, what of it could not be read, and why; where nothing could, it is not in `settings`."""
    steered: dict[str, list[list[str]]] = {}
    """By the same name, the paths of what something sets again and again: that it changes is nobody's doing."""


class Surroundings(NamedTuple):
    """What was read before and after; None where nobody did."""

    before: Sight | None = None
    after: Sight | None = None


_DECODER: Final = msgspec.json.Decoder(Sight)


def write(folder: Path, sight: Sight) -> bool:
    """Append what was read if the disk takes it, and tell whether it did: no run waits for it."""
    with contextlib.suppress(JournalError, OSError):
        journal = _opened(folder / FILE)
        try:
            journal.append(msgspec.json.encode(sight), durable=True)
        finally:
            journal.close()
        return True
    return False


def _opened(path: Path) -> Journal:
    if not path.exists():
        return Journal.create(path)
    bounded_read.check(path, _LARGEST)
    return Journal.resume(path)


def load(folder: Path) -> Surroundings:
    """Read what was read first before, and last after; nothing where that can't be read."""
    try:
        bounded_read.check(folder / FILE, _LARGEST)
        content = read(folder / FILE)
        sights = [_DECODER.decode(record) for record in content.records]
    except (OSError, msgspec.MsgspecError):
        return Surroundings()
    if content.damaged:
        return Surroundings()
    before = [sight for sight in sights if sight.when == "before"]
    after = [sight for sight in sights if sight.when == "after"]
    return Surroundings(next(iter(before), None), next(reversed(after), None))
