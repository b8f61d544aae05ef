"""report.md: the post-incident review of a drill, ready for people to finish."""

from collections.abc import Iterator
from typing import Final

from faildrill import durations
from faildrill.judging.numbers.headline_figures import longest
from faildrill.judging.result import Finding, Outage, Result, StepFigures, Verdict
from faildrill.reports import headline, wording
from faildrill.reports.html import picture
from faildrill.reports.wording import markdown

FILE: Final = "report.md"
NOTES: Final = "notes.md"
"""What people add; it is never written by a report and never read by a judge."""
_MOST: Final = 500
_EMPTY: Final = "- [ ] …"


def render(result: Result, folder: str, notes: str) -> str:
    """Return the review; `notes` is put in as people wrote it."""
    parts = [
        _summary(result),
        _findings(result),
        _timeline(result),
        _cause(result),
        _resolution(result),
        _measures(result),
        _notes(notes),
        _evidence(result, folder),
    ]
    return "\n".join(line for part in parts for line in [*part, ""])


def _summary(result: Result) -> Iterator[str]:
    yield f"# {markdown(result.drill)}: {result.verdict.value}"
    yield ""
    if result.about:
        yield f"{markdown(result.about)}"
        yield ""
    yield f"**{result.verdict.value}**: {markdown(result.because.rstrip('.'))}."
    yield ""
    yield "## Summary"
    yield ""
    yield f"- Duration: {durations.show(result.duration)}, from {_when(result.started)} to {_when(result.ended)} (UTC)"
    for impact in _impact(result):
        yield f"- Impact: {impact}"
    yield f"- Cause, on purpose: {_done(result)}"
    yield f"- Environment: {markdown(result.environment)} (identity `{_code(result.identity)}`)"
    if result.owner:
        yield f"- Owner: {markdown(result.owner)}"
    if result.runbook:
        yield f"- Runbook: {markdown(result.runbook)}"


def _when(wall: str) -> str:
    return markdown(wall[:19].replace("T", " "))


def _impact(result: Result) -> Iterator[str]:
    """Say what the run is remembered by, then for each probe how long its service was dark, the longest first."""
    for name, words in headline.lines(result):
        yield f"**{name}**: {markdown(words)}"
    dark = sorted((one for one in result.probes if one.outages), key=lambda one: -_longest(one.outages))
    for figures in dark:
        worst = longest(figures.outages) or figures.outages[0]
        more = f"; {wording.count(len(figures.outages), 'outage')} in all" if len(figures.outages) > 1 else ""
        yield f"{markdown(figures.probe)} was dark for {wording.bounds(worst.length)}{more}"
    if not dark and result.probes:
        yield "none that a probe saw"
    for figures in result.probes:
        for why in wording.unproven(figures):
            yield f"{markdown(figures.probe)}: {markdown(why)}"
    if not result.probes:
        yield "unknown: nothing was looked at"


def _longest(outages: list[Outage]) -> float:
    return max(one.length.at_least for one in outages)


def _acted(result: Result) -> list[StepFigures]:
    return [one for one in result.steps if one.started is not None and one.kind != "wait"]


def _done(result: Result) -> str:
    names = [markdown(one.name) for one in _acted(result)]
    return ", then ".join(names) if names else "nothing was done"


def _findings(result: Result) -> Iterator[str]:
    yield "## Findings"
    yield ""
    if not result.findings:
        yield "There are none: nothing was weighed."
        return
    yield "| verdict | expected | found | evidence |"
    yield "| --- | --- | --- | --- |"
    for one in result.findings[:_MOST]:
        evidence = " ".join(f"`{_code(reference)}`" for reference in one.evidence[:8])
        yield f"| {one.verdict.value} | {markdown(one.claim)} | {markdown(one.because)} | {evidence} |"


def _code(text: str) -> str:
    """Return the text so that it stays within a code span, also within a table."""
    return wording.plain(text).replace("`", "'").replace("|", "\\|").replace("<", "(").replace(">", ")")


def _timeline(result: Result) -> Iterator[str]:
    zero = picture.fault(result) or 0.0
    yield "## Timeline"
    yield ""
    yield f"Seconds count from {'the first step' if zero else 'the start of the run'}; the clock is UTC."
    yield ""
    for one in result.moments[:_MOST]:
        at = f"{markdown(one.wall[11:19])} ({wording.moment(one.at - zero)})"
        yield f"- {at}: {markdown(one.text)} `{_code(one.evidence or f'timeline:{one.entry}')}`"
    if not result.whole:
        yield "- The timeline has no end or a torn tail: the run stopped without saying so."


def _cause(result: Result) -> Iterator[str]:
    yield "## Root cause"
    yield ""
    acted = _acted(result)
    if not acted:
        yield "Nothing was done to the environment."
    for one in acted:
        seen = f": {markdown(one.because)}" if one.because else ""
        yield f"- The drill did this on purpose: {markdown(one.name)} (`{_code(one.kind)}`), {one.outcome}{seen}"
    yield ""
    yield "What made the effect as large or as small as it was:"
    yield ""
    yield "- …"


def _resolution(result: Result) -> Iterator[str]:
    zero = picture.fault(result) or 0.0
    yield "## Resolution"
    yield ""
    for outage in (one for figures in result.probes for one in figures.outages[:5]):
        end = "was not seen to answer again"
        if outage.first_good is not None:
            end = f"answered again at {wording.moment(outage.first_good - zero)}"
        yield f"- {markdown(outage.probe)} {end}{_phases(outage)}"
    for step in (one for one in result.steps if one.in_effect_because):
        yield f"- {markdown(step.name)}: {markdown(step.in_effect_because)}"
    for step in (one for one in result.steps if one.undo and one.undo != "not needed"):
        because = f": {markdown(step.undo_because)}" if step.undo_because else ""
        yield f"- {markdown(step.name)}, put back: {step.undo}{because}"
    if not any(one.undo for one in result.steps):
        yield "- Nothing had to be put back."


def _phases(outage: Outage) -> str:
    told = [f"{name.replace('_', ' ')} {wording.moment(at)}" for name, at in outage.phases.items()]
    return f" ({markdown(', '.join(told))})" if told else ""


def _measures(result: Result) -> Iterator[str]:
    yield "## Corrective and preventive measures"
    yield ""
    advised = [one for one in result.findings if one.advice]
    yield from (_measure(one) for one in advised[:_MOST])
    yield _EMPTY
    yield _EMPTY
    yield ""
    yield "Each needs an owner and a date; the drill that proves it is this one, run again."


def _measure(finding: Finding) -> str:
    prefix = "" if finding.verdict is Verdict.PASSED else f"{finding.verdict.value}, "
    return f"- [ ] {markdown(finding.advice)} ({prefix}{markdown(finding.claim)})"


def _notes(notes: str) -> Iterator[str]:
    yield "## Notes"
    yield ""
    if notes.strip():
        yield notes.strip()
    else:
        yield f"What people saw and did belongs into `{NOTES}` beside this file: who noticed, what misled, what the"
        yield "runbook lacked. The next `faildrill report` puts it here. Notes never change a verdict."


def _evidence(result: Result, folder: str) -> Iterator[str]:
    yield "## Evidence"
    yield ""
    yield "`timeline:17` is entry 17 of `timeline.jsonl`; `sample:pay:1042` is look 1042 of the probe pay."
    yield f"Run {markdown(result.run)} by {markdown(result.user)} on {markdown(result.host)}, "
    yield f"faildrill {markdown(result.version)}."
    yield "Judge it again from the files, anywhere:"
    yield ""
    yield f"    faildrill judge {wording.shell(folder)}"
