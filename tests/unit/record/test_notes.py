"""Notes are never lost: not by a second writer, a crash, a full disk, or somebody who alters the file."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from faildrill.errors import JournalDamaged, JournalError
from faildrill.record import notes
from faildrill.record.notes import Note
from support.simulation import FAILURES, FailingDisk

WRITER = """
import sys
from pathlib import Path
from faildrill.record.notes import Note, append
for number in range(int(sys.argv[3])):
    text = f"{sys.argv[2]} {number}"
    note = Note(by=sys.argv[2], account="a", written="2026-11-22T10:00:00Z", text=text)
    print(append(Path(sys.argv[1]), note), text, sep=": ", flush=True)
"""


def note(text: str, **more: Any) -> Note:
    return Note(by="ada", account="ada on desk", written="2026-11-22T10:00:00Z", text=text, **more)


def writer(folder: Path, name: str, number: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WRITER, str(folder), name, str(number)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def texts(folder: Path) -> list[str]:
    return [one.text for one in notes.load(folder).records]


def test_notes_are_read_as_they_were_written_and_numbered_in_their_order(tmp_path: Path) -> None:
    told = [note("one\ntwo \u202e \x1b[2J"), note("three", sort="task", owner="bo", due="2026-12-01")]
    assert [notes.append(tmp_path, one) for one in told] == [1, 2]
    assert notes.load(tmp_path) == notes.Notes(tuple(told))


def test_a_run_without_notes_has_none(tmp_path: Path) -> None:
    assert notes.load(tmp_path) == notes.Notes(())


def test_two_who_write_at_once_lose_nothing(tmp_path: Path) -> None:
    at_once = [writer(tmp_path, name, 40) for name in ("ada", "bo")]
    told = [line for one in at_once for line in one.communicate(timeout=60)[0].splitlines()]
    assert sorted(told) == sorted(f"{number}: {text}" for number, text in enumerate(texts(tmp_path), 1))
    assert len(told) == 80


def test_what_was_acknowledged_outlives_a_kill(tmp_path: Path) -> None:
    process = writer(tmp_path, "ada", 100_000)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    told = [line for line in process.stdout.read().split("\n")[:-1] if line]
    process.wait()
    process.stdout.close()
    kept = texts(tmp_path)
    assert ["1: ada 0", *told] == [f"{number}: {text}" for number, text in enumerate(kept, 1)][: len(told) + 1]
    assert notes.append(tmp_path, note("after")) == len(kept) + 1
    assert texts(tmp_path) == [*kept, "after"]


def test_a_note_that_was_cut_short_is_none_and_the_next_takes_its_place(tmp_path: Path) -> None:
    notes.append(tmp_path, note("one"))
    whole = (tmp_path / notes.FILE).read_bytes()
    notes.append(tmp_path, note("two"))
    both = (tmp_path / notes.FILE).read_bytes()
    for cut in range(len(whole), len(both)):
        (tmp_path / notes.FILE).write_bytes(both[:cut])
        assert notes.load(tmp_path) == notes.Notes((note("one"),))
        assert notes.append(tmp_path, note("three")) == 2
        assert texts(tmp_path) == ["one", "three"]


@pytest.mark.parametrize("how", FAILURES)
def test_a_disk_that_takes_no_more_leaves_what_is_there(how: str, tmp_path: Path) -> None:
    notes.append(tmp_path, note("one"))
    with pytest.raises(JournalError):
        notes.append(tmp_path, note("two"), FailingDisk(1, 1, how))
    assert texts(tmp_path) == ["one"]
    assert notes.append(tmp_path, note("three")) == 2


def test_an_altered_file_takes_no_more_and_says_so(tmp_path: Path) -> None:
    for text in ("one", "two", "three"):
        notes.append(tmp_path, note(text))
    path = tmp_path / notes.FILE
    path.write_bytes(path.read_bytes().replace(b"two", b"tow"))
    before = path.read_bytes()
    assert notes.load(tmp_path).damaged == "notes.jsonl was altered after note 1"
    with pytest.raises(JournalDamaged, match="altered after note 1"):
        notes.append(tmp_path, note("four"))
    assert path.read_bytes() == before


def test_a_file_that_is_none_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / notes.FILE)
    assert "no regular file" in notes.load(tmp_path).damaged
    with pytest.raises(JournalError):
        notes.append(tmp_path, note("one"))


def test_a_correction_of_a_correction_keeps_every_former_text() -> None:
    told = [note("a"), note("b", corrects=1), note("x"), note("c", corrects=1), note("gone", withdraws=3)]
    first, second = notes.standing(told)
    assert (first.number, first.note.text, [one.text for one in first.former]) == (1, "c", ["a", "b"])
    assert (second.number, second.note.text) == (3, "x")
    assert second.withdrawn == told[4]


def test_what_corrects_nothing_is_still_there() -> None:
    [only] = notes.standing([note("b", corrects=7)])
    assert only.note.text == "b"
