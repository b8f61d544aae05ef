import re
import xml.etree.ElementTree as ET

import msgspec
import pytest

from faildrill.judging.result import Finding, Result, Verdict
from faildrill.reports import junit
from unit.reports import hostile, judged

SUITE = {"name", "tests", "failures", "errors", "time", "timestamp", "hostname", "id", "package"}


def parsed(result: Result) -> ET.Element:
    root = ET.fromstring(junit.render(result))  # noqa: S314 - our own output is what is tested
    suite = root.find("testsuite")
    assert suite is not None
    return suite


def with_findings(*verdicts: Verdict, of: Verdict) -> Result:
    findings = [Finding(kind="outage", claim="pay is up", verdict=one, because="it was not") for one in verdicts]
    return msgspec.structs.replace(judged.result(verdict=of), findings=findings)


def test_every_finding_is_a_test_case_of_the_drill() -> None:
    suite = parsed(judged.result())
    assert suite.get("name") == "postgres-primary-crash"
    assert [one.get("name") for one in suite.iter("testcase")] == [one.claim for one in judged.findings()]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("4", "0", "0")


@pytest.mark.parametrize("verdict", [one for one in Verdict if one is not Verdict.PASSED])
def test_no_run_that_did_not_pass_is_green(verdict: Verdict) -> None:
    for findings in ([], [Verdict.PASSED], [verdict]):
        suite = parsed(with_findings(*findings, of=verdict))
        red = [*suite.iter("failure"), *suite.iter("error")]
        assert len(red) == 1
        assert red[0].get("type") == verdict.value
        assert int(suite.get("failures", 0)) + int(suite.get("errors", 0)) == 1


def test_a_broken_expectation_is_a_failure_and_what_proves_nothing_an_error() -> None:
    suite = parsed(with_findings(Verdict.FAILED, Verdict.INCONCLUSIVE, Verdict.UNSAFE, of=Verdict.UNSAFE))
    assert (suite.get("failures"), suite.get("errors")) == ("1", "2")
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.get("message") == "FAILED: it was not"
    assert "expected: pay is up" in (failure.text or "")


def test_cases_of_one_claim_keep_different_names() -> None:
    suite = parsed(with_findings(Verdict.PASSED, Verdict.FAILED, of=Verdict.FAILED))
    assert [one.get("name") for one in suite.iter("testcase")] == ["pay is up", "pay is up (2)"]


def test_no_case_takes_the_name_that_another_was_given_to_be_different() -> None:
    for claims in (["a", "a (2)", "a"], ["a (2)", "a", "a"], ["a", "a", "a (2)", "a (2)"]):
        findings = [Finding(kind="outage", claim=claim, verdict=Verdict.PASSED, because="so") for claim in claims]
        suite = parsed(msgspec.structs.replace(judged.result(), findings=findings))
        names = [one.get("name") for one in suite.iter("testcase")]
        assert len({*names}) == len(claims), names


def test_runs_that_are_called_the_same_stay_apart() -> None:
    names = junit.unique(["crash", "crash", "crash (2)", "a.b", "a-b", "crash"])
    assert names == ["crash", "crash (2)", "crash (2) (2)", "a.b", "a-b (2)", "crash (3)"]
    assert len({*(name.replace(".", "-") for name in names)}) == len(names), "a dot begins another class"


def test_verdict_and_bounds_are_properties() -> None:
    values = {one.get("name"): one.get("value") for one in parsed(judged.result()).iter("property")}
    assert values["verdict"] == "PASSED"
    assert values["outage.1.probe"] == "pay"
    assert float(values["outage.1.at_least"] or 0) < 20.04 <= float(values["outage.1.at_most"] or 0)


def test_the_file_has_the_shape_that_both_common_schemas_ask_for() -> None:
    root = ET.fromstring(junit.render(judged.result()))  # noqa: S314 - our own output is what is tested
    assert root.tag == "testsuites"
    assert not root.attrib
    for suite in root:
        assert set(suite.attrib) == SUITE
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.attrib["timestamp"])
        order = [one.tag for one in suite]
        assert order == ["properties", *["testcase"] * (len(order) - 3), "system-out", "system-err"]
        for case in suite.iter("testcase"):
            assert set(case.attrib) == {"name", "classname", "time"}
            assert all(set(one.attrib) == {"type", "message"} for one in case)


@pytest.mark.parametrize("text", hostile.STRINGS)
def test_hostile_strings_stay_text(text: str) -> None:
    suite = parsed(judged.result(hostile.put_into(text)))
    allowed = {"testsuite", "properties", "property", "testcase", "failure", "error", "system-out", "system-err"}
    assert {one.tag for one in suite.iter()} <= allowed
    assert len(list(suite.iter("testcase"))) == 4
