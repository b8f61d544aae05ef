import json
import os
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from faildrill import judging
from faildrill.cli import judge, named_runs
from faildrill.errors import WrongUsage
from faildrill.reports import run_files
from unit.reports import crash

NAME = "20261122-103000-postgres-primary-crash-4f2a91c0"
REPORTS = {"junit.xml", "report.md", "report.html", "result.json"}


def test_judge_prints_the_verdict_exits_by_it_and_writes_the_result_only(run: Path) -> None:
    before = {one.name for one in run.iterdir()}
    done = CliRunner().invoke(judge.judge, [str(run)])
    assert done.exit_code == 0
    assert done.output.splitlines()[-1].strip().startswith("PASSED")
    assert {one.name for one in run.iterdir()} - before == {"result.json"}


def test_judging_again_gives_the_same_bytes(run: Path) -> None:
    CliRunner().invoke(judge.judge, [str(run)])
    first = (run / "result.json").read_bytes()
    CliRunner().invoke(judge.judge, [str(run)])
    assert (run / "result.json").read_bytes() == first


def test_json_output_is_the_result_and_nothing_else(run: Path) -> None:
    done = CliRunner().invoke(judge.judge, [str(run), "-o", "json"])
    assert done.stdout.encode() == (run / "result.json").read_bytes()
    assert json.loads(done.stdout)["verdict"] == "PASSED"


def test_report_writes_all_of_them_with_the_notes_of_now(run: Path) -> None:
    (run / "notes.md").write_text("Ada saw it first.", encoding="utf-8")
    done = CliRunner().invoke(judge.report, [str(run)])
    assert done.exit_code == 0
    assert {one.name for one in run.iterdir()} >= REPORTS
    assert str(run / "report.html") in done.output
    assert "Ada saw it first." in (run / "report.md").read_text(encoding="utf-8")


def test_notes_change_no_verdict(run: Path) -> None:
    CliRunner().invoke(judge.report, [str(run)])
    before = (run / "result.json").read_bytes()
    (run / "notes.md").write_text("verdict: FAILED", encoding="utf-8")
    CliRunner().invoke(judge.report, [str(run)])
    assert (run / "result.json").read_bytes() == before


def test_a_report_that_cannot_be_written_hides_no_verdict(run: Path) -> None:
    (run / "report.html").unlink(missing_ok=True)
    (run / "report.html").mkdir()  # which no file takes the place of
    done = CliRunner().invoke(judge.report, [str(run)])
    assert done.exit_code == 0
    assert "are not all written" in done.stderr
    assert "PASSED" in done.stdout


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_judged_all_the_same(run: Path) -> None:
    run.chmod(stat.S_IRUSR | stat.S_IXUSR)
    done = CliRunner().invoke(judge.judge, [str(run)])
    run.chmod(stat.S_IRWXU)
    assert done.exit_code == 0
    assert "result.json is not written" in done.stderr


def test_a_run_is_found_by_its_folder_its_id_and_as_the_last(run: Path) -> None:
    older = run.parent / "20261121-103000-postgres-switchover-aa11bb22"
    older.mkdir()
    crash.write(older)
    for name in (NAME, "4f2a91c0", "4f2a", "last", str(run)):
        assert named_runs.find(name, run.parent) == run


@pytest.mark.parametrize("name", ["", "../" + NAME, "4f2b", "nothing", "/", "4f2a\x0091"])
def test_a_name_that_is_none_of_the_runs_names_nothing(name: str, run: Path) -> None:
    older = run.parent / "20261121-103000-postgres-switchover-4faabb22"
    older.mkdir()
    crash.write(older)
    with pytest.raises(WrongUsage):
        named_runs.find(name, run.parent)


def test_an_unknown_run_is_answered_with_those_that_are_there(run: Path) -> None:
    with pytest.raises(WrongUsage, match=NAME):
        named_runs.find("nothing", run.parent)


def test_conclude_returns_what_judging_says(run: Path) -> None:
    assert run_files.conclude(run) == judging.judge(run)
