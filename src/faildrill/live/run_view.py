"""A run as its files tell it while it goes on: read only, so that watching can't influence it.

Whatever stands in the files, watching goes on: what can't be read is passed over, and memory stays bounded.
"""

import contextlib
import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, get_args

import msgspec
from pydantic import ValidationError

from faildrill.clock import NANOSECONDS, nanoseconds
from faildrill.durations import show as duration
from faildrill.judging.event_sentences import Sentence, sentence
from faildrill.judging.result import Level
from faildrill.model.drill import Drill, ProbePlan, singly
from faildrill.proofs import limits
from faildrill.proofs.looks import is_beyond, trouble
from faildrill.record import journal
from faildrill.record import timeline as tl
from faildrill.record.samples import Files, Follower, Sample
from faildrill.reports.wording import count, plain

Mark = Literal["dark", "late", "good", "open"]
"""What the looks of a second were, the worst first; `open` where they say nothing of the service."""
_WORST_FIRST: Final[tuple[Mark, ...]] = get_args(Mark)
BUCKET: Final = NANOSECONDS
"""Nanoseconds that one mark of a probe's strip stands for."""
STRIP: Final = 24
_HOLD: Final = NANOSECONDS
"""Nanoseconds for which a probe must be good before it counts as good again: flapping is one line, not many."""
_FOLLOWED: Final = 1.0
"""Seconds within which what a quick probe saw has come through its file to those who watch."""
_NO_LIMIT: Final = (1 << 63) - 1
"""Nanoseconds that no answer takes: until the warm-up has told, nothing is slow or late."""
_MOST_GOODS: Final = 4096
_MOST_PROBES: Final = 64
_MOST_STEPS: Final = 256
_MOST_BYTES: Final = 4_000_000
_MOST_SAMPLES: Final = 50_000
_UNVEILED: Final = (tl.RunStarted, tl.PhaseStarted, tl.RunEnded)
"""What is told of a run behind a veil; the first without its words."""
_ONLY_REPORTED: Final = (tl.ProberStarted, tl.Intended, tl.Applied, tl.Happened)
"""What a report tells, and who watches sees by what comes of it."""
UNREADABLE: Final = (OSError, ValueError, IndexError, TypeError, RecursionError, msgspec.MsgspecError)
"""What reading a hostile or half-written file may raise."""


class Line(msgspec.Struct, frozen=True):
    """Something to tell those who watch: when, on the run's clock, and what."""

    at: int
    level: Level
    text: str


@dataclass
class ProbeSeen:
    """What is known of a probe by now."""

    name: str
    every: float = 0.0
    timeout: float = 1.0
    looks: int = 0
    last: Sample | None = None
    bad_since: int | None = None
    """When the first of the bad looks was sent since which it was not good for a hold time."""
    good_since: int | None = None
    """When the first of the good looks was answered that were sent after the last bad one."""
    last_bad: int = 0
    """When the last of the bad looks was sent."""
    goods: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=_MOST_GOODS))
    """When the last good looks were sent and answered: a bad answer may come long after them, and was sent before."""
    bad_looks: int = 0
    slow: int = _NO_LIMIT
    """Nanoseconds after which silence is dark, once the warm-up has told, as judging sees it …"""
    late: int = _NO_LIMIT
    """… and a good answer late."""
    strip: dict[int, Mark] = field(default_factory=dict)
    """By second, what the worst of its looks was."""
    counts: dict[int, int] = field(default_factory=dict)

    def take(self, sample: Sample) -> Iterator[Line]:
        """Take a look in; tell when it went dark, and when it is good again for a hold time."""
        self.last = sample
        self.looks += 1
        wrong = trouble(sample, self.slow)
        good = wrong is None
        is_late = good and is_beyond(sample, self.late)
        mark: Mark = "late" if is_late else ("good" if good else "dark")
        self._mark(sample.answered // BUCKET, "open" if sample.outcome.is_open else mark)
        if not sample.outcome.is_look:
            return
        if wrong is None:
            yield from self._good(sample)
        else:
            yield from self._bad(sample, wrong)

    def _mark(self, bucket: int, mark: Mark) -> None:
        """Keep the worst of what was seen in a second."""
        before = self.strip.get(bucket, "open")
        self.strip[bucket] = next(worst for worst in _WORST_FIRST if worst in (before, mark))
        self.counts[bucket] = self.counts.get(bucket, 0) + 1
        while len(self.strip) > STRIP:
            oldest = min(self.strip)
            del self.strip[oldest], self.counts[oldest]

    def _good(self, sample: Sample) -> Iterator[Line]:
        self.goods.append((sample.sent or sample.due, sample.answered))
        if self.good_since is None and (sample.sent or sample.due) >= self.last_bad:
            self.good_since = sample.answered
        if self.bad_since is not None and self.good_since and sample.answered - self.good_since >= _HOLD:
            dark = duration(max(0, self.good_since - self.bad_since) / NANOSECONDS)
            bad = count(self.bad_looks, "bad look")
            who = f", from {sample.who}" if sample.who else ""
            yield Line(sample.answered, "good", f"{self.name}: ok again after about {dark} ({bad}){who}")
            self.bad_since, self.bad_looks = None, 0

    def _bad(self, sample: Sample, wrong: str) -> Iterator[Line]:
        sent = sample.sent or sample.due
        self.last_bad = max(self.last_bad, sent)
        self.good_since = next((answered for asked, answered in self.goods if asked >= self.last_bad), None)
        self.bad_looks += 1
        if self.bad_since is None:
            self.bad_since = sent
            yield Line(sample.answered, "bad", f"{self.name}: {wrong}")

    def rate(self, now: int) -> float:
        """Return the looks a second over the last two whole seconds."""
        current = now // BUCKET
        return (self.counts.get(current - 1, 0) + self.counts.get(current - 2, 0)) / 2.0


def _is_news(event: tl.AnyEvent) -> bool:
    """Tell whether who watches needs to know of an event now, and not only in the report."""
    if isinstance(event, tl.GuardAnswered):
        return event.objection is not None or bool(event.unproven)
    return not isinstance(event, _ONLY_REPORTED)


@dataclass
class StepSeen:
    """Where a step is by now."""

    id: str
    name: str
    state: str = "planned"
    level: Level = "info"
    since: int | None = None
    """When it entered the state, where that state has a limit or is of interest."""
    limit: float | None = None
    """Seconds that it may stay in the state."""
    within: float = 0.0
    undo_within: float = 0.0

    def enter(self, state: str, at: int | None, limit: float | None = None, level: Level = "info") -> None:
        """Note that the step is in another state."""
        self.state, self.since, self.limit, self.level = state, at, limit, level


class Tail:
    """The timeline as it grows: each call gives the whole entries that came since the last."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._decoder = msgspec.json.Decoder(tl.Entry)

    def new(self) -> Iterator[tl.Entry]:
        """Give the entries appended since the last call; lines that are none are passed over."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return
        try:
            self._offset = min(self._offset, os.fstat(descriptor).st_size)
            content = os.pread(descriptor, _MOST_BYTES, self._offset)
        finally:
            os.close(descriptor)
        whole = content.rfind(b"\n") + 1
        self._offset += whole if whole or len(content) < _MOST_BYTES else len(content)
        for line in content[:whole].split(b"\n"):
            entry = self._entry(line)
            if entry is not None:
                yield entry

    def _entry(self, line: bytes) -> tl.Entry | None:
        record = journal.unseal(line)
        if record is None:
            return None
        try:
            return self._decoder.decode(record)
        except UNREADABLE:
            return None


@dataclass(frozen=True)
class Veil:
    """What may be told of a run whose cause is not to be known: how far it is, and what these probes see."""

    title: str
    probes: frozenset[str]


class Watch:
    """What is known of a run by now, from its files alone; behind a veil only what that lets through."""

    def __init__(self, folder: Path, veil: Veil | None = None) -> None:
        self._folder = folder
        self._veil = veil
        self._tail = Tail(folder / tl.FILE)
        self._followers: dict[str, Follower] = {}
        self.first: tl.Entry | None = None
        self.phase = ""
        self.phase_since = 0
        self.drill = ""
        self.environment = ""
        self.probes: dict[str, ProbeSeen] = {}
        self.steps: dict[str, StepSeen] = {}
        self.aborting = ""

    def new(self) -> list[Line]:
        """Read what came since the last call and return what is to be told of it, in its order."""
        lines: list[Line] = []
        with contextlib.suppress(*UNREADABLE):
            for entry in self._tail.new():
                if self._veil is not None and not isinstance(entry.what, _UNVEILED):
                    continue
                self._take(entry)
                sentence_of = self._sentence(entry.what)
                if sentence_of is not None:
                    lines.append(Line(entry.at, sentence_of.level, sentence_of.text))
        for path in sorted(self._folder.glob("*.samples"))[:_MOST_PROBES]:
            if path.is_file():
                lines += self._samples(path)
        return sorted(lines, key=lambda line: line.at)

    def _sentence(self, event: tl.AnyEvent) -> Sentence | None:
        """Say what an event means, if those who watch need to know it now."""
        is_hidden = self._veil is not None and isinstance(event, tl.RunStarted)
        if is_hidden or not _is_news(event):
            return None
        step = self.steps.get(getattr(event, "step", ""))
        words = sentence(event, step.name if step is not None else "")
        if words is not None and isinstance(event, tl.RunStarted):
            return words._replace(text=f"run {event.run}: {words.text}")
        return words

    def _samples(self, path: Path) -> list[Line]:
        follower = self._followers.setdefault(path.name, Follower(Files(self._folder, path.stem)))
        lines: list[Line] = []
        with contextlib.suppress(*UNREADABLE):
            for sample in follower.new(_MOST_SAMPLES):
                probe = self._probe(str(sample.probe))
                if probe is not None:
                    lines += probe.take(sample)
        return lines

    def _probe(self, name: str) -> ProbeSeen | None:
        if self._veil is not None and name not in self._veil.probes:
            return None
        probe_seen = self.probes.get(name)
        if probe_seen is None and len(self.probes) < _MOST_PROBES:
            probe_seen = self.probes[name] = ProbeSeen(name)
        return probe_seen

    def _step(self, step: str) -> StepSeen:
        if step not in self.steps and len(self.steps) >= _MOST_STEPS:
            return StepSeen(step, step)
        return self.steps.setdefault(step, StepSeen(step, step))

    def _take(self, entry: tl.Entry) -> None:
        event = entry.what
        if isinstance(event, tl.RunStarted):
            self._start(entry, event)
        elif isinstance(event, tl.PhaseStarted):
            self.phase, self.phase_since = event.phase, entry.at
        elif isinstance(event, tl.WarmedUp):
            self._limit(event)
        elif isinstance(event, tl.AbortAsked):
            self.aborting = event.because
        elif isinstance(event, tl.Intended):
            step = self._step(event.step)
            step.within, step.undo_within = event.within, event.undo_within
        elif isinstance(event, tl.WaitStarted):
            self._step(event.step).enter(f"waiting until {event.until}", entry.at, event.within)
        elif isinstance(event, tl.WaitEnded):
            self._step(event.step).enter("met" if event.met else "ran out", None, None, "good" if event.met else "bad")
        else:
            self._step_entered(entry)

    def _limit(self, event: tl.WarmedUp) -> None:
        """Take in from when on silence is dark, and an answer late."""
        for name, slow in event.slow.items():
            if (probe := self._probe(name)) is not None:
                probe.slow = limits.capped(slow, probe.timeout)
                probe.late = limits.capped(event.late.get(name, slow), slow)

    def _step_entered(self, entry: tl.Entry) -> None:
        """Move the step that an event is about to its next state."""
        event = entry.what
        change = _STATES.get(type(event))
        name = getattr(event, "step", None)
        if change is None or not isinstance(name, str):
            return
        step = self._step(name)
        state, level, limit = change
        limits = {"within": step.within, "undo": step.undo_within}
        step.enter(state, entry.at if limit else None, limits.get(limit), level)

    def _start(self, entry: tl.Entry, event: tl.RunStarted) -> None:
        self.first = self.first or entry
        self.environment = event.environment
        self.drill = self._veil.title if self._veil else str(event.drill.get("name", ""))
        try:
            drill = Drill.model_validate(event.drill)
        except (ValidationError, RecursionError):
            return
        for probe in drill.probes[:_MOST_PROBES]:
            self._plan(probe)
        for step in singly(drill.steps) if self._veil is None else ():
            if len(self.steps) < _MOST_STEPS:
                self.steps.setdefault(step.id, StepSeen(step.id, plain(step.name, 200)))

    def _plan(self, plan: ProbePlan) -> None:
        probe = self._probe(plan.name)
        if probe is not None:
            probe.every, probe.timeout = plan.every, plan.timeout

    def silent(self, probe: ProbeSeen, now: int) -> bool:
        """Tell whether a probe should have looked since long, and did not."""
        latest = probe.last.answered if probe.last is not None else None
        patience = max(limits.unwatched(probe.every, probe.timeout), nanoseconds(_FOLLOWED + probe.timeout))
        return latest is not None and now - latest > patience


_STATES: Final[dict[type, tuple[str, Level, str]]] = {
    tl.Applying: ("applying", "info", "within"),
    tl.Applied: ("applied, looking for its effect", "info", "within"),
    tl.ApplyFailed: ("failed", "bad", ""),
    tl.Confirmed: ("took effect", "good", ""),
    tl.EffectGone: ("gone before it was put back", "bad", ""),
    tl.NotConfirmed: ("no effect seen", "bad", ""),
    tl.Undoing: ("putting back", "info", "undo"),
    tl.Undone: ("put back, looking whether it holds", "info", "undo"),
    tl.UndoFailed: ("undo failed", "bad", ""),
    tl.UndoVerified: ("put back", "good", ""),
    tl.UndoNotVerified: ("NOT seen put back", "bad", ""),
    tl.LeftApplied: ("left as it is", "bad", ""),
}
"""By event: the state of its step from then on, how good that is, and which limit it has."""
