"""What a run left behind, as expectations read it: the timeline, the drill, and the samples by probe."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import msgspec
import numpy as np
from pydantic import ValidationError

from faildrill import durations
from faildrill.clock import NANOSECONDS, nanoseconds, seconds
from faildrill.errors import JournalDamaged
from faildrill.judging.numbers.tallies import Tally, tally
from faildrill.judging.outages.bounds import Darkness, Stretch
from faildrill.judging.outages.look_summary import LookSummary, see
from faildrill.model.drill import Drill, ProbePlan, Step, Wait, singly
from faildrill.proofs import limits
from faildrill.proofs.dues import Dues, Pace, dues
from faildrill.proofs.intervals import longest_unproven
from faildrill.proofs.looks import Interval, Question
from faildrill.proofs.records import Cadence, Heard
from faildrill.record import spread_counts as spread
from faildrill.record.journal import read
from faildrill.record.ledger import path_of
from faildrill.record.ledger.accounts import Account, Moment, accounts
from faildrill.record.samples.columns import Columns, empty, recorded
from faildrill.record.spread_counts import Kept
from faildrill.record.timeline import (
    FILE,
    FORMAT,
    Applied,
    ApplyFailed,
    Applying,
    Confirmed,
    Entry,
    Event,
    Happened,
    NotConfirmed,
    NotSteady,
    ProberStarted,
    RunEnded,
    RunnerDied,
    RunStarted,
    SteadyAgain,
    UndoFailed,
    Undoing,
    UndoNotVerified,
    UndoVerified,
    WaitEnded,
    WaitStarted,
    WarmedUp,
    entries,
    first_of,
    start_in,
)

HOLD: Final = 1.0
"""Seconds that a service must be good to count as recovered, where the drill says nothing."""
_WATCHED_UNTIL: Final = (
    Applied,
    ApplyFailed,
    Confirmed,
    NotConfirmed,
    WaitEnded,
    UndoVerified,
    UndoNotVerified,
    UndoFailed,
    SteadyAgain,
    NotSteady,
)
"""Events until which the run needed its probes; what they saw after the last of them is nobody's claim."""
_FOREVER: Final = (1 << 63) - 1
"""After every moment that a clock of this century counts in ns."""
E = TypeVar("E", bound=Event)


class Unread(NamedTuple):
    """Looks of which nobody can say what they saw, as a file of names is not the one that was written with them."""

    unnamed: dict[str, int]
    """By samples file, how many say what has no name."""
    strangers: dict[str, int]
    """By probe that the run did not have, how many are told to be of it."""

    @property
    def is_any(self) -> bool:
        """Whether there are such looks."""
        return bool(self.unnamed or self.strangers)


@dataclass(frozen=True, eq=False)
class Evidence:
    """The files of a run, read. Times are monotonic ns of the boot in which the run started."""

    entries: tuple[Entry, ...]
    drill: Drill
    plans: dict[str, ProbePlan]
    columns: dict[str, Columns]
    whole: bool
    """False when the timeline's tail is torn."""
    ledgers: dict[str, dict[str, Account]] = field(default_factory=dict)
    """By probe that keeps a ledger, and by node that was read: what became of its writes."""
    spreads: dict[str, list[Kept]] = field(default_factory=dict)
    """By probe that weighs a spread: what it counted, look by look."""
    unread: Unread = field(default_factory=lambda: Unread({}, {}))
    """What was recorded and says nothing."""

    @property
    def first(self) -> RunStarted:
        """The run's first event."""
        first = first_of(self.entries)
        assert first is not None  # noqa: S101 - gather() has seen to it
        return first

    def events(self, kind: type[E]) -> Iterator[tuple[Entry, E]]:
        """Give the events of a kind, each with its entry, in order."""
        for entry in self.entries:
            if isinstance(entry.what, kind):
                yield entry, entry.what

    def last(self, kind: type[E]) -> tuple[Entry, E] | None:
        """Return the last event of a kind, with its entry, or None."""
        return next(reversed(list(self.events(kind))), None)

    def since_start(self, at: int) -> float:
        """Turn a monotonic time into seconds since the first event."""
        return seconds(at - self.entries[0].at)

    @cached_property
    def actions(self) -> list[Step]:
        """The steps that change something, in order, those of groups too."""
        return [step for step in self.steps if isinstance(step, Step)]

    @cached_property
    def steps(self) -> list[Step | Wait]:
        """The steps and waits in order, those of groups too."""
        return list(singly(self.drill.steps))

    @cached_property
    def faults(self) -> list[Entry]:
        """When something was done, in order."""
        return [self.dated(entry) for entry, _ in self.events(Applying)]

    @cached_property
    def deeds(self) -> list[Entry]:
        """When something was done or put back, in order."""
        return [self.dated(entry) for entry in self.entries if isinstance(entry.what, Applying | Undoing)]

    @cached_property
    def put_back_at(self) -> int | None:
        """When something was first put back; None: nothing was."""
        return next((entry.at for entry, _ in self.events(Undoing)), None)

    def dated(self, entry: Entry) -> Entry:
        """Return the entry of a call with the moment at which its effect began, where the action has told of it."""
        if not isinstance(entry.what, Applying):
            return entry
        began = self._began.get(entry.what.step)
        # Never earlier than the call: a target's clock may be behind ours, and nothing begins before it is asked for.
        return msgspec.structs.replace(entry, at=max(entry.at, began)) if began is not None else entry

    @cached_property
    def _began(self) -> dict[str, int]:
        """By step, when its effect began, where the action has told of it: the first time."""
        # Reversed, so that the first of a step's tellings is the one that stays.
        return {happened.step: happened.at for _, happened in reversed(list(self.events(Happened))) if happened.began}

    @cached_property
    def begun(self) -> dict[str, Entry]:
        """By step, the first that is told of it."""
        steps = ((getattr(entry.what, "step", None), entry) for entry in reversed(self.entries))
        return {step: entry for step, entry in steps if step is not None}

    @cached_property
    def since(self) -> int:
        """From when on the probes count: the start of the good warm-up."""
        warmed = self.last(WarmedUp)
        return warmed[1].since if warmed else self.entries[0].at

    @cached_property
    def until(self) -> int:
        """Until when the run needed its probes: the last thing done or waited for."""
        ends = [entry.at for entry in self.entries if isinstance(entry.what, _WATCHED_UNTIL)]
        return ends[-1] if ends else self.entries[-1].at

    @cached_property
    def steady_since(self) -> int | None:
        """From when on all was as before again; None when that was not seen."""
        steady = self.last(SteadyAgain)
        if steady is None:
            return None
        entry, event = steady
        # A recovery on another boot counts `since` on a clock of its own; then the entry's place on ours is all there
        # is.
        return min(entry.at, event.since) if event.since >= self.since else entry.at

    def looks(self, probe: str) -> Columns:
        """Return the samples of a probe that count: those due from the good warm-up on."""
        return self._looks[probe]

    def number(self, probe: str, place: int) -> int:
        """Turn a place within `looks` into the sample's number among all of its probe."""
        return len(self.columns[probe]) - len(self._looks[probe]) + place

    @cached_property
    def _looks(self) -> dict[str, Columns]:
        end = int(np.iinfo(np.int64).max)
        return {name: columns.between(self.since, end) for name, columns in self.columns.items()}

    def slow(self, probe: str) -> int:
        """Return the ns after which silence of a probe counts as dark: as the warm-up told, never above the timeout."""
        plan = self.plans[probe]
        warmed = self.last(WarmedUp)
        used = warmed[1].slow.get(probe) if warmed else None
        return nanoseconds(min(used or plan.slow or plan.timeout, plan.timeout))

    def late_after(self, probe: str) -> int:
        """Return the ns after which a good answer counts as late; runs that tell it not take what is dark for it."""
        warmed = self.last(WarmedUp)
        slow = self.slow(probe)
        return min(nanoseconds(warmed[1].late.get(probe, slow / NANOSECONDS)) if warmed else slow, slow)

    @cached_property
    def _outages(self) -> dict[tuple[str, float], list[Stretch]]:
        return {}

    def outages(self, probe: str, hold: float = HOLD) -> list[Stretch]:
        """Bound the outages of a probe; good stretches shorter than `hold` seconds end none."""
        key = (probe, hold)
        if key not in self._outages:
            self._outages[key] = self.darkness(probe).outages(nanoseconds(hold))
        return self._outages[key]

    def darkness(self, probe: str) -> Darkness:
        """Return what the looks of a probe prove of its outages."""
        return self.seen(probe).darkness

    def tally(self, probe: str) -> Tally:
        """Return how the looks of a probe ended that were due, each once."""
        if probe not in self._tallies:
            due, all_of_them = self.dues(probe), self.seen(probe).tally
            of_due = all_of_them if due.places is None else tally(due.looks)
            self._tallies[probe] = Tally(of_due.ended, all_of_them.answered, due.missing)
        return self._tallies[probe]

    def dues(self, probe: str) -> Dues:
        """Return the looks of a probe that were due, each once, and those that were not recorded."""
        if probe not in self._dues:
            plan = self.plans[probe]
            pace = Pace(nanoseconds(plan.every), self.since, self.until, plan.most)
            self._dues[probe] = dues(self.looks(probe), pace)
        return self._dues[probe]

    @cached_property
    def _tallies(self) -> dict[str, Tally]:
        return {}

    @cached_property
    def _dues(self) -> dict[str, Dues]:
        return {}

    def heard(self, probe: str, question: Question, span: Interval) -> Heard:
        """Return what the looks of a probe, those of before the warm-up too, say to a question within a span (ns)."""
        plan = self.plans[probe]
        # Sent long before the span and answered within it: such a look says something of the span, too.
        looks = self.columns[probe].between(span.since - limits.reach(plan), span.by + 1)
        return Heard(looks, question, Cadence(nanoseconds(plan.every), self.slow(probe)), span)

    def seen(self, probe: str) -> LookSummary:
        """Return what the looks of a probe come to; they are gone through when that is first asked."""
        if probe not in self._seen:
            self._seen[probe] = see(self.looks(probe), self.slow(probe), self.marks)
        return self._seen[probe]

    @cached_property
    def _seen(self) -> dict[str, LookSummary]:
        return {}

    @cached_property
    def marks(self) -> list[int]:
        """The moments at which a part of the run may begin or end."""
        waits = [entry.at for entry in self.entries if isinstance(entry.what, WaitStarted | WaitEnded)]
        ends = [self.since, max(self.until, self.since), *([] if self.steady_since is None else [self.steady_since])]
        return sorted({*ends, *waits, *(entry.at for entry in self.deeds)})

    def unproven(self, proofs: Darkness, since: int = 0, until: int = _FOREVER) -> int:
        """Return the longest time in ns for which looks prove no life; asked of a part of the run.

        That begins and ends at `marks`, or begins when an outage was over.
        """
        first, last = max(since, self.since), min(until, max(self.until, self.since))
        return longest_unproven(proofs.life, first, last)

    def hold(self, probe: str) -> float:
        """Return for how long a probe must be good to count as recovered: as the drill's first `outage` of it says."""
        params = [use.params for use in self.drill.expect if use.kind == "outage" and use.params.get("of") == probe]
        return next((hold for param in params if (hold := durations.of_data(param.get("hold"))) is not None), HOLD)


def gather(folder: Path) -> Evidence:
    """Read the files of a run.

    Raises WrongUsage when the folder holds no run, JournalDamaged when a file of it is not what was written.
    """
    return _gathered(folder, is_over=True)


def so_far(folder: Path) -> Evidence:
    """Read what a run has written so far, and since it ended, without its ledgers; raises what `gather` raises."""
    return _gathered(folder, is_over=False)


def _gathered(folder: Path, *, is_over: bool) -> Evidence:
    path = folder / FILE
    written = entries(path)
    first = start_in(folder, written)
    if first.format > FORMAT:
        raise JournalDamaged(f"{path}: of format {first.format}; this version of faildrill reads up to {FORMAT}")
    try:
        drill = Drill.model_validate(first.drill)
        guests = [ProbePlan.model_validate(plan) for plan in first.place.get("probes", [])]
    except ValidationError as error:
        raise JournalDamaged(f"{path}: its first event holds no drill that this version knows: {error}") from error
    plans = {plan.name: plan for plan in (*guests, *drill.probes, *drill.load)}
    written, later = _to_its_end(written) if is_over else (written, set[str]())
    timed, foreign = _on_one_clock(written)
    columns, unnamed = recorded(folder, foreign | later)
    known = {name: columns[name] if name in columns else empty() for name in plans}
    ended = _ended(written)
    spreads = {name: some for name in plans if (some := spread.load(spread.path_of(folder, name)))}
    kept = [name for name in plans if is_over and path_of(folder, name).exists()]
    ledgers = {name: accounts(folder, name, ended) for name in kept}
    strangers = {name: len(looks) for name, looks in columns.items() if name not in plans}
    unread = Unread(unnamed, strangers)
    return Evidence(tuple(timed), drill, plans, known, read(path).tail == 0, ledgers, spreads, unread)


def _to_its_end(found: list[Entry]) -> tuple[list[Entry], set[str]]:
    """Cut off what was written after the run had ended, by who put it back later; name the samples that are of then.

    A verdict stands: that a dirty environment was put back a day later makes no run of it that ended well.
    """
    end = next((number for number, entry in enumerate(found, 1) if isinstance(entry.what, RunEnded)), len(found))
    of_the_run = {entry.what.samples for entry in found[:end] if isinstance(entry.what, ProberStarted)}
    later = {entry.what.samples for entry in found[end:] if isinstance(entry.what, ProberStarted)}
    return found[:end], later - of_the_run


def _ended(found: list[Entry]) -> Moment | None:
    """Return when the run ended, on the clock of whoever ended it; None when it has no end."""
    if not isinstance(found[-1].what, RunEnded):
        return None
    boots = [entry.what.boot for entry in found if isinstance(entry.what, RunStarted | RunnerDied)]
    return Moment(boots[-1], found[-1].at)


def _on_one_clock(found: list[Entry]) -> tuple[list[Entry], set[str]]:
    """Put entries of a later boot onto the first one's clock, by their wall times; name the samples of later boots."""
    first, start = found[0], first_of(found)
    boot = start.boot if start is not None else ""
    same = True
    timed: list[Entry] = []
    foreign: set[str] = set()
    for entry in found:
        if isinstance(entry.what, RunnerDied):
            same = entry.what.boot == boot
        if same:
            timed.append(entry)
            continue
        if isinstance(entry.what, ProberStarted):
            foreign.add(entry.what.samples)
        # By the wall clock, which may have been set meanwhile; never back, as the order of the entries is certain.
        at = max(first.at + _apart(first.wall, entry.wall), timed[-1].at)
        timed.append(msgspec.structs.replace(entry, at=at))
    return timed, foreign


def _apart(start: str, end: str) -> int:
    """Nanoseconds between two wall times; for entries that no monotonic clock compares."""
    apart = datetime.fromisoformat(end) - datetime.fromisoformat(start)
    # In integers: `total_seconds` is a float, in which the microseconds of years are no longer exact to the ns.
    return (apart.days * 86_400_000_000 + apart.seconds * 1_000_000 + apart.microseconds) * (NANOSECONDS // 1_000_000)
