"""One probe, looked at again and again: open loop, each look with its deadline, each with its sample."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from faildrill.clock import nanoseconds
from faildrill.model.drill import ProbePlan
from faildrill.ports import Edges, Given, Probe, Seen, causes, hear_sent_again
from faildrill.probing.agenda import Agenda, Entry
from faildrill.probing.backoff import Reaches, Restraint, Unrestrained
from faildrill.record.samples import ASKED_AGAIN, SEEN_LATE, Outcome, Sample
from faildrill.system import redaction
from faildrill.system.resolver import is_waiting

GRACE: Final = 200_000
"""A look gets the time back in which we were held up during it: at least this (ns), a turn of the loop …"""
MOST_GRACE: Final = 200_000_000
"""… and at most this, so that a deadline stays one."""
LATE: Final = 1_000_000
"""Being held up for less than this (ns) is not worth a word."""
SOONEST: Final = 1_000_000
"""While refused, looks in between are at least this far apart (ns) …"""
LATEST: Final = 5_000_000
"""… and at most this, once the refusals have lasted for a while."""
WORTH: Final = 4
"""Looks in between are worth it where this many fit into an interval."""
MOST_MISSED: Final = 1_000
"""Looks missed in one go that are recorded one by one; when more were missed, the gap in the samples says so."""
CATCH_UP: Final = 1_000_000_000
"""By how much (ns) a request of a load may be late and still be sent: what comes then is no flood."""
LONGEST_WAIT: Final = 5_000_000_000
"""For so long (ns) an answer that turns us away may have us look at nothing; then one more look asks how it is now."""
LONGEST_DETAIL: Final = 120
"""Characters of a detail that a defect of a probe gives."""
TOO_MANY: Final = "too many looks under way"
"""Details of looks that were not made; they repeat, as words are interned."""
HELD_BACK: Final = "held back, as Retry-After asks"
TOO_LATE: Final = "the prober itself was late"

Record = Callable[[Sample], None]


@dataclass(slots=True, eq=False)
class _Look:
    """A look under way, until its sample is recorded."""

    due: int
    between: bool
    """True for a look that is not one of the fixed rate: it hurries to see the end of refusals."""
    sent: int = 0
    held: int = 0
    grace: bool = False
    again: bool = False
    """It has asked once more, as the first time proved nothing."""
    over: bool = False
    deadline: Entry | None = None
    task: asyncio.Task[None] | None = None


class PacedProbe:
    """Looks with one probe at a fixed rate; what other probes do, or how long an answer takes, never delays a look."""

    def __init__(self, plan: ProbePlan, probe: Probe, given: Given, agenda: Agenda, record: Record) -> None:
        self.plan = plan
        self.probe = probe
        self.given = given
        self._agenda = agenda
        self._record = record
        self._every = nanoseconds(plan.every)
        self._timeout = nanoseconds(plan.timeout)
        self._is_load = plan.by == "load"
        self._restraint = Unrestrained(given.in_flight) if self._is_load else Restraint(given.in_flight)
        self._reaches = probe if isinstance(probe, Reaches) else None
        self._end_at: int | None = None
        self._looks: set[_Look] = set()
        self._overdue = 0
        self._next: Entry | None = None
        self._hurry = _RefusalFollowUp()
        self._hurrying = False
        self._stopped = False
        self._held_back_until = 0

    def start(self, first: int) -> None:
        """Look first at this moment, and from then on at the fixed rate."""
        if isinstance(self.probe, Edges):
            self.probe.on_edge(self.given, self.tell)
        self._end_at = first + self.plan.most * self._every if self.plan.most else None
        self._next = self._agenda.at(first, self._due)

    async def stop(self) -> None:
        """Start no more looks; return when those under way have ended, which their deadlines see to."""
        self._stopped = True
        if self._next:
            self._next.strike()
        tasks = [look.task for look in self._looks if look.task]
        if tasks:
            await asyncio.wait(tasks, timeout=self.plan.timeout + 1.0)

    def tell(self, seen: Seen) -> None:
        """Record what the probe learned between two looks."""
        sent, answered = seen.sent or time.monotonic_ns(), seen.answered or time.monotonic_ns()
        if seen.outcome is not Outcome.TIMED_OUT:
            self._restraint.answered(answered, 0)
        self._write(Sample(self.plan.name, sent, sent, answered, seen.outcome, seen.who, seen.detail), between=False)

    def _due(self, due: int, now: int) -> None:
        # Whole intervals that passed while this process did not run.
        # Whole intervals only: a look that is late by less than one is made now, and its sample says when it was due.
        missed = (now - due) // self._every
        # Of these, what was to be made: a hiccup that lasts beyond the end adds none.
        left = missed if self._end_at is None else min(missed, (self._end_at - due) // self._every)
        for number in range(max(0, missed - MOST_MISSED), left):
            self._missed(due + number * self._every, now)
        due += missed * self._every
        if self._end_at is not None and due >= self._end_at:
            return
        # Before the look is made, so that neither a slow answer nor a defect of it takes the next one away.
        self._next = self._agenda.at(due + self._every, self._due)
        if now < self._held_back_until:
            self._record(Sample(self.plan.name, due, 0, now, Outcome.THROTTLED, detail=HELD_BACK))
        elif self._may_look(now):
            self._begin(due, now)
        else:
            self._skip(due, now, TOO_MANY)

    def _may_look(self, now: int) -> bool:
        is_cut = self._reaches is not None and self._reaches.is_cut(now)
        # Those that got time back take nobody's place: after a hiccup of ours, in silence, all under way are such, and
        # there would be no look for as long again. A number that the drill gives is kept all the same.
        overdue = 0 if self.plan.in_flight else self._overdue
        return self._restraint.allows(now, len(self._looks) - overdue, is_cut=is_cut)

    def _missed(self, due: int, now: int) -> None:
        """Leave out a look that is an interval late; of a load it is sent late, so that users still come as often."""
        if self._is_load and now - due <= CATCH_UP and self._may_look(now):
            self._begin(due, now)
        else:
            self._skip(due, now, TOO_LATE)

    def _skip(self, due: int, now: int, why: str) -> None:
        self._record(Sample(self.plan.name, due, 0, now, Outcome.SKIPPED, detail=why))

    def _begin(self, due: int, now: int, *, between: bool = False) -> None:
        look = _Look(due, between)
        self._restraint.sent(now, len(self._looks))
        self._looks.add(look)
        self._agenda.awaiting += 1
        look.deadline = self._agenda.at(now + self._timeout, lambda at, now: self._give_up(look, at, now))
        look.task = asyncio.get_running_loop().create_task(self._look(look))

    async def _look(self, look: _Look) -> None:
        look.sent = time.monotonic_ns()
        look.held = self._agenda.held(look.sent)
        # Within the look's own task: the kind calls back through a context variable, which other looks don't see.
        hear_sent_again(lambda at: self._sent_again(look, at))
        try:
            looked = await self.probe.look(self.given)
        except Exception as error:  # noqa: BLE001 - here a defect of a probe becomes a sample
            looked = Seen(Outcome.BROKEN, detail=_reason(error))
        finally:
            self._looks.discard(look)
            self._overdue -= look.grace
            if not look.over:
                self._agenda.awaiting -= 1
        # Given up by its deadline meanwhile: its sample is written, and an answer now proves nothing any more.
        if not look.over:
            self._end(look, looked, time.monotonic_ns())

    def _sent_again(self, look: _Look, at: int) -> None:
        """Date a look to its second sending: what it proves, it proves of no moment before."""
        look.sent, look.held, look.again = at, self._agenda.held(at), True

    def _give_up(self, look: _Look, deadline: int, now: int) -> None:
        # Not sent yet although its deadline is over: all of that time was the prober's own.
        held = self._agenda.held(now) - look.held if look.sent else now - deadline
        # The answer may have come while this process was held up and did not read it: it gets that time back, once.
        if not look.sent or (held > LATE and not look.grace):
            self._overdue += not look.grace
            look.grace = True
            more = min(max(held, GRACE), MOST_GRACE)
            look.deadline = self._agenda.at(now + more, lambda at, now: self._give_up(look, at, now))
            return
        self._agenda.awaiting -= 1
        # Silence of the resolver, not of the service: what is told apart must be known before the task is cancelled.
        detail = causes.NO_RESOLVER if is_waiting(look.task) else ""
        self._end(look, Seen(Outcome.TIMED_OUT, detail=detail), time.monotonic_ns())
        if look.task:
            look.task.cancel()

    def _end(self, look: _Look, seen: Seen, now: int) -> None:
        look.over = True
        if look.deadline:
            look.deadline.strike()
        sent, answered = seen.sent or look.sent or now, seen.answered or now
        detail = f"{seen.detail} {ASKED_AGAIN}".lstrip() if look.again else seen.detail
        held = self._agenda.held(now) - look.held
        # Most of the time was ours, so how long it took says nothing of the service.
        if held > LATE and held * 2 > answered - sent:
            detail = f"{detail} {SEEN_LATE}".lstrip()
        if seen.outcome is not Outcome.TIMED_OUT:
            self._restraint.answered(now, answered - sent)
        if seen.wait and not self._is_load:  # users don't stop coming because some are turned away
            # RFC 9110, 10.2.3: Retry-After; bounded, as an hour of not looking would hide any outage.
            self._held_back_until = now + min(nanoseconds(seen.wait), LONGEST_WAIT)
        sample = Sample(self.plan.name, look.due, sent, answered, seen.outcome, seen.who, detail)
        if look.between:
            self._hurrying = False
        self._write(sample, between=look.between)

    def _write(self, sample: Sample, *, between: bool) -> None:
        for worth_it in self._hurry.worth_recording(sample, between=between):
            self._record(worth_it)
        if self._hurry.is_on and not self._hurrying and not self._is_load:
            self._hurry_on(sample.answered)

    def _hurry_on(self, now: int) -> None:
        wait = min(self._hurry.spacing(now), self._every // WORTH)
        if wait >= SOONEST and not self._stopped:
            self._hurrying = True
            self._agenda.at(now + wait, self._between)

    def _between(self, at: int, now: int) -> None:
        if self._hurry.is_on and not self._stopped:
            self._begin(at, now, between=True)
        else:
            self._hurrying = False


class _RefusalFollowUp:
    """While refused: quick looks between those of the fixed rate, of which only those at the edge are recorded.

    A refusal costs nobody anything, so the end of an outage is seen to within the spacing of these looks. Of
    those refused only the last one is recorded, so that they don't weigh in counts.
    """

    def __init__(self) -> None:
        self.is_on = False
        self._since = 0
        self._last: Sample | None = None

    def spacing(self, now: int) -> int:
        """Return how many ns from now to look in between."""
        # Within 2 % of how long it has been refused the end is seen closely enough.
        return min(max((now - self._since) // 50, SOONEST), LATEST)

    def worth_recording(self, sample: Sample, *, between: bool) -> list[Sample]:
        """Return what is to be recorded now that this sample came."""
        if sample.outcome is Outcome.REFUSED:
            if not self.is_on:
                self.is_on, self._since = True, sample.answered
            # Of a row of refusals between two regular looks only the last is kept: it dates the end from the left.
            self._last = sample if between else None
            return [] if between else [sample]
        edge = [self._last] if self._last else []
        self.is_on, self._last = False, None
        return [*edge, sample]


def _reason(error: Exception) -> str:
    first_line = redaction.clean(str(error)).partition("\n")[0]
    return f"{type(error).__name__}: {first_line}"[:LONGEST_DETAIL].rstrip(": ")
