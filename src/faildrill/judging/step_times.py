"""The times that are compared of a step that only the one who was asked confirms: before it, since, and after it."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from faildrill.judging.evidence import Evidence
from faildrill.record.timeline import (
    ApplyFailed,
    Applying,
    Confirmed,
    EffectGone,
    Entry,
    NotConfirmed,
    UndoFailed,
    Undoing,
    Undone,
    UndoVerified,
)

Time = tuple[int, int]
"""From a monotonic ns on, and until before another."""
FOREVER: Final = (1 << 63) - 1


class StepTimes(NamedTuple):
    """Whose word a step is, whom it names, and the times before it, since, and after it was put back."""

    word_of: str
    moves: list[str]
    empties: bool
    kin: set[str]
    """The steps on the word of the same one."""
    befores: list[Time]
    """Since anything else was done, and, the last one, since anything at all was."""
    untouched: Time
    """Before the first of its kin."""
    since: Time
    alone: Time
    """The part of it in which nothing else was done, and it was still in effect."""
    own: Time
    """The same, with what one of its kin did that names others only."""
    until_undone: Time
    """Since it was confirmed, until anything was put back."""
    after: Time


def times_of(evidence: Evidence, step: str, word_of: str = "") -> StepTimes | None:
    """Return the times of a step; None where it was never begun, or never confirmed.

    `word_of`: whose word it is, where that is not told by what confirmed it.
    """
    confirmed = {event.step: (entry, event) for entry, event in evidence.events(Confirmed)}
    begun = {event.step: evidence.dated(entry) for entry, event in evidence.events(Applying)}
    if step not in begun or step not in confirmed:
        return None
    confirmation, event = confirmed[step]
    word_of = word_of or event.word_of
    kin = {step, *(name for name, (_, other) in confirmed.items() if other.word_of == word_of)}
    first = min((begun[name] for name in kin if name in begun), key=lambda one: one.at)
    backs = [entry.at for entry, verified in evidence.events(UndoVerified) if verified.step == step]
    ends = [entry.at for entry in evidence.entries if entry.at > confirmation.at and _ends(entry, kin)]
    over = [entry for entry in evidence.entries if entry.at > confirmation.at and _is_over(entry, step)]
    apart = {name for name, (_, other) in confirmed.items() if name in kin and _are_apart(other.moves, event.moves)}
    own = [entry.at for entry in over if not (isinstance(entry.what, Applying) and entry.what.step in apart)]
    last = min([*ends, evidence.until])
    return StepTimes(
        word_of=word_of,
        moves=event.moves,
        empties=event.empties,
        kin=kin,
        befores=[(at, begun[step].at) for at in sorted(_starts(evidence, begun[step], kin))],
        untouched=(min(_starts(evidence, first, kin)), first.at),
        since=(confirmation.at, last),
        alone=(confirmation.at, min([*(entry.at for entry in over), last])),
        own=(confirmation.at, min([*own, last])),
        until_undone=(confirmation.at, evidence.put_back_at or evidence.until),
        after=(max(backs, default=evidence.until), evidence.until),
    )


def put_back_since(evidence: Evidence) -> int:
    """Return when the last undo had ended; for ever where nothing was put back."""
    ends = (entry.at for entry in evidence.entries if isinstance(entry.what, Undone | UndoFailed | UndoVerified))
    return max(ends, default=FOREVER)


def _starts(evidence: Evidence, begun: Entry, kin: Iterable[str]) -> set[int]:
    """Return since when nothing had been done before a step, and since when nothing that others confirm as well."""
    done = [entry for entry in evidence.entries if isinstance(entry.what, Confirmed | NotConfirmed | ApplyFailed)]
    former = [entry for entry in done if entry.at <= begun.at]
    others = [entry for entry in former if _step(entry) not in kin]
    return {max([evidence.since, *(entry.at for entry in some)]) for some in (former, others)}


def _ends(entry: Entry, kin: set[str]) -> bool:
    return isinstance(entry.what, Undoing) or (isinstance(entry.what, Applying) and entry.what.step not in kin)


def _is_over(entry: Entry, step: str) -> bool:
    """Tell whether another step changes something, or the effect of this one is gone."""
    is_gone = isinstance(entry.what, EffectGone) and entry.what.step == step
    return is_gone or (isinstance(entry.what, Applying) and entry.what.step != step)


def _are_apart(some: list[str], others: list[str]) -> bool:
    """Tell whether both name somebody, and nobody both."""
    return bool(some and others) and not {*some} & {*others}


def _step(entry: Entry) -> str:
    return str(getattr(entry.what, "step", ""))
