"""Time zones as files name them, and kinds that know beforehand when they will object."""

from datetime import datetime
from typing import Annotated, Protocol, runtime_checkable
from zoneinfo import ZoneInfo

from pydantic import AfterValidator


def _exists(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        raise ValueError("no time zone is called that; e.g. Europe/Berlin or UTC") from None
    return name


Zone = Annotated[str, AfterValidator(_exists)]
"""A field that names a time zone of the IANA database."""


@runtime_checkable
class KnowsTimes(Protocol):
    """A guard that objects by the calendar alone, so that it can tell today what it will say on another day."""

    def said_at(self, now: datetime) -> str | None:
        """Return the objection at a moment, which knows its zone; CannotSee where that can't be told."""
        ...
