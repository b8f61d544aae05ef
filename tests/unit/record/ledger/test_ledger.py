"""The ledger's record: whole after a kill at any byte, and weighed as a plain reading would."""

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faildrill.record.ledger import MOST, SIZE, Ledger, Note, pack, path_of
from faildrill.record.ledger.accounts import Account, Moment, Rows, Writes, accounts, read, rows_path, weigh

SECOND = 1_000_000_000


def noted(folder: Path, *ends: Note) -> Path:
    """Write a ledger whose n-th write ends as given: sent at 10 n s, ended at 10 n + 1 s; SENT never ended."""
    path = path_of(folder, "ledger")
    ledger = Ledger(path)
    for n, end in enumerate(ends, 1):
        assert ledger.send(n * 10 * SECOND, 0) == n
        if end != Note.SENT:
            ledger.end(n * 10 * SECOND + SECOND, n, 0, end)
    ledger.close()
    return path


def rows(*numbers: int, read_at: int = 10_000 * SECOND) -> Rows:
    return Rows(np.array(numbers, dtype=np.int64), read_at)


def test_every_write_ends_as_it_was_noted_and_a_write_without_an_end_is_unknown(tmp_path: Path) -> None:
    path = noted(tmp_path, Note.ACKNOWLEDGED, Note.REJECTED, Note.UNKNOWN, Note.SENT)
    account = weigh(read(path), rows(1))
    assert (account.sent, account.acknowledged, account.rejected, account.unknown) == (4, 1, 1, 2)
    assert account.lost == account.phantom == account.duplicated == account.strange == account.damaged == 0


def test_an_acknowledged_write_that_is_absent_is_lost_with_its_window(tmp_path: Path) -> None:
    path = noted(tmp_path, *[Note.ACKNOWLEDGED] * 6)
    account = weigh(read(path), rows(1, 2, 6))
    assert (account.lost, account.lost_numbers, account.loss_window) == (3, (3, 4, 5), 21.0)


def test_what_was_acknowledged_after_the_reading_began_is_not_lost(tmp_path: Path) -> None:
    path = noted(tmp_path, Note.ACKNOWLEDGED, Note.ACKNOWLEDGED)
    account = weigh(read(path, 3), rows(1))
    assert (account.sent, account.acknowledged, account.unknown, account.lost) == (2, 1, 1, 0)


def test_what_a_prober_writes_after_the_reading_changes_no_account(tmp_path: Path) -> None:
    noted(tmp_path, *[Note.ACKNOWLEDGED] * 3)
    Rows(np.array([1, 2]), 5, noted=6).save(rows_path(tmp_path, "ledger", "pg1"))
    before = accounts(tmp_path, "ledger")
    ledger = Ledger(path_of(tmp_path, "ledger"))
    ledger.end(7, ledger.send(6, 0), 0, Note.ACKNOWLEDGED)
    ledger.close()
    assert accounts(tmp_path, "ledger") == before
    assert before["pg1"].lost == 1


def test_what_was_read_after_the_run_had_ended_is_not_weighed(tmp_path: Path) -> None:
    noted(tmp_path, *[Note.ACKNOWLEDGED] * 3)
    for node, at, boot in (("in-time", 5, "b1"), ("late", 7, "b1"), ("next-boot", 1, "b2")):
        Rows(np.array([1]), at, boot=boot).save(rows_path(tmp_path, "ledger", node))
    assert list(accounts(tmp_path, "ledger", Moment("b1", 6))) == ["in-time"]
    assert list(accounts(tmp_path, "ledger")) == ["in-time", "late", "next-boot"]


def test_phantoms_duplicates_and_strangers_are_told_apart(tmp_path: Path) -> None:
    path = noted(tmp_path, Note.ACKNOWLEDGED, Note.REJECTED, Note.UNKNOWN, Note.UNKNOWN)
    account = weigh(read(path), rows(1, 1, 2, 3, 9))
    assert (account.duplicated, account.phantom, account.strange) == (1, 1, 1)
    assert (account.unknown_there, account.unknown_absent) == (1, 1)


def test_a_write_that_stands_before_one_acknowledged_before_it_was_sent_is_out_of_order(tmp_path: Path) -> None:
    path = noted(tmp_path, *[Note.ACKNOWLEDGED] * 4)
    assert weigh(read(path), rows(1, 2, 3, 4)).out_of_order == 0
    assert weigh(read(path), rows(1, 3, 2, 4)).out_of_order == 1


def test_writes_that_overlap_even_by_a_moment_have_no_order(tmp_path: Path) -> None:
    path = path_of(tmp_path, "ledger")
    ledger = Ledger(path)
    ledger.send(1, 0)
    ledger.end(5, 1, 0, Note.ACKNOWLEDGED)
    ledger.send(5, 0)
    ledger.end(6, 2, 0, Note.ACKNOWLEDGED)
    ledger.close()
    assert weigh(read(path), rows(2, 1)).out_of_order == 0


def test_a_ledger_of_many_blocks_is_read_whole_also_where_a_write_ends_in_another_block(tmp_path: Path) -> None:
    path = path_of(tmp_path, "ledger")
    ledger = Ledger(path)
    early = ledger.send(1, 0)
    for at in range(2, 70_000):
        ledger.end(at, ledger.send(at, 1), 1, Note.ACKNOWLEDGED)
    ledger.end(70_001, early, 0, Note.REJECTED)
    ledger.close()
    account = weigh(read(path), rows(*range(1, 69_999)))
    assert (account.sent, account.acknowledged, account.rejected) == (69_999, 69_998, 1)
    assert (account.phantom, account.lost, account.lost_numbers, account.damaged) == (1, 1, (69_999,), 0)


def test_a_number_that_was_never_given_is_damage_however_well_it_is_checked(tmp_path: Path) -> None:
    path = noted(tmp_path, *[Note.ACKNOWLEDGED] * 3)
    with path.open("ab") as file:
        file.write(pack(99 * SECOND, MOST, 0, Note.SENT))
    account = weigh(read(path), rows(1, 2, 3))
    assert (account.sent, account.acknowledged, account.damaged) == (3, 3, 1)


def test_a_second_process_goes_on_counting_after_the_first(tmp_path: Path) -> None:
    path = noted(tmp_path, Note.ACKNOWLEDGED, Note.SENT)
    ledger = Ledger(path)
    assert ledger.send(99 * SECOND, 1) == 3
    ledger.close()


def test_two_writers_of_one_ledger_would_count_twice_so_the_second_is_refused(tmp_path: Path) -> None:
    first = Ledger(path_of(tmp_path, "ledger"))
    with pytest.raises(BlockingIOError):
        Ledger(path_of(tmp_path, "ledger"))
    first.close()
    Ledger(path_of(tmp_path, "ledger")).close()


def test_a_ledger_cut_at_any_byte_is_read_up_to_its_last_whole_note(tmp_path: Path) -> None:
    path = noted(tmp_path, *[Note.ACKNOWLEDGED] * 3)
    content = path.read_bytes()
    for length in range(len(content) + 1):
        path.write_bytes(content[:length])
        writes = read(path)
        whole = length // SIZE
        assert int((writes.note > 0).sum()) == (whole + 1) // 2
        assert int((writes.note == Note.ACKNOWLEDGED).sum()) == whole // 2
        assert writes.damaged == 0


def test_a_flipped_bit_is_damage_and_never_another_note(tmp_path: Path) -> None:
    path = noted(tmp_path, *[Note.ACKNOWLEDGED] * 3)
    content = path.read_bytes()
    for bit in range(len(content) * 8):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bytes(flipped))
        account = weigh(read(path), rows(1, 2, 3))
        assert account.damaged == 1
        assert account.lost == account.phantom == 0


def test_a_note_that_the_disk_takes_in_part_is_an_error_and_leaves_only_whole_ones(tmp_path: Path) -> None:
    path = path_of(tmp_path, "ledger")
    program = (
        "import resource, signal, sys\nfrom pathlib import Path\nfrom faildrill.record.ledger import Ledger\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "ledger = Ledger(Path(sys.argv[1]))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (3 * 16 + 5, resource.RLIM_INFINITY))\n"
        "for _ in range(3): ledger.send(1, 0)\n"
        "for _ in range(2):\n"
        "    try: ledger.send(1, 0)\n"
        "    except OSError: print('not noted')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n"
        "print(ledger.send(1, 0))\n"
    )
    told = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    assert told.stdout.split("\n")[:3] == ["not noted", "not noted", "4"]
    assert path.stat().st_size == 4 * SIZE
    assert weigh(read(path), rows()).damaged == 0


def test_what_was_noted_survives_a_kill(tmp_path: Path) -> None:
    path = path_of(tmp_path, "ledger")
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom faildrill.record.ledger import Ledger, Note\n"
        "ledger = Ledger(Path(sys.argv[1]))\n"
        "while True:\n"
        "    number = ledger.send(number_at := 5, 0)\n"
        "    print(number, flush=True)\n"
        "    ledger.end(6, number, 0, Note.ACKNOWLEDGED)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= 1000:
                break
        process.send_signal(signal.SIGKILL)
        told = [line for line in process.stdout.read().splitlines() if line]
    last = int(told[-1]) if told else 1000
    account = weigh(read(path), rows())
    assert account.sent in (last, last + 1)
    assert account.acknowledged in (account.sent, account.sent - 1)
    assert account.damaged == 0


@given(st.lists(st.integers(-(2**40), 2**40), max_size=50), st.integers(0, 2**60))
def test_rows_come_back_from_their_file_as_they_were(numbers: list[int], read_at: int) -> None:
    path = Path(f"/dev/shm/faildrill-rows-{os.getpid()}")  # noqa: S108 - a folder in memory, for speed
    try:
        Rows(np.array(numbers, dtype=np.int64), read_at).save(path)
        back = Rows.load(path)
    finally:
        path.unlink(missing_ok=True)
    assert back.numbers.tolist() == numbers
    assert back.read_at == read_at


def test_a_ledger_is_weighed_against_every_node_that_was_read(tmp_path: Path) -> None:
    noted(tmp_path, *[Note.ACKNOWLEDGED] * 3)
    rows(1, 2, 3).save(rows_path(tmp_path, "ledger", "pg1"))
    rows(1, 3).save(rows_path(tmp_path, "ledger", "pg2"))
    assert {node: one.lost for node, one in accounts(tmp_path, "ledger").items()} == {"pg1": 0, "pg2": 1}


ENDS = st.sampled_from([Note.SENT, Note.ACKNOWLEDGED, Note.REJECTED, Note.UNKNOWN])
WRITES = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 4), ENDS), max_size=12)


@settings(max_examples=300)
@given(WRITES, st.lists(st.integers(1, 15), max_size=15))
def test_weighing_agrees_with_a_plain_reading(sent: list[tuple[int, int, Note]], numbers: list[int]) -> None:
    size = len(sent) + 1
    nothing = np.zeros(size, dtype=np.int64)
    writes = Writes(nothing.copy(), nothing.copy(), nothing.astype(np.uint8), damaged=0)
    for n, (at, took, note) in enumerate(sent, 1):
        writes.sent[n], writes.note[n] = at, note
        writes.ended[n] = 0 if note == Note.SENT else at + took
    assert weigh(writes, rows(*numbers)) == plainly(writes, numbers)


def plainly(writes: Writes, numbers: list[int]) -> Account:
    """The same, one write after the other."""
    there = Counter(numbers)
    first = {number: place for place, number in reversed(list(enumerate(numbers)))}
    sent, ended = writes.sent.tolist(), writes.ended.tolist()
    known = range(1, len(sent))
    notes = {n: Note(int(writes.note[n])) for n in known}
    acknowledged = [n for n in known if notes[n] == Note.ACKNOWLEDGED]
    rejected = [n for n in known if notes[n] == Note.REJECTED]
    unknown = [n for n in known if n not in acknowledged and n not in rejected]
    lost = [n for n in acknowledged if not there[n]]
    kept = [n for n in acknowledged if there[n]]
    early = [n for n in kept if any(ended[m] < sent[n] and first[m] > first[n] for m in kept)]
    return Account(
        sent=len(sent) - 1,
        acknowledged=len(acknowledged),
        rejected=len(rejected),
        unknown=len(unknown),
        lost=len(lost),
        phantom=sum(1 for n in rejected if there[n]),
        duplicated=sum(1 for n in known if there[n] > 1),
        strange=sum(1 for n in numbers if n not in known),
        out_of_order=len(early),
        unknown_there=sum(1 for n in unknown if there[n]),
        unknown_absent=sum(1 for n in unknown if not there[n]),
        loss_window=(max(ended[n] for n in lost) - min(sent[n] for n in lost)) / 1e9 if lost else 0.0,
        lost_numbers=tuple(lost),
    )
