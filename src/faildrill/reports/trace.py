"""A judged run as a trace, by OpenTelemetry's conventions for CI/CD, and as annotations of a dashboard.

The same run gives the same identifiers at any time, so that what is sent twice is there once.
"""

import hashlib
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple

from faildrill.clock import nanoseconds
from faildrill.judging.result import Headline, Result, StepFigures, Verdict
from faildrill.ports.run_trace import Annotation, Attributes, Span, Trace, Value
from faildrill.reports import wording

_RESULTS: Final = {
    Verdict.PASSED: "success",
    Verdict.FAILED: "failure",
    Verdict.INCONCLUSIVE: "failure",
    Verdict.REFUSED: "skip",
    Verdict.ABORTED: "cancellation",
    Verdict.UNSAFE: "failure",
    Verdict.ERROR: "error",
}
"""What CI/CD calls a verdict: https://opentelemetry.io/docs/specs/semconv/registry/attributes/cicd/"""
_WELL: Final = ("done", "met", "verified", "not witnessed")
_PURPOSE: Final = {"faildrill.purpose": "drill"}
"""On everything that is sent: whoever finds an error there sees that somebody did this on purpose."""
# Version ff is none, and a later one may have more behind (W3C Trace Context, 3.2.2).
_TRACEPARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_MILLISECOND: Final = 1_000_000


class Parent(NamedTuple):
    """The span that a run was started in."""

    trace: int
    span: int
    is_sampled: bool
    """Whether it is recorded itself."""


def parent_of(traceparent: str) -> Parent | None:
    """Read a parent as W3C's Trace Context writes it; None where it is none, and a trace of its own is to be begun."""
    parts = _TRACEPARENT.fullmatch(traceparent.strip())
    if parts is None or not int(parts[1], 16) or not int(parts[2], 16):
        return None
    return Parent(int(parts[1], 16), int(parts[2], 16), bool(int(parts[3], 16) & 1))


def trace(result: Result, parent: Parent | None = None) -> Trace:
    """Return the trace of a run: a span for it, for each step that was begun, and for each that was undone."""
    began = _began_ns(result)
    root = _id(result.run, "")
    spans = [_root(result, began, root, parent), *_steps(result, began, root)]
    about = {
        "service.name": "faildrill",
        "service.version": result.version,
        "cicd.pipeline.name": wording.plain(result.drill),
        "cicd.pipeline.run.id": result.run,
        "deployment.environment.name": wording.plain(result.environment),
        "host.name": result.host,
        **_PURPOSE,
    }
    return Trace(parent.trace if parent is not None else _number(result.run, "trace", 16), about, spans)


def _root(result: Result, began: int, root: int, parent: Parent | None) -> Span:
    outcome = _RESULTS[result.verdict]
    wrong = wording.plain(result.because) if outcome in ("failure", "error") else None
    attributes: dict[str, Value] = {
        "cicd.pipeline.action.name": "RUN",
        "cicd.pipeline.result": outcome,
        "faildrill.verdict": result.verdict.value,
        "faildrill.conclusive": result.conclusive,
        "faildrill.exit_code": result.exit_code,
        **_outage(result.headline),
        **_PURPOSE,
    }
    if wrong is not None:
        attributes["error.type"] = result.verdict.value
    name = f"RUN {wording.plain(result.drill)}"
    ended = began + nanoseconds(result.duration)
    return Span(root, parent.span if parent else None, name, "server", began, ended, attributes, wrong)


def _outage(headline: Headline | None) -> Attributes:
    if headline is None or headline.outage is None:
        return {}
    length = headline.outage.length
    attributes: dict[str, Value] = {
        "faildrill.outage.probe": headline.probe,
        "faildrill.outage.at_least": length.at_least,
    }
    return attributes if length.at_most is None else {**attributes, "faildrill.outage.at_most": length.at_most}


class _Deed(NamedTuple):
    """A step as it was done, or undone; moments are seconds of the run."""

    sort: str
    outcome: str
    because: str
    started: float | None
    ended: float | None


def _deeds(one: StepFigures) -> tuple[_Deed, _Deed]:
    done = _Deed("", one.outcome, one.because, one.started, one.ended)
    return done, _Deed("undo", one.undo, one.undo_because, one.undo_started, one.undo_ended)


def _steps(result: Result, began: int, root: int) -> Iterator[Span]:
    for step in result.steps:
        for deed in _deeds(step):
            if deed.started is not None:
                first = began + nanoseconds(deed.started)
                last = first if deed.ended is None else began + nanoseconds(deed.ended)
                yield _step(result.run, step, deed)._replace(parent=root, began=first, ended=max(first, last))


def _step(run: str, one: StepFigures, deed: _Deed) -> Span:
    """Return a span of a step, without its moments."""
    name = wording.plain(f"{deed.sort} {one.name}".strip())
    is_well = deed.outcome in _WELL
    attributes: dict[str, Value] = {
        "cicd.pipeline.task.name": name,
        "cicd.pipeline.task.run.id": f"{run}/{one.id}{f'/{deed.sort}' if deed.sort else ''}",
        "cicd.pipeline.task.run.result": "success" if is_well else "failure",
        "faildrill.kind": one.kind,
        "faildrill.outcome": deed.outcome,
        **_PURPOSE,
    }
    if not is_well:
        attributes["error.type"] = deed.outcome
    wrong = None if is_well else wording.plain(deed.because or deed.outcome)
    return Span(_id(run, f"{one.id}/{deed.sort}"), None, name, "internal", 0, 0, attributes, wrong)


def annotations(result: Result) -> list[Annotation]:
    """Return what a dashboard marks of a run: how long it took, and how long its users were without, at most."""
    began = _began_ns(result)
    what = f"{wording.plain(result.drill)} in {wording.plain(result.environment)}"
    tags = ["drill", "faildrill", wording.plain(result.drill), wording.plain(result.environment), result.verdict.value]
    text = f"drill {result.verdict.value}: {what}\n{wording.plain(result.because)}\nrun {result.run}, done on purpose"
    marks = [_annotation(began, 0.0, result.duration, text, tags)]
    outage = result.headline.outage if result.headline is not None else None
    if outage is not None:
        until = outage.last_dark if outage.first_good is None else outage.first_good
        since = outage.first_dark if outage.last_good is None else outage.last_good
        text = f"outage of {wording.plain(outage.probe)} in the drill {what}, done on purpose"
        marks.append(_annotation(began, since, until, text, [*tags, "outage"]))
    return marks


def _annotation(began: int, since: float, until: float, text: str, tags: list[str]) -> Annotation:
    first, last = ((began + nanoseconds(at)) // _MILLISECOND for at in (since, until))
    return Annotation(first, last, text, tags)


def _began_ns(result: Result) -> int:
    moment = datetime.fromisoformat(result.started)
    return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1_000


def _id(run: str, part: str) -> int:
    return _number(run, f"span {part}", 8)


def _number(run: str, part: str, size: int) -> int:
    """Return a number of so many bytes, never 0, that follows from the run alone."""
    digest = hashlib.sha256(f"{run}\0{part}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:size], "big") or 1
