"""An audit for a terminal, as JSON, and as JUnit for a CI server."""

import json
from collections.abc import Iterator
from typing import Any, Final

from faildrill import durations
from faildrill.auditing import RULES, Audit, Detection, Grade, Remark
from faildrill.judging.result import Finding, Verdict
from faildrill.reports import junit
from faildrill.reports.wording import count, plain

FORMAT: Final = 1
"""Version of the JSON."""
_VERDICTS: Final = {Grade.SEVERE: Verdict.FAILED, Grade.WARNING: Verdict.FAILED, Grade.UNREAD: Verdict.INCONCLUSIVE}
_SEVERAL: Final = {Grade.WARNING: "warnings", Grade.NOTE: "notes"}
"""The grades that are nouns."""
_INDENT: Final = " " * 11


def lines(audit: Audit) -> Iterator[str]:
    """Yield what a person reads: what was read, what was found, how fast the dead are noticed, and the sum of it."""
    for audited in audit.audited:
        against = "against its standard" if audited.compared else "without a standard"
        yield (
            f"{'read':<10} {audited.name}: {plain(audited.source)}, {against}"
            if audited.source
            else f"{'unread':<10} {audited.name}"
        )
    for remark in audit.remarks:
        yield f"{remark.grade:<10} {plain(str(remark))}"
        yield f"{_INDENT}{plain(remark.why)}"
        if remark.remedy:
            yield f"{_INDENT}→ {plain(remark.remedy)}"
    for detection in audit.detections:
        yield f"{'detection':<10} {plain(_detection(detection))}"
    yield _totals(audit)


def plainly(audit: Audit) -> dict[str, Any]:
    """Return it as data for JSON."""
    worst = audit.worst()
    return {
        "format": FORMAT,
        "environment": audit.environment,
        "at": audit.at,
        "worst": str(worst) if worst else None,
        "audited": [audited._asdict() for audited in audit.audited],
        "remarks": [{**remark._asdict(), "path": list(remark.path)} for remark in audit.remarks],
        "detections": [detection._asdict() for detection in audit.detections],
    }


def as_json(audit: Audit) -> str:
    """Write it as JSON."""
    return json.dumps(plainly(audit), indent=2, ensure_ascii=False)


def as_junit(audit: Audit) -> bytes:
    """Write it as JUnit: a testcase for every rule and place, so that what is right is counted, too."""
    cases = [
        _case(audited.name, rule, claim, audit.remarks) for audited in audit.audited for rule, claim in RULES.items()
    ]
    return junit.written([junit.bare(f"audit-{audit.environment}", cases, started=audit.at, host="")])


def _case(name: str, rule: str, claim: str, remarks: list[Remark]) -> Finding:
    cases = [remark for remark in remarks if remark.source == name and remark.rule == rule]
    counted = [case for case in cases if case.grade in _VERDICTS]
    verdict = Verdict.worst(_VERDICTS[case.grade] for case in counted)
    because = "; ".join(case.what for case in cases) or "nothing was found"
    advice = "; ".join(dict.fromkeys(case.remedy for case in counted if case.remedy))
    return Finding(kind=rule, claim=f"{name}: {claim}", verdict=verdict, because=because, advice=advice)


def _detection(one: Detection) -> str:
    if one.worst is None:
        return f"{one.of}: {'without bound' if one.never else 'not known'} ({one.formula})"
    of = " for new connections" if one.standing else ""
    text = f"{one.of}: {durations.show(one.worst)} at the worst{of} = {one.formula}"
    if one.refused is not None:
        text += f"; {durations.show(one.refused)} where connections are refused"
    if one.standing:
        text += f"; {one.standing}"
    if one.objective is not None:
        text += f"; the objective is {durations.show(one.objective)}"
    return text + (f"; {one.measured}" if one.measured else "")


def _totals(audit: Audit) -> str:
    counts = {grade: sum(remark.grade is grade for remark in audit.remarks) for grade in Grade}
    counted = ", ".join(count(many, grade, _SEVERAL.get(grade, grade)) for grade, many in counts.items() if many)
    return f"{audit.environment}: {counted or 'as approved'}"
