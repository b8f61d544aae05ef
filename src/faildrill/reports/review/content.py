"""What a post-incident review says, before it is Markdown or HTML: each line with what it is taken from."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Line:
    """One thing that is said."""

    text: str
    sources: tuple[str, ...] = ()
    """What it is taken from: `timeline:17`, `sample:pay:1042`, `finding:3`, `note:2`."""
    wall: str = ""
    """When it happened, ISO 8601 in UTC; empty where it has no time."""
    since: str = ""
    """The same on the run's axis: `+19.8 s`."""
    level: str = "info"
    name: str = ""
    """What it is about, in a word, where lines have names."""
    by: str = ""
    """Which person says it, and when they wrote it; empty where it is taken from the run's files."""
    remark: str = ""
    """What a reader has to know of it: that it was outside of the run, that it was corrected."""


def shown(lines: Sequence[Line], most: int) -> list[Line]:
    """Return the lines that a page has room for, in their order: the first of the run, and the first of people's.

    What people wrote is never cut because a run has much to tell.
    """
    room = {"": most, "people": most}
    kept = []
    for line in lines:
        whose = "people" if line.by else ""
        room[whose] -= 1
        if room[whose] >= 0:
            kept.append(line)
    return kept


@dataclass(frozen=True)
class Task:
    """Something that somebody is to do."""

    line: Line
    owner: str
    due: str


@dataclass(frozen=True)
class Review:
    """The review of one run, in the order in which it is read."""

    title: str
    about: str
    verdict: str
    because: str
    summary: list[Line]
    timeline: list[Line]
    causes: list[Line]
    causes_open: bool
    """No person has said yet why it went as it did."""
    resolution: list[Line]
    residual: list[Line]
    """What is not as it was before, what is not known, and what was compared."""
    improve: list[Line]
    tasks: list[Task]
    changed: list[Line] = field(default_factory=list)
    """What was corrected or withdrawn of people's notes, in its former words."""
    free: str = ""
    """What people wrote beside the run, as they wrote it."""
    unread: str = ""
    """Why some notes are not here."""
    edited: list[str] = field(default_factory=list)
    """The files beside it with former reviews that somebody edited."""
