"""From a run's files, and what people wrote beside them, to its review."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from faildrill import durations
from faildrill.judging.numbers.headline_figures import longest
from faildrill.judging.result import Finding, Outage, Verdict
from faildrill.record.notes import Note, Notes, Sort, Standing, standing
from faildrill.record.timeline import Applying, Entry, SteadyAgain
from faildrill.reports import headline, wording
from faildrill.reports.review import residual
from faildrill.reports.review.content import Line, Review, Task
from faildrill.reports.review.impact import Suffering, sentence, suffering
from faildrill.reports.review.run_facts import Facts, When
from faildrill.reports.review.story_lines import of_note, timeline

_OUTAGES: Final = 5
"""Outages of a probe whose end is told."""


def build(facts: Facts, notes: Notes, free: str = "", edited: Sequence[str] = ()) -> Review:
    """Return the review of a run.

    `free` is what people wrote beside it as they liked, `edited` names the files with what they changed in a review
    that was written before. The same files give the same review.
    """
    every = standing(notes.records)
    result, counted = facts.result, [note for note in every if note.withdrawn is None]
    tasks = [Task(of_note(facts, note), note.note.owner, note.note.due) for note in counted if note.note.sort == "task"]
    return Review(
        title=result.drill,
        about=result.about,
        verdict=result.verdict.value,
        because=result.because.rstrip("."),
        summary=[*_summary(facts), *_notes(facts, counted, "impact")],
        timeline=timeline(facts, counted),
        causes=[*_causes(facts), *_notes(facts, counted, "cause")],
        causes_open=not any(note.note.sort == "cause" for note in counted),
        resolution=[*_resolution(facts), *_notes(facts, counted, "resolution")],
        residual=list(residual.lines(facts)),
        improve=[*_improve(facts), *_notes(facts, counted, "measure")],
        tasks=tasks,
        changed=[line for note in every for line in _changed(note)],
        free=free,
        unread=notes.damaged,
        edited=list(edited),
    )


def _notes(facts: Facts, notes: list[Standing], sort: Sort) -> list[Line]:
    name = "Impact" if sort == "impact" else ""
    return [replace(of_note(facts, note), name=name) for note in notes if note.note.sort == sort]


def _summary(facts: Facts) -> Iterator[Line]:
    pains = suffering(facts)
    yield from _duration(facts, pains)
    yield from _impact(facts, pains)
    done = ", then ".join(cause.name for cause in facts.causes) or "nothing was done"
    began = tuple(begun for begun in map(facts.began, facts.causes) if begun)
    yield Line(f"on purpose, by this drill: {done}", began or ("timeline:0",), name="Root cause")
    for number, finding in facts.noticed:
        yield Line(_detection_in_words(finding), (f"finding:{number}", *finding.evidence[:1]), name="Detection")
    result = facts.result
    yield Line(f"{result.environment} (identity {result.identity})", ("timeline:0",), name="Environment")
    if result.owner:
        yield Line(result.owner, ("timeline:0",), name="Owner")
    if result.runbook:
        yield Line(result.runbook, ("timeline:0",), name="Runbook")


def _detection_in_words(finding: Finding) -> str:
    head = finding.claim if finding.verdict is Verdict.PASSED else f"{finding.verdict.value}: {finding.claim}"
    return f"{head}: {finding.because}"


def _duration(facts: Facts, told: Suffering | None) -> Iterator[Line]:
    """Say how long it was, from what was done first until users were well, or until everything was as before."""
    first = next(facts.events(Applying), None)
    if first is None:
        yield Line("none: nothing was done to the environment", ("timeline:0",), name="Duration")
        return
    end, what, cited = _end(facts, told)
    start = facts.when(facts.zero)
    length = durations.show(max(end.at - start.at, 0.0)) if what else "not over when the looking ended"
    yield Line(length, (f"timeline:{first.n}", *cited), name="Duration")
    yield Line(f"{_utc(start.wall)} UTC", (f"timeline:{first.n}",), name="Start time")
    yield Line(f"{_utc(end.wall)} UTC, {what}" if what else "not seen", cited, name="End time")


def _end(facts: Facts, told: Suffering | None) -> tuple[When, str, tuple[str, ...]]:
    """Return when it was over, in which sense, and where that is written; without words where nobody saw it over."""
    if told is not None:
        what = f"when the last request of {told.probe} that failed or was late was over" if told.is_over else ""
        return facts.when(told.ended), what, told.sources[1:]
    steady: Entry | None = next(facts.events(SteadyAgain), None)
    if steady is not None:
        what = "when everything was seen steady again"
        return When(facts.second(steady), steady.wall), what, (f"timeline:{steady.n}",)
    last = facts.entries[-1]
    return When(facts.second(last), last.wall), "", (f"timeline:{last.n}",)


def _utc(wall: str) -> str:
    return wall[:19].replace("T", " ")


def _impact(facts: Facts, told: Suffering | None) -> Iterator[Line]:
    """Say what users went through, then for each other probe that is no alarm how long it was dark."""
    result = facts.result
    if told is not None:
        yield Line(sentence(facts, told), told.sources, name="Impact")
    for name, words in headline.lines(result):
        yield Line(f"{name}: {words}", ("result:headline",), name="Impact")
    yield from _dark(facts, is_hurt=told is not None)
    for figures in result.probes:
        for why in wording.unproven(figures):
            yield Line(f"{figures.probe}: {why}", (f"result:probes.{figures.probe}",), name="Impact")


def _dark(facts: Facts, *, is_hurt: bool) -> Iterator[Line]:
    """Say of each probe that is no alarm how long it was dark, the longest first; or that none was."""
    result = facts.result
    dark = [probe for probe in result.probes if probe.outages and probe.probe not in facts.alarms]
    for figures in sorted(dark, key=lambda one: -_length(longest(one.outages))):
        worst = longest(figures.outages) or figures.outages[0]
        if result.headline is not None and worst == result.headline.outage:
            continue  # told already, as what the run is remembered by
        more = f"; {wording.count(len(figures.outages), 'outage')} in all" if len(figures.outages) > 1 else ""
        text = f"{figures.probe} was dark for {wording.bounds(worst.length)}{more}"
        yield Line(text, (_cited(facts, worst, worst.first_dark),), name="Impact")
    if not result.probes:
        yield Line("unknown: nothing was looked at", ("timeline:0",), name="Impact")
    elif not dark and not is_hurt:
        yield Line("none that a probe saw", ("result:probes",), name="Impact")


def _length(outage: Outage | None) -> float:
    return outage.length.at_least if outage is not None else 0.0


def _cited(facts: Facts, outage: Outage, at: float | None) -> str:
    """Refer to the look with which an outage began or ended, where the story tells of it."""
    moments = (moment for moment in facts.result.moments if moment.evidence.startswith(f"sample:{outage.probe}:"))
    return next((line.evidence for line in moments if line.at == at), f"result:probes.{outage.probe}")


def _causes(facts: Facts) -> Iterator[Line]:
    if not facts.acted:
        yield Line("Nothing was done to the environment.", ("timeline:0",))
    for step in facts.causes:
        because = f": {step.because}" if step.because else ""
        began = facts.began(step)
        yield Line(
            f"The drill did this on purpose: {step.name} ({step.kind}), {step.outcome}{because}",
            (began,) if began else (),
        )


def _resolution(facts: Facts) -> Iterator[Line]:
    result = facts.result
    for step in facts.answers:
        because = f": {step.because}" if step.because else ""
        began = facts.began(step)
        at = f" at {_clock(facts, step.started)}" if step.started is not None else ""
        yield Line(f"Done about it{at}: {step.name} ({step.kind}), {step.outcome}{because}", (began,) if began else ())
    probes = [probe for probe in result.probes if probe.probe not in facts.alarms]
    ended = [one for figures in probes for one in figures.outages[:_OUTAGES]]
    for outage in sorted(ended, key=lambda one: one.first_dark):
        end = "was not seen to answer again"
        if outage.first_good is not None:
            end = f"answered again at {_clock(facts, outage.first_good)}"
        yield Line(f"{outage.probe} {end}{_phases(outage)}", (_cited(facts, outage, outage.first_good),))
    for number, step in enumerate(result.steps):
        cited = (f"result:steps.{number}",)
        if step.in_effect_because:
            yield Line(f"{step.name}: {step.in_effect_because}", cited)
        if step.undo and step.undo != "not needed":
            because = f": {step.undo_because}" if step.undo_because else ""
            yield Line(f"{step.name}, put back: {step.undo}{because}", cited)
    if not any(done.undo for done in result.steps):
        yield Line("Nothing had to be put back.", ("result:steps",))


def _clock(facts: Facts, at: float) -> str:
    return f"{facts.when(at).wall[11:19]} UTC ({facts.since(at)})"


def _phases(outage: Outage) -> str:
    phases = [f"{name.replace('_', ' ')} {wording.moment(at)}" for name, at in outage.phases.items()]
    return f" ({', '.join(phases)})" if phases else ""


def _improve(facts: Facts) -> Iterator[Line]:
    """Return what the findings ask for: what was not as expected, and what they advise."""
    for number, finding in enumerate(facts.result.findings):
        if finding.verdict is Verdict.PASSED and not finding.advice:
            continue
        prefix = "" if finding.verdict is Verdict.PASSED else f"{finding.verdict.value}, "
        text = f"{finding.advice or finding.because} ({prefix}{finding.claim})"
        yield Line(text, (f"finding:{number}",))


def _changed(one: Standing) -> Iterator[Line]:
    """Return the former words of a note, and that it was withdrawn."""
    for number, former in enumerate(one.former):
        after = (*one.former[number + 1 :], one.note)[0]
        yield _former(one, former, f"corrected by {after.by} at {_utc(after.written)} UTC")
    if one.withdrawn is not None:
        gone = one.withdrawn
        yield _former(one, one.note, f"withdrawn by {gone.by} at {_utc(gone.written)} UTC: {gone.text}")


def _former(one: Standing, note: Note, remark: str) -> Line:
    by = f"{note.by}, written {_utc(note.written)} UTC"
    return Line(note.text, (f"note:{one.number}",), note.at, name=note.sort, by=by, remark=remark)
