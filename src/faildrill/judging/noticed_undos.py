"""Who noticed that a step was put back, where only the one who was asked says so: the probes that noticed the step.

Compared are the looks since the last undo with those while the step alone was in effect, and with those before anything
was done on the word of the same one. A probe noticed the end where its looks are unlike those of the step, and not
unlike those before it. Traffic settles late, so the last part of the looks may say it: all of them, half of them, a
quarter or an eighth. What was as before again before anything was put back shows nothing of the end.
"""

import itertools
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from faildrill import durations
from faildrill.clock import seconds
from faildrill.judging.comparisons import (
    ANSWERED,
    IN_A_ROW,
    Compared,
    all_shares,
    asking_others,
    failing_at_the_end,
    looked,
    meeting,
    named,
    proven_dark,
    strata,
)
from faildrill.judging.evidence import Evidence
from faildrill.judging.expectations.answers_to_findings import count
from faildrill.judging.likeness import Share, chance, tails, total
from faildrill.judging.noticed_steps import CHANCE, noticed
from faildrill.judging.step_times import FOREVER, StepTimes, Time, put_back_since, times_of
from faildrill.record.timeline import RunnerDied, Undoing, UndoNotVerified, UndoVerified

PARTS: Final = (1, 2, 4, 8)
"""The last part of the looks since it was put back, one in so many, may say that it is as before."""
_DOUBT: Final = 0.05
"""What chance may have made of a step, by the usual level of a test, tells nothing of its end."""
_FEWEST: Final = 10
"""Answers that make a median, and looks that keep two steps apart."""
_TIMES: Final = 2.0
"""So many times as long as before it, an answer takes that tells that a link is slow."""
_BOUND: Final = (
    "each client had one server at a time: where it is bound to {} since (a stick table, a hash, a connection that "
    "stays), no client is back, but new ones may be. Let a probe look that nothing binds (new connections, from "
    "another address or with another key); if it is that, faildrill recover --settle ends it"
)
_AGAIN: Final = 2.0
"""So many times as long as the step was looked at, its end is looked for …"""
_SOME: Final = 5.0
"""… and for so many seconds at least."""


class NoticedUndo(NamedTuple):
    """What the probes of a run say of a step that only the one who was asked says is put back."""

    step: str
    word_of: str
    seen_by: str = ""
    """Which probe noticed it, and by what; the empty string where none did."""
    against: str = ""
    """Which probe says that it is not, and by what."""
    why: str = ""
    """Why none could notice it."""
    patience: float = 0.0
    """Seconds of looks after which one should have noticed it; 0 where none could."""
    names: frozenset[str] = frozenset()
    """Whose share it changes, as it says."""


def noticed_undos(evidence: Evidence, level: float = CHANCE) -> list[NoticedUndo]:
    """Weigh each step that is put back on the word of the one who was asked alone.

    `level`: with which probability chance alone may make it look put back. All are compared with what was before the
    first step on the word of the same one. So one that only puts right what another one changed, and is like nothing
    that was before, is put back with the other one, if that names all that it names.
    """
    ends = {entry.what.step: entry.what for entry in evidence.entries if isinstance(entry.what, _ENDS)}
    words = {
        step: verified.word_of
        for step, verified in ends.items()
        if isinstance(verified, UndoVerified) and verified.word_of
    }
    undos = [_noticed_undo(evidence, step, word_of, level) for step, word_of in words.items()]
    return [_with_another(undo, undos) for undo in undos]


def _with_another(one: NoticedUndo, found: Sequence[NoticedUndo]) -> NoticedUndo:
    """Tell of a step that shows nothing by itself what shows the end of another one that names the same."""
    if one.seen_by or one.against or not one.names:
        return one
    others = [other for other in found if other.word_of == one.word_of and one.names <= other.names]
    return one._replace(seen_by=next((other.seen_by for other in others if other.seen_by), ""))


_ENDS: Final = (Undoing, UndoVerified, UndoNotVerified)


def _noticed_undo(evidence: Evidence, step: str, word_of: str, level: float) -> NoticedUndo:
    if _is_after_a_reboot(evidence, step):
        why = "the machine was started again before it was put back, and looks of then have another clock"
        return NoticedUndo(step, word_of, why=why)
    times = times_of(evidence, step, word_of)
    if times is None or not noticed(evidence, step, word_of):
        return NoticedUndo(step, word_of, why="no probe noticed the step, so that none can notice its end")
    looks = _Seen(evidence, times, (put_back_since(evidence), FOREVER))
    undo = NoticedUndo(step, word_of, names=frozenset(times.moves))
    if seen_by := looks.back(level):
        return undo._replace(seen_by=seen_by)
    against = looks.still()
    if not against and not looks.can_tell():
        return undo._replace(why="no probe was unlike before it any more when it was put back")
    lasted = seconds(looks.alone[1] - looks.alone[0])
    return undo._replace(against=against, patience=max(_SOME, _AGAIN * lasted))


def _is_after_a_reboot(evidence: Evidence, step: str) -> bool:
    backs = [entry.at for entry, verified in evidence.events(UndoVerified) if verified.step == step]
    boots = [(entry.at, death.boot) for entry, death in evidence.events(RunnerDied)]
    return any(boot != evidence.first.boot and at <= max(backs) for at, boot in boots)


class _Seen:
    """What probes saw before a step, of it, and since it was put back."""

    def __init__(self, evidence: Evidence, times: StepTimes, after: Time) -> None:
        self._evidence = evidence
        self._times = times
        self._probes = asking_others(evidence, times)
        self._lasting_of: dict[str, set[str]] = {}
        is_apart = any(len(looked(evidence, probe, times.alone)) >= _FEWEST for probe in self._probes)
        self.alone = times.alone if is_apart else times.since
        """Of steps between which hardly anybody looked, the time of all: they are one thing to all who looked."""
        last = max((self._last(probe) for probe in self._probes), default=after[0])
        self._afters = [(last - (last - after[0]) // part, after[1]) for part in PARTS if last > after[0]]
        self._half = self._afters[1] if self._afters else (FOREVER, FOREVER)

    def _last(self, probe: str) -> int:
        looks = self._evidence.looks(probe)
        return looks.due_at(len(looks) - 1) if len(looks) else 0

    def back(self, level: float) -> str:
        """Tell which probe noticed the end, and by what; the empty string where none did.

        Where the share of somebody whom the step has named shows the step, nothing else shows its end.
        """
        if shown := self._shown():
            return next(
                filter(None, (self._all_back(shown, moment, level / len(PARTS)) for moment in self._afters)), ""
            )
        each = level / max(1, len(self._probes) * len(PARTS))
        for after, probe in itertools.product(self._afters, self._probes):
            if because := self._good_again(probe, after) or self._as_before(probe, after, each):
                return f"{probe} noticed its end: {because}"
        return ""

    def still(self) -> str:
        """Tell which probe sees the step in the last half of its looks, and by what; nothing where none does."""
        return self._shares_kept() or next(filter(None, map(self._slow_still, self._probes)), "")

    def can_tell(self) -> bool:
        """Tell whether what a probe saw of the step when it was put back is unlike what it saw before."""
        is_shown = any(self._lasting(probe) or self._failed_to_the_end(probe) for probe in self._probes)
        return is_shown or bool(self._shown())

    def _shown(self) -> list[str]:
        """Name those whose share the step has named, and which shows the step."""
        return [name for name in self._times.moves if self._likely(name, self._times.own) <= _DOUBT]

    def _unlike_before(self, probe: str, now: Time) -> set[str]:
        """Return the sorts of what a probe tells that are unlike what it told before the step."""
        compared = [comparison for comparison in self._compared(probe, now) if comparison.is_telling]
        return {comparison.sort for comparison in compared if comparison.chance * len(compared) <= CHANCE}

    def _all_back(self, names: Sequence[str], after: Time, level: float) -> str:
        """Tell of the shares that the step has named, if each of them is as it was before it."""
        shares = [self._share_back(name, after, level / len(self._times.moves)) for name in names]
        return "; ".join(shares) if all(shares) else ""

    def _share_back(self, name: str, after: Time, level: float) -> str:
        """Tell of a share that the step has named, as it was before it."""
        before, step, now = (self._share(name, time) for time in (self._times.untouched, self._times.own, after))
        by_probe = strata(self._evidence, self._times, name, [self._times.own], after)
        if any(ANSWERED in self._unlike_before(probe, after) for probe in meeting(by_probe)):
            return ""
        fewer, more = tails(by_probe.values())
        if self._times.empties and not step.hits:  # what gets nothing answers nothing
            is_back = now.hits >= IN_A_ROW
        else:
            is_back = (more if before.part > step.part else fewer) * 2 <= level
        shares = f"{name} answered {before} before it, {step} meanwhile and {now} since it was put back"
        return f"{', '.join(meeting(by_probe))} noticed its end: {shares}" if is_back and before.total else ""

    def _as_before(self, probe: str, after: Time, level: float) -> str:
        """Tell of what is unlike the step, and nearer to what was before it."""
        before = self._times.untouched
        lasting = self._lasting(probe)
        former = {
            share.what: share.now
            for share in all_shares(self._evidence, probe, before, before)
            if share.what in lasting
        }
        compared = list(all_shares(self._evidence, probe, self.alone, after, before))
        unlike = self._unlike_before(probe, after)
        near = [
            comparison
            for comparison in compared
            if comparison.sort not in unlike and _is_nearer(comparison, former.get(comparison.what))
        ]
        most = min(near, key=lambda one: one.chance, default=None)
        if most is None or most.chance * len(compared) > level:
            return ""
        return f"{most.what} {former[most.what]} before it, {most.former} meanwhile, {most.now} since it was put back"

    def _lasting(self, probe: str) -> set[str]:
        """Return what was unlike before the step, and was so to the end of its looks."""
        if probe not in self._lasting_of:
            self._lasting_of[probe] = self._found_lasting(probe)
        return self._lasting_of[probe]

    def _found_lasting(self, probe: str) -> set[str]:
        ends = (self.alone, self._times.until_undone)
        compared = [comparison for comparison in self._compared(probe, self.alone) if comparison.is_telling]
        unlike = [comparison for comparison in compared if comparison.chance * len(compared) <= CHANCE]
        return {comparison.what for comparison in unlike if all(self._lasted(probe, comparison, time) for time in ends)}

    def _lasted(self, probe: str, step: Compared, time: Time) -> bool:
        """Tell whether the last looks of a time are unlike before the step as well, in as few of them as can tell.

        None of its last halves, quarters and so on may be unlike the step, and nearer to what was before it.
        """
        is_unlike, part = False, 1
        while last := self._last_looks(probe, step.what, time, part):
            is_over = _is_nearer(Compared(step.what, step.now, last.now), last.former)
            if is_over and chance(step.now, last.now) <= CHANCE:
                return False
            if chance(last.former, step.now.usual_of(last.now.total, last.former)) <= CHANCE:
                is_unlike = last.chance <= CHANCE and not is_over
            part *= 2
        return is_unlike

    def _last_looks(self, probe: str, what: str, time: Time, part: int) -> Compared | None:
        """Compare the last part of a time, one in so many, with before the step; None where it has too few looks."""
        last = time[1] - (time[1] - time[0]) // part, time[1]
        latest = next((comparison for comparison in self._compared(probe, last) if comparison.what == what), None)
        return latest if latest and latest.now.total >= IN_A_ROW else None

    def _compared(self, probe: str, now: Time) -> list[Compared]:
        """Compare all that a probe tells with what it told before the step."""
        return list(all_shares(self._evidence, probe, self._times.untouched, now))

    def _good_again(self, probe: str, after: Time) -> str:
        """Tell of looks that failed until the step was put back, and are good again."""
        looks, failed = looked(self._evidence, probe, after), self._failed_to_the_end(probe)
        is_good = len(looks) >= IN_A_ROW and bool(looks.is_good.all())
        is_good &= not proven_dark(self._evidence, probe, after)
        because = f"{failed} before it was put back, and {count(len(looks), 'look')} since are good"
        return because if is_good and failed else ""

    def _failed_to_the_end(self, probe: str) -> str:
        former = looked(self._evidence, probe, self._times.untouched)
        if not len(former) or not former.is_good.all() or proven_dark(self._evidence, probe, self._times.untouched):
            return ""
        return failing_at_the_end(self._evidence, probe, self._times.until_undone)

    def _shares_kept(self) -> str:
        """Tell of a share that the step has named, that is still unlike before it, on the same side."""
        for name in self._times.moves:
            before, step, now = (
                self._share(name, time) for time in (self._times.untouched, self._times.own, self._half)
            )
            is_alike = (step.part < before.part) != (now.part < before.part)
            if is_alike or self._likely(name, self._times.own) > _DOUBT:
                continue
            if self._likely(name, self._half) * len(self._times.moves) <= CHANCE:
                who = ", ".join(meeting(strata(self._evidence, self._times, name, [self._times.untouched], self._half)))
                shares = f"{name} answered {before} before it, {step} meanwhile and {now} since it was put back"
                return f"{who}: {shares}{self._bound()}"
        return ""

    def _bound(self) -> str:
        """Say what else it may be where each probe that tells who answered had one server at a time.

        A place with a spare looks the same when it is left on, so it stays a contradiction.
        """
        times = (self._times.untouched, self._times.own, self._half)
        by_probe = [[named(self._evidence, probe, time) for time in times] for probe in self._probes]
        of_one = [some[-1] for some in by_probe if all(len(names) == 1 for names in some)]
        if not of_one or any(max(map(len, some)) > 1 for some in by_probe):
            return ""
        now = ", ".join(sorted({name for names in of_one for name in names}))
        return f"; {_BOUND.format(now)}"

    def _slow_still(self, probe: str) -> str:
        """Tell of answers that take as long as those of the step: nearer to these than to those before it."""
        times = (self._times.untouched, self.alone, self._half)
        before, step, now = (self._median(probe, time) for time in times)
        if not before or not step or not now or step < _TIMES * before or now * now < before * step:
            return ""
        took = [durations.show(time) for time in (before, step, now)]
        return f"{probe}: answers took {took[0]} before it, {took[1]} meanwhile and {took[2]} since it was put back"

    def _median(self, probe: str, time: Time) -> float:
        """Return the seconds that a good answer took; 0 where there are too few."""
        looks = looked(self._evidence, probe, time)
        took = looks.answered[looks.is_good] - looks.due[looks.is_good]
        return seconds(int(np.median(took))) if len(took) >= _FEWEST else 0.0

    def _likely(self, name: str, now: Time) -> float:
        """Return with which probability chance alone makes a share so unlike before the step."""
        by_probe = strata(self._evidence, self._times, name, [self._times.untouched], now)
        fewer, more = tails(by_probe.values())
        return fewer if self._times.empties else min(1.0, 2 * min(fewer, more))

    def _share(self, name: str, now: Time) -> Share:
        """Return what share of the answers of all probes somebody had."""
        return total(share for share, _ in strata(self._evidence, self._times, name, [now], now).values())


def _is_nearer(one: Compared, before: Share | None) -> bool:
    """Tell whether a share is nearer to what it was before the step than to what it was of the step."""
    return before is not None and abs(one.now.part - before.part) < abs(one.now.part - one.former.part)
