"""Text for people: what came from outside made harmless, and lengths of time that never claim too much."""

import re
from collections.abc import Mapping
from typing import Final

from faildrill import durations
from faildrill.clock import nanoseconds
from faildrill.judging.result import Bounds, ProbeFigures, Verdict
from faildrill.plain_text import LONGEST as LONGEST
from faildrill.plain_text import lines as lines
from faildrill.plain_text import plain as plain

_MARKDOWN: Final = re.compile(r"[\\`*\[\]<>|#~&!$@]|(?<!\w)_|_(?!\w)")
_MARKDOWN_START: Final = re.compile(r"^([-+=]+|\d+[.)])(?=\s|$)")
_MINUTE: Final = 60.0
_LONG: Final = 120.0
"""Seconds from which a length is written with minutes."""

MEANINGS: Final[Mapping[Verdict, str]] = {
    Verdict.PASSED: "every expectation holds, and everything was put back",
    Verdict.FAILED: "an expectation is broken",
    Verdict.REFUSED: "a guard objected; nothing was touched",
    Verdict.INCONCLUSIVE: "the drill proves nothing either way",
    Verdict.ABORTED: "ended early; everything was put back",
    Verdict.UNSAFE: "something was not seen put back: the environment is dirty",
    Verdict.ERROR: "faildrill itself broke; everything was put back",
}
"""What each verdict says, in a few words."""


def markdown(text: str) -> str:
    """Return the text so that Markdown, and HTML within it, prints it as it is."""
    escaped = _MARKDOWN.sub(lambda found: _markdown_escape(found[0]), plain(text).strip())
    return _MARKDOWN_START.sub(lambda found: f"{found[1][:-1]}\\{found[1][-1]}", escaped)


def _markdown_escape(character: str) -> str:
    return {"<": "&lt;", ">": "&gt;", "&": "&amp;"}.get(character, "\\" + character)


def shell(text: str) -> str:
    """Return the text as one word of a POSIX shell, printable: safe to be copied from a report."""
    cleaned = plain(text)
    if re.fullmatch(r"[\w./:=@%+-]+", cleaned, re.ASCII):
        return cleaned
    return "'" + cleaned.replace("'", "'\"'\"'") + "'"


def bounds(length: Bounds) -> str:
    """Say what is proven of a length, as findings say it: `at least 19.81 s, at most 19.86 s`, rounded outwards."""
    if length.at_most is None:
        return f"{durations.bounded(nanoseconds(length.at_least), None)}, and not over when the looking ended"
    return durations.bounded(nanoseconds(length.at_least), nanoseconds(length.at_most))


def headline(length: Bounds) -> str:
    """Say a length in one figure, for a headline that has its bounds beside it.

    The likeliest one, where there is none the middle of the bounds, where there is no upper one `≥` the least.
    """
    if length.at_most is None:
        return durations.bounded(nanoseconds(length.at_least), None).replace("at least", "≥")
    return durations.show((length.at_least + length.at_most) / 2 if length.likely is None else length.likely)


def unproven(figures: ProbeFigures) -> list[str]:
    """Say how many looks of a probe got to its service and proved nothing of it, and why; empty where none did."""
    sentences = []
    if figures.open:
        sentences.append(f"{count(figures.open, 'request')} met a connection that was being closed")
    if figures.throttled:
        share = figures.throttled / max(sum(figures.outcomes.values()), 1)
        turned = f"{count(figures.throttled, 'look')} ({share:.1%}) turned away for the prober's own rate"
        sentences.append(f"{turned}, which proves nothing of the service: look less often")
    return sentences


def moment(seconds: float) -> str:
    """Write a moment on the run's axis: `+19.8 s` or with a minus; zero is the fault, or the run's start."""
    sign = "−" if seconds < 0 else "+"
    size = abs(seconds)
    if size < _LONG:
        return f"{sign}{size:.2f} s"
    minutes, rest = divmod(size, _MINUTE)
    return f"{sign}{minutes:.0f} min {rest:04.1f} s"


def count(number: int, one: str, many: str = "") -> str:
    """Write a number with its noun: `1 look`, `2,000 looks`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
