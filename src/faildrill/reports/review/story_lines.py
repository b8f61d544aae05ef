"""The timeline of a review: what happened to the service and what was done, with what people add between."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from faildrill.judging.result import Moment, Verdict
from faildrill.record.notes import Standing
from faildrill.record.timeline import (
    Applied,
    Applying,
    EffectGone,
    GuardAnswered,
    Intended,
    ProberStarted,
    Undone,
    WaitStarted,
)
from faildrill.reports.review.content import Line
from faildrill.reports.review.run_facts import Facts, When

_OF_THE_ENGINE: Final = (Intended, Applied, GuardAnswered, ProberStarted, Undone, WaitStarted)
"""Events that matter to whoever looks into the run, not to whoever asks what happened to the service."""
BEFORE: Final = "before the run"
AFTER: Final = "after the run"


def timeline(facts: Facts, notes: list[Standing]) -> list[Line]:
    """Return the lines in order: those of the run by the clock that never steps, those of people by their own time."""
    lines = [line for _, line in sorted(_own_lines(facts), key=lambda one: one[0])]
    theirs = [note for note in notes if note.note.at and note.withdrawn is None]
    for told_by_people in sorted(theirs, key=lambda one: (one.note.at, one.number)):
        line = of_note(facts, told_by_people)
        place = next((at for at, other in enumerate(lines) if _instant(other.wall) > _instant(line.wall)), len(lines))
        lines.insert(place, line)
    return lines


def _own_lines(facts: Facts) -> Iterator[tuple[float, Line]]:
    for moment in facts.result.moments:
        if (line := _of_moment(facts, moment)) is not None:
            yield moment.at, line
    for number, finding in facts.noticed:
        cited = next((citation for citation in finding.evidence if facts.look(citation) is not None), "")
        look = facts.look(cited)
        if look is None or finding.verdict is not Verdict.PASSED:
            continue
        text = f"Noticed by {cited.split(':')[1]}: {look.detail or look.who or finding.claim}"
        yield look.answered, _line_at(facts, facts.when(look.answered), text, (cited, f"finding:{number}"), "good")


def _of_moment(facts: Facts, moment: Moment) -> Line | None:
    """Tell one moment of the run; None for those that tell of the drill's own course, and of alarms that went on."""
    cited = moment.evidence or f"timeline:{moment.entry}"
    if cited.startswith("sample:") and cited.split(":")[1] in facts.alarms:
        return None
    event = facts.entries[moment.entry].what if moment.entry < len(facts.entries) else None
    is_own = cited == f"timeline:{moment.entry}"
    is_plain = isinstance(event, _OF_THE_ENGINE) and not (isinstance(event, GuardAnswered) and event.unproven)
    if is_own and is_plain and moment.level != "bad":
        return None
    if is_own and isinstance(event, EffectGone) and _is_its_own(facts, event.step):
        return None
    text = _begun_in_words(facts, event.step) if is_own and isinstance(event, Applying) else moment.text
    return _line_at(facts, When(moment.at, moment.wall), text, (cited,), moment.level)


def _is_its_own(facts: Facts, step: str) -> bool:
    """Tell whether what a step did was ended by the drill itself, and not by anybody else."""
    return any(done.id == step and done.in_effect_how in ("own step", "own limit") for done in facts.result.steps)


def _begun_in_words(facts: Facts, step: str) -> str:
    done = next((step_done for step_done in facts.acted if step_done.id == step), None)
    if done is None:
        return f"The drill does this on purpose: {step}"
    head = "This is done about it" if done in facts.answers else "The drill does this on purpose"
    return f"{head}: {done.name} ({done.kind})"


def _line_at(facts: Facts, when: When, text: str, sources: tuple[str, ...], level: str = "info") -> Line:
    return Line(text, sources, when.wall, facts.since(when.at), level)


def of_note(facts: Facts, one: Standing) -> Line:
    """Tell what a person wrote, marked as theirs."""
    note = one.note
    remarks = [f"given as {note.given}"] if note.given else []
    if note.at and (outside := outside_of(facts.result.started, facts.result.ended, note.at)):
        remarks.append(outside)
    if one.former:
        remarks.append("corrected")
    name = "" if note.sort == "line" else note.sort
    by = f"{note.by}, written {note.written[:19].replace('T', ' ')} UTC"
    return Line(note.text, (f"note:{one.number}",), note.at, "", "info", name, by, "; ".join(remarks))


def outside_of(started: str, ended: str, at: str) -> str:
    """Say that a time is outside of a run, and on which side; empty where it is within."""
    if _instant(at) < _instant(started):
        return BEFORE
    return AFTER if _instant(at) > _instant(ended) else ""


def _instant(wall: str) -> datetime:
    return datetime.fromisoformat(wall)
