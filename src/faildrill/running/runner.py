"""The runner: the process that guards, acts and puts back.

    python -m faildrill.running.runner FOLDER

Started by the sentinel, whose end it sees as the end of its standard input: then it undoes by itself.
"""

import asyncio
import contextlib
import functools
import gc
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from faildrill.guarding.known_secrets import keep_secret
from faildrill.locking.abort_request import word_left
from faildrill.locking.lock_keeper import LockKeeper
from faildrill.model.drill import Drill
from faildrill.model.environment import Environment
from faildrill.probing.health import SampleWatch
from faildrill.record.timeline import FILE, Timeline, entries, start_in
from faildrill.restoring.fence import MARK, WATCHES, Swept, carries, fence, is_stopped, keepers, probers
from faildrill.restoring.ground import Ground
from faildrill.running.course import Course
from faildrill.running.run_context import Scene
from faildrill.running.run_processes import LINES, Pipes
from faildrill.running.stop_request import Stop
from faildrill.system import python, redaction, resolver
from faildrill.system.heartbeat import beat, leave
from faildrill.system.lazy_imports import lazily, without_plugins

_LOOK: Final = 0.5
"""Seconds between two looks at whether the sentinel is stopped."""
_STDIN: Final = 0
"""A pipe of the sentinel's: its end is the sentinel's death."""


def scene(folder: Path, lifeline: int, ground: Ground) -> Scene:
    """Read a run that is laid out: everything is in its first event."""
    first = start_in(folder, entries(folder / FILE))
    drill, place = Drill.model_validate(first.drill), Environment.model_validate(first.place)
    keep_secret(drill, place)
    probes = ground.probers(folder, first.run, lifeline, 0)
    timeline = Timeline.resume(folder, ground.clock, ground.disk)
    made = Scene(folder, first.run, drill, place, timeline, ground.clock, SampleWatch(()), probes, pace=ground.pace)
    made.leave_applied = first.leave_applied
    made.watching = SampleWatch(made.plans)
    made.fence = functools.partial(_fence, made)
    if place.lock is not None:
        made.keeper = LockKeeper(folder, lifeline)
    made.give_up = functools.partial(_give_up, made)
    return made


def _fence(scene: Scene) -> Swept:
    """End everything that a step has left running, before anything is put back."""
    sentinel = os.getppid()
    root = sentinel if carries(sentinel, scene.run, WATCHES) else os.getpid()
    return fence(scene.run, root, _spared(scene))


def _spared(scene: Scene) -> list[int]:
    known = scene.timeline.written
    return [*probers(known, scene.run, load=True), *keepers(known, scene.run)]


def _give_up(scene: Scene) -> None:
    if carries(os.getppid(), scene.run, WATCHES):
        # From here on only the sentinel can end what holds on: it sees us die, ends it, and puts everything back.
        leave(1)


async def run(folder: Path, lines: Pipes, ground: Ground) -> bool:
    """Drive the run; True when the sentinel died or was stopped meanwhile, so that somebody else must judge."""
    stop = Stop()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, _asked, stop, number, folder)
    gone = asyncio.Event()

    def sentinel_is_gone(how: str) -> None:
        loop.remove_reader(_STDIN)
        gone.set()
        stop.ask("sentinel", f"the sentinel {how}")

    def listen() -> None:
        if not os.read(_STDIN, 64):
            sentinel_is_gone("died")

    loop.add_reader(_STDIN, listen)
    tasks = [asyncio.create_task(_watch_sentinel(os.getppid(), sentinel_is_gone))]
    if lines.beat >= 0:
        tasks.append(asyncio.create_task(beat(lines.beat)))
    await Course(scene(folder, lines.lifeline, ground), stop).drive()
    for task in tasks:
        task.cancel()
    return gone.is_set()


async def _watch_sentinel(pid: int, is_gone: Callable[[str], None]) -> None:
    """Tell when the sentinel is stopped by a signal, twice in a row: it could end nothing and put nothing back."""
    before = False
    while True:
        now = is_stopped(pid)
        # Twice in a row: a debugger, or a stop and go within half a second, is no death.
        if now and before:
            is_gone("was stopped")
            return
        before = now
        await asyncio.sleep(_LOOK)


def _asked(stop: Stop, number: signal.Signals, folder: Path) -> None:
    word = word_left(folder) if number == signal.SIGTERM else None
    if word is not None:
        stop.ask("person", str(word))
        return
    by_person = number == signal.SIGINT
    words = {signal.SIGINT: "interrupted (Ctrl-C)", signal.SIGHUP: "whoever started the run is gone (SIGHUP)"}
    stop.ask("person" if by_person else "signal", words.get(number, f"ended by {number.name}"))


def conclude(folder: Path) -> None:
    """Judge and report in the place of a sentinel that died; end it, if it is only stopped."""
    rest = {name: value for name, value in os.environ.items() if name != MARK}
    subprocess.run(python.module("faildrill.reports", str(folder)), env=rest, check=False)
    sentinel = os.getppid()
    if is_stopped(sentinel) and carries(sentinel, folder.name, WATCHES):
        with contextlib.suppress(ProcessLookupError):
            os.kill(sentinel, signal.SIGKILL)


async def _main(folder: Path, lines: Pipes) -> None:
    if await run(folder, lines, Ground()):
        conclude(folder)
    leave(0)


def main() -> None:
    """Drive the run in the folder that the command line names."""
    sys.stderr = redaction.Stream(sys.stderr)
    lazily(["numpy"])
    without_plugins()
    gc.freeze()  # what is imported stays: no collection goes through it again
    lines = Pipes.heard(os.environ.pop(LINES, "-1,-1,-1"), _STDIN)
    # Ours by now, not to be passed on: a program of a step that lives on would hold the environment's lock.
    for descriptor in lines.kept:
        os.set_inheritable(descriptor, False)
    resolver.run(_main(Path(sys.argv[1]), lines))


if __name__ == "__main__":
    main()
