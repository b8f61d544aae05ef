"""From references to what they refer to: entries of the timeline and single looks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from faildrill import durations
from faildrill.reports import wording
from faildrill.reports.html.look_times import Looks


@dataclass(frozen=True)
class Reference:
    """One reference: how it is written, and the anchor in the page that it leads to, if any."""

    text: str
    anchor: str


@dataclass(frozen=True)
class Cited:
    """One look that a finding refers to."""

    anchor: str
    reference: str
    sent: str
    took: str
    outcome: str
    who: str
    detail: str


@dataclass(frozen=True)
class Held:
    """What a page holds that can be referred to."""

    entries: int
    """How many of the timeline's first entries."""
    findings: int
    """How many of the first findings."""
    cited: Mapping[str, Cited]


def references(written: Iterable[str], held: Held) -> list[Reference]:
    """Return references, each with its anchor where the page holds what it refers to."""
    return [Reference(citation, _anchor(citation, held)) for citation in written]


def _anchor(reference: str, held: Held) -> str:
    for prefix, letter, most in (("timeline:", "t", held.entries), ("finding:", "f", held.findings)):
        number = _number(reference, prefix)
        if number is not None and number < most:
            return f"{letter}{number}"
    cited = held.cited
    return cited[reference].anchor if reference in cited else ""


_MOST_DIGITS: Final = 11
"""No count of ours has more; `int` takes long for a text of a million."""


def _number(reference: str, prefix: str) -> int | None:
    digits = reference.removeprefix(prefix)
    known = reference.startswith(prefix) and digits.isascii() and digits.isdecimal() and len(digits) <= _MOST_DIGITS
    return int(digits) if known else None


def cited(references: Iterable[str], looks: Mapping[str, Looks], zero: float, most: int = 200) -> dict[str, Cited]:
    """Return the looks that are referred to, by reference; the first `most` of them."""
    by_reference: dict[str, Cited] = {}
    for reference in references:
        probe, _, digits = reference.removeprefix("sample:").rpartition(":")
        number = _number(digits, "")
        if reference.startswith("sample:") and number is not None and probe in looks and len(by_reference) < most:
            look = _cited(reference, looks[probe], number, zero)
            if look is not None:
                by_reference.setdefault(reference, look)
    return {key: _numbered(look, at) for at, (key, look) in enumerate(by_reference.items())}


def _numbered(look: Cited, number: int) -> Cited:
    return Cited(f"look{number}", look.reference, look.sent, look.took, look.outcome, look.who, look.detail)


def _cited(reference: str, looks: Looks, number: int, zero: float) -> Cited | None:
    if number >= len(looks):
        return None
    look = looks.look(number)
    is_look = look.outcome.is_look
    return Cited(
        anchor="",
        reference=reference,
        sent=wording.moment((look.sent if is_look else look.due) - zero),
        took=durations.show(max(0.0, look.answered - look.sent)) if is_look else "",
        outcome=look.outcome.in_words(),
        who=look.who,
        detail=look.detail,
    )
