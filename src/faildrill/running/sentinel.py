"""The sentinel: the runner's parent, holder of the lock. When the runner dies, it fences and has everything put back.

    python -m faildrill.running.sentinel FOLDER

It is small on purpose: it waits for its child, for signals, and for the end of its standard input (whoever started
the run is gone). What is heavy runs in processes of its own: the runner, `recover` when the runner died, and
`judge` at the end. Its exit code is that of the verdict.
"""

import contextlib
import getpass
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final, NoReturn

from faildrill.clock import SystemClock, boot_id
from faildrill.errors import Objection
from faildrill.guarding.holding import Holder, hold, marks
from faildrill.kernel import become_subreaper
from faildrill.recovering.fencing import MARK, carries, fence
from faildrill.timeline import (
    FILE,
    Fenced,
    GuardAnswered,
    ProberStarted,
    RunEnded,
    RunnerDied,
    RunStarted,
    Timeline,
    entries,
)

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ASKED: Final = signal.SIGUSR1
"""By this `faildrill abort` asks; unlike the others it never leads to leaving the run as it is."""
_WATCHED: Final = {*SIGNALS, ASKED, signal.SIGCHLD}
_POLL: Final = 0.1
_ERROR: Final = 7
_LEAVES: Final = 3
"""The signal at which the run is left as it is."""
_RECOVERIES: Final = 3
"""How often `recover` is started when it dies itself."""


class Sentinel:
    """Watches over one run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        first = entries(folder / FILE)[0].what
        if not isinstance(first, RunStarted):
            raise SystemExit(f"{folder} is not a run: its first event is not a start")
        self._first = first
        self._signals = 0
        self._starter_is_there = True
        self._lock = self._ours = self._probers = -1

    def run(self) -> int:
        """Hold the lock, see the run through, judge it, and return the verdict's exit code."""
        if self._refused():
            return self._judge()
        how = self._watch(self._start_runner())
        if how is None:
            return self._judge()
        self._clean_up(how)
        return self._judge()

    def _refused(self) -> bool:
        """Take the lock; record the objection when somebody has it, or when an earlier run is not put back."""
        holder = Holder(
            self._first.run, str(self._folder.resolve()), os.getpid(), getpass.getuser(), SystemClock().wall()
        )
        objection = None
        try:
            self._lock = hold(self._first.identity, holder)
        except Objection as error:
            objection = GuardAnswered(guard="lock", objection=str(error))
        else:
            left = marks(self._first.identity)
            if left:
                runs = ", ".join(f"{one.run} ({one.folder})" for one in left)
                because = f"the environment is dirty: not put back by {runs}; run `faildrill recover` first"
                objection = GuardAnswered(guard="dirty", objection=because)
        if objection is None:
            return False
        timeline = Timeline.resume(self._folder, SystemClock())
        timeline.record(objection)
        timeline.record(RunEnded(by="sentinel"))
        timeline.close()
        return True

    def _start_runner(self) -> "subprocess.Popen[bytes]":
        """Start the runner: it carries the run's id, holds the lock too, and sees by a pipe when we are gone."""
        ours_read, self._ours = os.pipe()  # its end tells the runner that the sentinel died
        probers_read, self._probers = os.pipe()  # its end tells the probers that sentinel and runner died
        runner = subprocess.Popen(
            [sys.executable, "-m", "faildrill.running.runner", str(self._folder)],
            stdin=ours_read,
            stdout=subprocess.DEVNULL,
            pass_fds=(probers_read, self._probers, self._lock),
            start_new_session=True,
            preexec_fn=_hear_signals,  # noqa: PLW1509 - there are no threads here
            env={
                **os.environ,
                MARK: self._first.run,
                "FAILDRILL_LIFELINE": f"{probers_read},{self._probers}",
            },
        )
        os.close(ours_read)
        os.close(probers_read)
        return runner

    def _watch(self, runner: "subprocess.Popen[bytes]") -> str | None:
        """Wait for the end of the runner and return how it died, or None when it ended as it should."""
        while True:
            got = signal.sigtimedwait(_WATCHED, _POLL)
            if got is not None and got.si_signo == ASKED:
                _send(runner, signal.SIGTERM)
            elif got is not None and got.si_signo != signal.SIGCHLD:
                self._pass_on(runner, signal.Signals(got.si_signo))
            if self._starter_is_there and _is_at_end(sys.stdin.fileno()):
                self._starter_is_there = False
                self._pass_on(runner, signal.SIGHUP)
            how = _ending(runner.pid)
            if how is not None:
                return None if how == "" and self._is_whole() else how or "ended before the run was over"

    def _pass_on(self, runner: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
        """Hand a signal on to the runner; the third one ends it, and leaves everything as it is."""
        self._signals += 1
        if self._signals < _LEAVES:
            _send(runner, number)
            return
        _send(runner, signal.SIGKILL)
        self._leave()

    def _leave(self) -> NoReturn:
        self._fence("left by a third signal")
        os._exit(self._judge())

    def _is_whole(self) -> bool:
        return isinstance(entries(self._folder / FILE)[-1].what, RunEnded)

    def _clean_up(self, how: str) -> None:
        """Fence at once, then have everything put back, seen and recorded; the lock stays ours all the while."""
        self._fence(how)
        for _ in range(_RECOVERIES):
            done = self._command("recover", str(self._folder), "--by-sentinel")
            if done >= 0:
                return

    def _fence(self, how: str) -> None:
        probers = [entry.what.pid for entry in entries(self._folder / FILE) if isinstance(entry.what, ProberStarted)]
        spare = [pid for pid in probers if carries(pid, self._first.run)]
        ended = fence(self._first.run, os.getpid(), spare)
        timeline = Timeline.resume(self._folder, SystemClock())
        timeline.note(RunnerDied(how=how, boot=boot_id()))
        timeline.note(Fenced(processes=ended))
        timeline.close()

    def _judge(self) -> int:
        """Have the run judged and reported, and return the exit code of its verdict; a crash of that is ours."""
        self._command("report", str(self._folder))
        with contextlib.suppress(OSError, ValueError, KeyError):
            return int(json.loads((self._folder / "result.json").read_bytes())["exit_code"])
        return _ERROR

    def _command(self, *words: str) -> int:
        """Run one of our own commands to its end and return its exit code; negative when it was killed."""
        command = subprocess.Popen(
            [sys.executable, "-m", "faildrill", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[self._lock] if self._lock >= 0 else [],
            start_new_session=True,
            preexec_fn=_hear_signals,  # noqa: PLW1509 - there are no threads here
        )
        while True:
            signal.sigtimedwait(_WATCHED, _POLL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                return command.wait(timeout=0)


def _send(runner: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(runner.pid, number)


def _hear_signals() -> None:
    """In a child, before it runs: take off the mask that the sentinel waits with."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _is_at_end(descriptor: int) -> bool:
    ready, _, _ = select.select([descriptor], [], [], 0)
    return bool(ready) and not os.read(descriptor, 64)


def _ending(pid: int) -> str | None:
    """Return how a child ended or that it was stopped; "" when it exited by itself with 0, None while it runs."""
    found = os.waitid(os.P_PID, pid, os.WEXITED | os.WSTOPPED | os.WNOHANG)
    if found is None:
        return None
    if found.si_code == os.CLD_EXITED:
        return "" if found.si_status == 0 else f"exited with {found.si_status}"
    name = signal.Signals(found.si_status).name
    return f"was stopped by {name}" if found.si_code == os.CLD_STOPPED else f"was killed by {name}"


def main() -> None:
    """Watch over the run in the folder that the command line names."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    become_subreaper()
    sys.exit(Sentinel(Path(sys.argv[1])).run())


if __name__ == "__main__":
    main()
