"""report.html: one offline file without a script, for a browser, a mail viewer or a CI's artifact view."""

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jinja2
import msgspec
from markupsafe import Markup

from faildrill import durations
from faildrill.judging.numbers.headline_figures import longest as longest_of
from faildrill.judging.result import Outage, Result, Verdict
from faildrill.record.timeline import Entry, RunnerBroke, first_of
from faildrill.reports import cited_evidence, headline, wording
from faildrill.reports.headline import by_weight
from faildrill.reports.html import edges, phases, picture
from faildrill.reports.html.look_times import Looks
from faildrill.reports.review.content import Review, shown

MOST_BYTES: Final = 1_000_000
"""No page is larger; where a run has more to tell, the page tells less and its files hold the rest."""
_MAGNIFIED: Final = 3
_EVENT_LENGTH: Final = 400
_LINK: Final = re.compile(r"https?://[\w.-]+(:\d+)?(/[\w./%#?&=~+:@-]*)?", re.ASCII)


@dataclass(frozen=True)
class Source:
    """All that a report is made from; nothing else is read."""

    folder: str
    """The name of the run's folder, without the path to it."""
    result: Result
    entries: Sequence[Entry]
    looks: Mapping[str, Looks]
    review: Review


@dataclass(frozen=True)
class Detail:
    """How much of a run a page tells."""

    rows: int
    """Rows of one table; the timeline may have three times as many."""
    text: int
    """Characters of one text."""
    bins: int
    """Bins of one lane of the picture."""


_DETAILS: Final = (Detail(300, 2_000, 440), Detail(100, 600, 220), Detail(40, 200, 110), Detail(12, 80, 60))
"""From what a page tells to the least that it tells, where it would be too large."""


@dataclass(frozen=True)
class Magnified:
    """One outage with its drawings."""

    outage: Outage
    phases: Markup
    edges: list[Markup]


def render(source: Source) -> str:
    """Return the page, `MOST_BYTES` at the most; the same source gives the same page."""
    page = ""
    for detail in _DETAILS:
        page = _rendered(source, detail)
        if len(page.encode()) <= MOST_BYTES:
            break
    return page


def _rendered(source: Source, detail: Detail) -> str:
    rows, drill = detail.rows, _drill(source.entries)
    result = msgspec.structs.replace(source.result, probes=by_weight(source.result, drill))
    zero = picture.fault(result) or 0.0
    cited = cited_evidence.cited(_references(result, source.review, rows), source.looks, zero, rows)
    held = cited_evidence.Held(min(len(source.entries), 3 * rows), min(len(result.findings), rows), cited)
    outages = sorted(
        (outage for figures in result.probes for outage in figures.outages), key=lambda one: one.first_dark
    )
    return (
        templates(detail.text)
        .get_template("report.html.j2")
        .render(
            rows=rows,
            result=result,
            meaning=wording.MEANINGS[result.verdict],
            figures=_figures(result),
            writes=result.headline.writes if result.headline else [],
            put_back=_put_back(result),
            picture=picture.draw(result, source.looks, detail.bins) if result.probes else Markup(""),
            left_out=max(0, len(result.probes) - picture.MOST_LANES),
            references=lambda written: cited_evidence.references(written, held),
            cited=list(cited.values()),
            outages=outages,
            names={step.id: step.name for step in result.steps},
            magnified=_magnified(result, source.looks, zero),
            zero=zero,
            since=lambda at: "" if at is None else wording.moment(at - zero),
            events=[_event(entry, source.entries[0].at, zero) for entry in source.entries[: 3 * rows]],
            more_events=max(0, len(source.entries) - 3 * rows),
            tracebacks=[entry.what.traceback for entry in source.entries if isinstance(entry.what, RunnerBroke)],
            review=source.review,
            free=wording.lines(source.review.free, 20 * detail.text),
            folder=wording.shell(source.folder),
            style=STYLE,
        )
    )


def _figures(result: Result) -> list[headline.Figure]:
    if result.headline is None:
        return []
    first = headline.failover(result.headline, done=picture.fault(result) is not None)
    return [outage for outage in (first, headline.failback(result.headline)) if outage is not None]


def _put_back(result: Result) -> str:
    """Say in a few words what was put back of what was done; empty where nothing had to be."""
    undone = [step for step in result.steps if step.undo not in ("", "not needed")]
    verified = [undo for undo in undone if undo.undo == "verified"]
    if not undone:
        return ""
    if len(verified) == len(undone):
        return f"{wording.count(len(undone), 'step')} seen put back"
    return f"{len(verified)} of {wording.count(len(undone), 'step')} seen put back"


def _references(result: Result, review: Review, rows: int) -> list[str]:
    """Return what the printed findings, moments and lines of the review refer to."""
    references = [reference for finding in result.findings[:rows] for reference in finding.evidence]
    references += [moment.evidence for moment in result.moments[:rows] if moment.evidence]
    parts = (review.summary, review.timeline, review.causes, review.resolution)
    return references + [reference for lines in parts for line in lines[:rows] for reference in line.sources]


def _drill(entries: Sequence[Entry]) -> dict[str, Any]:
    first = first_of(entries)
    return first.drill if first is not None else {}


def _magnified(result: Result, looks: Mapping[str, Looks], zero: float) -> list[Magnified]:
    """Draw the longest outage of each of the first probes that have one."""
    headline_figures = result.headline
    first = (
        [known for known in (headline_figures.outage, headline_figures.failback) if known is not None]
        if headline_figures
        else []
    )
    own = [longest_dark for figures in result.probes if (longest_dark := longest_of(figures.outages)) is not None]
    longest = [*first, *(dark for dark in own if dark not in first)]
    every = {probe.probe: probe.every for probe in result.probes}
    magnified = []
    for outage in longest[:_MAGNIFIED]:
        looks_of_probe = looks.get(outage.probe)
        drawn = (
            [edges.draw(edge, looks_of_probe, every[outage.probe]) for edge in edges.ends(outage, zero)]
            if looks_of_probe
            else []
        )
        magnified.append(Magnified(outage, phases.draw(outage), drawn))
    return magnified


def _event(entry: Entry, origin: int, zero: float) -> dict[str, str | int]:
    fields = msgspec.to_builtins(entry.what)
    name = str(fields.pop("event"))
    text = msgspec.json.encode(fields).decode()
    return {
        "n": entry.n,
        "at": wording.moment((entry.at - origin) / 1e9 - zero),
        "wall": entry.wall,
        "name": name,
        "told": wording.plain(text, _EVENT_LENGTH),
    }


def _link(text: str) -> Markup:
    """Make a link of a plain web address and nothing else; what is no such address is printed as it is."""
    cleaned = wording.plain(text)
    if not _LINK.fullmatch(cleaned):
        return Markup("{}").format(cleaned)
    return Markup('<a href="{0}" rel="noreferrer noopener">{0}</a>').format(cleaned)


@functools.cache
def templates(longest: int) -> jinja2.Environment:
    """Return the templates, which escape all and print no text longer than that."""

    def finished(value: object) -> object:
        """Make every string that is printed harmless to look at; the escaping of HTML comes after it."""
        return wording.plain(value, longest) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("faildrill.reports.html"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=finished,
    )
    environment.filters |= {"duration": durations.show, "bounds": wording.bounds, "link": _link, "count": wording.count}
    environment.globals |= {"Verdict": Verdict, "unproven": wording.unproven, "shown": shown}
    return environment


STYLE: Final = Markup((Path(__file__).parent / "templates" / "report.css").read_text(encoding="utf-8"))  # noqa: S704 - our own file
