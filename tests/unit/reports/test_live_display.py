import asyncio
import io
import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from faildrill.cli.live_display import Mode, draw, show
from faildrill.live.run_view import Watch
from faildrill.record import journal
from faildrill.record import timeline as tl
from faildrill.record.samples import SIZE, Files, Outcome, Recorder, Sample, pack
from unit.reports import crash, hostile
from unit.reports.crash import BOOT, SECOND, UP


def cut(folder: Path, second: float) -> None:
    """Write the run as it was at a second of it."""
    clock = crash.SteppedClock()
    timeline = tl.Timeline.create(folder, clock)
    for at, event in crash.events():
        if at <= second:
            clock.at = at
            timeline.record(event)
    timeline.close()


def shown(folder: Path, mode: Mode, out: io.StringIO, before_done: Callable[[], None] = lambda: None) -> str:
    async def run() -> None:
        done = asyncio.Event()
        showing = asyncio.create_task(show(folder, done, mode=mode, out=out))
        await asyncio.sleep(0.05)
        await asyncio.to_thread(before_done)
        done.set()
        await asyncio.wait_for(showing, 60)

    asyncio.run(run())
    return out.getvalue()


def drawn(folder: Path, second: float) -> str:
    watch = Watch(folder)
    told = watch.new()
    console = Console(file=io.StringIO(), width=120, highlight=False)
    console.print(draw(watch, told[-6:], BOOT + round(second * SECOND)))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_plain_lines_tell_each_event_that_matters_once_with_its_time(recorded: Path) -> None:
    lines = shown(recorded, "plain", io.StringIO()).splitlines()
    assert all(re.match(r"\d\d:\d\d:\d\dZ  \S", line) for line in lines)
    for sentence in (
        "10:30:06Z  kill the primary: applying",
        "10:30:06Z  kill the primary took effect: pg1 does not run any more",
        "10:30:06Z  pay: reset: connection reset by the balancer",
        "10:30:37Z  kill the primary is put back: pg1 streams from pg2",
    ):
        assert lines.count(sentence) == 1


def test_an_outage_of_a_thousand_looks_is_two_plain_lines(recorded: Path) -> None:
    lines = [line for line in shown(recorded, "plain", io.StringIO()).splitlines() if "  pay: " in line]
    assert len(lines) == 2
    assert "ok again after about 20 s" in lines[1]


def test_flapping_is_not_told_look_by_look(tmp_path: Path) -> None:
    cut(tmp_path, 6.4)
    recorder = Recorder(Files(tmp_path))
    for number in range(400):
        at = BOOT + number * SECOND // 50
        outcome = Outcome.OK if number % 10 else Outcome.REFUSED
        recorder.record(Sample("pay", at, at, at + 1_000_000, outcome))
    recorder.close()
    lines = [line for line in shown(tmp_path, "plain", io.StringIO()).splitlines() if "  pay: " in line]
    assert len(lines) == 1


def test_a_bad_answer_that_comes_late_counts_from_when_it_was_asked_for_to_the_next_good_look(tmp_path: Path) -> None:
    """As the verdict has it: looks that were sent after it were good all the while."""
    cut(tmp_path, 6.4)
    looks = [Sample("pay", at, at, at + 1_000_000, Outcome.OK) for at in range(BOOT, BOOT + 12 * SECOND, SECOND // 20)]
    sent = looks[120].due
    looks[120] = Sample("pay", sent, sent, sent + 3 * SECOND, Outcome.WRONG, detail="HTTP 503, late")
    recorder = Recorder(Files(tmp_path))
    for look in sorted(looks, key=lambda one: one.answered):
        recorder.record(look)
    recorder.close()
    lines = [line for line in shown(tmp_path, "plain", io.StringIO()).splitlines() if "  pay: " in line]
    assert [line.partition("  ")[2] for line in lines] == [
        "pay: wrong: HTTP 503, late",
        "pay: ok again after about 51 ms (1 bad look)",
    ]


def test_quiet_says_nothing(recorded: Path) -> None:
    assert shown(recorded, "quiet", io.StringIO()) == ""


def test_what_comes_while_it_shows_is_told_before_it_ends(tmp_path: Path) -> None:
    text = shown(tmp_path, "plain", io.StringIO(), lambda: crash.write(tmp_path))
    assert "The run is over" in text
    assert "pay: ok again" in text


def test_the_picture_has_phase_step_with_its_time_left_and_each_probe(tmp_path: Path, recorded: Path) -> None:
    cut(tmp_path, 14.0)
    for name in ("probes.samples", "probes.names"):
        (tmp_path / name).write_bytes((recorded / name).read_bytes())
    samples = tmp_path / "probes.samples"
    until = BOOT + 14 * SECOND
    content = samples.read_bytes()
    records = [content[at : at + SIZE] for at in range(0, len(content), SIZE)]
    samples.write_bytes(b"".join(one for one in records if int.from_bytes(one[16:24], "little") < until))
    text = drawn(tmp_path, 14.0)
    assert "acting 0:07" in text
    assert re.search(r"wait for writes +waiting until pay is ok for 3 s +53 s left of 1 min", text)
    assert re.search(r"✗ pay +wrong for 7\.\d+ s 503: no database +▪+×+ +50/s", text)


def test_a_probe_that_stopped_looking_is_not_shown_as_well(recorded: Path) -> None:
    assert re.search(r"\? pay +no look for", drawn(recorded, UP + 60))


def test_the_live_mode_draws_on_a_terminal_and_leaves_nothing_behind(recorded: Path) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    assert "postgres-primary-crash" in shown(recorded, "live", Terminal())


@pytest.mark.parametrize("text", hostile.STRINGS)
def test_no_control_character_of_a_run_reaches_the_screen(text: str, tmp_path: Path) -> None:
    crash.write(tmp_path, hostile.put_into(text))
    for written in (shown(tmp_path, "plain", io.StringIO()), drawn(tmp_path, 30.0)):
        assert not [one for one in written if (ord(one) < 32 and one != "\n") or 126 < ord(one) < 160]
    assert all(re.match(r"\d\d:\d\d:\d\dZ  ", line) for line in shown(tmp_path, "plain", io.StringIO()).splitlines())


def _garbage(folder: Path) -> None:
    (folder / tl.FILE).write_bytes(os.urandom(5_000) + b"\n" + journal.seal(b'{"n":0}') + b"\n\n")
    (folder / "probes.samples").write_bytes(os.urandom(999))


def _deep(folder: Path) -> None:
    crash.write(folder)
    with (folder / "probes.names").open("ab") as names:
        names.write(b"[" * 100_000 + b"\n")
    with (folder / "probes.samples").open("ab") as samples:
        samples.write(pack(1, 1, 1, 60_000 | 1 << 48))
        samples.write(pack(2**64 - 1, 2**64 - 1, 2**64 - 1, 1 | 1 << 48))
        samples.write(pack(1, 1, 1, 1 | 99 << 48))


def _wrong_names(folder: Path) -> None:
    crash.write(folder)
    lines = (folder / "probes.names").read_bytes().splitlines()
    (folder / "probes.names").write_bytes(b"\n".join([json.dumps({"a": 1}).encode(), *lines[1:]]) + b"\n")


def _no_files(folder: Path) -> None:
    os.mkfifo(folder / tl.FILE)
    os.mkfifo(folder / "probes.samples")
    (folder / "other.samples").mkdir()


def _no_folder(folder: Path) -> None:
    folder.rmdir()


@pytest.mark.parametrize("spoil", [_garbage, _deep, _wrong_names, _no_files, _no_folder])
@pytest.mark.parametrize("mode", ["plain", "live"])
def test_nothing_in_the_files_ends_the_display(spoil: Callable[[Path], None], mode: Mode, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    spoil(folder)
    assert "the display stopped" not in shown(folder, mode, io.StringIO())


def test_a_closed_output_ends_neither_the_display_nor_the_run(recorded: Path) -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:  # noqa: ARG002 - its signature
            raise BrokenPipeError

    began = time.monotonic()
    assert shown(recorded, "plain", Closed()) == ""
    assert time.monotonic() - began < 60


def test_watching_changes_nothing_in_the_folder(run: Path) -> None:
    before = {one: (one.stat().st_mtime_ns, one.read_bytes()) for one in run.iterdir()}
    shown(run, "plain", io.StringIO())
    assert {one: (one.stat().st_mtime_ns, one.read_bytes()) for one in run.iterdir()} == before
