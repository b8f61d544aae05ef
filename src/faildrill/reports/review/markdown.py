"""report.md: the post-incident review as Markdown."""

from collections.abc import Iterator
from typing import Final

from faildrill.judging.result import Finding, Result
from faildrill.reports import wording
from faildrill.reports.review.content import Line, Review, Task, shown
from faildrill.reports.wording import markdown

_MOST: Final = 500
_MOST_EVIDENCE: Final = 8
_NO_TASK: Final = 'None yet: `faildrill note RUN "what is to be done" --kind task --owner WHO --due DATE`.'
_NO_CAUSE: Final = 'Why it was as large or as small as it was, only people know: `faildrill note RUN "…" --kind cause`.'


def render(review: Review, result: Result, folder: str) -> str:
    """Return the review as Markdown, then the findings that it rests on; every text in it is printed as it is.

    Only what people wrote as Markdown of their own, beside the run, is put in as they wrote it.
    """
    parts = [
        _summary(review),
        _timeline(review),
        _cause_and_resolution(review),
        _measures(review),
        _changed(review),
        _free_text(review),
        _findings(result),
        _evidence(result, folder),
    ]
    return "\n".join(line for part in parts for line in [*part, ""])


def _summary(review: Review) -> Iterator[str]:
    yield f"# Post-incident review: {markdown(review.title)}"
    yield ""
    if review.about:
        yield markdown(review.about)
        yield ""
    yield f"**{review.verdict}**: {markdown(review.because)}."
    yield ""
    yield "## Issue summary"
    yield ""
    yield from _lines(review.summary)


def _lines(lines: list[Line]) -> Iterator[str]:
    yield from (f"- {_line(line)}" for line in shown(lines, _MOST))
    if left := len(lines) - len(shown(lines, _MOST)):
        yield f"- and {wording.count(left, 'more line')} in the files of the run"


def _line(line: Line) -> str:
    name = f"**{markdown(line.name)}**: " if line.name else ""
    by = f" — *{markdown(line.by)}*" if line.by else ""
    remark = f" ({markdown(line.remark)})" if line.remark else ""
    return f"{name}{markdown(line.text)}{by}{remark}{_sources(line.sources)}"


def _sources(sources: tuple[str, ...]) -> str:
    return "".join(f" `{_code(source)}`" for source in sources)


def _code(text: str) -> str:
    """Return the text so that it stays within a code span, also within a table."""
    return wording.plain(text).replace("`", "'").replace("|", "\\|").replace("<", "(").replace(">", ")")


def _timeline(review: Review) -> Iterator[str]:
    yield "## Timeline (UTC)"
    yield ""
    day = ""
    lines = shown(review.timeline, _MOST)
    for line in lines:
        if line.wall[:10] != day:
            day = line.wall[:10]
            yield from (f"{markdown(day)}:", "")
        since = f" ({line.since})" if line.since else ""
        yield f"- {markdown(line.wall[11:19])}{since}: {_line(line)}"
    if left := len(review.timeline) - len(lines):
        yield f"- and {wording.count(left, 'more line')} in the files of the run"
    yield ""
    yield "What begins with + or − counts from the first step. How the drill itself went is in `report.html`."


def _cause_and_resolution(review: Review) -> Iterator[str]:
    yield "## Root cause and resolution"
    yield ""
    yield "### Root cause"
    yield ""
    yield from _lines(review.causes)
    if review.causes_open:
        yield ""
        yield _NO_CAUSE
    yield ""
    yield "### Resolution"
    yield ""
    yield from _lines(review.resolution)
    yield ""
    yield "### Residual impact"
    yield ""
    yield from _lines(review.residual)


def _measures(review: Review) -> Iterator[str]:
    yield "## Corrective and preventive measures"
    yield ""
    yield "### Things to improve or fix"
    yield ""
    if not review.improve:
        yield "The findings ask for nothing."
    yield from _lines(review.improve)
    yield ""
    yield "### Tasks"
    yield ""
    if not review.tasks:
        yield _NO_TASK
        return
    yield "| task | owner | due | who says so |"
    yield "| --- | --- | --- | --- |"
    yield from (_task(task) for task in review.tasks[:_MOST])


def _task(task: Task) -> str:
    line = task.line
    by = f"{markdown(line.by)}{f' ({markdown(line.remark)})' if line.remark else ''}{_sources(line.sources)}"
    owner, due = markdown(task.owner) or "nobody yet", markdown(task.due) or "no date yet"
    return f"| {markdown(line.text)} | {owner} | {due} | {by} |"


def _changed(review: Review) -> Iterator[str]:
    if not review.changed and not review.unread:
        return
    yield "## What was corrected or withdrawn"
    yield ""
    if review.unread:
        yield f"- **Not all notes are here**: {markdown(review.unread)}"
    yield from _lines(review.changed)


def _free_text(review: Review) -> Iterator[str]:
    if not review.free.strip() and not review.edited:
        return
    yield "## Notes"
    yield ""
    for name in review.edited:
        yield f"- A former `report.md`, edited by hand or written by another version, is kept in `{_code(name)}`."
    yield ""
    yield review.free.strip()


def _findings(result: Result) -> Iterator[str]:
    yield "## Findings"
    yield ""
    if not result.findings:
        yield "There are none: nothing was weighed."
        return
    yield "| no. | verdict | expected | found | evidence |"
    yield "| --- | --- | --- | --- | --- |"
    yield from (_finding(number, finding) for number, finding in enumerate(result.findings[:_MOST]))


def _finding(number: int, one: Finding) -> str:
    evidence = " ".join(f"`{_code(reference)}`" for reference in one.evidence[:_MOST_EVIDENCE])
    return f"| {number} | {one.verdict.value} | {markdown(one.claim)} | {markdown(one.because)} | {evidence} |"


def _evidence(result: Result, folder: str) -> Iterator[str]:
    yield "## Evidence"
    yield ""
    yield "`timeline:17` is entry 17 of `timeline.jsonl`; `sample:pay:1042` is look 1042 of the probe pay; `finding:3`"
    yield "is number 3 of the findings above; `result:probes` is that part of `result.json`; `note:2` is record 2 of"
    yield "`notes.jsonl`, `surroundings:1` record 1 of `surroundings.jsonl`. What has a note as its source was written"
    yield "by the person named there; all else follows from the files of the run."
    yield ""
    yield f"Run {markdown(result.run)} by {markdown(result.user)} on {markdown(result.host)}, "
    yield f"faildrill {markdown(result.version)}."
    yield "Judge it again from the files, anywhere:"
    yield ""
    yield f"    faildrill judge {wording.shell(folder)}"
