"""One run, weighed: what the engine did, then what the drill expects, then the verdict, the worst of all findings."""

from pathlib import Path

import msgspec
from pydantic import ValidationError

from faildrill.errors import FaildrillError
from faildrill.judging import defects, run_findings, step_outcomes, story
from faildrill.judging.evidence import Evidence, gather
from faildrill.judging.numbers import headline_figures, probe_figures
from faildrill.judging.result import Finding, Result, StepFigures, Verdict
from faildrill.judging.verdict import decide
from faildrill.kinds import build
from faildrill.ports.target import KindUse
from faildrill.record.timeline import RunEnded


def judge(folder: Path) -> Result:
    """Weigh the run in a folder; nothing is written. Raises what `faildrill.judging.judge` does."""
    with defects.told(str(folder)):
        return weigh(gather(folder))


def weigh(evidence: Evidence) -> Result:
    """Weigh a run that is read."""
    gone = step_outcomes.figures(evidence)
    findings = [
        *_expectations(evidence, gone, refused=run_findings.is_refused(evidence)),
        *run_findings.findings(evidence, gone),
    ]
    decision, probes = decide(evidence, findings), probe_figures.figures(evidence)
    first, start, end = evidence.first, evidence.entries[0], evidence.entries[-1]
    return Result(
        run=first.run,
        drill=evidence.drill.name,
        about=evidence.drill.about,
        environment=first.environment,
        identity=first.identity,
        owner=evidence.drill.owner,
        runbook=evidence.drill.runbook,
        version=first.version,
        host=first.host,
        user=first.user,
        started=start.wall,
        ended=end.wall,
        duration=evidence.since_start(end.at),
        verdict=decision.verdict,
        because=decision.because,
        conclusive=decision.verdict.conclusive,
        exit_code=decision.verdict.exit_code,
        findings=findings,
        decided_by=decision.number,
        headline=headline_figures.headline(evidence, probes),
        probes=probes,
        steps=gone,
        moments=story.moments(evidence),
        phases=story.phases(evidence),
        whole=evidence.whole and evidence.last(RunEnded) is not None,
    )


def _expectations(evidence: Evidence, gone: list[StepFigures], *, refused: bool) -> list[Finding]:
    idle = [step.name for step in gone if step.kind != "wait" and step.outcome != "done"]
    findings = [finding for use in evidence.drill.expect for finding in _weighed(use, evidence, refused=refused)]
    return [_gated(finding, idle) if finding.verdict is Verdict.PASSED else finding for finding in findings]


def _weighed(use: KindUse, evidence: Evidence, *, refused: bool) -> list[Finding]:
    """Weigh one expectation; one that can't be weighed is INCONCLUSIVE, never left out."""
    claim = f"{use.kind} {', '.join(f'{name}: {value}' for name, value in use.params.items())}".strip()
    because = "the drill was refused: nothing was done and nothing seen"
    if not refused:
        because = "it found nothing to weigh"
        try:
            with defects.told(use.kind):
                judged: list[Finding] = build(use, "expectation").judge(evidence)
        except (FaildrillError, ValidationError) as error:
            because = f"it can't be weighed: {error}"
        else:
            if judged:
                return judged
    return [Finding(kind=use.kind, claim=claim, verdict=Verdict.INCONCLUSIVE, because=because)]


def _gated(finding: Finding, idle: list[str]) -> Finding:
    """Hold back what would pass in a drill that did not do what it says."""
    if not idle:
        return finding
    because = f"{finding.because}; but that proves nothing, as no effect was seen of: {', '.join(idle)}"
    return msgspec.structs.replace(finding, verdict=Verdict.INCONCLUSIVE, because=because)
