"""A run from its laid-out folder to its result: started, shown, and told of signals."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Final

import click
import msgspec

from faildrill.judging import FILE
from faildrill.judging.result import Result
from faildrill.locking.declared_facts import proven
from faildrill.locking.dirty_marks import is_marked
from faildrill.locking.machine_lock import await_release
from faildrill.model.environment import Environment
from faildrill.running.layout import Started, start
from faildrill.system.exit_codes import ExitCode, unless_unsafe

Showing = Callable[[asyncio.Event], Coroutine[None, None, None]]
"""Shows a run until the event is set."""
_LEAVES: Final = 3
_ROOM: Final = 1 << 20
"""Bytes: with fewer, a result and its reports can't be written."""
_LOOK: Final = 0.05
"""Seconds between two looks at whether a process has ended, where nothing tells of it."""


def drive(folder: Path, place: Environment, showing: Showing, signals: "Signals | None" = None) -> Result | None:
    """Start the run in a folder, show it to its end, and return its result; None, and said why, where there is none.

    `signals` remembers for the caller what was heard meanwhile.
    """
    heard = signals or Signals()

    async def alone() -> int:
        heard.listen()
        return await follow(folder, showing, heard)

    return outcome(asyncio.run(alone()), folder, place)


async def follow(folder: Path, showing: Showing, signals: "Signals") -> int:
    """Start the run in a folder, show it to its end, and return how its sentinel ended; it is told of the signals."""
    started = start(folder)
    with signals.handed_to(started):
        await _show_until_done(started, showing)
    code = started.sentinel.wait()
    if started.sentinel.stdin is not None:
        started.sentinel.stdin.close()
    return code


def outcome(code: int, folder: Path, place: Environment) -> Result | None:
    """Return the result of a run whose sentinel ended so; None, and said why, where there is none.

    Waits for the runner where it goes on without its sentinel.
    """
    if code < 0:
        click.echo("the sentinel died; the runner, if it still lives, puts everything back by itself", err=True)
        await_release(proven(place))
    path = folder / FILE
    if not path.exists():
        why = f"the run was not judged (sentinel: {code}{_shortage(folder)}); see {folder}/sentinel.log"
        click.echo(f"{why}{_what_now(folder, place)}", err=True)
        return None
    return msgspec.json.decode(path.read_bytes(), type=Result)


def _what_now(folder: Path, place: Environment) -> str:
    """Say what to do about a run without a verdict: only one that may have left something is recovered."""
    try:
        left = _is_marked(folder, place)
    except OSError:
        left = True
    if left:
        return f", then run: faildrill recover {folder}"
    return f"; it left nothing to recover, and has a verdict once its files can be written: faildrill report {folder}"


def _is_marked(folder: Path, place: Environment) -> bool:
    return is_marked(proven(place), folder.name)


def _shortage(folder: Path) -> str:
    """Tell where the disk of a run is full, as its own log may say nothing then."""
    free = shutil.disk_usage(folder).free
    return f"; its disk is full, {free >> 10:,} KiB are free: make room first" if free < _ROOM else ""


def exit_code(result: Result | None, folder: Path, place: Environment) -> ExitCode:
    """Return how a run ended: UNSAFE, and said how to put it back, wherever its mark is still there.

    Else as its verdict says; ERROR where it has none.
    """
    if is_dirty := _is_marked(folder, place):
        click.echo(f"the environment is DIRTY; put it back with: faildrill recover {folder}", err=True)
    return unless_unsafe(ExitCode(result.exit_code) if result is not None else ExitCode.ERROR, lambda: is_dirty)


class Signals:
    """The signals that the command gets: handed on to the sentinel of each run under way, and kept in mind."""

    def __init__(self) -> None:
        self.got: signal.Signals | None = None
        """The first of them."""
        self._interrupts = 0
        self._under_way: list[Started] = []

    def listen(self) -> None:
        """Hear them from now on, for as long as the running loop runs; none of them ends this process any more."""
        loop = asyncio.get_running_loop()
        ignored = {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else set()  # as `nohup` asks
        for number in {signal.SIGINT, signal.SIGTERM, signal.SIGHUP} - ignored:
            loop.add_signal_handler(number, self._pass_signal_on, number)

    @contextlib.contextmanager
    def handed_to(self, started: Started) -> Iterator[None]:
        """Hand them to the sentinel of a run as well, within this."""
        self._under_way.append(started)
        try:
            yield
        finally:
            self._under_way.remove(started)

    def _pass_signal_on(self, number: signal.Signals) -> None:
        self.got = self.got or number
        self._interrupts += number == signal.SIGINT
        for started in self._under_way:
            if started.sentinel.poll() is None:
                started.sentinel.send_signal(number)
            if self._interrupts == _LEAVES and number == signal.SIGINT:
                click.echo(f"left as it is; put it back with: faildrill recover {started.folder}", err=True)


async def _show_until_done(started: Started, show: Showing) -> None:
    """Show the run until its sentinel is done; no signal ends the showing."""
    done = asyncio.Event()
    showing = asyncio.create_task(show(done))
    await _ended(started.sentinel)
    done.set()
    await asyncio.gather(showing, return_exceptions=True)


async def _ended(process: "subprocess.Popen[bytes]") -> None:
    """Return when a process has ended: at once, where the kernel tells of it (since Linux 5.3)."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError:
        while process.poll() is None:  # noqa: ASYNC110 - there is no event to await
            await asyncio.sleep(_LOOK)
        return
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
