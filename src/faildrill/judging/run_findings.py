"""What the engine itself weighs, whatever the drill expects: that it was done, seen, and put back."""

from collections.abc import Iterator
from typing import Final

import msgspec

from faildrill import durations
from faildrill.judging import steady_moment, wait_findings
from faildrill.judging.evidence import Evidence
from faildrill.judging.expectations.answers_to_findings import count
from faildrill.judging.numbers import load_rate
from faildrill.judging.result import Finding, StepFigures, Verdict
from faildrill.judging.step_outcomes import UNDO_ENDS
from faildrill.model.drill import Step, Wait
from faildrill.record.timeline import (
    AbortAsked,
    AnyEvent,
    Entry,
    Fenced,
    GuardAnswered,
    Intended,
    NotHealthy,
    NotSteady,
    ProberEnded,
    ProberStarted,
    RunEnded,
    RunnerBroke,
    RunnerDied,
    SteadyAgain,
    UndoVerified,
)


def findings(evidence: Evidence, steps: list[StepFigures]) -> list[Finding]:
    """Weigh what the engine did, in the order in which it matters."""
    return [
        *_refusals(evidence),
        *_unproven(evidence),
        *_endings(evidence),
        *_empty_drill(evidence),
        *_probers(evidence),
        *_unread(evidence),
        *(() if is_refused(evidence) else load_rate.findings(evidence)),
        *(_step_taken(evidence, declared, step) for declared, step in zip(evidence.steps, steps, strict=True)),
        *(finding for step in steps for finding in _effect(step)),
        *(finding for step in steps for finding in _undo(evidence, step)),
        *_steadiness(evidence),
    ]


def is_refused(evidence: Evidence) -> bool:
    """Tell whether the run was refused before it touched anything."""
    return any(True for _ in _refusals(evidence))


def _refusals(evidence: Evidence) -> Iterator[Finding]:
    for entry, answer in evidence.events(GuardAnswered):
        if answer.objection is not None:
            claim = f"the guard {answer.guard} lets the drill start"
            yield _finding("guard", claim, Verdict.REFUSED, answer.objection, entry)
    for entry, unwell in evidence.events(NotHealthy):
        unwell_ones = "; ".join(f"{probe}: {trouble}" for probe, trouble in unwell.probes.items())
        because = f"not good in the warm-up: {unwell_ones}"
        yield _finding("guard", "every probe is good in the warm-up", Verdict.REFUSED, because, entry)


def _unproven(evidence: Evidence) -> Iterator[Finding]:
    """Repeat what the environment says that nothing can prove: whoever reads the verdict must know."""
    for entry, answer in evidence.events(GuardAnswered):
        if answer.unproven:
            claim = "what is acted on is proven, or the environment says why nothing can prove it"
            yield _finding("guard", claim, Verdict.PASSED, f"unproven: {answer.unproven}", entry)


def _endings(evidence: Evidence) -> Iterator[Finding]:
    for entry, asked in evidence.events(AbortAsked):
        yield _finding("run", "the run is seen through", Verdict.ABORTED, asked.because, entry)
    for entry, died in evidence.events(RunnerDied):
        yield _finding("run", "the runner lives to the end", Verdict.ABORTED, f"the runner {died.how}", entry)
    for entry, fenced in evidence.events(Fenced):
        if fenced.left:
            because = f"these would not end, or are not ours to end, and may still act: {', '.join(fenced.left)}"
            yield _finding("run", "nothing of the run acts after it", Verdict.UNSAFE, because, entry)
    for entry, broke in evidence.events(RunnerBroke):
        because = f"{broke.error}: please report it with the timeline"
        yield _finding("run", "faildrill itself works", Verdict.ERROR, because, entry)
    if evidence.last(RunEnded) is None:
        torn = "" if evidence.whole else ", and its last line is torn"
        because = f"the timeline has no end{torn}: whoever wrote it was cut short, or the run is still on"
        yield _finding("run", "the timeline is whole", Verdict.ABORTED, because, evidence.entries[-1])


def _empty_drill(evidence: Evidence) -> Iterator[Finding]:
    if not evidence.drill.expect:
        because = "a drill that expects nothing proves nothing"
        yield _finding("run", "the drill expects something", Verdict.INCONCLUSIVE, because)
    if not evidence.actions:
        because = "a drill in which nothing is done proves nothing"
        yield _finding("run", "the drill does something", Verdict.INCONCLUSIVE, because)


def _probers(evidence: Evidence) -> Iterator[Finding]:
    for entry, ended in evidence.events(ProberEnded):
        if not ended.asked:
            because = ended.because or f"the prober {ended.pid} ended by itself"
            yield _finding("run", "the probers look until the end", Verdict.INCONCLUSIVE, because, entry)


def _unread(evidence: Evidence) -> Iterator[Finding]:
    """Tell of looks that were made, and of which nobody can say any more what they saw."""
    begun = {event.samples: entry for entry, event in evidence.events(ProberStarted)}
    for file, number in evidence.unread.unnamed.items():
        because = f"{count(number, 'look')} of {file}.samples can't be read: {file}.names does not hold what they say"
        yield _unreadable(because, *([begun[file]] if file in begun else []))
    if strangers := evidence.unread.strangers:
        many = count(sum(strangers.values()), "look")
        names = ", ".join(strangers)
        yield _unreadable(
            f"by the names beside them, {many} are of {names}, which this run did not look at", *begun.values()
        )


def _unreadable(because: str, *cited: Entry) -> Finding:
    finding = _finding("run", "what the looks saw can be read", Verdict.INCONCLUSIVE, because, *cited)
    advice = "the file of names was cut, or is another run's: put back the one that was written with the samples"
    return msgspec.structs.replace(finding, advice=advice)


def _step_taken(evidence: Evidence, declared: Step | Wait, step: StepFigures) -> Finding:
    cited = [evidence.begun[step.id]] if step.id in evidence.begun else []
    if isinstance(declared, Wait):
        claim = f"{step.name}: met within {durations.show(declared.within)}"
        return _finding("step", claim, *wait_findings.weigh(evidence, declared, step), *cited)
    claim = f"{step.name}: takes effect"
    verdict = Verdict.PASSED if step.outcome == "done" else Verdict.INCONCLUSIVE
    because = step.because if step.outcome == "done" else f"{step.outcome}: {step.because}".removesuffix(": ")
    return _finding("step", claim, verdict, because, *cited)


def _effect(step: StepFigures) -> Iterator[Finding]:
    """Weigh whether a state lasted: what others have ended meanwhile is not what the drill was about."""
    if step.in_effect_how and step.outcome in ("done", "not confirmed"):
        proves = step.in_effect_how not in ("gone", "can't be told")
        verdict = Verdict.PASSED if proves else Verdict.INCONCLUSIVE
        yield _finding("step", f"{step.name}: is in effect until it is put back", verdict, step.in_effect_because)


_PUT_BACK: Final = {"verified": Verdict.PASSED, "not witnessed": Verdict.INCONCLUSIVE}
_ADVICE: Final = {
    Verdict.UNSAFE: "mend what keeps it from being put back, then run `faildrill recover`",
    Verdict.INCONCLUSIVE: "look for yourself whether it is as before, and watch it by a probe that would notice",
}


def _undo(evidence: Evidence, step: StepFigures) -> Iterator[Finding]:
    if step.undo in ("", "not needed"):
        return
    claim = f"{step.name}: is put back"
    verdict = _PUT_BACK.get(step.undo, Verdict.UNSAFE)
    if step.undo == "left":
        claim = f"{step.name}: stays applied"
        verdict = Verdict.PASSED if step.left_by == "drill" else Verdict.UNSAFE
    advice = _ADVICE.get(verdict, "")
    ends = [entry for entry in evidence.entries if isinstance(entry.what, UNDO_ENDS) and entry.what.step == step.id]
    doubts = _undo_doubts(ends[-1].what) if ends else []
    if doubts and verdict is Verdict.PASSED:  # what is not put back stays the worse of the two
        verdict, advice = Verdict.INCONCLUSIVE, ""
    finding = _finding("undo", claim, verdict, "; ".join([step.undo_because, *doubts]), *ends[-1:])
    yield msgspec.structs.replace(finding, advice=advice)


def _undo_doubts(ended: AnyEvent) -> list[str]:
    """Say why a run proves nothing though a step was put back: it was undone too often, or not compared before."""
    if not isinstance(ended, UndoVerified):
        return []
    again = [f"it was put back {ended.times} times, and asked for once"] if ended.times > 1 else []
    why = f" ({ended.unseen})" if ended.unseen else ""
    blind = f"what was there could not be seen before it was put back{why}: it may have been somebody else's by then"
    return [*again, *([blind] if ended.uncompared else [])]


def _steadiness(evidence: Evidence) -> Iterator[Finding]:
    claim = "every probe is good again after the last undo"
    touched = evidence.last(Intended)
    if touched is None:
        return
    steady, never = evidence.last(SteadyAgain), evidence.last(NotSteady)
    if steady is not None and (never is None or steady[0].n > never[0].n):
        after, contrary = steady[1].after, steady_moment.contradicted(evidence, steady[1])
        if contrary is not None:
            yield _finding("steady", claim, Verdict.UNSAFE, contrary, steady[0])
            return
        because = f"steady {durations.show(after)} after the last undo" if after else "steady at once"
        yield _finding("steady", claim, Verdict.PASSED, because, steady[0])
    elif never is not None:
        troubles = "; ".join(f"{probe}: {trouble}" for probe, trouble in never[1].probes.items())
        because = f"not within {durations.show(never[1].waited)}: {troubles}"
        yield _finding("steady", claim, Verdict.UNSAFE, because, never[0])
    else:
        because = f"{count(len(evidence.plans), 'probe')} were not watched to the end: nobody saw it steady again"
        yield _finding("steady", claim, Verdict.INCONCLUSIVE, because)


def _finding(kind: str, claim: str, verdict: Verdict, because: str, *cited: Entry) -> Finding:
    return Finding(
        kind=kind, claim=claim, verdict=verdict, because=because, evidence=[f"timeline:{entry.n}" for entry in cited]
    )
