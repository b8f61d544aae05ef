"""P2: a torn or altered timeline is read up to its last whole record, and never wrongly."""

import typing
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from faildrill.errors import JournalDamaged, JournalFull
from faildrill.record import timeline
from faildrill.record.journal import Journal, read
from faildrill.record.timeline import (
    FILE,
    FORMAT,
    AnyEvent,
    Entry,
    Fenced,
    Intended,
    RunStarted,
    Timeline,
    Undoing,
    entries,
)
from faildrill.restoring.salvage import go_on, is_altered, salvage
from support.places import Place

GOLDEN = Path(__file__).parent / "golden"
VALUES: dict[object, object] = {
    str: "words",
    int: 17,
    float: 1.5,
    bool: True,
    dict[str, typing.Any]: {"name": ["value", 1, None]},
    list[str]: ["one", "two"],
    dict[str, str]: {"pay": "refused"},
    dict[str, float]: {"pay": 0.05},
    typing.Literal["own", "named", "none"]: "named",
}


class FixedClock:
    """Ticks once a call."""

    def __init__(self) -> None:
        self.now = 0

    def now_ns(self) -> int:
        self.now += 1_000_000
        return self.now

    def wall(self) -> str:
        return "2026-11-22T10:30:00.000000Z"


def example(kind: type[AnyEvent]) -> AnyEvent:
    """An event of a kind with every required field given."""
    hints = typing.get_type_hints(kind)
    needed = [field.name for field in msgspec.structs.fields(kind) if field.required]
    build: Callable[..., AnyEvent] = kind
    return build(**{name: _value(hints[name]) for name in needed})


def _value(hint: typing.Any) -> object:  # noqa: ANN401 - a type hint
    if hint in VALUES:
        return VALUES[hint]
    if typing.get_origin(hint) is typing.Literal:
        return typing.get_args(hint)[0]
    return VALUES[typing.get_args(hint)[0]]  # optional


def write(folder: Path) -> bytes:
    written = Timeline.create(folder, FixedClock())
    for kind in typing.get_args(AnyEvent):
        written.record(example(kind))
    written.close()
    return (folder / FILE).read_bytes()


def test_a_timeline_of_every_format_reads_as_it_did(tmp_path: Path) -> None:
    for version in range(1, FORMAT + 1):
        assert entries(GOLDEN / f"timeline-{version}.jsonl"), version
    assert entries(GOLDEN / "timeline-1.jsonl")[0].what.format == 1  # type: ignore[union-attr]  # the first is a start
    content = write(tmp_path)
    golden = (GOLDEN / f"timeline-{FORMAT}.jsonl").read_bytes()
    assert content == golden, "the format changed: raise timeline.FORMAT and add a golden file beside the old ones"


def test_a_timeline_cut_at_any_byte_is_read_up_to_its_last_whole_record(
    tmp_path: Path, figure: Callable[[str], None]
) -> None:
    content = write(tmp_path)
    whole = entries(tmp_path / FILE)
    torn = tmp_path / "torn.jsonl"
    for cut in range(len(content)):
        torn.write_bytes(content[:cut])
        found = read(torn)
        lines = content[:cut].count(b"\n")
        assert (len(found.records), found.damaged) == (lines, False), cut
        assert found.whole + found.tail == cut
        assert entries(torn) == whole[:lines], cut
    figure(f"P2 cut at every byte: 0 wrong reads in {len(content)} cuts, the tail named each time")


def test_a_timeline_with_any_byte_changed_is_never_read_wrongly(
    tmp_path: Path, many: Callable[[int, int], int], figure: Callable[[str], None]
) -> None:
    content = write(tmp_path)
    whole = entries(tmp_path / FILE)
    altered = tmp_path / "altered.jsonl"
    noticed = 0
    flips = [1 << bit for bit in range(8)] if many(0, 1) else [1, 32]
    for at in range(len(content)):
        for flip in flips:
            altered.write_bytes(content[:at] + bytes([content[at] ^ flip]) + content[at + 1 :])
            found = read(altered)
            known = salvage(altered)
            assert known == [entry for entry in whole if entry in known], (at, flip)
            assert len(found.records) >= content[:at].count(b"\n")
            assert found.damaged or (found.tail and at >= content.rfind(b"\n", 0, -1)), (at, flip)
            noticed += found.damaged
    figure(
        f"P2 flipped bits: 0 wrong reads in {len(content) * len(flips)}, {noticed} named as altered, the rest as torn"
    )


def test_an_altered_timeline_is_not_judged_and_not_written_to(tmp_path: Path) -> None:
    content = write(tmp_path)
    changed = content.replace(b'"words"', b'"wards"', 1)
    (tmp_path / FILE).write_bytes(changed)
    with pytest.raises(JournalDamaged, match="altered after byte"):
        entries(tmp_path / FILE)
    with pytest.raises(JournalDamaged):
        Timeline.resume(tmp_path, FixedClock())
    assert (tmp_path / FILE).read_bytes() == changed


def test_what_is_left_of_an_altered_timeline_is_put_back_and_told_beside_it(tmp_path: Path) -> None:
    content = write(tmp_path)
    lines = content.splitlines(keepends=True)
    (tmp_path / FILE).write_bytes(b"".join([*lines[:3], b"garbage\n", *lines[3:]]))
    known = salvage(tmp_path / FILE)
    assert len(known) == len(lines)
    assert any(isinstance(entry.what, Intended) for entry in known)
    beside = go_on(tmp_path, FixedClock())
    assert beside.note(Undoing(step="words", by="recover"))
    beside.close()
    [file] = tmp_path.glob("put-back-*.jsonl")
    assert len(read(file).records) == 1


def test_the_last_record_being_altered_is_told_from_being_torn(tmp_path: Path) -> None:
    content = write(tmp_path)
    (tmp_path / FILE).write_bytes(content[:-10] + b"x" + content[-9:])
    assert is_altered(tmp_path / FILE)
    (tmp_path / FILE).write_bytes(content[:-10])
    assert not is_altered(tmp_path / FILE)


def test_half_a_character_in_an_error_is_recorded_all_the_same(tmp_path: Path) -> None:
    written = Timeline.create(tmp_path, FixedClock())
    written.record(example(RunStarted))
    assert written.note(timeline.UndoFailed(step="pay", because="no such file: \udcff"))
    assert written.note(timeline.Applied(step="pay", answer={"what": object()}))
    assert len(entries(tmp_path / FILE)) == 3


def test_an_intent_that_is_no_data_is_not_written(tmp_path: Path) -> None:
    written = Timeline.create(tmp_path, FixedClock())
    written.record(example(RunStarted))
    intent = example(Intended)
    assert isinstance(intent, Intended)
    with pytest.raises(JournalFull, match="no data"):
        written.record(msgspec.structs.replace(intent, before={"name": "\udcff"}))
    assert len(entries(tmp_path / FILE)) == 1


def test_a_reader_of_another_version_is_told_what_it_does_not_know(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / FILE)
    journal.append(b'{"n":0,"at":1,"wall":"","what":{"event":"of.tomorrow"}}')
    journal.close()
    with pytest.raises(JournalDamaged, match="not an event this version knows"):
        entries(tmp_path / FILE)


def test_what_could_not_be_ended_is_in_the_timeline(tmp_path: Path) -> None:
    written = Timeline.create(tmp_path, FixedClock())
    written.record(Fenced(processes=["1 sleep"], left=["2 sudo"]))
    [entry] = entries(tmp_path / FILE)
    assert entry == Entry(0, entry.at, entry.wall, Fenced(processes=["1 sleep"], left=["2 sudo"]))


def test_a_run_says_of_which_format_its_timeline_is(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.fault("pay")
    [first] = entries(place.lay_out() / FILE)
    assert isinstance(first.what, RunStarted)
    assert first.what.format == FORMAT
