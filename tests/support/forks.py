"""A run whose processes are forked from a warm parent, live in virtual time, and can be killed at any point.

The sentinel, the runner and `recover` are the real ones; what they start is forked here instead of executed, so that
a whole run with a death in it costs tens of milliseconds. The disk burns the fuse of the simulated place
(`adapters/simulated/place.py`) before, in the middle of and after every write, and before and after every sync.
"""

import contextlib
import gc
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

import msgspec

from faildrill import judging
from faildrill.adapters.simulated.place import burn
from faildrill.kinds import Shape, find
from faildrill.locking.machine_lock import Holder, hold
from faildrill.locking.place_key import PlaceKey
from faildrill.record.journal import Disk
from faildrill.record.timeline import Entry
from faildrill.restoring.fence import MARK
from faildrill.restoring.ground import Ground
from faildrill.restoring.recovery import recover, started
from faildrill.restoring.salvage import remembered
from faildrill.running.run_processes import Pipes
from faildrill.running.runner import run as run_drill
from faildrill.running.sentinel import watch_over
from faildrill.system.kernel import become_subreaper
from faildrill.testing import LoopClock, run
from support.virtual import TaskProbers

PACE = 0.05
_KINDS: Final[dict[str, Shape]] = {"simulated.fault": "action", "steady_again": "expectation"}
_WITHIN = 30.0


class BurningDisk(Disk):
    """Counts down the fuse at every point of every call; remembers what a power loss would leave of the file."""

    def __init__(self, place: Path, slow: float = 0.0) -> None:
        self._place = place
        self._slow = slow
        """Real seconds that a write takes, so that a run in virtual time can be interrupted from outside."""

    def write(self, descriptor: int, content: bytes | memoryview) -> int:
        burn(self._place)
        time.sleep(self._slow)
        half = os.write(descriptor, content[: len(content) // 2])
        burn(self._place)
        half += os.write(descriptor, content[half:])
        burn(self._place)
        return half

    def sync(self, descriptor: int) -> None:
        burn(self._place)
        size = os.fstat(descriptor).st_size
        (self._place / "synced").write_text(str(size), encoding="ascii")
        burn(self._place)

    def truncate(self, descriptor: int, size: int) -> None:
        burn(self._place)
        os.ftruncate(descriptor, size)
        burn(self._place)


class Forks:
    """The crew of a sentinel, forked from it."""

    def __init__(self, place: Path, slow: float = 0.0) -> None:
        self._ground = ground(place, slow)

    def runner(self, folder: Path, run_id: str, lines: Pipes) -> int:
        return fork(lambda: _runner(folder, run_id, lines, self._ground), lines)

    def recover(self, folder: Path, lines: Pipes) -> int:
        return fork(lambda: 0 if _recover(folder, self._ground, by_person=False) else 6, lines)

    def report(self, folder: Path, lines: Pipes) -> int:
        return fork(lambda: _judge(folder), lines)


def fork(what: Callable[[], int], lines: Pipes = Pipes()) -> int:  # noqa: B008 - it is immutable
    """Fork a process that does this, in a session of its own and with no descriptors but these; return its pid."""
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        os.setsid()
        if lines.stdin >= 0:
            os.dup2(lines.stdin, 0)
        close_all_but({0, 1, 2, *lines.kept})
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        code = what()
    except BaseException:  # noqa: BLE001 - a forked test must never go on as its parent
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def close_all_but(kept: Collection[int]) -> None:
    """Close every descriptor of this process but these."""
    for descriptor in [int(one) for one in os.listdir("/proc/self/fd")]:  # noqa: PTH208 - numbers, not paths
        if descriptor not in kept:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def ground(place: Path, slow: float = 0.0) -> Ground:
    """Virtual time, and a disk that burns the fuse of this place."""
    return Ground(LoopClock(), BurningDisk(place, slow), TaskProbers, PACE)


def _after(folder: Path) -> float:
    """Return when the next process of a run begins: after all that is written, on a clock that it jumped ahead."""
    return max(entry.at for entry in remembered(folder)) / 1e9 + 0.1


def _runner(folder: Path, run_id: str, lines: Pipes, stand: Ground) -> int:
    os.environ[MARK] = run_id
    if run(run_drill(folder, lines, stand), _after(folder)):
        _judge(folder)
    return 0


def _recover(folder: Path, stand: Ground, *, by_person: bool) -> bool:
    return run(recover(folder, "recover" if by_person else "sentinel", stand), _after(folder))


def _judge(folder: Path) -> int:
    judging.write(folder, judging.judge(folder))
    return 0


def watched(folder: Path, place: Path, meanwhile: Callable[[int], object] | None = None, slow: float = 0.0) -> int:
    """See a run that is laid out through, as its sentinel does; return what that exited with, negative when killed.

    `meanwhile` gets the pid of the sentinel, to do something to it or to what descends from it.
    """
    reading, writing = os.pipe()  # held open: whoever started the run is there until it is over
    pid = fork(lambda: _watch_over(folder, place, slow), Pipes(stdin=reading))
    os.close(reading)
    try:
        if meanwhile is not None:
            meanwhile(pid)
        return ended(pid)
    finally:
        os.close(writing)


def _watch_over(folder: Path, place: Path, slow: float) -> int:
    (place / "parent").write_text(str(os.getpid()), encoding="ascii")  # whom the fuse may kill besides who burns it
    return watch_over(folder, Forks(place, slow), BurningDisk(place))


def recovered(folder: Path, place: Path) -> int:
    """Do what `faildrill recover` does; return what it exited with, negative when killed."""

    def what() -> int:
        first = started(folder)
        locks = hold(PlaceKey.of(first), Holder(first.run, str(folder), os.getpid(), "test", ""))
        clean = _recover(folder, ground(place), by_person=True)
        for lock in locks:
            os.close(lock)
        return 0 if clean else 6

    return ended(fork(what))


def ended(pid: int) -> int:
    """Wait for the end of a child and of everything that it left to us; AssertionError when something stays."""
    code: int | None = None
    deadline = time.monotonic() + _WITHIN
    while True:
        try:
            found, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            assert code is not None
            return code
        if found == pid:
            code = os.waitstatus_to_exitcode(status)
        if not found:
            assert time.monotonic() < deadline, f"still there: {_children()}"
            time.sleep(0.001)


def _children() -> str:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii")


def spread(tasks: list[Callable[[], str]], workers: int = 2) -> list[str]:
    """Do tasks in a few forked processes, each of which takes over what its children leave; return what they say."""
    warm_up()
    gc.collect()
    gc.freeze()
    pipes = [os.pipe() for _ in range(workers)]
    pids = [_worker(tasks[number::workers], pipes[number][1]) for number in range(workers)]
    said: list[str] = []
    codes: list[int] = []
    for pid, (reading, writing) in zip(pids, pipes, strict=True):
        os.close(writing)
        with os.fdopen(reading, encoding="utf-8") as lines:
            said += lines.read().splitlines()
        codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    gc.unfreeze()
    assert len(said) == len(tasks), f"a worker died: {codes}, after {said[-3:]}"
    return said


def warm_up() -> None:
    """Have here, once, what every fork would load again for itself: kinds, and how an entry is read."""
    msgspec.json.Decoder(Entry)
    for name, shape in _KINDS.items():
        find(name, shape)


def _worker(tasks: list[Callable[[], str]], writing: int) -> int:
    def what() -> int:
        become_subreaper()
        for task in tasks:
            os.write(writing, f"{_said(task)}\n".encode())
        return 0

    return fork(what, Pipes(beat=writing))


def _said(task: Callable[[], str]) -> str:
    try:
        return task()
    except Exception as error:  # noqa: BLE001 - told to the parent, which counts it as a failure
        return f"broke: {type(error).__name__} {error}; {traceback.format_exc()}".replace("\n", " | ")
