"""Waits, weighed again by the whole record: what was still open when one ended may be known by now."""

from typing import NamedTuple

from faildrill import durations
from faildrill.clock import nanoseconds, seconds
from faildrill.drill import Wait
from faildrill.judging.evidence import Evidence
from faildrill.judging.result import StepFigures, Verdict
from faildrill.proofs.looks import SILENCE, Interval, Question
from faildrill.proofs.records import Heard
from faildrill.references import holds_reference
from faildrill.timeline import WaitEnded, WaitStarted


class Weighed(NamedTuple):
    """What becomes of a wait, and why."""

    verdict: Verdict
    because: str


def weigh(evidence: Evidence, wait: Wait, step: StepFigures) -> Weighed:
    """Weigh a wait: met, unless the record says otherwise; run out, unless it may have been so unseen."""
    if step.outcome not in ("met", "not met"):
        return Weighed(Verdict.INCONCLUSIVE, step.because or step.outcome)
    is_met = step.outcome == "met"
    stands = Weighed(Verdict.PASSED if is_met else Verdict.FAILED, step.because)
    answer = _answer(evidence, wait)
    if answer is None:
        return stands
    if is_met and answer.longest < nanoseconds(wait.hold):
        return Weighed(Verdict.FAILED, f"{step.because}: so it seemed, but looks prove that it never lasted that long")
    if is_met and not answer.is_seen:
        return Weighed(Verdict.INCONCLUSIVE, f"{step.because}: but no look that was sent meanwhile saw it")
    if is_met or not answer.may_have_been(nanoseconds(wait.hold)):
        return stands
    blind = durations.show(seconds(answer.unproven))
    return Weighed(Verdict.INCONCLUSIVE, f"{step.because}; it may have been so unseen: no look tells for {blind}")


class _Answer(NamedTuple):
    """What the record says: of the probe that decides."""

    is_seen: bool
    longest: int
    """For how long it can have been so at a time."""
    unproven: int
    """For how long no look told anything."""
    patience: int
    """For how long that may be."""

    def may_have_been(self, hold: int) -> bool:
        """Tell whether it can have been so for `hold` at a time without having been seen."""
        return self.unproven > self.patience and self.longest >= hold


def _answer(evidence: Evidence, wait: Wait) -> _Answer | None:
    """Ask the record again; None where a run of an older version does not tell what was asked."""
    started = next(((entry, one) for entry, one in evidence.events(WaitStarted) if one.step == wait.id), None)
    ended = next((entry for entry, one in evidence.events(WaitEnded) if one.step == wait.id), None)
    if wait.until is None or started is None or ended is None:
        return None
    entry, event = started
    who = event.who or wait.until.who
    if who is not None and event.who is None and holds_reference(who):
        return None
    question, span = Question(wait.until.state, who or ""), Interval(entry.at, ended.at)
    names = [wait.until.probe] if wait.until.probe is not None else list(evidence.plans)
    answers = [_heard(evidence, name, question, span) for name in names]
    if question.word == "ok":  # of each
        return min(answers, key=lambda one: (one.is_seen, one.longest))
    return max(answers, key=lambda one: (one.is_seen, one.longest))


def _heard(evidence: Evidence, probe: str, question: Question, span: Interval) -> _Answer:
    slow, every = evidence.slow(probe), nanoseconds(evidence.plans[probe].every)
    looks = evidence.columns[probe].between(span.since - slow - every, span.by + 1)
    heard = Heard(looks, question, slow, span)
    return _Answer(heard.is_seen, heard.longest, heard.unproven, SILENCE * every + slow)
