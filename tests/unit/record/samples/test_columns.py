"""Samples as columns: what a recorder wrote, and nothing that it did not."""

import os
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faildrill.errors import JournalDamaged
from faildrill.record.samples import SIZE, Files, Outcome, Recorder, Sample, all_samples
from faildrill.record.samples.columns import BLOCK, Columns, load, recorded


def write(folder: Path, samples: list[Sample], name: str = "probes") -> Files:
    files = Files(folder, name)
    recorder = Recorder(files)
    for sample in samples:
        recorder.record(sample)
    recorder.close()
    return files


def write_at_once(folder: Path, samples: list[Sample]) -> None:
    recorder = Recorder(Files(folder))
    for one in samples:
        recorder.keep(one)
    recorder.close()


def spelled(columns: dict[str, Columns]) -> list[Sample]:
    return [some.sample(probe, at) for probe, some in columns.items() for at in range(len(some))]


def told(columns: Columns) -> list[tuple[int, str]]:
    """Say of each look when it was due and who answered; quicker than to spell it out."""
    return [(due, columns.names[who]) for due, who in zip(columns.due.tolist(), columns.who.tolist(), strict=True)]


def sample(due: int, probe: str = "pay", who: str = "", detail: str = "") -> Sample:
    return Sample(probe, due, due + 1, due + 5, Outcome.OK, who, detail)


some_samples = st.lists(
    st.builds(
        Sample,
        probe=st.sampled_from(["pay", "writer", "é☃"]),
        due=st.integers(0, 2**62),
        sent=st.integers(0, 2**62),
        answered=st.integers(0, 2**62),
        outcome=st.sampled_from(Outcome),
        who=st.text(max_size=3),
        detail=st.text(max_size=3),
    ),
    max_size=20,
)


@settings(max_examples=60, deadline=None)
@given(samples=some_samples)
def test_columns_hold_what_was_recorded_ordered_by_due(
    samples: list[Sample], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("run")
    write(folder, samples)
    assert spelled(load(folder)) == sorted(samples, key=lambda one: (one.probe, one.due))


def test_a_folder_without_samples_holds_no_columns(tmp_path: Path) -> None:
    write(tmp_path, [])
    assert load(tmp_path) == {}


def test_a_torn_last_record_is_left_out(tmp_path: Path) -> None:
    files = write(tmp_path, [sample(1), sample(2)])
    for length in range(1, SIZE):
        os.truncate(files.samples, 2 * SIZE - length)
        assert [one.due for one in spelled(load(tmp_path))] == [1]


def test_a_record_with_any_bit_flipped_is_left_out_and_counted(tmp_path: Path) -> None:
    files = write(tmp_path, [sample(1), sample(2, who="a", detail="b"), sample(3)])
    whole = files.samples.read_bytes()
    for bit in range(SIZE * 8):
        torn = bytearray(whole)
        torn[SIZE + bit // 8] ^= 1 << bit % 8
        files.samples.write_bytes(torn)
        columns = load(tmp_path)
        assert [one.due for one in spelled(columns)] == [1, 3]
        assert columns["pay"].damaged == 1


def test_a_record_of_an_outcome_that_is_none_is_left_out(tmp_path: Path) -> None:
    files = write(tmp_path, [sample(1), sample(2)])
    content = bytearray(files.samples.read_bytes())
    content[30] ^= 0x41
    content[31] ^= 0x41
    files.samples.write_bytes(content)
    assert [one.due for one in spelled(load(tmp_path))] == [2]


def test_a_record_whose_probe_has_no_name_is_left_out(tmp_path: Path) -> None:
    files = write(tmp_path, [sample(1), sample(2, probe="writer")])
    files.names.write_bytes(b'"pay"\n"wri')
    columns = load(tmp_path)
    assert [one.due for one in spelled(columns)] == [1]
    assert columns["pay"].damaged == 1


def test_a_look_that_says_what_has_no_name_is_left_out_and_counted(tmp_path: Path) -> None:
    files = write(tmp_path, [sample(1, who="pay1"), sample(2, who="pay1", detail="HTTP 200")])
    files.names.write_bytes(b'"pay"\n"pay1"\n')
    probes, unnamed = recorded(tmp_path)
    assert [one.due for one in spelled(probes)] == [1]
    assert (probes["pay"].damaged, unnamed) == (1, {"probes": 1})


@pytest.mark.parametrize("content", [b"pay\n", b"7\n", b'{"a": 1}\n', b"\xff\n"])
def test_names_that_are_none_are_damage(content: bytes, tmp_path: Path) -> None:
    files = write(tmp_path, [sample(1)])
    files.names.write_bytes(content)
    with pytest.raises(JournalDamaged, match="names"):
        load(tmp_path)


def test_what_two_probers_saw_of_one_probe_is_merged_by_due_and_by_name(tmp_path: Path) -> None:
    early = [sample(1, who="a", detail="x"), sample(5, who="b")]
    later = [sample(3, who="b", detail="y"), sample(7, probe="writer", who="a")]
    write(tmp_path, early)
    write(tmp_path, later, "probes-2")
    columns = load(tmp_path)
    assert spelled(columns) == [*sorted([*early, later[0]], key=lambda one: one.due), later[1]]


def test_files_that_are_left_out_are_not_read(tmp_path: Path) -> None:
    write(tmp_path, [sample(1)])
    write(tmp_path, [sample(2)], "probes-2")
    assert [one.due for one in spelled(recorded(tmp_path, {"probes-2"}).probes)] == [1]


def test_columns_and_the_follower_read_the_same(tmp_path: Path) -> None:
    files = write(tmp_path, [sample(at, who=f"w{at % 3}") for at in range(100)])
    assert spelled(load(tmp_path)) == all_samples(files)


def test_a_span_is_by_when_looks_were_due_its_end_left_out(tmp_path: Path) -> None:
    write(tmp_path, [sample(at) for at in range(10)])
    assert load(tmp_path)["pay"].between(2, 5).due.tolist() == [2, 3, 4]


def test_a_record_of_no_probe_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, [sample(1), sample(2, probe="")])
    columns = load(tmp_path)
    assert [one.due for one in spelled(columns)] == [1]
    assert columns["pay"].damaged == 1


def test_probes_that_share_a_prober_are_kept_apart_over_many_blocks(tmp_path: Path) -> None:
    recorded = [sample(at, probe=("pay", "writer", "db")[at * at % 3], who=f"w{at % 4}") for at in range(3 * BLOCK)]
    write_at_once(tmp_path, recorded)
    for name, columns in load(tmp_path).items():
        assert told(columns) == [(one.due, one.who) for one in recorded if one.probe == name]


@pytest.mark.parametrize("apart", [3, 5000, 10 * BLOCK])
def test_looks_that_ended_out_of_turn_are_put_in_order_and_those_due_at_once_stay_as_recorded(
    apart: int, tmp_path: Path
) -> None:
    chance = Random(apart)  # noqa: S311 - chances, no secrets
    recorded = [sample(at // 2, who=f"w{at % 2}") for at in range(5 * BLOCK)]
    recorded.sort(key=lambda one: one.due + (chance.randrange(apart) if chance.random() < 0.1 else 0))
    write_at_once(tmp_path, recorded)
    expected = sorted(recorded, key=lambda one: one.due)
    assert told(load(tmp_path)["pay"]) == [(one.due, one.who) for one in expected]


def test_what_is_read_of_a_shared_file_is_not_copied_until_it_is_asked_for(tmp_path: Path) -> None:
    recorded = [sample(at, probe=("pay", "writer")[at % 2]) for at in range(4 * BLOCK)]
    write_at_once(tmp_path, recorded)
    columns = load(tmp_path)["pay"]
    assert columns.order is not None
    assert columns.order.nbytes == 4 * len(columns)
    assert [len(part) for _, part in columns.blocks()] == [BLOCK, BLOCK]


def test_blocks_of_any_size_and_direction_hold_the_same_looks(tmp_path: Path) -> None:
    recorded = [sample(at, probe=("pay", "writer")[at % 2], who=f"w{at % 5}") for at in range(200)]
    write_at_once(tmp_path, recorded)
    columns = load(tmp_path)["writer"]
    for size in (1, 7, 100, 1000):
        for backwards in (False, True):
            parts = sorted(columns.blocks(size, backwards=backwards), key=lambda one: one[0])
            assert [part.sample("writer", at) for _, part in parts for at in range(len(part))] == recorded[1::2]


EVENLY = range(0, 7 * (2 * BLOCK + 1), 7)
"""Looks of two blocks, and a single one of a third."""


@pytest.mark.parametrize("others", [0, 1], ids=["alone", "beside another probe"])
@pytest.mark.parametrize(
    ("dues", "step"),
    [
        pytest.param([*EVENLY], 7, id="each was due as long after the one before"),
        pytest.param([due for due in EVENLY if due != 7 * (BLOCK + 5)], 0, id="one is missing"),
        pytest.param([due for due in EVENLY if due != 7 * BLOCK], 0, id="the first of a block is missing"),
        pytest.param([*EVENLY[:-1], EVENLY[-1] + 7], 0, id="the last but one is missing"),
        pytest.param([*EVENLY[:-1], EVENLY[-2]], 0, id="the last two were due at once"),
        pytest.param([*EVENLY[1:], 0], 0, id="the first one is told last"),
        pytest.param([7], 0, id="a single one"),
    ],
)
def test_looks_have_a_step_where_it_is_the_same_of_all(dues: list[int], step: int, others: int, tmp_path: Path) -> None:
    write_at_once(tmp_path, [one for due in dues for one in [sample(due), *[sample(due, "writer")] * others]])
    columns = load(tmp_path)["pay"]
    assert columns.step == step
    assert {part.step for _, part in columns.blocks()} == {step}
    assert columns.where(columns.due % 2 == 0).step == 0
