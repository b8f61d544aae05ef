"""The folder of a run, summarized: its first event, its result, and what a person said of its baseline."""

import contextlib
import os
import stat
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import msgspec

from faildrill import judging
from faildrill.errors import reason
from faildrill.history.comparability import Conditions
from faildrill.history.run_conditions import conditions, kinds
from faildrill.history.run_summary import BASELINE, Baseline, RunSummary, Unread
from faildrill.judging import result
from faildrill.judging.result import Headline, StepFigures, Verdict
from faildrill.record import notes, timeline
from faildrill.record.journal import unseal

_LARGEST: Final = 64 << 20
_FIRST_EVENT: Final = 4 << 20


class _Result(msgspec.Struct, frozen=True, kw_only=True):
    """Of result.json, what a summary needs; whatever else is in it is passed over."""

    format: int = 1
    run: str
    drill: str
    environment: str
    identity: str
    runbook: str
    version: str
    started: str
    verdict: Verdict
    because: str
    steps: list[StepFigures]
    headline: Headline | None = None


_RESULT: Final = msgspec.json.Decoder(_Result)


class _Start(msgspec.Struct, frozen=True):
    """Of a run's first event, what a summary needs; the declarations as they are written."""

    event: str
    run: str
    drill: msgspec.Raw
    place: msgspec.Raw
    format: int = 1


class _Line(msgspec.Struct, frozen=True):
    """Of a timeline's first line, its event."""

    what: _Start


@dataclass(frozen=True)
class _Declared:
    """What a summary keeps of a drill and an environment."""

    way: str
    actions: list[str]
    conditions: Conditions
    runbook_digest: str
    satisfies: list[str]


@lru_cache(maxsize=512)
def _declared(drill: bytes, place: bytes, probe: str) -> _Declared:
    """Read declarations: those of a drill that is run each night are the same, and read once."""
    declared = msgspec.json.decode(drill)
    way = (declared.get("way") or {}).get("name", "")
    measured = conditions(declared, msgspec.json.decode(place), probe)
    labels = [str(label) for label in declared.get("satisfies") or ()]
    return _Declared(way, kinds(declared), measured, declared.get("runbook_digest", ""), labels)


_LINE: Final = msgspec.json.Decoder(_Line)
_BASELINE: Final = msgspec.json.Decoder(Baseline)


def summarize(folder: Path, name: str) -> RunSummary:
    """Read what the history keeps of the run in a folder, which it calls by this name.

    Unread says why it can't be; FileNotFoundError where the folder holds no run.
    """
    start, judged = _first(folder), _judged(folder)
    if judged.run != start.run:
        raise Unread(f"{judging.FILE} is of another run ({judged.run}): faildrill judge {name}")
    length = _length(judged)
    probe = judged.headline.probe if judged.headline is not None else ""
    declared = _declared(bytes(start.drill), bytes(start.place), probe)
    return RunSummary(
        run=judged.run,
        folder=name,
        drill=judged.drill,
        way=declared.way,
        environment=judged.environment,
        identity=judged.identity,
        started=judged.started,
        verdict=judged.verdict,
        because=judged.because,
        runbook=judged.runbook,
        runbook_digest=declared.runbook_digest,
        version=judged.version,
        probe=probe,
        at_least=0.0 if isinstance(length, str) else length[0],
        at_most=None if isinstance(length, str) else length[1],
        was_put_back=_was_put_back(judged.steps),
        unmeasured=length if isinstance(length, str) else "",
        actions=declared.actions,
        conditions=declared.conditions,
        has_notes=os.access(f"{folder}/{notes.FILE}", os.F_OK),
        baseline=baseline(folder),
        satisfies=declared.satisfies,
    )


def _length(judged: _Result) -> str | tuple[float, float | None]:
    """Return what is proven of the outage after the fault, [at least, at most]; or why that counts in no trend."""
    taken = [step for step in judged.steps if step.kind != "wait"]
    undone = [step.name for step in taken if step.outcome != "done"]
    is_cut_short = judged.verdict is Verdict.ABORTED
    if judged.verdict in (Verdict.REFUSED, Verdict.ERROR):
        return f"the run was {judged.verdict.value}"
    if judged.headline is None:
        return "nobody looked at what stands for the users"
    if not taken or (undone and not is_cut_short) or len(undone) == len(taken):
        return f"no effect was seen of: {', '.join(undone)}" if undone else "it does nothing"
    outage = judged.headline.outage
    if outage is None:
        return "it was aborted before an outage was seen" if is_cut_short else (0.0, judged.headline.unproven)
    return outage.length.at_least, None if is_cut_short else outage.length.at_most


def _was_put_back(steps: list[StepFigures]) -> bool:
    undone = [step.undo for step in steps if step.undo not in ("", "not needed")]
    return bool(undone) and all(undo == "verified" for undo in undone)


def _judged(folder: Path) -> _Result:
    try:
        content = _bytes(folder, judging.FILE, _LARGEST)
    except FileNotFoundError as error:
        raise Unread("it was never judged: faildrill judge it") from error
    try:
        result_read = _RESULT.decode(content)
    except msgspec.MsgspecError as error:
        raise Unread(f"{judging.FILE} is none that this version reads ({error}); faildrill judge it again") from error
    if result_read.format > result.FORMAT:
        raise Unread(
            f"{judging.FILE} is of format {result_read.format}, this version reads {result.FORMAT}: update faildrill"
        )
    return result_read


def _first(folder: Path) -> _Start:
    line = _bytes(folder, timeline.FILE, _FIRST_EVENT, whole=False).partition(b"\n")[0]
    record = unseal(line)
    try:
        first = _LINE.decode(record).what if record is not None else None
    except msgspec.MsgspecError:
        first = None
    if first is None or first.event != "run.started":
        raise Unread(f"the first line of {timeline.FILE} is no start of a run: it was altered")
    if first.format > timeline.FORMAT:
        known = f"this version reads {timeline.FORMAT}: update faildrill"
        raise Unread(f"{timeline.FILE} is of format {first.format}, {known}")
    return first


def baseline(folder: Path) -> Baseline | None:
    """Return a person's word that a new baseline starts with this run; Unread where it can't be read."""
    # Asked first: hardly any run has one, and an error that is raised costs more than the question.
    if not os.access(f"{folder}/{BASELINE}", os.F_OK):
        return None
    with contextlib.suppress(FileNotFoundError):
        try:
            return _BASELINE.decode(_bytes(folder, BASELINE, _FIRST_EVENT))
        except msgspec.MsgspecError as error:
            raise Unread(f"{BASELINE} can't be read ({error}): write it again with faildrill rebaseline") from error
    return None


def _bytes(folder: Path, name: str, most: int, *, whole: bool = True) -> bytes:
    """Read a regular file, or its beginning; opened without waiting. Unread where it is none, or too large."""
    try:
        # Written as a text: of a hundred thousand runs a third of the time went into joining paths.
        descriptor = os.open(f"{folder}/{name}", os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Unread(f"{name} can't be read: {reason(error)}") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Unread(f"{name} is no regular file")
        if whole and status.st_size > most:
            raise Unread(f"{name} is larger than {most >> 20} MiB")
        return os.read(descriptor, min(most, max(status.st_size, 1)))
    except OSError as error:
        raise Unread(f"{name} can't be read: {reason(error)}") from error
    finally:
        os.close(descriptor)
