"""Waits, weighed again by the whole record: what was still open when one ended may be known by now."""

from typing import NamedTuple

from faildrill import durations
from faildrill.clock import nanoseconds, seconds
from faildrill.judging.evidence import Evidence
from faildrill.judging.result import StepFigures, Verdict
from faildrill.model.drill import Wait
from faildrill.model.references import holds_reference
from faildrill.proofs.looks import Interval, Question
from faildrill.proofs.records import Heard
from faildrill.record.timeline import WaitEnded, WaitStarted


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
    question, answers = Question(wait.until.state if wait.until else "ok"), _answers(evidence, wait)
    if not answers:
        return stands
    hold, decides = nanoseconds(wait.hold), all if question.is_of_each else any
    may_last = [answer for answer in answers if answer.longest >= hold]
    if not decides(answer.longest >= hold for answer in answers):
        wrong = f"{step.because}: so it seemed, but looks prove that it never lasted that long"
        return Weighed(Verdict.FAILED, wrong) if is_met else stands
    if is_met and not decides(answer.is_seen for answer in answers):
        return Weighed(Verdict.INCONCLUSIVE, f"{step.because}: but no look tells that it was so meanwhile")
    blind = max((looks.blind for looks in may_last if looks.blind), default=None)
    if is_met or blind is None:
        return stands
    because = f"{step.because}; it may have been so unseen: no look tells for {durations.show(seconds(blind))}"
    return Weighed(Verdict.INCONCLUSIVE, because)


def _answers(evidence: Evidence, wait: Wait) -> list[Heard]:
    """Ask the record again, by probe; nothing where a run of an older version does not tell what was asked."""
    started = next(((entry, begun) for entry, begun in evidence.events(WaitStarted) if begun.step == wait.id), None)
    ended = next((entry for entry, over in evidence.events(WaitEnded) if over.step == wait.id), None)
    if wait.until is None or started is None or ended is None:
        return []
    entry, event = started
    who = event.who or wait.until.who
    if who is not None and event.who is None and holds_reference(who):
        return []
    question, span = Question(wait.until.state, who or ""), Interval(entry.at, ended.at)
    names = [wait.until.probe] if wait.until.probe is not None else list(evidence.plans)
    return [evidence.heard(name, question, span) for name in names]
