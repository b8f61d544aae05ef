"""The reports of a set: side by side, honest where nobody knows, and harmless whatever it is called."""

import io
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from faildrill import reports
from faildrill.judging.numbers.user_impact import LedgerTotals, UserImpact
from faildrill.judging.result import Bounds, Finding, Verdict
from faildrill.judging.set_result import Failovers, RunOfSet, SetResult
from faildrill.reports import impact_table, set_text
from unit.reports import hostile
from unit.reports.reading import Read


def impact(**more: object) -> UserImpact:
    figures = {"looks": 1000, "failed": 0, "late": 0, "p50": [0.004, 0.0041], "p99": [0.01, 0.01], "tail": 0.0}
    return UserImpact(**{"probe": "users", "late_after": 1.0, **figures, **more})  # type: ignore[arg-type]


def run(number: int, name: str, *impacts: UserImpact, verdict: Verdict = Verdict.PASSED) -> RunOfSet:
    return RunOfSet(
        number=number,
        folder=f"run-{number}-abcdef",
        name=name,
        verdict=verdict,
        because="all 4 findings hold",
        duration=20.0,
        failover="done",
        failover_because="writer saw pg2 5 s after the start, pg1 before",
        warrants="needless",
        impacts=list(impacts),
        ledgers=[LedgerTotals(probe="ledger", acknowledged=500, lost=3, duplicated=0)],
    )


def of(*runs: RunOfSet, text: str = "skew") -> SetResult:
    return SetResult(
        set=text,
        sort="ways",
        drill=text,
        about=text,
        environment="lab",
        version="1",
        host=text,
        user=text,
        started="2026-11-22T10:00:00.000000Z",
        ended="2026-11-22T10:02:00.000000Z",
        verdict=Verdict.PASSED,
        because=text,
        conclusive=True,
        exit_code=0,
        members=[one.name for one in runs],
        times=1,
        seal="",
        seed="",
        findings=[Finding(kind="set", claim="all runs of the set are run", verdict=Verdict.PASSED, because=text)],
        runs=list(runs),
        warranted=Failovers(),
        needless=Failovers(runs=2, done=1, unknown=1),
    )


def told(result: SetResult, folder: Path) -> str:
    out = io.StringIO()
    set_text.summary(result, folder, out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("more", "column", "said"),
    [
        ({"failed": 250}, "failed", "250 of 1,000 (25%)"),
        ({"looks": 0}, "failed", "no look"),
        (
            {"outage": Bounds(at_least=3.9, at_most=6.1), "outages": 1},
            "longest outage",
            "at least 3.9 s, at most 6.1 s",
        ),
        ({"outage": Bounds(at_least=3.9, at_most=None)}, "longest outage", "not over when the looking ended"),
        ({"p99": [2.0, None]}, "p99", "at least 2 s"),
        ({"p99": [None, None]}, "p99", "a failed look"),
        (
            {"p99": [None, None], "failed": 146, "p99_good": [1.9, 1.9]},
            "p99",
            "a failed look (14.6% did); of the good ones 1.9 s",
        ),
        ({"p99": [0.5, 1.0]}, "p99", "500 ms to 1 s"),
        ({"p99": [0.99, 1.0]}, "p99", "1 s"),
        ({"tail": None, "is_over": False}, "tail after the answer", "not over when the looking ended"),
        ({"tail": None}, "tail after the answer", "nothing was answered"),
        ({"tail": 2.17}, "tail after the answer", "2.17 s"),
        ({}, "writes lost", "3 of 500"),
    ],
)
def test_each_figure_says_what_is_known(more: dict[str, object], column: str, said: str) -> None:
    figures = impact_table.figures(impact(**more), run(1, "one").ledgers)
    assert said in figures[impact_table.COLUMNS.index(column)].text


def test_the_worst_of_each_column_is_marked_on_the_page_and_every_run_has_its_row(tmp_path: Path) -> None:
    result = of(run(1, "left alone", impact(failed=10)), run(2, "failed over", impact(failed=250)))
    page = set_text.write(tmp_path, result).read_text()
    assert '<td class="worst">250 of 1,000 (25%)<i class="bar"' in page
    assert '<td>10 of 1,000 (1%)<i class="bar"' in page
    for text in (Read(page).text, told(result, tmp_path)):
        assert all(one in text for one in ("1. left alone", "2. failed over", "3 of 500", "in which"))
        assert "1 not known" in text


@pytest.mark.says(
    "A run that can't be judged at all is reported as such; the other runs of a set, and of `faildrill recover`, "
    "are judged."
)
def test_a_set_is_a_testsuite_and_so_is_what_it_says_of_a_run_that_can_not_be_judged(tmp_path: Path) -> None:
    lost = run(1, "left alone", verdict=Verdict.INCONCLUSIVE)
    set_text.write(tmp_path, of(lost))
    [suite] = ET.parse(tmp_path / "junit.xml").getroot()  # noqa: S314 - our own file
    assert (suite.get("tests"), suite.get("errors"), suite.get("failures")) == ("2", "1", "0")


@pytest.mark.parametrize("text", hostile.STRINGS)
def test_whatever_a_set_is_called_is_only_ever_text(text: str, tmp_path: Path) -> None:
    result = of(run(1, text, impact(probe=text, failed=1)), run(2, text, impact(probe=text)), text=text)
    page = Read((set_text.write(tmp_path, result)).read_text())
    assert not {"script", "img", "iframe", "boom"} & {tag for tag, _ in page.elements}
    assert not [one for tag, one in page.elements for name in one if name.startswith("on")]
    ET.parse(tmp_path / "junit.xml")  # noqa: S314 - our own file
    assert "\x1b" not in told(result, tmp_path)
    assert (tmp_path / reports.PAGE).stat().st_size < 1_000_000
