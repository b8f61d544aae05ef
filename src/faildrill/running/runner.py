"""The runner: the process that guards, acts and puts back.

    python -m faildrill.running.runner FOLDER

Started by the sentinel, whose end it sees as the end of its standard input: then it undoes by itself.
"""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from faildrill.clock import SystemClock
from faildrill.drill import Drill
from faildrill.environment import Environment
from faildrill.guarding.asking import word_left
from faildrill.probing.processes import ProberProcesses
from faildrill.probing.watching import Watching
from faildrill.recovering.fencing import MARK
from faildrill.running.driving import Driving
from faildrill.running.scene import Scene
from faildrill.running.stopping import Stop
from faildrill.timeline import FILE, RunStarted, Timeline, entries


def scene(folder: Path, lifeline: int) -> Scene:
    """Read a run that is laid out: everything is in its first event."""
    first = entries(folder / FILE)[0].what
    if not isinstance(first, RunStarted):
        raise SystemExit(f"{folder} is not a run: its first event is not a start")
    drill, place = Drill.model_validate(first.drill), Environment.model_validate(first.place)
    clock = SystemClock()
    probes = ProberProcesses(folder, first.run, lifeline)
    made = Scene(folder, first.run, drill, place, Timeline.resume(folder, clock), clock, Watching(()), probes)
    made.leave_applied = first.leave_applied
    made.watching = Watching(made.plans)
    return made


async def run(folder: Path, lifeline: int) -> bool:
    """Drive the run; True when the sentinel died meanwhile, so that somebody else must judge."""
    stop = Stop()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, _asked, stop, number, folder)
    gone = asyncio.Event()

    def sentinel_is_gone() -> None:
        if not os.read(0, 64):
            loop.remove_reader(0)
            gone.set()
            stop.ask("sentinel", "the sentinel died")

    loop.add_reader(0, sentinel_is_gone)
    await Driving(scene(folder, lifeline), stop).drive()
    return gone.is_set()


def _asked(stop: Stop, number: signal.Signals, folder: Path) -> None:
    word = word_left(folder) if number == signal.SIGTERM else None
    if word is not None:
        stop.ask("person", str(word))
        return
    by_person = number == signal.SIGINT
    words = {signal.SIGINT: "interrupted (Ctrl-C)", signal.SIGHUP: "whoever started the run is gone (SIGHUP)"}
    stop.ask("person" if by_person else "signal", words.get(number, f"ended by {number.name}"))


def main() -> None:
    """Drive the run in the folder that the command line names."""
    folder = Path(sys.argv[1])
    read, _, write = os.environ.pop("FAILDRILL_LIFELINE").partition(",")
    for descriptor in (int(read), int(write)):
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - its only parameter
    if asyncio.run(run(folder, int(read))):
        rest = {name: value for name, value in os.environ.items() if name != MARK}
        subprocess.run([sys.executable, "-m", "faildrill", "report", str(folder)], env=rest, check=False)


if __name__ == "__main__":
    main()
