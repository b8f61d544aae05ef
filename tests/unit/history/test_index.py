import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import pytest

from faildrill import judging
from faildrill.history.comparability import differences
from faildrill.history.index import FILE, opened
from faildrill.history.run_conditions import conditions
from faildrill.history.run_summary import Baseline, RunSummary
from faildrill.judging.result import Bounds, Verdict
from faildrill.record import notes, run_set, timeline
from unit.history import made

LENGTH = Bounds(at_least=19.8, at_most=19.9)


def everything(reports: Path, *, anew: bool = False) -> tuple[list[RunSummary], list[tuple[str, str]]]:
    with opened(reports, anew=anew) as index:
        return index.latest(1_000), [(one.folder, one.because) for one in index.untold()]


def test_what_was_added_to_the_index_is_what_a_rebuilt_one_holds(tmp_path: Path) -> None:
    for number in range(3):
        made.record(tmp_path, number, LENGTH)
        everything(tmp_path)
    assert everything(tmp_path) == everything(tmp_path, anew=True)
    assert [one.at_least for one in everything(tmp_path)[0]] == [19.8] * 3


def test_a_run_that_was_judged_again_is_read_again_and_one_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    first, second = made.record(tmp_path, 0, LENGTH), made.record(tmp_path, 1, LENGTH)
    everything(tmp_path)
    judging.write(first, made.result(first.name, 0, Bounds(at_least=5.0, at_most=6.0)))
    for file in second.iterdir():
        file.unlink()
    second.rmdir()
    [told] = everything(tmp_path)[0]
    assert (told.run, told.at_least) == (first.name, 5.0)


def test_an_index_that_is_broken_or_of_another_version_is_made_anew(tmp_path: Path) -> None:
    made.record(tmp_path, 0, LENGTH)
    whole = everything(tmp_path)
    (tmp_path / FILE).write_bytes(b"no database" * 1_000)
    assert everything(tmp_path) == whole
    with sqlite3.connect(tmp_path / FILE) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    assert everything(tmp_path) == whole


def test_a_folder_that_takes_no_index_is_told_of_all_the_same(tmp_path: Path) -> None:
    made.record(tmp_path, 0, LENGTH)
    (tmp_path / FILE).mkdir()
    assert len(everything(tmp_path)[0]) == 1


def test_runs_of_sets_and_suites_are_there(tmp_path: Path) -> None:
    (tmp_path / "20260101T020000Z-nightly-suite-aa").mkdir()
    (tmp_path / "20260101T020000Z-nightly-suite-aa" / "set.jsonl").touch()
    inner = made.record(tmp_path / "20260101T020000Z-nightly-suite-aa", 0, LENGTH)
    [told] = everything(tmp_path)[0]
    assert told.folder == str(inner.relative_to(tmp_path))
    made.record(tmp_path / "20260101T020000Z-nightly-suite-aa", 1, LENGTH)
    assert len(everything(tmp_path)[0]) == 2


def test_a_run_that_was_judged_again_is_told_though_the_index_can_not_be_written(tmp_path: Path) -> None:
    first = made.record(tmp_path, 0, LENGTH)
    everything(tmp_path)
    judging.write(first, made.result(first.name, 0, Bounds(at_least=5.0, at_most=6.0)))
    with sqlite3.connect(tmp_path / FILE) as other:
        other.execute("CREATE TRIGGER nobody BEFORE DELETE ON folders BEGIN SELECT raise(ABORT, 'read only'); END")
        other.execute("CREATE TRIGGER no_one BEFORE INSERT ON folders BEGIN SELECT raise(ABORT, 'read only'); END")
    other.close()
    [told] = everything(tmp_path)[0]
    assert told.at_least == 5.0


SERIES: Final = (made.DRILL, "staging", "")


def judged(folder: Path, verdict: Verdict) -> None:
    """Have a run be judged again, with another verdict."""
    number = int(folder.name.rpartition("-")[2], 16)
    judging.write(folder, made.result(folder.name, number, LENGTH, verdict))


def test_a_run_that_was_judged_again_is_found_by_its_new_verdict_and_by_the_old_one_no_more(tmp_path: Path) -> None:
    folders = [made.record(tmp_path, number, LENGTH) for number in range(5)]
    everything(tmp_path)
    judged(folders[2], Verdict.FAILED)
    judged(folders[4], Verdict.FAILED)
    with opened(tmp_path) as index:
        assert index.last_of(SERIES, Verdict.PASSED) == index.runs_of(SERIES)[3]
    judged(folders[4], Verdict.PASSED)
    with opened(tmp_path) as index:
        last = index.last_of(SERIES, Verdict.FAILED)
        assert last is not None
        assert last.folder == folders[2].name
        assert index.last_of(SERIES, Verdict.FAILED, last.started) is None
    judged(folders[3], Verdict.FAILED)
    with opened(tmp_path) as index:
        later = index.last_of(SERIES, Verdict.FAILED)
        assert later is not None
        assert later.folder == folders[3].name
        assert index.verdicts()[SERIES] == {Verdict.PASSED: 3, Verdict.FAILED: 2}


def test_a_run_in_a_suite_is_told_once_it_is_judged_and_no_more_once_it_is_gone(tmp_path: Path) -> None:
    suite = tmp_path / "20260101T020000Z-nightly-suite-aa"
    inner = made.record(suite, 0, LENGTH)
    (suite / run_set.FILE).touch()
    content = (inner / judging.FILE).read_bytes()
    (inner / judging.FILE).unlink()
    assert everything(tmp_path)[1] == [(f"{suite.name}/{inner.name}", "it was never judged: faildrill judge it")]
    (inner / judging.FILE).write_bytes(content)
    runs, untold = everything(tmp_path)
    assert [run.folder for run in runs] == [f"{suite.name}/{inner.name}"]
    assert untold == []
    shutil.rmtree(inner)
    assert everything(tmp_path) == ([], [])


def test_what_a_person_said_since_it_was_last_looked_at_keeps_a_run(tmp_path: Path) -> None:
    folders = [made.record(tmp_path, number, LENGTH) for number in range(70)]
    before = made.night(200)
    with opened(tmp_path) as index:
        assert [run.folder for run in index.removable(before)] == [one.name for one in folders[:10]]
    (folders[1] / notes.FILE).touch()
    (folders[2] / "baseline.json").write_bytes(msgspec.json.encode(Baseline(by="a", at="b", because="c")))
    judged(folders[3], Verdict.UNSAFE)
    with opened(tmp_path) as index:
        kept = {folders[number].name for number in (1, 2, 3)}
        assert {run.folder for run in index.removable(before)} == {one.name for one in folders[:10]} - kept


def test_a_result_of_a_newer_version_is_told_as_not_counted(tmp_path: Path) -> None:
    folder = made.record(tmp_path, 0, LENGTH)
    text = (folder / judging.FILE).read_text()
    (folder / judging.FILE).write_text(text.replace("{", '{"format": 9,', 1))
    os.utime(folder)
    assert everything(tmp_path) == (
        [],
        [(folder.name, "result.json is of format 9, this version reads 1: update faildrill")],
    )


@pytest.mark.parametrize(
    ("file", "content", "why"),
    [
        (judging.FILE, None, "it was never judged: faildrill judge it"),
        (judging.FILE, b"{", "result.json is none that this version reads"),
        (timeline.FILE, b"{}\n", "the first line of timeline.jsonl is no start of a run: it was altered"),
        (timeline.FILE, b"", "the first line of timeline.jsonl is no start of a run: it was altered"),
        ("baseline.json", b"[]", "baseline.json can't be read"),
    ],
    ids=["not judged", "no result", "altered", "empty", "no baseline"],
)
def test_a_folder_that_can_not_be_read_is_told(tmp_path: Path, file: str, content: bytes | None, why: str) -> None:
    folder = made.record(tmp_path, 0, LENGTH)
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_bytes(content)
    runs, [(name, because)] = everything(tmp_path)
    assert runs == []
    assert name == folder.name
    assert because.startswith(why)


def test_a_pipe_in_place_of_a_result_holds_nobody_up(tmp_path: Path) -> None:
    folder = made.record(tmp_path, 0, LENGTH)
    (folder / judging.FILE).unlink()
    os.mkfifo(folder / judging.FILE)
    assert everything(tmp_path)[1] == [(folder.name, "result.json is no regular file")]


def test_a_run_that_was_aborted_in_its_outage_has_no_upper_bound(tmp_path: Path) -> None:
    made.record(tmp_path, 0, LENGTH, verdict=Verdict.ABORTED)
    [told] = everything(tmp_path)[0]
    assert (told.at_least, told.at_most, told.unmeasured) == (19.8, None, "")


def test_a_run_without_an_outage_was_dark_for_as_long_as_could_hide_at_the_most(tmp_path: Path) -> None:
    made.record(tmp_path, 0, None)
    [told] = everything(tmp_path)[0]
    assert (told.at_least, told.at_most) == (0.0, 0.1)


def test_a_refused_run_measured_nothing(tmp_path: Path) -> None:
    made.record(tmp_path, 0, None, verdict=Verdict.REFUSED)
    [told] = everything(tmp_path)[0]
    assert told.unmeasured == "the run was REFUSED"


def test_other_ports_are_no_other_conditions_and_another_fault_is() -> None:
    first = conditions(made.drill(), made.place(), "pay")
    moved = made.drill()
    moved["probes"][0]["use"]["params"]["url"] = "http://10.0.0.7:80/pay"
    moved["steps"][0]["use"]["params"]["cluster"]["port"] = 2
    assert differences(first, conditions(moved, made.place(), "pay")) == []
    other = differences(first, conditions(made.drill(kind="patroni.switchover"), made.place("a", "b", "c"), "pay"))
    assert [one.split(" changed")[0] for one in other] == ["the fault", "the topology"]


def test_an_index_of_many_runs_is_rebuilt_fast_and_answers_at_once(
    tmp_path: Path, many: Callable[[int, int], int], figure: Callable[[str], None]
) -> None:
    runs = many(300, 100_000)
    declared = [made.drill(name=f"drill-{number}") for number in range(30)]
    for number in range(runs):
        made.record(tmp_path, number, LENGTH, declared=declared[number % 30])
    times = []
    for anew in (True, False):
        start = time.monotonic()
        with opened(tmp_path, anew=anew) as index:
            index.latest(20)
        times.append(time.monotonic() - start)
    size = (tmp_path / FILE).stat().st_size
    figure(f"history of {runs:,} runs: rebuilt in {times[0]:.1f} s, {size >> 20} MiB, then opened in {times[1]:.2f} s")
    last = max(one.name for one in tmp_path.iterdir() if one.is_dir())
    drills = str(Path(__file__).parents[3] / "drills")
    commands = (
        *(["history"], ["compare", "last", last.rpartition("-")[2]]),
        *(["trend", "drill-3"], ["trend"], ["next", drills], ["prune", "--older-than", "90d"], ["metrics"]),
    )
    for words in commands if runs > 1_000 else commands[:1]:
        start = time.monotonic()
        command = [sys.executable, "-m", "faildrill", *words, "--reports", str(tmp_path)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        figure(f"history of {runs:,} runs: `faildrill {' '.join(words)}` answered in {time.monotonic() - start:.2f} s")
    assert times[0] <= 60
    assert times[1] <= 1.0 if runs > 1_000 else True
    assert size <= 1 << 30
