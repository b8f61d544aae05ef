"""The verdict and its line: the worst of all findings, told by the first of its causes in time."""

from typing import Final, NamedTuple

from faildrill.judging.evidence import Evidence
from faildrill.judging.expectations.answers_to_findings import count
from faildrill.judging.result import Finding, Verdict

_AT_THE_END: Final = (1 << 63) - 1
_ANSWERS: Final = {Verdict.INCONCLUSIVE: "can't tell"}
ENGINE: Final = frozenset({"run", "guard", "step", "undo", "steady", "load"})
"""The kinds of what the engine weighs itself: each of these findings is about a moment of the run."""


class Decision(NamedTuple):
    """What became of a run, and by which of its findings."""

    verdict: Verdict
    because: str
    number: int
    """Of the finding that stands for the verdict."""


def decide(evidence: Evidence, found: list[Finding]) -> Decision:
    """Take the worst verdict, and of the findings that say it the one whose cause came first, with its remedy."""
    verdict = Verdict.worst(finding.verdict for finding in found)
    deciding = [number for number, finding in enumerate(found) if finding.verdict is verdict]
    number = min(deciding, key=lambda one: _when(evidence, found[one])) if verdict is not Verdict.PASSED else 0
    return Decision(verdict, _told(verdict, found, found[number], len(deciding) - 1), number)


def _when(evidence: Evidence, finding: Finding) -> int:
    """Return when the cause of a finding was, in monotonic ns.

    A claim that nobody can tell became so at the end, when all was weighed: whatever the engine has to say was before.
    """
    if finding.verdict is Verdict.INCONCLUSIVE and finding.kind not in ENGINE:
        return _AT_THE_END
    return min((_cited(evidence, citation) for citation in finding.evidence), default=_AT_THE_END)


def _cited(evidence: Evidence, reference: str) -> int:
    """Return when an entry of the timeline was written, or a sample was answered."""
    sort, _, where = reference.partition(":")
    probe, _, number = where.rpartition(":")
    try:
        if sort == "timeline":
            return evidence.entries[int(number)].at
        return evidence.columns[probe].sample(probe, int(number)).answered
    except (ValueError, LookupError):
        return _AT_THE_END  # a kind of somebody else's may cite what is not there


def _told(verdict: Verdict, found: list[Finding], first: Finding, others: int) -> str:
    if verdict is Verdict.PASSED:
        return f"all {count(len(found), 'finding')} hold; {first.because}"
    remedy = f"; next: {first.advice}" if first.advice else ""
    more = f" (and {others} more)" if others else ""
    if verdict is Verdict.REFUSED:
        return f"nothing was started: {first.because}{remedy}{more}"
    return f"{first.claim}: {_ANSWERS.get(verdict, 'no')}, {first.because}{remedy}{more}"
