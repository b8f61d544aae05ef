"""The procedure of a failover, from the drill that proves it: for whoever has to do it by hand, and under pressure."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from string import ascii_lowercase
from typing import Final, NamedTuple

from faildrill import durations
from faildrill.explaining.kind_description import Description, describe
from faildrill.model.drill import AnyStep, Drill, Parallel, Step, Wait, actions
from faildrill.ports.target import KindUse
from faildrill.reports import wording
from faildrill.reports.wording import markdown
from faildrill.running.wait import describe as condition

_LETTERS: Final = [f"{before}{letter}" for before in ("", *ascii_lowercase) for letter in ascii_lowercase]
_SENTENCE: Final = re.compile(r"(?<=[.:])\s+(?=[A-Z])")
_REFUSED: Final = ("It is refused", "Refused")
_SEEN: Final = ("Its effect is seen", "The effect is seen")
_BACK: Final = ("It is put back", "Put back")


class Times(NamedTuple):
    """How long something took in recorded runs, in seconds."""

    number: int
    shortest: float
    median: float
    longest: float


@dataclass(frozen=True)
class Measured:
    """What recorded runs say of a drill."""

    runs: int = 0
    last: str = ""
    """The last of them, and when it was."""
    proven: str = ""
    """The last run that PASSED, and when; empty where none did."""
    outages: tuple[str, ...] = ()
    """Of each of the last runs what is proven of its outage, the latest first."""
    took: Mapping[str, Times] = field(default_factory=dict)
    """By id of a step."""
    put_back: Mapping[str, Times] = field(default_factory=dict)


def render(drill: Drill, file: str, measured: Measured) -> str:
    """Return the procedure as Markdown; the same drill and the same runs give the same text."""
    parts = [
        _head(drill, file, measured),
        _check_first(drill, file),
        _steps(drill, measured),
        _put_back(drill, measured),
        _ending(drill),
        _abort(drill),
        _measured(measured),
    ]
    return "\n".join(line for part in parts for line in [*part, ""])


def _head(drill: Drill, file: str, measured: Measured) -> Iterator[str]:
    yield f"# Failover procedure: {markdown(drill.name)}"
    yield ""
    if drill.about:
        yield from (markdown(drill.about), "")
    if drill.failover == "needless":
        yield "**This is no reason to fail the database over.** The steps below don't, and nobody else may."
        yield ""
    proven = (
        f"last proven by {markdown(measured.proven)}" if measured.proven else "**never proven**: no run of it PASSED"
    )
    yield f"- Drill: `{_code(file)}`, {proven}"
    yield f"- Where it is drilled: {markdown(drill.environment)}"
    if drill.owner:
        yield f"- Owner: {markdown(drill.owner)}"
    if drill.runbook:
        yield f"- See also: {markdown(drill.runbook)}"


def _check_first(drill: Drill, file: str) -> Iterator[str]:
    yield "## 1. Check first"
    yield ""
    yield "Do nothing unless all of this is so:"
    yield ""
    for probe in drill.probes:
        kind = describe(probe.use.kind, "probe")
        good = f"is good for {durations.show(drill.warm_up)}"
        yield f"- **{markdown(probe.name)}** {good}: {_own_summary(kind)} {_as_written(probe.use)}"
    for step in actions(drill.every_step):
        for refusal in _sentences(describe(step.use.kind, "action"), _REFUSED):
            yield f"- **{markdown(step.name)}**: {_own_words(refusal)}"
    yield ""
    plan = _code(f"faildrill plan {wording.shell(file)}")
    yield f"`{plan}` asks all of it, says what would be touched now, and changes nothing."


def _steps(drill: Drill, measured: Measured) -> Iterator[str]:
    yield "## 2. Do this, in this order"
    yield ""
    yield from _numbered_steps(drill.steps, measured, "2.")
    for letter, way in zip(_LETTERS, drill.ways, strict=False):
        yield f"### 2{letter} Then, to answer it by: {markdown(way.name)}"
        yield ""
        yield from _numbered_steps(way.steps, measured, f"2{letter}.")


def _numbered_steps(steps: Iterable[AnyStep], measured: Measured, prefix: str) -> Iterator[str]:
    for number, step in enumerate(steps, 1):
        if isinstance(step, Parallel):
            yield f"### {prefix}{number} {markdown(step.name)}: all of these at once"
            yield ""
            yield from _numbered_steps(step.steps, measured, f"{prefix}{number}.")
            continue
        yield f"### {prefix}{number} {markdown(step.name)}"
        yield ""
        yield from _wait(step) if isinstance(step, Wait) else _action(step, measured)
        yield ""


def _wait(step: Wait) -> Iterator[str]:
    if step.until is None:
        yield f"- Wait for {durations.show(step.hold)}."
        return
    yield f"- Wait until {markdown(condition(step.until, step.hold))}, {durations.show(step.within)} at the most."
    yield "- Not seen by then: go to 3."


def _action(step: Step, measured: Measured) -> Iterator[str]:
    kind = describe(step.use.kind, "action")
    yield f"- Does: {_own_summary(kind)} {_as_written(step.use)}"
    sentences = _sentences(kind, _SEEN)
    yield f"- Confirmed: {_own_words(' '.join(sentences)) if sentences else 'when its effect is seen'}"
    yield f"- Limit: {durations.show(step.within)} to do it; its effect has to be seen after that. Never do it twice."
    yield f"- Put back: {_undo(step, kind)}"
    if step.id in measured.took:
        yield f"- Measured: {_times(measured.took[step.id])}"


def _undo(step: Step, kind: Description) -> str:
    if step.undo.how == "none":
        return "it is to stay as it is"
    limit = f"{durations.show(step.undo_within)} at the most"
    if step.undo.use is not None:
        other = describe(step.undo.use.kind, "action")
        return f"{_own_summary(other)} {_as_written(step.undo.use)}, {limit}"
    sentences = _sentences(kind, _BACK)
    return f"{_own_words(' '.join(sentences)).rstrip('.') if sentences else 'as it was before'}, {limit}"


def _put_back(drill: Drill, measured: Measured) -> Iterator[str]:
    yield "## 3. Put back, in this order"
    yield ""
    yield "Whatever went wrong above, all of it, and one that fails doesn't stop the others:"
    yield ""
    undone = [putting_back for putting_back in actions(drill.every_step) if putting_back.undo.how != "none"]
    for number, step in enumerate(reversed(undone), 1):
        took = f" Measured: {_times(measured.put_back[step.id])}." if step.id in measured.put_back else ""
        yield f"{number}. {markdown(step.name)}: {_undo(step, describe(step.use.kind, 'action'))}.{took}"
    if not undone:
        yield "Nothing has to be put back."


def _ending(drill: Drill) -> Iterator[str]:
    yield "## 4. It is over when"
    yield ""
    for use in drill.expect:
        yield f"- {_own_summary(describe(use.kind, 'expectation'))} {_as_written(use)}"
    for letter, way in zip(_LETTERS, drill.ways, strict=False):
        for use in way.expect:
            yield f"- after 2{letter}: {_own_summary(describe(use.kind, 'expectation'))} {_as_written(use)}"


def _abort(drill: Drill) -> Iterator[str]:
    yield "## 5. Stop, and go to 3, as soon as"
    yield ""
    for use in drill.abort_when:
        yield f"- {_own_summary(describe(use.kind, 'abort'))} {_as_written(use)}"
    if not drill.abort_when:
        yield "- whoever is responsible says so: the drill names no condition of its own."
    yield "- it is not known any more how users are."


def _measured(measured: Measured) -> Iterator[str]:
    yield "## What was measured"
    yield ""
    if not measured.runs:
        yield "Nothing yet: no run of it is recorded."
        return
    yield f"{wording.count(measured.runs, 'run')}, the last of them {markdown(measured.last)}."
    if measured.outages:
        yield ""
        yield "Outages, the latest first:"
        yield ""
        yield from (f"- {markdown(outage)}" for outage in measured.outages)


def _own_summary(kind: Description) -> str:
    return _own_words(kind.summary)


def _own_words(text: str) -> str:
    """Return what a kind says of itself, which is Markdown: as it is, but without HTML."""
    return wording.plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _as_written(use: KindUse) -> str:
    """Show a kind with its parameters as they stand in the file: secrets are references there."""
    given = json.dumps(dict(use.params), ensure_ascii=False) if use.params else ""
    return f"(`{_code(f'{use.kind} {given}'.strip())}`)"


def _sentences(kind: Description, beginnings: tuple[str, ...]) -> list[str]:
    """Return the sentences of a kind's own words that begin so."""
    sentences = _SENTENCE.split(kind.text.replace("\n", " "))
    return [line.strip() for line in sentences if line.strip().startswith(beginnings)]


def _times(times: Times) -> str:
    of = wording.count(times.number, "run")
    if times.number == 1:
        return f"{durations.show(times.median)} in {of}"
    ends = f"{durations.show(times.shortest)} to {durations.show(times.longest)}"
    return f"{durations.show(times.median)} in the middle, {ends}, in {of}"


def _code(text: str) -> str:
    return wording.plain(text).replace("`", "'")
