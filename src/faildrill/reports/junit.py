"""junit.xml: a testsuite a drill, a testcase a finding, as GitLab, GitHub and Jenkins read it.

FAILED is a failure; every other verdict but PASSED is an error, so that no run that proves nothing looks green.
"""

import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable
from typing import Final

from faildrill.judging.result import Finding, Result, Verdict
from faildrill.reports import headline, wording

FILE: Final = "junit.xml"
_PROPERTY_OUTAGES: Final = 50
"""Outages that are listed as properties: a page of a CI server shows all of them."""


def render(result: Result) -> bytes:
    """Return the file; valid for Jenkins' schema and for the older one of Ant."""
    return written([suite(result, result.drill)])


def written(suites: list[ET.Element]) -> bytes:
    """Return the file of some testsuites."""
    root = ET.Element("testsuites")
    root.extend(suites)
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def bare(name: str, findings: list[Finding], *, started: str, host: str) -> ET.Element:
    """Make the testsuite of findings that are of no run alone."""
    made = _suite(name, findings, _facts(started, host, 0), 0.0)
    ET.SubElement(made, "properties")
    made.extend(_testcases(findings, name))
    ET.SubElement(made, "system-out")
    ET.SubElement(made, "system-err")
    return made


def _suite(name: str, cases: list[Finding], facts: dict[str, str], duration: float) -> ET.Element:
    failures = sum(case.verdict is Verdict.FAILED for case in cases)
    errors = sum(case.verdict not in (Verdict.FAILED, Verdict.PASSED) for case in cases)
    counts = {"tests": str(len(cases)), "failures": str(failures), "errors": str(errors)}
    attributes = {"name": wording.plain(name), **counts, "time": f"{duration:.3f}", **facts, "package": "faildrill"}
    return ET.Element("testsuite", attributes)


def _facts(started: str, host: str, number: int) -> dict[str, str]:
    """Say when and where it was; the older schema wants a host, and this one where none is known."""
    return {"timestamp": _timestamp(started), "hostname": wording.plain(host) or "localhost", "id": str(number)}


def _testcases(cases: list[Finding], name: str) -> list[ET.Element]:
    place = f"faildrill.{_undotted(name)}"
    return [_case(finding, case, place) for finding, case in zip(cases, _names(cases), strict=True)]


def suite(result: Result, name: str, number: int = 0) -> ET.Element:
    """Make the testsuite of a run, called so, with its number in the file."""
    cases = _cases(result)
    made = _suite(name, cases, _facts(result.started, result.host, number), result.duration)
    made.append(_properties(result))
    made.extend(_testcases(cases, name))
    ET.SubElement(made, "system-out").text = _summary(result)
    ET.SubElement(made, "system-err")
    return made


def _cases(result: Result) -> list[Finding]:
    """Return the findings, the deciding one first, and one more where none of them says why the run did not pass."""
    is_bad = any(finding.verdict is not Verdict.PASSED for finding in result.findings)
    if is_bad or (result.verdict is Verdict.PASSED and result.findings):
        first = result.decided_by
        return [*result.findings[first : first + 1], *result.findings[:first], *result.findings[first + 1 :]]
    claim = f"the drill {result.drill} passes"
    return [*result.findings, Finding(kind="run", claim=claim, verdict=result.verdict, because=result.because)]


def unique(names: Iterable[str]) -> list[str]:
    """Return the names, a number added to each that was there before: a CI joins what is called the same.

    A dot is no difference, as no name of a class has one of its own.
    """
    taken: set[str] = set()
    times: Counter[str] = Counter()
    made = []
    for name in names:
        one = name
        while (key := _undotted(one)) in taken:
            times[name] += 1
            one = f"{name} ({times[name] + 1})"
        taken.add(key)
        made.append(one)
    return made


def _undotted(name: str) -> str:
    return name.replace(".", "-")


def _names(cases: list[Finding]) -> list[str]:
    return unique(wording.plain(case.claim) or case.kind for case in cases)


def _case(finding: Finding, name: str, place: str) -> ET.Element:
    class_ = wording.plain(f"{place}.{finding.kind}")
    case = ET.Element("testcase", {"name": name, "classname": class_, "time": "0"})
    if finding.verdict is not Verdict.PASSED:
        tag = "failure" if finding.verdict is Verdict.FAILED else "error"
        message = wording.plain(f"{finding.verdict.value}: {finding.because}")
        element = ET.SubElement(case, tag, {"type": finding.verdict.value, "message": message})
        element.text = _in_words(finding)
    return case


def _in_words(finding: Finding) -> str:
    lines = [f"{finding.verdict.value}: {finding.because}", f"expected: {finding.claim}"]
    if finding.advice:
        lines.append(f"next: {finding.advice}")
    if finding.evidence:
        lines.append(f"evidence: {', '.join(finding.evidence[:20])}")
    return "\n".join(wording.plain(line) for line in lines)


def _properties(result: Result) -> ET.Element:
    values = {
        "verdict": result.verdict.value,
        "because": result.because,
        "exit_code": str(result.exit_code),
        "run": result.run,
        "environment": result.environment,
        "identity": result.identity,
        "owner": result.owner,
        "runbook": result.runbook,
        "faildrill": result.version,
        "duration": f"{result.duration:.3f}",
    }
    outages = [outage for figures in result.probes for outage in figures.outages][:_PROPERTY_OUTAGES]
    for number, outage in enumerate(outages, 1):
        most = "" if outage.length.at_most is None else f"{outage.length.at_most:.6f}"
        values[f"outage.{number}.probe"] = outage.probe
        values[f"outage.{number}.at_least"] = f"{outage.length.at_least:.6f}"
        values[f"outage.{number}.at_most"] = most
    for name, words in headline.lines(result):
        key = f"headline.{name}"
        values[key] = f"{values[key]}; {words}" if key in values else words
    properties = ET.Element("properties")
    for name, value in values.items():
        ET.SubElement(properties, "property", {"name": name, "value": wording.plain(value)})
    return properties


def _timestamp(started: str) -> str:
    """Return the start in UTC without fractions or a zone: the older schema takes nothing else."""
    return wording.plain(started)[:19]


def _summary(result: Result) -> str:
    lines = [f"{result.verdict.value}: {result.because}"]
    lines += [f"{name}: {words}" for name, words in headline.lines(result)]
    lines += [
        f"{outage.probe} was dark {wording.bounds(outage.length)}"
        for figures in result.probes
        for outage in figures.outages[:20]
    ]
    return "\n".join(wording.plain(line) for line in lines)
