"""The switch that stops every drill of an environment: kept per user and machine, under each fact that it proves.

A switch that can't be read counts as thrown: whoever threw it must not be overruled by a torn file or a wrong mode.
Kept small and quick: a run looks at it several times a second.
"""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from faildrill.errors import reason
from faildrill.locking.place_key import PlaceKey, places
from faildrill.system import atomic_file
from faildrill.system.atomic_file import sync

FILE: Final = "halted"
_LARGEST: Final = 8192
_KEY: Final = re.compile("[0-9a-f]{16}")


@dataclass(frozen=True)
class Halt:
    """Who halted an environment, when and why; `environment` is what it was called then."""

    environment: str
    by: str
    why: str
    since: str
    identity: str = ""
    """Of the environment as a whole."""
    facts: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"halted by {self.by} since {self.since}: {self.why}"


def halt(proven: PlaceKey, one: Halt) -> None:
    """Throw the switch, over one that is thrown already; durable on return. OSError when it can't be written."""
    thrown = replace(one, identity=proven.identity, facts=proven.facts)
    for key in proven.keys:
        _throw(key, thrown)


def _throw(key: str, one: Halt) -> None:
    place = _path(key).parent
    place.mkdir(parents=True, exist_ok=True)
    atomic_file.write(place / FILE, json.dumps(asdict(one)).encode(), durable=True)


def resume(proven: PlaceKey) -> Halt | None:
    """Take the switch back and return what it said, None when it was not thrown. OSError when it can't be removed.

    A switch is taken back under all that it was thrown under, whichever of the facts it was found by.
    """
    was: Halt | None = None
    for key in proven.keys:
        thrown = _halted(key)
        if thrown is None:
            continue
        was = thrown
        for halted_key in {key, *PlaceKey(thrown.identity or key, thrown.facts).keys}:
            _path(halted_key).unlink(missing_ok=True)
            if _path(halted_key).parent.is_dir():
                sync(_path(halted_key).parent)
    return was


def halted(proven: PlaceKey) -> Halt | None:
    """Return the halt that is on, or None. What is there and can't be read is a halt, too."""
    return next((thrown for key in proven.keys if (thrown := _halted(key)) is not None), None)


def _halted(key: str) -> Halt | None:
    try:
        descriptor = os.open(_path(key), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:  # also of the state folder itself
        return _unreadable(reason(error))
    try:
        read = Halt(**json.loads(os.read(descriptor, _LARGEST)))
        return replace(read, facts=tuple(fact for fact in read.facts if _KEY.fullmatch(fact)))
    except (OSError, ValueError, TypeError, RecursionError):
        return _unreadable("it does not hold what `faildrill halt` writes")
    finally:
        os.close(descriptor)


def all_halts() -> Iterator[tuple[str, Halt]]:
    """Yield every halt of this machine once, with the identity of its environment."""
    yielded: set[str] = set()
    for place in sorted(places().glob("*/")):
        thrown = _halted(place.name)
        if thrown is not None and (thrown.identity or place.name) not in yielded:
            yielded.add(thrown.identity or place.name)
            yield thrown.identity or place.name, thrown


def objection(proven: PlaceKey) -> str | None:
    """Say why no drill may run here now, and what to do; None when nobody halted it."""
    thrown = halted(proven)
    return f"{thrown}; `faildrill resume ENV` takes it back" if thrown else None


def _path(key: str) -> Path:
    return places() / key / FILE


def _unreadable(why: str) -> Halt:
    return Halt("?", "somebody", f"the switch can't be read ({why}), which counts as halted", "an unknown time")
