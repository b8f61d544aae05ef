"""Samples kept for long: small, and to the nanosecond what they were."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from faildrill.cli.export import export
from faildrill.errors import JournalDamaged
from faildrill.record.samples import Outcome
from faildrill.record.samples.columns import Columns, load, of
from faildrill.record.samples.compact_file import read_compact, write_compact
from unit.judging.runs import FAULT, Run, probe, ticks

MOST_BYTES = 6.0
"""A sample."""


def same(one: Columns, other: Columns) -> bool:
    arrays = ("due", "sent", "answered", "outcome", "who", "detail")
    return one.names == other.names and all(np.array_equal(getattr(one, at), getattr(other, at)) for at in arrays)


def made(rows: list[tuple[int, int, int]]) -> Columns:
    times = np.cumsum(np.array(rows, np.int64).reshape(-1, 3), axis=0)
    due = times[:, 0]
    sent = np.where(times[:, 1] % 5 == 0, 0, due + times[:, 1] % 1000)
    zeros = np.zeros(len(due), np.uint16)
    return of((due, sent, due + times[:, 2]), (np.full(len(due), Outcome.OK, np.uint8), zeros, zeros), ("",))


@pytest.mark.says(
    "The npz is for keeping: NumPy reads it, and `faildrill.record.samples.compact_file` says what is in it and gives "
    "it back to the nanosecond."
)
@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 10**12), st.integers(0, 10**9), st.integers(0, 10**10)), max_size=30),
    piece=st.integers(1, 12),
)
def test_what_was_written_is_read_to_the_nanosecond(
    rows: list[tuple[int, int, int]], piece: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path, columns = tmp_path_factory.mktemp("compact") / "looks.npz", made(rows)
    assert write_compact(path, {"pay": columns, "none": made([])}, {}, piece) == len(columns)
    found = read_compact(path)
    assert same(found["pay"], columns)
    assert len(found["none"]) == 0


def test_a_usual_sample_takes_six_bytes_at_the_most(tmp_path: Path) -> None:
    count, chance = 100_000, np.random.default_rng(1)
    due = 10**13 + 1_000_000 * np.arange(count)
    sent = due + chance.integers(20_000, 150_000, count)
    answered = sent + chance.integers(200_000, 900_000, count)
    who = chance.integers(1, 4, count).astype(np.uint16)
    numbers = (np.ones(count, np.uint8), who, np.zeros(count, np.uint16))
    columns = of((due, sent, answered), numbers, ("", "a", "b", "c"))
    write_compact(tmp_path / "looks.npz", {"pay": columns}, {})
    assert (tmp_path / "looks.npz").stat().st_size <= MOST_BYTES * count
    assert same(read_compact(tmp_path / "looks.npz")["pay"], columns)


@pytest.mark.says(
    "The npz is for keeping: NumPy reads it, and `faildrill.record.samples.compact_file` says what is in it and gives "
    "it back to the nanosecond."
)
def test_a_run_is_exported_and_read_again(tmp_path: Path) -> None:
    run = Run(expect=[], probes=[probe(), probe("writer", 0.1)], slow={"pay": 0.05, "writer": 0.05}).usual()
    run.good(who="pay1").saw(ticks(FAULT, FAULT + 3), Outcome.REFUSED).good("writer", 0.1, who="pg1")
    folder, path = run.write(tmp_path / "run"), tmp_path / "looks.npz"
    done = CliRunner().invoke(export, [str(folder), "--format", "npz", "-o", str(path)])
    assert done.exit_code == 0
    found, expected = read_compact(path), load(folder)
    assert found.keys() == expected.keys()
    assert all(same(found[name], expected[name]) for name in expected)


def test_what_is_no_such_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "looks.npz"
    path.write_bytes(b"PK\x03\x04 something else")
    with pytest.raises(JournalDamaged, match="not samples that were exported"):
        read_compact(path)
