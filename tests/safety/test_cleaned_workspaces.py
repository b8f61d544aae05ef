"""P30: what puts back outlives the workspace: reports that are cleaned, full or read-only lose nothing of the undo."""

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from faildrill.clock import SystemClock
from faildrill.errors import JournalFull
from faildrill.locking.dirty_marks import all_marks
from faildrill.locking.settled_marks import settlements
from faildrill.record import second_copy
from faildrill.record.timeline import FILE, Confirmed, Intended, Timeline, Undoing, UndoVerified, entries
from support.places import Place, ended, of_run, recorded, runner_of, until

pytestmark = pytest.mark.timeout(120)


def command(*words: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """Call faildrill as a person does."""
    return subprocess.run(
        [sys.executable, "-m", "faildrill", *words], cwd=cwd, check=False, capture_output=True, text=True, timeout=100
    )


def killed_in_mid_step(ground: Path) -> tuple[Place, Path]:
    """A run of which every process was killed with its fault on."""
    place = Place(ground)
    place.fault("pay")
    place.wait(60.0)
    started = place.start()
    recorded(started.folder, Confirmed)
    for pid in (started.sentinel.pid, runner_of(started.folder)):
        os.kill(pid, 9)
    started.sentinel.communicate()
    until(lambda: not of_run(started.folder.name))
    assert place.state("pay") == "down"
    return place, started.folder


def is_dirty() -> bool:
    return bool(all_marks())


def test_a_run_whose_workspace_was_cleaned_is_put_back(ground: Path) -> None:
    place, folder = killed_in_mid_step(ground)
    shutil.rmtree(place.reports)
    status = command("status")
    assert (status.returncode, f"faildrill recover {folder}" in status.stdout) == (6, True)
    recovered = command("recover")
    assert recovered.returncode == 0, recovered.stdout + recovered.stderr
    assert "is gone, or takes nothing any more" in recovered.stdout
    assert place.state("pay") == "up"
    assert not is_dirty()
    assert command("status").returncode == 0


def test_a_run_is_named_by_the_folder_that_is_gone_or_by_its_id(ground: Path) -> None:
    place, folder = killed_in_mid_step(ground)
    shutil.rmtree(place.reports)
    assert command("recover", folder.name).returncode == 0
    assert place.state("pay") == "up"


@pytest.mark.parametrize("after", [0.05, 0.35, 0.6, 0.9])
def test_reports_that_are_removed_in_mid_run_lose_nothing_of_the_undo(ground: Path, after: float) -> None:
    """Removed while it warms up, acts, or waits; the run puts back, and says nothing that is not so."""
    place = Place(ground)
    place.fault("pay")
    place.wait(0.5)
    started = place.start()
    threading.Timer(after, shutil.rmtree, (place.reports,), {"ignore_errors": True}).start()
    with ended(started):
        code = started.sentinel.wait(60)
    if is_dirty():
        assert code == 6
        assert command("recover").returncode == 0
    assert place.state("pay") == "up"
    assert not is_dirty()


def test_reports_that_are_removed_with_the_runner_dead_are_put_back_by_the_sentinel(ground: Path) -> None:
    place = Place(ground)
    place.fault("pay")
    place.wait(60.0)
    started = place.start()
    recorded(started.folder, Confirmed)
    with ended(started):
        runner = runner_of(started.folder)
        shutil.rmtree(place.reports)
        os.kill(runner, 9)
        started.sentinel.wait(60)
    if is_dirty():
        assert command("recover").returncode == 0
    assert place.state("pay") == "up"
    assert not is_dirty()


@pytest.fixture
def small(ground: Path) -> "object":
    """A file system of 1 MiB for the reports, where root may mount one."""
    folder = ground / "reports"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("needs to be root, and to be allowed to mount a tmpfs")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("how", ["full", "read-only"])
@pytest.mark.usefixtures("small")
def test_reports_that_take_nothing_any_more_are_put_back(ground: Path, how: str) -> None:
    place, folder = killed_in_mid_step(ground)
    if how == "full":
        subprocess.run(["dd", "if=/dev/zero", f"of={place.reports / 'ballast'}"], check=False, capture_output=True)
    else:
        subprocess.run(["mount", "-o", "remount,ro", str(place.reports)], check=True)
    recovered = command("recover", str(folder))
    assert recovered.returncode == 0, recovered.stdout + recovered.stderr
    assert place.state("pay") == "up"
    assert not is_dirty()


def test_an_intent_that_the_state_folder_does_not_take_is_no_intent(ground: Path) -> None:
    folder = ground / "a-run"
    folder.mkdir()
    timeline = Timeline.create(folder, SystemClock(), second=second_copy.make("a-run"))
    timeline.record(Undoing(step="other", by="runner"))
    timeline._copies[1].journal.close()
    intent = Intended(step="pay", kind="k", params={}, before={}, undo="own", within=1.0, undo_within=1.0)
    with pytest.raises(JournalFull):
        timeline.record(intent)
    assert {type(one.what).__name__ for one in entries(folder / FILE)} == {"Undoing"}
    assert timeline.note(UndoVerified(step="other", because="seen"))
    assert [type(one.what).__name__ for one in entries(folder / FILE)] == ["Undoing", "UndoVerified"]


def test_what_only_one_copy_holds_is_in_both_when_it_goes_on(ground: Path) -> None:
    folder = ground / "a-run"
    folder.mkdir()
    second = second_copy.make("a-run")
    timeline = Timeline.create(folder, SystemClock(), second=second)
    for step in ("one", "two", "three"):
        timeline.record(Undoing(step=step, by="runner"))
    timeline.close()
    lines = (folder / FILE).read_bytes().splitlines(keepends=True)
    for shorter in (folder / FILE, second / FILE):
        shorter.write_bytes(b"".join(lines[:1]))
        resumed = Timeline.resume(folder, SystemClock())
        resumed.record(Undoing(step="four", by="recover"))
        resumed.close()
        assert (folder / FILE).read_bytes() == (second / FILE).read_bytes()
        lines = (folder / FILE).read_bytes().splitlines(keepends=True)
    assert [one.n for one in entries(folder / FILE)] == [0, 1, 2, 3, 4]


def test_a_run_that_left_nothing_behind_leaves_no_copy(ground: Path) -> None:
    place = Place(ground)
    place.fault("pay")
    started = place.start()
    with ended(started):
        assert started.sentinel.wait(60) == 0
    assert second_copy.runs() == []


def test_a_mark_whose_run_is_gone_for_good_is_ended_by_a_person_who_says_why(ground: Path) -> None:
    place, folder = killed_in_mid_step(ground)
    shutil.rmtree(place.reports)
    second_copy.forget(folder.name)
    lost = command("recover")
    assert lost.returncode == 6
    assert f"faildrill recover --settle WHY {folder}" in lost.stdout
    assert f"faildrill recover --settle WHY {folder}" in command("status").stdout
    assert command("recover", "--settle", "  ", str(folder)).returncode == 2
    assert is_dirty()
    settled = command("recover", "--settle", "the host was rebuilt", str(folder))
    assert (settled.returncode, "not seen put back: the host was rebuilt" in settled.stdout) == (0, True), (
        settled.stderr
    )
    assert not is_dirty()
    [one] = settlements()
    assert (one.run, one.because) == (folder.name, "the host was rebuilt")
    status = command("status")
    assert (status.returncode, "the host was rebuilt" in status.stdout) == (0, True)
    assert json.loads(command("status", "-o", "json").stdout)["settled"][0]["run"] == folder.name


def test_what_can_still_be_put_back_is_put_back_before_anybody_settles(ground: Path) -> None:
    place, folder = killed_in_mid_step(ground)
    settled = command("recover", "--settle", "never mind", str(folder))
    assert settled.returncode == 0
    assert place.state("pay") == "up"
    assert settlements() == []


def test_a_settlement_says_what_was_found_last(ground: Path) -> None:
    place = Place(ground)
    place.fault("pay", undo="lies")
    place.wait(0.1)
    started = place.start()
    with ended(started):
        assert started.sentinel.wait(100) == 6
    settled = command("recover", "--settle", "decommissioned", str(started.folder))
    assert settled.returncode == 0, settled.stdout + settled.stderr
    [one] = settlements()
    assert any("step pay: now" in line for line in one.seen), one.seen
    assert not is_dirty()
    assert command("recover", "--settle", "again", str(started.folder)).returncode == 2
