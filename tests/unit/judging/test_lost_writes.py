"""Lost writes: judged from the ledger and the rows in a run's folder, and from nothing else."""

from pathlib import Path

import numpy as np
import pytest

from faildrill.judging import judge
from faildrill.judging.result import Finding, Verdict
from faildrill.record.ledger import Ledger, Note, path_of
from faildrill.record.ledger.accounts import Rows, rows_path
from unit.judging.runs import SECOND, Run, ns, probe

PASSED, FAILED, INCONCLUSIVE = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
KIND = "postgres.ledger"


def folder_of(where: Path, *ends: Note, **limits: int) -> Path:
    """A usual run whose probe kept a ledger: the n-th write was sent at n s and ended half a second later."""
    made = Run(expect=[{"lost_writes": {"of": "pay", **limits}}], probes=[probe(kind=KIND)]).usual().good()
    folder = made.write(where / "run")
    if ends:
        ledger = Ledger(path_of(folder, "pay"))
        for n, end in enumerate(ends, 1):
            ledger.send(ns(n), 0)
            ledger.end(ns(n) + SECOND // 2, n, 0, end)
        ledger.close()
    return folder


def hold(folder: Path, node: str, *numbers: int, writer: bool = True) -> None:
    """Let a node hold these rows at the end of the run."""
    Rows(np.array(numbers, dtype=np.int64), ns(19.95), writer).save(rows_path(folder, "pay", node))


def findings(folder: Path) -> list[Finding]:
    return [one for one in judge(folder).findings if one.kind == "lost_writes"]


def test_every_acknowledged_write_that_is_there_holds_and_the_open_ones_are_resolved(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, Note.ACKNOWLEDGED, Note.ACKNOWLEDGED, Note.UNKNOWN, Note.UNKNOWN, Note.REJECTED)
    hold(folder, "pg2", 1, 2, 3)
    lost, *others = findings(folder)
    assert lost.verdict is PASSED
    assert lost.because == "2 of 2 acknowledged writes are on pg2; of 2 without an answer 1 are there"
    assert [one.verdict for one in others] == [PASSED, PASSED]


@pytest.mark.says(
    "| `lost_writes: {of, at_most: 0}` | more acknowledged writes of a ledger are gone; one is there twice, or one "
    "that was rejected is there | none | no node that takes writes was read back; nothing was acknowledged; a note "
    "can't be read |"
)
@pytest.mark.parametrize(("at_most", "verdict"), [(0, FAILED), (1, FAILED), (2, PASSED)])
def test_lost_writes_are_weighed_against_their_limit(at_most: int, verdict: Verdict, tmp_path: Path) -> None:
    folder = folder_of(tmp_path, *[Note.ACKNOWLEDGED] * 6, at_most=at_most)
    hold(folder, "pg2", 1, 2, 3, 6)
    lost = findings(folder)[0]
    assert lost.verdict is verdict
    if verdict is FAILED:
        assert lost.because == "2 of 6 acknowledged writes are not on pg2, sent within 1.5 s (number 4, 5)"


@pytest.mark.says(
    "| `lost_writes: {of, at_most: 0}` | more acknowledged writes of a ledger are gone; one is there twice, or one "
    "that was rejected is there | none | no node that takes writes was read back; nothing was acknowledged; a note "
    "can't be read |"
)
def test_a_double_charge_and_a_phantom_break_it_though_nothing_is_lost(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, Note.ACKNOWLEDGED, Note.REJECTED)
    hold(folder, "pg1", 1, 1, 2)
    assert [(one.verdict, one.because) for one in findings(folder)] == [
        (PASSED, "1 of 1 acknowledged writes are on pg1"),
        (FAILED, "1 write there twice, on pg1"),
        (FAILED, "1 write rejected, and there, on pg1"),
    ]


def test_a_standby_that_is_behind_loses_nothing(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, *[Note.ACKNOWLEDGED] * 3)
    hold(folder, "pg1", 1, 2, 3)
    hold(folder, "pg2", 1, writer=False)
    assert findings(folder)[0].verdict is PASSED


def test_of_two_writers_the_one_that_lost_more_is_weighed(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, *[Note.ACKNOWLEDGED] * 3)
    hold(folder, "pg1", 1, 2, 3)
    hold(folder, "pg2", 1, 3)
    assert findings(folder)[0].verdict is FAILED


@pytest.mark.says(
    "| `lost_writes: {of, at_most: 0}` | more acknowledged writes of a ledger are gone; one is there twice, or one "
    "that was rejected is there | none | no node that takes writes was read back; nothing was acknowledged; a note "
    "can't be read |"
)
def test_a_ledger_that_proves_nothing_is_inconclusive_and_says_why(tmp_path: Path) -> None:
    silent = folder_of(tmp_path / "silent")
    unread = folder_of(tmp_path / "unread", Note.ACKNOWLEDGED)
    standby = folder_of(tmp_path / "standby", Note.ACKNOWLEDGED)
    hold(standby, "pg2", 1, writer=False)
    refused = folder_of(tmp_path / "refused", Note.REJECTED, Note.UNKNOWN)
    hold(refused, "pg1")
    told = {
        silent: "left no ledger",
        unread: "was not read back",
        standby: "was not read back from a node that takes writes",
        refused: "no write of pay was acknowledged",
    }
    for folder, because in told.items():
        found = findings(folder)
        assert [one.verdict for one in found] == [INCONCLUSIVE]
        assert because in found[0].because


def test_a_ledger_with_an_altered_note_does_not_hold(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, *[Note.ACKNOWLEDGED] * 3)
    hold(folder, "pg1", 1, 2, 3)
    path = path_of(folder, "pay")
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    path.write_bytes(bytes(content))
    assert findings(folder)[0].verdict is INCONCLUSIVE
