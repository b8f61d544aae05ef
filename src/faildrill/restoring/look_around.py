"""Read what is set around a drill, through the `settings` that its environment lists: looked at, never changed."""

import asyncio
from pathlib import Path
from typing import Final, Literal

from pydantic import ValidationError

from faildrill.acting.call import call, words
from faildrill.clock import Clock
from faildrill.errors import ActionError, CannotSee, FaildrillError
from faildrill.kinds import build
from faildrill.kinds.call_context import CallContext
from faildrill.model.environment import Environment
from faildrill.ports.target import KindUse
from faildrill.record.surroundings import Sight, write
from faildrill.standards import SettingsRead
from faildrill.system import redaction

WITHIN: Final = 5.0
"""Seconds that all of it may take."""


async def look_around(
    folder: Path, run: str, place: Environment, clock: Clock, when: Literal["before", "after"]
) -> None:
    """Read all at once, and keep it beside the timeline; what can't be read, or kept, ends no run."""
    listed = place.settings
    if not listed:
        return
    read = await asyncio.gather(*(_read(use, run) for use in listed.values()))
    readings = {name: reading for name, reading in zip(listed, read, strict=True) if isinstance(reading, SettingsRead)}
    silent = {name: [trouble] for name, trouble in zip(listed, read, strict=True) if isinstance(trouble, str)}
    parts = {
        name: [f"{part.what}: {part.why}" for part in reading.unread]
        for name, reading in readings.items()
        if reading.unread
    }
    sight = Sight(
        when=when,
        wall=clock.wall(),
        settings={
            name: redaction.clean_all(reading.live.model_dump(mode="json")) for name, reading in readings.items()
        },
        unread={name: [redaction.clean(why) for why in some] for name, some in {**parts, **silent}.items()},
        steered={
            name: [list(path) for path in reading.steered] for name, reading in readings.items() if reading.steered
        },
    )
    await asyncio.to_thread(write, folder, sight)


async def _read(use: KindUse, run: str) -> SettingsRead | str:
    try:
        read: SettingsRead = await call(build(use, "settings").settings(CallContext(run, timeout=WITHIN)), WITHIN)
    except (ActionError, CannotSee) as error:
        return words(error)
    except (FaildrillError, ValidationError) as error:  # another machine cleans up, which lacks the package of a kind
        return f"{use.kind} can't be asked here: {error}"
    return read
