"""The live display of a run: read from its files, drawn on a terminal or written as plain lines.

It never writes into the run's folder, never blocks the loop that it runs in, and its own failure never ends a run.
"""

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from faildrill.clock import NANOSECONDS, Clock, SystemClock
from faildrill.durations import show as duration
from faildrill.live.run_view import BUCKET, STRIP, Line, Mark, ProbeSeen, StepSeen, Veil, Watch
from faildrill.plain_text import Stream, plain
from faildrill.record.samples import Outcome

Mode = Literal["live", "plain", "quiet"]
_PHASES: Final = ("guarding", "warming up", "acting", "undoing", "steadying", "judging")
_PAUSE: Final = {"live": 0.25, "plain": 0.2}
"""Seconds between two readings of the files."""
_TOLD: Final = 6
_STYLES: Final = {"info": "", "good": "green", "bad": "red"}
_MARKS: Final = {"info": "·", "good": "✓", "bad": "✗"}


async def show(
    folder: Path, done: asyncio.Event, *, mode: Mode, out: TextIO, veil: Veil | None = None, label: str = ""
) -> None:
    """Show the run in a folder until `done` is set: drawn anew (`live`), a line an event (`plain`), or not at all.

    Behind a veil nothing of it is shown that tells which drill it is. With a label each line says whose it is.
    Whatever is in the files and whatever becomes of `out`, this returns once `done` is set, and raises nothing.
    """
    if mode != "quiet":
        try:
            await _keep_showing(Watch(folder, veil), done, mode, _Out(out, label))
        except Exception as error:  # noqa: BLE001 - a display that breaks must not end, or outlive, what it shows
            with contextlib.suppress(OSError, ValueError):
                out.write(f"the display stopped ({type(error).__name__}); the run goes on\n")
    await done.wait()


async def _keep_showing(watch: Watch, done: asyncio.Event, mode: Mode, out: "_Out") -> None:
    with contextlib.ExitStack() as stack:
        display = _Drawn(watch, out.to, stack) if mode == "live" else _Written(watch, out)
        while not done.is_set():
            await asyncio.to_thread(display.refresh)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), _PAUSE[mode])
        await asyncio.to_thread(display.refresh)


@dataclass(frozen=True)
class _Out:
    """Where lines are written, and what each of them begins with after its time."""

    to: TextIO
    label: str


class _Written:
    """One line for each event that matters, each with its time."""

    def __init__(self, watch: Watch, out: _Out) -> None:
        self._watch = watch
        self._out = out.to
        self._label = f"{plain(out.label, 120)}: " if out.label else ""

    def refresh(self) -> None:
        """Write what is new."""
        for line in self._watch.new():
            text = f"{_wall(self._watch, line.at)}  {self._label}{plain(line.text)}\n"
            self._out.write(_encodable(text, self._out))
        self._out.flush()


def _encodable(text: str, out: TextIO) -> str:
    encoding = out.encoding or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


def _wall(watch: Watch, at: int) -> str:
    """Tell the wall clock of a moment on the run's clock, in UTC, by the run's first event."""
    if watch.first is None:
        return "--:--:--Z"
    try:
        start = datetime.fromisoformat(watch.first.wall)
        return f"{start + timedelta(microseconds=(at - watch.first.at) // 1000):%H:%M:%S}Z"
    except (ValueError, OverflowError):
        return "--:--:--Z"


class _Drawn:
    """The whole state, drawn anew on a terminal."""

    def __init__(self, watch: Watch, out: TextIO, stack: contextlib.ExitStack) -> None:
        self._watch = watch
        self._clock: Clock = SystemClock()
        self._told: list[Line] = []
        drawn_on = out.bare if isinstance(out, Stream) else out  # it moves the cursor, and every text on it is plain
        self._console = Console(file=drawn_on, highlight=False, emoji=False, markup=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True, redirect_stdout=False)
        stack.enter_context(self._live)

    def refresh(self) -> None:
        """Read what is new and draw."""
        self._told = [*self._told, *self._watch.new()][-_TOLD:]
        now = self._clock.now_ns()
        self._live.update(draw(self._watch, self._told, now), refresh=True)


def draw(watch: Watch, told: list[Line], now: int) -> Group:
    """Draw what is known of the run at a moment on its clock."""
    parts: list[Text | Table] = [_heading(watch, now), _phases(watch, now)]
    if watch.aborting:
        parts.append(Text(f" aborting: {plain(watch.aborting)}", style="bold yellow"))
    parts += [Text(), _steps(watch, now), Text(), _probes(watch, now), Text()]
    parts += [_line(watch, line) for line in told]
    return Group(*parts)


def _line(watch: Watch, line: Line) -> Text:
    return Text.assemble((f" {_wall(watch, line.at)}  ", "dim"), (plain(line.text, 200), _STYLES[line.level]))


def _heading(watch: Watch, now: int) -> Text:
    since = (now - watch.first.at) / NANOSECONDS if watch.first is not None else 0.0
    where = f"  in {plain(watch.environment, 60)}" if watch.environment else ""
    return Text.assemble(
        (f" {plain(watch.drill, 80) or 'starting'}", "bold"), (where, "dim"), (f"  {_clock(since)}", "dim")
    )


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(0, int(seconds)), 60)
    return f"{minutes}:{rest:02d}"


def _phases(watch: Watch, now: int) -> Text:
    """Write the phases in a row: those behind, the present one with its time, those ahead."""
    present = _PHASES.index(watch.phase) if watch.phase in _PHASES else -1
    line = Text(" ")
    for number, phase in enumerate(_PHASES):
        if number:
            line.append(" → ", "dim")
        if number == present:
            line.append(f"{phase} {_clock((now - watch.phase_since) / NANOSECONDS)}", "bold cyan")
        else:
            line.append(phase, "" if number < present else "dim")
    return line


def _grid(*ratios: int, widest: int | None = None) -> Table:
    """Lay out columns that share the width by their ratios; those of ratio 0 are as wide as what is in them."""
    grid = Table.grid(padding=(0, 2), expand=True)
    for ratio in ratios:
        grid.add_column(ratio=ratio or None, no_wrap=True, overflow="ellipsis", max_width=None if ratio else widest)
    return grid


def _steps(watch: Watch, now: int) -> Table:
    grid = _grid(4, 4, 3)
    for step in list(watch.steps.values())[:12]:
        mark = Text.assemble((f" {_MARKS[step.level]} ", _STYLES[step.level]), plain(step.name, 120))
        state = Text(plain(step.state, 120), style=_STYLES[step.level] or ("dim" if step.since is None else ""))
        grid.add_row(mark, state, _left(step, now))
    return grid


def _left(step: StepSeen, now: int) -> Text:
    """Say how much of its time a step has left."""
    if step.since is None or not step.limit:
        return Text("")
    left = step.limit - (now - step.since) / NANOSECONDS
    if left < 0:
        return Text(f"{duration(-left)} over {duration(step.limit)}", style="red")
    return Text(f"{left:.0f} s left of {duration(step.limit)}", style="yellow" if left < step.limit / 4 else "dim")


def _probes(watch: Watch, now: int) -> Table:
    grid = _grid(0, 1, 0, 0, 0, widest=26)
    for probe in list(watch.probes.values())[:16]:
        grid.add_row(*_probe(watch, probe, now))
    return grid


def _probe(watch: Watch, probe: ProbeSeen, now: int) -> tuple[Text, ...]:
    state, style, mark = _state(watch, probe, now)
    name = Text.assemble((f" {mark} ", style), plain(probe.name, 60))
    who = plain(str(probe.last.who), 60) if probe.last is not None else ""
    return name, Text(state, style=style), _strip(probe, now), Text(f"{probe.rate(now):.0f}/s", style="dim"), Text(who)


def _state(watch: Watch, probe: ProbeSeen, now: int) -> tuple[str, str, str]:
    """Say how a probe is: its words, their style, and a mark that tells it without colour."""
    last = probe.last
    if last is None:
        return "no look yet", "dim", "·"
    if watch.silent(probe, now):
        return f"no look for {duration((now - last.answered) / NANOSECONDS)}", "yellow", "?"
    if not last.outcome.is_look:
        return last.outcome.in_words(plain(str(last.detail), 60)), "yellow", "?"
    if probe.bad_since is None:
        return f"ok {duration(max(0, last.answered - last.due) / NANOSECONDS)}", "green", "●"
    dark = duration(max(0, now - probe.bad_since) / NANOSECONDS)
    if last.outcome is Outcome.OK:
        return f"ok again, {dark} after the first bad look", "yellow", "◐"
    return f"{last.outcome.in_words()} for {dark} {plain(str(last.detail), 60)}".strip(), "red", "✗"


_STRIP: Final[dict[Mark | None, tuple[str, str]]] = {
    "good": ("▪", "green"),
    "late": ("▪", "yellow"),
    "dark": ("×", "red"),
    "open": ("?", "yellow"),
    None: (" ", ""),
}
"""By what a second's looks were, its mark; the last one is of a second without a look."""


def _strip(probe: ProbeSeen, now: int) -> Text:
    """Draw the last seconds, a mark each: a block where all were good, yellow where one was late, or a cross."""
    strip = Text()
    current = now // BUCKET
    for bucket in range(current - STRIP + 1, current + 1):
        strip.append(*_STRIP[probe.strip.get(bucket)])
    return strip
