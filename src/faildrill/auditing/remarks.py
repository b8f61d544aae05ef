"""What an audit finds, in the shape that is printed and written."""

from enum import StrEnum
from typing import NamedTuple

from faildrill.standards import Difference, Path, in_words


class Grade(StrEnum):
    """How bad it is."""

    SEVERE = "severe"
    """Users suffer from it now, or will at the next failure."""
    WARNING = "warning"
    """It makes a failure longer, or hides one."""
    UNREAD = "unread"
    """It could not be read, so nobody knows: never as good as right."""
    NOTE = "note"
    """Worth knowing; nothing is wrong by it alone."""


class Remark(NamedTuple):
    """One thing that an audit found."""

    rule: str
    """Which rule found it; `standard` where something differs from what was approved."""
    grade: Grade
    source: str
    """Whose settings: a name from the environment's `settings`."""
    what: str
    """What is wrong, in a sentence's part, with both values where there are two."""
    why: str
    """Why it matters."""
    remedy: str = ""
    """How to put it right; the exact command where there is one."""
    standard: str = ""
    live: str = ""
    path: Path = ()

    def __str__(self) -> str:
        return f"{self.source}: {self.what}"


class Detection(NamedTuple):
    """How long a dead server stays in use, or a dead primary without a successor."""

    source: str
    of: str
    worst: float | None
    """Seconds by the settings, whatever it dies of; None where there is no bound, or it can't be computed."""
    refused: float | None
    """Seconds by the settings where its death is told at once: its host refuses connections."""
    formula: str
    """How `worst` was computed, with the figures."""
    objective: float | None = None
    """Seconds that were approved."""
    never: bool = False
    """There is a server whose death no check notices; the formula says which."""
    standing: str = ""
    """For how long established connections stay with it, in words; empty where they are ended with it."""
    measured: str = ""
    """What a run showed, in words; empty where none was given."""


class Audited(NamedTuple):
    """One place whose settings were read, or could not be."""

    name: str
    source: str
    compared: bool
    """Whether there was a standard to compare it with."""


class Audit(NamedTuple):
    """All that one audit found."""

    environment: str
    at: str
    """When, as ISO 8601."""
    audited: list[Audited]
    remarks: list[Remark]
    detections: list[Detection]

    def worst(self) -> Grade | None:
        """Return the worst grade, None when nothing was found; what could not be read is worse than a note."""
        order = list(Grade)
        grades = [remark.grade for remark in self.remarks]
        return min(grades, key=order.index) if grades else None


def place(difference: Difference) -> str:
    """Name the place of a difference."""
    return in_words(difference.path)
