"""What is recorded, as metrics: read by the parsers of the Prometheus client, of both formats."""

import math
import os
import re
import shlex
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as some
from prometheus_client import Metric
from prometheus_client import parser as older
from prometheus_client.openmetrics import parser

from faildrill import judging
from faildrill.cli.main import cli
from faildrill.history.open_metrics import Family, Sample, encode
from faildrill.judging.result import Bounds, Headline, Outage, Result, Verdict, Writes
from faildrill.locking.dirty_marks import Mark, mark
from faildrill.locking.machine_lock import Holder, hold
from faildrill.locking.place_key import PlaceKey
from faildrill.scheduling.occurrence_record import Died, Missed, Record, folder_of
from unit.history import made

PAGE: Final = Path(__file__).parents[3] / "docs" / "signals.md"
LENGTH: Final = Bounds(at_least=19.8, at_most=19.9)
DECODER: Final = msgspec.json.Decoder(Result)
Values = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def read(text: str) -> list[Metric]:
    """Read the format of OpenMetrics, by its own strict parser, which has no types."""
    return list(parser.text_string_to_metric_families(text))  # type: ignore[no-untyped-call]


def values(text: str) -> Values:
    """Read as Prometheus does; both formats must say the same."""
    new = [one for family in read(text) for one in family.samples]
    old = [one for family in older.text_string_to_metric_families(text) for one in family.samples]
    assert [(one.name, one.labels, one.value) for one in new] == [(one.name, one.labels, one.value) for one in old]
    found = {(one.name, tuple(one.labels.items())): one.value for one in new}
    assert len(found) == len(new), "a value is told twice"
    return found


def only(found: Values, name: str, **labels: str) -> list[float]:
    return [value for (one, has), value in found.items() if one == name and labels.items() <= dict(has).items()]


def told(reports: Path) -> Values:
    done = CliRunner().invoke(cli, ["metrics", "--reports", str(reports)])
    assert (done.exit_code, done.stderr) == (0, "")
    return values(done.stdout)


def rewrite(run: Path, change: Callable[[Result], Result]) -> None:
    judging.write(run, change(DECODER.decode((run / judging.FILE).read_bytes())))


def with_headline(run: Path, change: Callable[[Headline], Headline]) -> None:
    def changed(result: Result) -> Result:
        assert result.headline is not None
        return msgspec.structs.replace(result, headline=change(result.headline))

    rewrite(run, changed)


@given(some.text(some.characters(codec="utf-8")))
def test_whatever_a_label_holds_is_read_as_it_was(value: str) -> None:
    text = encode([Family("x", value, [Sample({"drill": value}, 1.5)])]).decode()
    [family] = read(text)
    assert family.samples[0].labels == {"drill": value, "purpose": "drill"}
    assert family.documentation == value


def test_a_type_that_node_exporter_refuses_a_file_for_is_not_used(tmp_path: Path) -> None:
    made.record(tmp_path, 0, LENGTH)
    text = CliRunner().invoke(cli, ["metrics", "--reports", str(tmp_path)]).stdout
    assert set(re.findall(r"^# TYPE \S+ (\S+)$", text, re.MULTILINE)) <= {"gauge", "counter"}
    assert text.endswith("\n# EOF\n")
    assert re.findall(r"^[^#].* \S+ \S+$", re.sub(r"\{.*\}", "", text), re.MULTILINE) == [], "a timestamp"


def test_everything_is_marked_as_a_drill(tmp_path: Path) -> None:
    made.record(tmp_path, 0, LENGTH)
    assert all(("purpose", "drill") in labels for _, labels in told(tmp_path))


def test_the_last_run_of_each_drill_is_told_with_its_bounds(tmp_path: Path) -> None:
    made.record(tmp_path, 0, Bounds(at_least=1.0, at_most=2.0))
    made.record(tmp_path, 1, LENGTH, verdict=Verdict.FAILED)
    made.record(tmp_path, 0, Bounds(at_least=3.0, at_most=4.0), declared=made.drill(name="other"))
    found = told(tmp_path)
    assert only(found, "faildrill_last_run_outage_at_least_seconds", drill=made.DRILL, probe="pay") == [19.8]
    assert only(found, "faildrill_last_run_outage_at_most_seconds", drill=made.DRILL, environment="staging") == [19.9]
    assert only(found, "faildrill_last_run_outage_at_least_seconds", drill="other") == [3.0]
    assert only(found, "faildrill_last_run_exit_code", drill=made.DRILL) == [1.0]
    began, passed = "faildrill_last_run_start_timestamp_seconds", "faildrill_last_passed_start_timestamp_seconds"
    assert only(found, began, drill=made.DRILL) == [(made.FIRST + timedelta(days=1)).timestamp()]
    assert only(found, passed, drill=made.DRILL) == [made.FIRST.timestamp()]


def test_the_last_verdict_is_one_and_every_other_zero(tmp_path: Path) -> None:
    made.record(tmp_path, 0, LENGTH)
    made.record(tmp_path, 1, LENGTH, verdict=Verdict.UNSAFE)
    found = told(tmp_path)
    for verdict in Verdict:
        assert only(found, "faildrill_last_run_verdict", verdict=verdict.value) == [verdict is Verdict.UNSAFE]
        number = verdict in (Verdict.UNSAFE, Verdict.PASSED)
        assert only(found, "faildrill_recorded_runs", verdict=verdict.value) == [number]


def test_an_outage_whose_end_was_not_seen_is_endless_so_that_an_alert_on_its_length_fires(tmp_path: Path) -> None:
    made.record(tmp_path, 0, Bounds(at_least=5.0, at_most=None))
    assert only(told(tmp_path), "faildrill_last_run_outage_at_most_seconds") == [math.inf]


def test_a_run_that_measured_nothing_tells_no_outage(tmp_path: Path) -> None:
    made.record(tmp_path, 0, None, verdict=Verdict.REFUSED)
    found = told(tmp_path)
    assert only(found, "faildrill_last_run_outage_at_least_seconds") == []
    assert only(found, "faildrill_last_passed_start_timestamp_seconds") == []
    assert only(found, "faildrill_last_run_exit_code") == [3.0]


def test_lost_writes_are_told_only_where_somebody_read_them_back(tmp_path: Path) -> None:
    run = made.record(tmp_path, 0, LENGTH)
    writes = [Writes(probe="ledger", acknowledged=9, lost=2), Writes(probe="dark", was_read=False)]
    with_headline(run, lambda one: msgspec.structs.replace(one, writes=writes, allowed=30.0))
    found = told(tmp_path)
    assert only(found, "faildrill_last_run_lost_writes", probe="ledger") == [2.0]
    assert only(found, "faildrill_last_run_lost_writes", probe="dark") == []
    assert only(found, "faildrill_last_run_writes_were_read_back", probe="dark") == [0.0]
    assert only(found, "faildrill_last_run_outage_allowed_seconds") == [30.0]


def test_how_long_recovery_and_each_phase_took_is_told(tmp_path: Path) -> None:
    run = made.record(tmp_path, 0, LENGTH)

    def recovered(one: Headline) -> Headline:
        assert isinstance(one.outage, Outage)
        return msgspec.structs.replace(one, outage=msgspec.structs.replace(one.outage, phases={"new_writer": 12.5}))

    with_headline(run, recovered)
    rewrite(run, lambda one: msgspec.structs.replace(one, phases={"acting": [2.0, 30.0], "steadying": [31.0, 35.5]}))
    found = told(tmp_path)
    assert only(found, "faildrill_last_run_recovery_seconds", until="new_writer") == [12.5]
    assert only(found, "faildrill_last_run_phase_seconds", phase="steadying") == [4.5]
    assert only(found, "faildrill_last_run_duration_seconds") == [40.0]


def test_a_folder_that_can_not_be_counted_is_a_figure_too(tmp_path: Path) -> None:
    (made.record(tmp_path, 0, LENGTH) / judging.FILE).unlink()
    done = CliRunner().invoke(cli, ["metrics", "--reports", str(tmp_path)])
    assert only(values(done.stdout), "faildrill_not_counted_folders") == [1.0]
    assert "not counted: " in done.stderr


def test_a_place_is_clean_or_dirty_where_this_machine_drilled_it_and_nothing_where_not(tmp_path: Path) -> None:
    made.record(tmp_path, 0, LENGTH)
    assert only(told(tmp_path), "faildrill_place_dirty") == []
    place = PlaceKey("payments")
    for descriptor in hold(place, Holder("run-1", "/nowhere", os.getpid(), "ada", "now", "payments")):
        os.close(descriptor)
    assert only(told(tmp_path), "faildrill_place_dirty", place="payments", environment="staging") == [0.0]
    mark(place, Mark("run-1", "/nowhere", "crash", "yesterday", "payments"))
    assert only(told(tmp_path), "faildrill_place_dirty", place="payments") == [1.0]


def test_missed_occurrences_are_counted_by_their_reason(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    with Record.held("quarterly", now) as record:
        record.write(Missed(occurrence="2027-01-01T10:00:00Z", because="nobody ticked", sort="late", count=3), now)
        record.write(Died(occurrence="2027-01-02T10:00:00Z", because="its host was gone"), now)
    found = told(tmp_path)
    missed = "faildrill_game_day_missed_occurrences_total"
    assert only(found, missed, game_day="quarterly", reason="late") == [3.0]
    assert only(found, missed, game_day="quarterly", reason="blocked") == [0.0]
    assert only(found, "faildrill_game_day_died_occurrences_total", game_day="quarterly") == [1.0]
    [ticked] = only(found, "faildrill_game_day_last_tick_timestamp_seconds", game_day="quarterly")
    assert abs(ticked - now.timestamp()) < 1


def test_a_record_that_was_altered_is_told_and_keeps_nothing_else_from_being_told(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    with Record.held("quarterly", now) as record:
        for _ in range(2):
            record.write(Missed(occurrence="2027-01-01T10:00:00Z", because="nobody ticked", sort="late"), now)
    [journal] = folder_of("quarterly").glob("*.jsonl")
    journal.write_bytes(journal.read_bytes().replace(b"nobody", b"nobodx", 1))
    made.record(tmp_path, 0, LENGTH)
    done = CliRunner().invoke(cli, ["metrics", "--reports", str(tmp_path)])
    found = values(done.stdout)
    assert only(found, "faildrill_game_day_readable", game_day="quarterly") == [0.0]
    assert len(only(found, "faildrill_last_run_exit_code")) == 1
    assert "altered after byte" in done.stderr


def test_whoever_reads_the_file_never_sees_half_of_it(tmp_path: Path) -> None:
    file, over = tmp_path / "faildrill.prom", threading.Event()
    for number in range(20):
        made.record(tmp_path / "reports", number, LENGTH, declared=made.drill(name=f"drill-{number}"))
    words = ["metrics", "--reports", str(tmp_path / "reports"), "-o", str(file)]
    seen: list[bytes] = []

    def looks() -> Iterator[bytes]:
        while not over.is_set():
            yield file.read_bytes() if file.exists() else b"# EOF\n"

    reader = threading.Thread(target=lambda: seen.extend(looks()))
    reader.start()
    for _ in range(10):
        assert CliRunner().invoke(cli, words).exit_code == 0
    over.set()
    reader.join()
    assert all(one.endswith(b"# EOF\n") for one in seen)
    assert {"reports", "faildrill.prom"} >= {one.name for one in tmp_path.iterdir() if "state" not in one.name}


def test_a_file_that_can_not_be_written_is_wrong_usage(tmp_path: Path) -> None:
    file = tmp_path / "nowhere" / "faildrill.prom"
    done = CliRunner().invoke(cli, ["metrics", "--reports", str(tmp_path), "-o", str(file)])
    assert (done.exit_code, done.stderr) == (2, f"{file} can't be written: No such file or directory\n")


def test_every_command_of_the_page_runs_and_every_metric_it_names_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = made.record(tmp_path / "reports", 0, LENGTH)
    with_headline(run, lambda one: msgspec.structs.replace(one, writes=[Writes(probe="ledger")], allowed=30.0))
    page = PAGE.read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    commands = re.findall(r"^\$ faildrill (metrics.*)$", page, re.MULTILINE)
    assert len(commands) >= 3
    for command in (one for one in commands if "--listen" not in one):  # which ends when it is told to
        done = CliRunner().invoke(cli, shlex.split(command, comments=True))
        assert (command, done.exit_code, done.stderr) == (command, 0, "")
    named = set(re.findall(r"`(faildrill_\w+)[`{]", page))
    source = Path(encode.__code__.co_filename).parents[1]
    there = {
        name + ("_total" if "_occurrences" in name else "")
        for path in (source / "history" / "run_metrics.py", source / "cli" / "metrics.py")
        for name in re.findall(r'"(faildrill_\w+)"', path.read_text(encoding="utf-8"))
    }
    assert named == there
