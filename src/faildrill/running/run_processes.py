"""The processes that the sentinel starts: the runner, `recover` when that died, and the report at the end."""

import os
import select
import signal
import subprocess
from pathlib import Path
from typing import Final, NamedTuple, Protocol, Self

from faildrill.restoring.fence import BEAT, MARK
from faildrill.system import python

LINES: Final = "FAILDRILL_LINES"
"""The variable that tells the runner its descriptors."""


class Pipes(NamedTuple):
    """The descriptors by which a child knows of the sentinel, and the sentinel of the child; -1: none."""

    stdin: int = -1
    """The end of it tells the runner that the sentinel died."""
    lifeline: int = -1
    """The end of it tells the probers that sentinel and runner died: the end to read, given to the probers."""
    alive: int = -1
    """The end to write of the same pipe, held as long as the runner lives."""
    beat: int = -1
    """A child writes to it while it lives."""
    locks: tuple[int, ...] = ()
    """Whoever has them open holds the environment."""

    @property
    def kept(self) -> list[int]:
        """All but the standard input: what a child inherits under the same numbers."""
        return [descriptor for descriptor in (*self[1:4], *self.locks) if descriptor >= 0]

    def told(self) -> str:
        """Return what `heard` reads."""
        return ",".join(str(descriptor) for descriptor in (*self[1:4], *self.locks))

    @classmethod
    def heard(cls, told: str, stdin: int) -> Self:
        """Read what the runner was told of its descriptors."""
        lifeline, alive, beat, *locks = (int(descriptor) for descriptor in told.split(","))
        return cls(stdin, lifeline, alive, beat, tuple(locks))


class Crew(Protocol):
    """Starts processes and returns their pids; a simulation forks instead."""

    def runner(self, folder: Path, run: str, lines: Pipes) -> int:
        """Start the runner. OSError when that fails."""
        ...

    def recover(self, folder: Path, lines: Pipes) -> int:
        """Start to put back what the runner left. OSError when that fails."""
        ...

    def report(self, folder: Path, lines: Pipes) -> int:
        """Start to judge and report. OSError when that fails."""
        ...


class Processes:
    """Starts them as processes of this Python, each in a session of its own, hearing all signals."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[bytes]] = []  # kept, as a forgotten one would be reaped behind our back

    def runner(self, folder: Path, run: str, lines: Pipes) -> int:
        """Start the runner: it carries the run's id."""
        return self._start(["faildrill.running.runner", str(folder)], lines, {MARK: run, LINES: lines.told()})

    def recover(self, folder: Path, lines: Pipes) -> int:
        """Start to put back what the runner left."""
        return self._start(["faildrill.restoring", str(folder)], lines, {BEAT: str(lines.beat)})

    def report(self, folder: Path, lines: Pipes) -> int:
        """Start to judge and report."""
        return self._start(["faildrill.reports", str(folder)], lines, {})

    def _start(self, words: list[str], lines: Pipes, told: dict[str, str]) -> int:
        started = subprocess.Popen(
            python.module(*words),
            stdin=lines.stdin if lines.stdin >= 0 else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=lines.kept,
            start_new_session=True,
            # A blocked signal mask is inherited through fork and exec (`man 7 signal`): without this the child would
            # be deaf.
            preexec_fn=_hear_signals,  # noqa: PLW1509 - there are no threads here
            env={**os.environ, **told},
        )
        self._started.append(started)
        return started.pid


class Ending(NamedTuple):
    """How a child ended."""

    code: int | None
    """Its exit code; None when it did not exit by itself."""
    how: str


class Child:
    """A process that was started, and how it does."""

    def __init__(self, pid: int, beat: int = -1) -> None:
        self.pid = pid
        self._beat = beat
        self._silent = 0
        self._is_reaped = False

    def ending(self) -> Ending | None:
        """Return how it ended, or that it was stopped, which is as good; None while it runs."""
        # WSTOPPED as well: a runner that is stopped can neither act nor put back, and the environment waits for
        # nobody.
        state = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WSTOPPED | os.WNOHANG)
        if state is None:
            return None
        # waitid(2) reaps only what has ended; one that is stopped keeps its number.
        self._is_reaped = state.si_code != os.CLD_STOPPED
        if state.si_code == os.CLD_EXITED:
            return Ending(state.si_status, f"exited with {state.si_status}")
        name = signal.Signals(state.si_status).name
        return Ending(None, f"was stopped by {name}" if state.si_code == os.CLD_STOPPED else f"was killed by {name}")

    def silence(self) -> int:
        """Count the looks, this one among them, since it last gave a sign of life; always 0 where it gives none."""
        if self._beat < 0:
            return 0
        ready, _, _ = select.select([self._beat], [], [], 0)
        # At the end of the pipe a read gives nothing, too: silence goes on counting, and the child's end is seen by
        # waitid.
        self._silent = 0 if ready and os.read(self._beat, 4096) else self._silent + 1
        return self._silent

    def kill(self) -> None:
        """Kill it, where it has not ended."""
        self.send(signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, where it has not ended: until it is reaped its number can't be somebody else's."""
        if not self._is_reaped:
            os.kill(self.pid, number)

    def forget(self) -> None:
        """Close what was kept for it."""
        if self._beat >= 0:
            os.close(self._beat)
            self._beat = -1


def _hear_signals() -> None:
    """In a child, before it runs: take off the mask that the sentinel waits with."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
