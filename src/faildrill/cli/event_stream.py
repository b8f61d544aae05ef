"""What happens, as JSON lines while it happens: each event of a run or a suite as its file has it, and the verdicts."""

import asyncio
import contextlib
import functools
from pathlib import Path
from typing import Final, TextIO

import msgspec

from faildrill.clock import SystemClock
from faildrill.judging.result import Result, Verdict
from faildrill.judging.set_result import SetResult
from faildrill.live.run_view import Tail
from faildrill.record import run_set
from faildrill.record import timeline as tl
from faildrill.record.events import Event

_PAUSE: Final = 0.1
"""Seconds between two readings of a timeline."""


class RunJudged(Event, frozen=True, tag="run.judged", kw_only=True):
    """The last line of a run: what it came to."""

    verdict: Verdict
    because: str
    conclusive: bool
    exit_code: int
    folder: str


class SetJudged(Event, frozen=True, tag="set.judged", kw_only=True):
    """The last line of a set of runs: what it came to."""

    verdict: Verdict
    because: str
    conclusive: bool
    exit_code: int
    folder: str


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the stream."""

    time: str
    """The wall clock in UTC, as in the file that the event is from."""
    set: str = ""
    """The set that it is about, or that its run is of."""
    run: str = ""
    """The run that it is about; empty where it is about the set."""
    drill: str = ""
    """What the drill of that run is called in its suite."""
    n: int | None = None
    """The number of the entry in the run's timeline."""
    what: tl.AnyEvent | run_set.AnyEvent | RunJudged | SetJudged


def schema() -> dict[str, object]:
    """Return the JSON Schema of a line."""
    return msgspec.json.schema(Line)


class Stream:
    """Writes lines; a reader that is gone ends no run."""

    def __init__(self, out: TextIO, set_: str = "") -> None:
        self._out = out
        self._set = set_
        self._gone = False

    def of_set(self, entry: run_set.Entry) -> None:
        """Write an event of the set."""
        self._write(Line(time=entry.wall, set=self._set, what=entry.what))

    async def of_run(self, folder: Path, done: asyncio.Event, drill: str = "") -> None:
        """Write the events of a run as they come, until `done` is set and all are written."""
        tail = Tail(folder / tl.FILE)
        write = functools.partial(self._write_new, tail, folder.name, drill)
        while not done.is_set():
            write()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), _PAUSE)
        write()

    def _write_new(self, tail: Tail, run: str, drill: str) -> None:
        for entry in tail.new():
            self._write(Line(time=entry.wall, set=self._set, run=run, drill=drill, n=entry.n, what=entry.what))

    def judged(self, result: Result, folder: Path, drill: str = "") -> None:
        """Write what a run came to."""
        what = RunJudged(
            verdict=result.verdict,
            because=result.because,
            conclusive=result.conclusive,
            exit_code=result.exit_code,
            folder=str(folder),
        )
        self._write(Line(time=SystemClock().wall(), set=self._set, run=folder.name, drill=drill, what=what))

    def set_judged(self, result: SetResult, folder: Path) -> None:
        """Write what a set came to."""
        what = SetJudged(
            verdict=result.verdict,
            because=result.because,
            conclusive=result.conclusive,
            exit_code=result.exit_code,
            folder=str(folder),
        )
        self._write(Line(time=SystemClock().wall(), set=self._set, what=what))

    def _write(self, line: Line) -> None:
        if self._gone:
            return
        try:
            self._out.write(msgspec.json.encode(line).decode() + "\n")
            self._out.flush()
        except OSError:
            self._gone = True
