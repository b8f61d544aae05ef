"""The switch that stops every drill of an environment: kept per machine, under the environment's proven identity.

A switch that can't be read counts as thrown: whoever threw it must not be overruled by a torn file or a wrong mode.
Kept small and quick: a run looks at it several times a second.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from faildrill import state
from faildrill.journal import sync_folder

FILE: Final = "halted"
_LARGEST: Final = 8192


@dataclass(frozen=True)
class Halt:
    """Who halted an environment, when and why; `environment` is what it was called then."""

    environment: str
    by: str
    why: str
    since: str

    def __str__(self) -> str:
        return f"halted by {self.by} since {self.since}: {self.why}"


def halt(identity: str, one: Halt) -> None:
    """Throw the switch, over one that is thrown already; durable on return. OSError when it can't be written."""
    place = state.folder() / "environments" / identity
    place.mkdir(parents=True, exist_ok=True)
    fresh = place / f"{FILE}.{os.getpid()}"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, json.dumps(asdict(one)).encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    fresh.replace(place / FILE)
    sync_folder(place)


def resume(identity: str) -> Halt | None:
    """Take the switch back and return what it said, None when it was not thrown. OSError when it can't be removed."""
    was = halted(identity)
    if was is not None:
        path = _path(identity)
        path.unlink()
        sync_folder(path.parent)
    return was


def halted(identity: str) -> Halt | None:
    """Return the halt that is on, or None. What is there and can't be read is a halt, too."""
    try:
        descriptor = os.open(_path(identity), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:  # also of the state folder itself
        return _unreadable(error.strerror or type(error).__name__)
    try:
        return Halt(**json.loads(os.read(descriptor, _LARGEST)))
    except (OSError, ValueError, TypeError, RecursionError):
        return _unreadable("it does not hold what `faildrill halt` writes")
    finally:
        os.close(descriptor)


def all_halts() -> Iterator[tuple[str, Halt]]:
    """Yield every halt of this machine with the identity of its environment."""
    for place in sorted((state.folder() / "environments").glob("*/")):
        found = halted(place.name)
        if found is not None:
            yield place.name, found


def objection(identity: str) -> str | None:
    """Say why no drill may run here now, and what to do; None when nobody halted it."""
    found = halted(identity)
    return f"{found}; `faildrill resume ENV` takes it back" if found else None


def _path(identity: str) -> Path:
    return state.folder() / "environments" / identity / FILE


def _unreadable(why: str) -> Halt:
    return Halt("?", "somebody", f"the switch can't be read ({why}), which counts as halted", "an unknown time")
