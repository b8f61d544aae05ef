import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner, Result

from faildrill import judging
from faildrill.cli import named_runs, trends
from faildrill.cli.main import cli
from faildrill.clock import SystemClock, boot_id
from faildrill.history.index import opened
from faildrill.history.trend import Level, weigh
from faildrill.judging.result import Bounds, Verdict
from faildrill.record import chain, notes, run_set, timeline
from faildrill.record.journal import seal, unseal
from unit.history import made
from unit.history.nights import Sort, drawn
from unit.reports import crash

Command = Callable[..., Result]
LENGTH: Final = Bounds(at_least=19.8, at_most=20.2)


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """Forty nights, the last ten of them a fifth longer."""
    for number, length in enumerate(made.as_bounds(drawn(Sort(), 3, 40, step=30))):
        made.record(tmp_path, number, length)
    return tmp_path


@pytest.fixture
def called(reports: Path) -> Command:
    return lambda *words: CliRunner().invoke(cli, [*words, "--reports", str(reports)])


def test_history_lists_the_latest_last_and_says_how_many_there_are(called: Command, reports: Path) -> None:
    lines = called("history", "-n", "2").stdout.splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["2026-02-08T02:00:00", "2026-02-09T02:00:00"]
    assert lines[2] == f"2 runs of 40 in {reports}"


def test_what_can_not_be_counted_is_told_by_every_command_that_counts(called: Command, reports: Path) -> None:
    folder = made.record(reports, 50, None)
    (folder / judging.FILE).unlink()
    for words in (("history",), ("trend",), ("prune", "--older-than", "1d")):
        told = f"not counted: {folder.name}: it was never judged: faildrill judge it"
        assert told in called(*words).stderr


def now(run: Path) -> None:
    """Have a run be of this boot."""
    line = unseal((run / timeline.FILE).read_bytes().rstrip())
    assert line is not None
    (run / timeline.FILE).write_bytes(seal(line.replace(b'"boot":"boot"', f'"boot":"{boot_id()}"'.encode())))


def test_of_very_many_the_last_run_is_the_one_that_ended_last_though_the_clock_was_set_back_by_years(
    tmp_path: Path,
) -> None:
    for number in range(70, 140):
        made.record(tmp_path, number, LENGTH)
    last = made.record(tmp_path, 0, LENGTH)
    now(last)
    assert named_runs.find("last", tmp_path) != last, "nothing but the chain tells"
    begun = chain.Begun(run=last.name, drill=made.DRILL, environment="staging", start="")
    chain.append(tmp_path, begun, SystemClock())
    with (tmp_path / chain.FILE).open("ab") as file:
        file.write(b"torn")
    assert named_runs.find("last", tmp_path) == last


def test_a_chain_that_names_what_is_not_there_leads_nowhere(tmp_path: Path) -> None:
    for number in range(70):
        made.record(tmp_path / "reports", number, LENGTH)
    outside = made.record(tmp_path, 0, LENGTH)
    now(outside)
    for name in (f"../{outside.name}", outside.name, "."):
        begun = chain.Begun(run=name, drill=made.DRILL, environment="staging", start="")
        chain.append(tmp_path / "reports", begun, SystemClock())
    assert named_runs.find("last", tmp_path / "reports").name.endswith("-000045")


def test_a_run_in_a_suite_is_found_by_its_id_among_very_many(tmp_path: Path) -> None:
    inner = made.record(tmp_path / "suite", 7, LENGTH)
    (tmp_path / "suite" / run_set.FILE).touch()
    for number in range(10, 90):
        made.record(tmp_path, number, LENGTH)
    assert named_runs.find("000007", tmp_path) == inner
    assert named_runs.find("00002a", tmp_path).parent == tmp_path


def test_a_drill_that_never_ran_is_told_with_those_that_did(called: Command) -> None:
    for words in (("history", "nothing"), ("trend", "nothing")):
        done = called(*words)
        assert done.exit_code == 2
        assert made.DRILL in done.stderr


def test_only_a_regression_gates_and_only_when_asked_to(called: Command) -> None:
    assert called("trend", made.DRILL).exit_code == 0
    done = called("trend", made.DRILL, "--fail-on-regression")
    assert done.exit_code == 1
    assert done.stdout.startswith("primary-crash in staging: REGRESSION\n  outages are longer since ")


def test_people_are_told_of_regressions_alone_and_of_what_ends_them(reports: Path) -> None:
    with opened(reports) as index:
        [one] = [weigh(index.runs_of(series)) for series in index.series()]
    told = trends.notice([one])
    assert told is not None
    assert (told.title, told.sort) == ("drill REGRESSION: primary-crash in staging", "alert")
    assert told.body.startswith("primary-crash in staging: outages are longer since ")
    assert "faildrill rebaseline RUN --because WHY" in told.body
    assert trends.notice([replace(one, level=Level.NOTICE)]) is None


def test_where_nobody_could_be_told_of_a_trend_it_is_said_at_once(called: Command) -> None:
    done = called("trend", made.DRILL, "--notify", "env:NOWHERE")
    assert done.exit_code == 2
    assert "env:NOWHERE: the variable is not set" in done.stderr


def test_a_person_explains_a_regression_and_it_gates_no_more(called: Command, reports: Path) -> None:
    since = json.loads(called("trend", made.DRILL, "-o", "json").stdout)[0]["since"]
    assert called("rebaseline", since, "--because", "the database grew").exit_code == 0
    done = called("trend", made.DRILL, "--fail-on-regression")
    assert done.exit_code == 0
    assert f"seam at {since}: a new baseline, says " in done.stdout
    assert json.loads((reports / since / "baseline.json").read_text())["because"] == "the database grew"


def test_a_baseline_needs_a_reason_and_a_run_that_measured_something(called: Command, reports: Path) -> None:
    assert called("rebaseline", "last", "--because", " ").exit_code == 2
    refused = made.record(reports, 60, None, verdict=Verdict.REFUSED)
    done = called("rebaseline", refused.name, "--because", "so it is")
    assert done.exit_code == 2
    assert done.stderr == f"{refused.name} is no start of a baseline: the run was REFUSED\n"


def test_the_page_of_a_trend_draws_every_run_and_holds_no_script(called: Command, tmp_path: Path) -> None:
    page = tmp_path / "trend.html"
    assert called("trend", "--page", str(page)).exit_code == 0
    text = page.read_text(encoding="utf-8")
    assert text.count("PASSED, at least ") == 40
    assert "<script" not in text
    assert "default-src &#39;none&#39;" in text or "default-src 'none'" in text


def test_compare_says_what_the_bounds_prove(called: Command, reports: Path) -> None:
    short = made.record(reports, 70, Bounds(at_least=10.0, at_most=11.0))
    long = made.record(reports, 71, Bounds(at_least=15.0, at_most=16.0))
    wide = made.record(reports, 72, Bounds(at_least=10.5, at_most=30.0), declared=made.drill(5.0))
    done = called("compare", short.name, long.name)
    assert "the outage of the second run was surely longer, by 4 s at the least" in done.stdout
    assert "surely shorter, by 4 s" in called("compare", long.name, short.name).stdout
    overlapping = called("compare", short.name, wide.name).stdout
    assert "their bounds overlap" in overlapping
    assert "but they were measured differently: the cadence changed from 50 ms to 5 s" in overlapping


def test_show_judges_a_run_again_from_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "20261122-103000-postgres-primary-crash-4f2a91c0"
    folder.mkdir()
    crash.write(folder)
    judging.write(folder, judging.judge(folder))
    done = CliRunner().invoke(cli, ["show", str(folder)])
    assert "judged again       the same, byte by byte" in done.stdout
    (folder / judging.FILE).write_bytes((folder / judging.FILE).read_bytes() + b"\n")
    assert "NOT the same as result.json" in CliRunner().invoke(cli, ["show", str(folder)]).stdout


def test_prune_lists_and_removes_only_what_nothing_rests_on(called: Command, reports: Path) -> None:
    for number in range(40, 80):
        made.record(reports, number, Bounds(at_least=20.0, at_most=20.1), verdict=Verdict.FAILED)
    kept = made.record(reports, 200, None, declared=made.drill(name="other"))
    noted = next(reports.glob("20260104T*"))
    notes.append(noted, notes.Note(by="ada", account="ada", written="2026-02-01T00:00:00Z", text="the pager rang"))
    unsafe = next(reports.glob("20260103T*"))
    judging.write(unsafe, made.result(unsafe.name, 2, None, Verdict.UNSAFE))
    called("rebaseline", next(reports.glob("20260105T*")).name, "--because", "moved")
    before = sorted(one.name for one in reports.glob("2*"))
    listed = called("prune", "--older-than", "1d")
    assert listed.stdout.splitlines()[-1] == "17 runs could go; --yes removes them"
    assert sorted(one.name for one in reports.glob("2*")) == before
    assert called("prune", "--older-than", "1d", "--yes").stdout.splitlines()[-1] == "17 runs removed"
    left = {one.name for one in reports.glob("2*")}
    assert {kept.name, unsafe.name, noted.name} <= left
    assert len(left) == len(before) - 17
    assert called("history").stdout.splitlines()[-1] == f"20 runs of 64 in {reports}"
