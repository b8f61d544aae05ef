"""What a job of GitHub Actions is told: escaped as GitHub reads it, and never more than it takes."""

from pathlib import Path

from faildrill.judging.result import Finding, Verdict
from faildrill.reports.workflow_commands import Told, annotations, outputs, summary


def broken(number: int, text: str = "down for 12 s") -> Finding:
    return Finding(kind="outage", claim=f"claim {number}", verdict=Verdict.FAILED, because=text)


def told(name: str = "crash", *findings: Finding, word: str = "FAILED", because: str = "it is so") -> Told:
    return Told(name, word, because, findings, Path("drills/crash.yaml"), {"outage": 17, "steps": 9})


def test_a_broken_expectation_is_an_error_in_the_line_in_which_it_is_expected() -> None:
    held = Finding(kind="errors", claim="few fail", verdict=Verdict.PASSED, because="none did")
    [line] = annotations([told("crash", held, broken(1))])
    assert line == "::error file=drills/crash.yaml,line=17,title=crash%3A FAILED::claim 1: down for 12 s"


def test_a_drill_that_broke_no_expectation_and_did_not_pass_is_an_error_itself() -> None:
    [line] = annotations([told(word="UNSAFE", because="not put back"), told("fine", word="PASSED")])
    assert line == "::error file=drills/crash.yaml,line=9,title=crash%3A UNSAFE::not put back"
    [bare] = annotations([Told("far", "not run", "run 1 was FAILED")])
    assert bare == "::error title=far%3A not run::run 1 was FAILED"


def test_there_are_never_more_than_ten() -> None:
    assert len(annotations([told("crash", *map(broken, range(8))), told("skew", *map(broken, range(8)))])) == 10


def test_no_text_ends_the_line_or_begins_another_command() -> None:
    wild = "100%\n::set-output name=x::y\r::error::z"
    [line] = annotations([Told("a,b:c\n::warning::", "FAILED", wild)])
    assert len(line.splitlines()) == 1
    assert line.startswith("::error title=a%2Cb%3Ac")
    assert "100%25" in line
    assert "\n" not in outputs(Verdict.PASSED, Path("x\nverdict=PASSED"), Path("p")).splitlines()[2]
    assert len(outputs(Verdict.PASSED, Path("x\nverdict=PASSED"), Path("p")).splitlines()) == 4


def test_a_summary_is_a_table_and_is_cut_to_what_github_takes() -> None:
    small = summary("nightly: FAILED", [told(because="a | b")])
    assert "| crash | FAILED | a \\| b |" in small
    large = summary("nightly: FAILED", [told(because="x" * 900) for _ in range(3_000)])
    assert len(large.encode()) <= 1 << 20
    assert large.endswith("and more: see the report\n")
    assert large.splitlines()[-4].startswith("| crash")
