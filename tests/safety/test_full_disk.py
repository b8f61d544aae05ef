"""P16: a disk that is full, breaks or takes half, at each write; nothing is left on, and no step is done unrecorded."""

import asyncio
import os
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from faildrill.cli.one_run import drive
from faildrill.errors import JournalFull
from faildrill.locking.dirty_marks import all_marks
from faildrill.model.environment import Environment
from faildrill.record.journal import Journal, read
from faildrill.record.timeline import FILE, Confirmed, entries
from safety.trials import series
from support.places import Place, ended, recorded, until
from support.simulation import FAILURES, FailingDisk, World, broken_promises, fault, live_in

WRITES: Final = 32
"""A whole run of two faults makes fewer."""
CASES: Final = [(first, length, how) for first in range(1, WRITES) for length in (1, 2, 1000) for how in FAILURES]
SEEDED: Final = {random.Random(seed).random(): seed for seed in range(len(CASES))}  # noqa: S311 - the trials' own


def failing(folder: Path, draw: random.Random) -> list[str]:
    first, length, how = CASES[SEEDED[draw.random()]]
    world = World(0, [fault(folder, "one"), fault(folder, "two")], disk=(first, first + length - 1, how))
    lived = live_in(world, folder)
    wrong = list(broken_promises(lived))
    known = read(lived.folder / FILE)
    if known.damaged or known.tail:
        wrong.append("the timeline is torn")
    left = [name for name in ("one", "two") if lived.state(name) != "up"]
    if left:
        wrong.append(f"left on: {left}")
    return [f"{how} at write {first}, {length} long: {one}" for one in wrong]


def test_a_disk_that_fails_at_any_write_leaves_nothing_on(ground: Path, figure: Callable[[str], None]) -> None:
    wrong = series(ground, failing, len(CASES))
    figure(f"P16 ENOSPC, EIO, short writes, failing syncs at each write: {len(wrong)} leaks in {len(CASES)}")
    assert wrong == []


@pytest.mark.parametrize("how", FAILURES)
def test_what_was_acknowledged_is_there_and_what_failed_is_not(tmp_path: Path, how: str) -> None:
    for first in range(1, 8):
        path = tmp_path / f"{how}-{first}"
        journal = Journal.create(path, FailingDisk(first, first + 1, how))
        acknowledged = []
        for number in range(10):
            record = b'{"n":%d}' % number
            try:
                journal.append(record, durable=True)
            except JournalFull:
                continue
            acknowledged.append(record)
        journal.close()
        assert read(path).records == acknowledged
        assert read(path).tail == 0


def test_after_a_sync_that_failed_nothing_counts_as_durable_any_more(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / "one", FailingDisk(2, 2, "sync"))
    journal.append(b'{"n":1}', durable=True)
    with pytest.raises(JournalFull):
        journal.append(b'{"n":2}', durable=True)
    with pytest.raises(JournalFull, match="failed to keep"):
        journal.append(b'{"n":3}', durable=True)
    journal.append(b'{"n":4}')
    assert read(tmp_path / "one").records == [b'{"n":1}', b'{"n":4}']


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB, where root may mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    if (
        os.getuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=False, capture_output=True
        ).returncode
    ):
        pytest.skip("needs to be root, and to be allowed to mount a tmpfs")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(ballast: Path) -> None:
    """Write until there is no space left."""
    with pytest.raises(OSError, match="No space"):
        _write_on(ballast)


def _write_on(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


@pytest.fixture
def place(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """One whose reports are on the small file system, with a fault that stays on for a minute."""
    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path / "state"))
    place = Place(tmp_path)
    place.reports = small / "reports"
    place.fault("pay")
    place.wait(60)
    return place


def test_a_run_on_a_file_system_that_fills_up_puts_everything_back(place: Place, small: Path) -> None:
    started = place.start()
    with ended(started):
        recorded(started.folder, Confirmed)
        fill(small / "ballast")
        started.sentinel.send_signal(signal.SIGTERM)
        started.sentinel.wait(120)
        assert place.deeds("pay")[:2] == ["apply", "undo"]
        assert place.state("pay") == "up"
        assert entries(started.folder / FILE)
    (small / "ballast").unlink()
    command = [sys.executable, "-m", "faildrill", "recover", str(started.folder)]
    assert subprocess.run(command, check=False, timeout=60).returncode == 0
    until(lambda: all_marks() == {})


def test_a_run_that_can_t_be_judged_for_want_of_room_says_so(
    place: Place, small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = place.lay_out()

    async def fill_and_end(done: asyncio.Event) -> None:
        await asyncio.to_thread(recorded, folder, Confirmed)
        fill(small / "ballast")
        os.kill(os.getpid(), signal.SIGTERM)
        await done.wait()

    assert drive(folder, Environment(name="simulation"), fill_and_end) is None
    assert place.state("pay") == "up"
    assert "its disk is full, 0 KiB are free: make room first" in capsys.readouterr().err


def test_a_run_that_is_put_back_and_only_lacks_its_verdict_sends_nobody_to_recover(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")  # Python would cut off what it keeps of our modules, and trip
    place = Place(tmp_path)
    place.fault("pay")
    folder = place.lay_out()

    async def shown(done: asyncio.Event) -> None:
        await done.wait()

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8 << 10, hard))
    try:
        assert drive(folder, Environment(name="simulation"), shown) is None
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert place.state("pay") == "up"
    assert all_marks() == {}
    said = capsys.readouterr().err
    assert "recover /" not in said
    assert (
        f"it left nothing to recover, and has a verdict once its files can be written: faildrill report {folder}"
        in said
    )
    command = [sys.executable, "-m", "faildrill", "report", str(folder)]
    assert subprocess.run(command, check=False, timeout=60, capture_output=True).returncode == 0
    assert (folder / "result.json").exists()


def test_a_limit_on_the_size_of_files_is_a_full_disk(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / "one")
    journal.append(b'{"n":1}', durable=True)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (40, 40))
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            journal.append(b'{"n":2,"long":"%b"}' % (b"x" * 100), durable=True)
        except JournalFull:
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert read(tmp_path / "one").records == [b'{"n":1}']
