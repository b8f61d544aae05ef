"""Judging is pure: the same files give the same bytes, and the shape of the bytes is published."""

import json
import shutil
from pathlib import Path

import jsonschema
import msgspec
import pytest
from click.testing import CliRunner

from faildrill import judging
from faildrill.cli.main import cli
from faildrill.judging.evidence import gather
from faildrill.judging.result import Result, Verdict
from faildrill.record.samples import SIZE, Files, Outcome, Recorder, Sample
from faildrill.record.timeline import (
    Fenced,
    ProberStarted,
    RunEnded,
    RunnerDied,
    SteadyAgain,
    Timeline,
    Undoing,
    UndoNotVerified,
    UndoVerified,
)
from unit.judging.runs import END, FAULT, Run, SetClock, ns, probe, step, ticks, wait

EXPECT = [
    {"outage": {"of": "pay", "at_most": "30s"}},
    {"errors": {"of": "pay", "at_most": "50%"}},
    {"latency": {"of": "pay", "p99": "20ms", "when": "before"}},
    {"writers": {"of": "writer"}},
    {"steady_again": {"within": "1m"}},
]


def crash() -> Run:
    probes = [probe(), probe("writer", 0.1, "patroni.writer")]
    run = Run(expect=EXPECT, probes=probes, steps=[step(), wait()], slow={"pay": 0.05, "writer": 0.05}).usual()
    run.good().saw(ticks(FAULT, FAULT + 3), Outcome.REFUSED)
    run.good("writer", 0.1, who="pg1").saw(ticks(FAULT, FAULT + 2, 0.1), Outcome.WRONG, name="writer")
    return run.saw(ticks(FAULT + 2, 20, 0.1), Outcome.OK, name="writer", who="pg2")


@pytest.mark.says("A verdict is a pure function of the files of a run: the timeline and the samples.")
def test_the_same_files_give_the_same_bytes_in_any_folder(tmp_path: Path) -> None:
    folder = crash().write(tmp_path / "here")
    first = judging.encode(judging.judge(folder))
    elsewhere = shutil.copytree(folder, tmp_path / "there")
    assert judging.encode(judging.judge(Path(elsewhere))) == first
    assert str(tmp_path).encode() not in first


def test_judging_writes_nothing_until_it_is_asked_to(tmp_path: Path) -> None:
    folder = crash().write(tmp_path)
    before = sorted(path.name for path in folder.iterdir())
    result = judging.judge(folder)
    assert sorted(path.name for path in folder.iterdir()) == before
    path = judging.write(folder, result)
    assert sorted(one.name for one in folder.iterdir()) == sorted([*before, "result.json"])
    assert msgspec.json.decode(path.read_bytes(), type=Result) == result


@pytest.mark.says("`faildrill schema result` prints its JSON Schema.")
def test_a_result_is_what_its_schema_says(tmp_path: Path) -> None:
    result = judging.judge(crash().write(tmp_path))
    schema = json.loads(CliRunner().invoke(cli, ["schema", "result"]).output)
    jsonschema.validate(json.loads(judging.encode(result)), schema)


@pytest.mark.says("`conclusive` is true where the verdict is PASSED or FAILED, and false otherwise.")
def test_a_result_is_conclusive_where_it_passed_or_failed(tmp_path: Path) -> None:
    assert [one for one in Verdict if one.conclusive] == [Verdict.FAILED, Verdict.PASSED]
    written = json.loads(judging.encode(judging.judge(crash().write(tmp_path))))
    assert (written["verdict"], written["conclusive"]) == ("PASSED", True)


def test_the_schema_is_the_published_one() -> None:
    """A change of result.json is seen here first: renew the file, and raise FORMAT when a reader would trip."""
    published = Path(__file__).with_name("result.schema.json")
    assert json.loads(published.read_text(encoding="utf-8")) == judging.schema()


@pytest.mark.says(
    "They are `first_dark` (first proven dark), `detected` (`patroni.writer` hears that nobody holds the lead any "
    "more, or that another one does; that the old writer is not seen is no detection: the probe sees that at once), "
    "`new_writer` (another one is named), `first_good` (first good answer), `stable` (good for the hold time)."
)
def test_an_outage_is_split_into_phases_since_the_fault(tmp_path: Path) -> None:
    noticed = crash().saw(ticks(FAULT + 1, FAULT + 2, 0.1), Outcome.WRONG, name="writer", detail="no writer; unlocked")
    phases = judging.judge(noticed.write(tmp_path)).probes[0].outages[0].phases
    assert list(phases) == ["first_dark", "detected", "new_writer", "first_good", "stable"]
    assert 1.0 <= phases["detected"] < 1.1
    assert 2.0 <= phases["new_writer"] < 2.1
    assert 3.0 <= phases["first_good"] < 3.05
    assert phases["stable"] == phases["first_good"] + 1.0


@pytest.mark.says(
    "They are `first_dark` (first proven dark), `detected` (`patroni.writer` hears that nobody holds the lead any "
    "more, or that another one does; that the old writer is not seen is no detection: the probe sees that at once), "
    "`new_writer` (another one is named), `first_good` (first good answer), `stable` (good for the hold time)."
)
def test_a_writer_that_is_only_unseen_is_not_detected_before_another_one_is_named(tmp_path: Path) -> None:
    """The probe sees a dead writer at once; who manages it notices when it says so, or acts."""
    phases = judging.judge(crash().write(tmp_path)).probes[0].outages[0].phases
    assert phases["detected"] == phases["new_writer"] >= 2.0


def test_an_outage_while_all_is_put_back_is_split_since_its_undo_began(tmp_path: Path) -> None:
    run = Run(expect=EXPECT[:1]).usual().good().saw(ticks(15.2, 15.6), Outcome.REFUSED)
    (outage,) = judging.judge(run.write(tmp_path)).probes[0].outages
    assert 0.2 <= outage.phases["first_dark"] < 0.21


def test_a_writer_that_moved_in_an_earlier_outage_is_no_phase_of_a_later_one(tmp_path: Path) -> None:
    outages = judging.judge(crash().saw(ticks(10, 11), Outcome.REFUSED).write(tmp_path)).probes[0].outages
    assert ["new_writer" in one.phases for one in outages] == [True, False]


def test_silence_is_told_by_the_warm_up(tmp_path: Path) -> None:
    quick = Run(slow={"pay": 0.06}).usual().good()
    assert gather(quick.write(tmp_path)).slow("pay") == 60_000_000


def test_a_slow_limit_is_never_longer_than_a_look_may_take(tmp_path: Path) -> None:
    run = Run(slow={"pay": 4.0}).usual().good()
    assert gather(run.write(tmp_path)).slow("pay") == 500_000_000


def test_the_story_tells_who_wrote_before_and_after(tmp_path: Path) -> None:
    told = [one.text for one in judging.judge(crash().write(tmp_path)).moments]
    assert "writer sees no writer, pg1 before" in told
    assert "writer sees pg2, no writer before" in told
    assert "crash it: applying" in told


@pytest.mark.says(
    "Times are float seconds since the first event of the run; each finding and each line of the story points at its "
    "evidence: `timeline:17` is an entry by its number, `sample:pay:1042` a look of a probe by its number, counted "
    "from 0 in the order in which they were due."
)
def test_every_line_of_the_story_and_every_finding_points_at_its_evidence(tmp_path: Path) -> None:
    result = judging.judge(crash().write(tmp_path))
    samples = {one.probe: one.looks + one.skipped + one.broken for one in result.probes}
    entries = {f"timeline:{one.entry}" for one in result.moments}
    assert all(one.evidence for one in result.moments)
    for cited in [one.evidence for one in result.moments] + [each for one in result.findings for each in one.evidence]:
        kind, _, rest = cited.partition(":")
        name, _, number = rest.rpartition(":")
        assert cited in entries or (kind == "sample" and int(number) < samples[name]) or kind == "timeline"


@pytest.mark.says("Records whose checksum does not hold are left out and counted in `damaged`.")
def test_a_damaged_sample_is_left_out_and_counted(tmp_path: Path) -> None:
    folder = crash().write(tmp_path)
    looks = judging.judge(folder).probes[0].looks
    with (folder / "probes.samples").open("r+b") as file:
        file.seek(100 * SIZE + 3)
        file.write(b"\xff")
    damaged = judging.judge(folder).probes
    assert [one.damaged for one in damaged] == [1, 1]
    assert damaged[0].looks in (looks, looks - 1)


def test_the_samples_of_the_warm_up_before_it_was_good_do_not_count(tmp_path: Path) -> None:
    run = crash().saw(ticks(0.1, 0.3), Outcome.REFUSED)
    result = judging.judge(run.write(tmp_path))
    assert len(result.probes[0].outages) == 1


@pytest.mark.says(
    "**A verdict stands.** Judging stops at the first end of the run: what `faildrill recover` appends to a run that "
    "had ended (events, looks, what it reads back of a ledger) is kept, and changes nothing when the run is judged "
    "again."
)
def test_what_recover_appends_to_a_run_that_had_ended_changes_nothing_of_its_verdict(tmp_path: Path) -> None:
    folder = crash().without(UndoVerified).but(15.9, UndoNotVerified(step="crash", because="a is gone")).write(tmp_path)
    before = judging.encode(judging.judge(folder))
    assert judging.judge(folder).verdict is Verdict.UNSAFE
    put_back_later(folder, boot="b2")
    assert judging.encode(judging.judge(folder)) == before


def test_what_recover_appends_to_a_run_without_an_end_is_judged(tmp_path: Path) -> None:
    folder = crash().without(UndoVerified, RunEnded).write(tmp_path)
    assert judging.judge(folder).verdict is Verdict.UNSAFE
    put_back_later(folder, boot="b1")
    assert judging.judge(folder).verdict is Verdict.ABORTED


def put_back_later(folder: Path, boot: str) -> None:
    """Append what `faildrill recover` does, and what its probers see, all dark."""
    clock = SetClock()
    clock.at = END + 100
    timeline = Timeline.resume(folder, clock)
    for event in (
        RunnerDied(how="was found gone", boot=boot),
        Fenced(processes=[]),
        Undoing(step="crash", by="recover"),
        UndoVerified(step="crash", because="a runs again"),
        ProberStarted(pid=8, samples="probes-2", probes=["pay", "writer"]),
        SteadyAgain(since=ns(END + 99), after=0.5),
        RunEnded(by="recover"),
    ):
        timeline.record(event)
    timeline.close()
    recorder = Recorder(Files(folder, "probes-2"))
    for at in ticks(END, END + 10):
        recorder.keep(Sample("pay", ns(at), ns(at), ns(at), Outcome.REFUSED))
    recorder.close()
