"""The sentinel: the runner's parent, holder of the lock. When the runner dies, it fences and has everything put back.

    python -m faildrill.running.sentinel FOLDER

It is small on purpose: it waits for its child, for signals, and for the end of its standard input (whoever started
the run is gone). What is heavy runs in processes of its own: the runner, `recover` when the runner died, and
`report` at the end. Its exit code is that of the verdict.
"""

import contextlib
import json
import os
import select
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Final

from faildrill.clock import SystemClock, boot_id
from faildrill.errors import Objection, reason
from faildrill.locking.dirty_marks import is_marked, marks
from faildrill.locking.machine_lock import Holder, hold
from faildrill.locking.place_key import PlaceKey
from faildrill.record import second_copy
from faildrill.record.journal import Disk
from faildrill.record.timeline import (
    FILE,
    AnyEvent,
    GuardAnswered,
    RunEnded,
    RunnerBroke,
    RunnerDied,
    RunStarted,
    start_in,
)
from faildrill.restoring.fence import fence, is_putting_back, keepers, probers
from faildrill.restoring.salvage import go_on, is_altered, remembered
from faildrill.running.run_processes import Child, Crew, Ending, Pipes, Processes
from faildrill.system import who
from faildrill.system.exit_codes import ExitCode, unless_unsafe
from faildrill.system.inherited_signals import hear
from faildrill.system.kernel import become_subreaper, wait_for_signal

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""By these a run is asked to end from outside."""
ASKED: Final = signal.SIGUSR1
"""By this `faildrill abort` asks."""
WATCHED: Final = {*SIGNALS, ASKED, signal.SIGCHLD}
"""All that it waits for at once; blocked, so that none is lost between two waits."""
_STDIN: Final = 0
"""Held by whoever started the run; its end says that they are gone."""
_POLL: Final = 0.1
"""Seconds between two looks at its child."""
_SAME: Final = 0.2
"""Seconds within which a signal that comes again is the same one: sent to the command and to us."""
_LEAVES: Final = 3
"""The Ctrl-C at which the run is left as it is. Other signals never lead to that: a machine sends them."""
_RECOVERIES: Final = 3
"""How often `recover` is started when it dies itself."""
_SILENCE: Final = 200
"""Looks without a sign of life (20 s) after which a child hangs: it is ended as if it had died."""
_REPORTING: Final = 3000
"""Looks (5 min) that the report may take."""


class _Left(Exception):
    """A person pressed Ctrl-C for the third time."""


class Sentinel:
    """Watches over one run."""

    def __init__(self, folder: Path, first: RunStarted, crew: Crew, disk: Disk | None = None) -> None:
        self._folder = folder
        self._first = first
        self._crew = crew
        self._disk = disk
        self._signals: dict[int, list[float]] = {}
        self._starter_is_there = True
        self._locks: tuple[int, ...] = ()
        self._kept: list[int] = []

    def run(self) -> int:
        """Hold the lock, see the run through, judge it, and return the verdict's exit code."""
        if self._refused():
            code = self._judge()
            second_copy.forget(self._first.run)
            return code
        try:
            runner = self._start_runner()
        except OSError as error:
            self._note(RunnerBroke(error=f"the runner could not be started: {error}", traceback=""))
            self._note(RunEnded(by="sentinel"))
            return self._judge()
        try:
            how = self._watch(runner)
            # A runner that was stopped or hangs would act again when it goes on: it ends here, before anything is
            # undone.
            runner.kill()  # nothing where it has ended by itself
            if how is None:
                self._sweep()
            else:
                self._clean_up(how)
        except _Left:
            self._fence("left as it is, at the third Ctrl-C")
        code = self._judge()
        if not self._is_marked():
            second_copy.forget(self._first.run)
        return code

    def _refused(self) -> bool:
        """Take the lock; record the objection when somebody has it, or when an earlier run is not put back."""
        now, place = SystemClock().wall(), PlaceKey.of(self._first)
        facts = (self._first.run, str(self._folder.resolve()), os.getpid(), who.user(), now, place.identity, who.here())
        holder = Holder(*facts)
        try:
            self._locks = hold(place, holder)
        except Objection as error:
            objection = GuardAnswered(guard="lock", objection=str(error))
        except OSError as error:
            because = f"the lock can't be taken: {reason(error)}; see what is wrong with the state folder"
            objection = GuardAnswered(guard="lock", objection=because)
        else:
            left = marks(place)
            if not left:
                return False
            runs = ", ".join(f"{mark.run} ({mark.folder})" for mark in left)
            because = f"the environment is dirty: not put back by {runs}; run `faildrill recover` first"
            objection = GuardAnswered(guard="dirty", objection=because)
        self._note(objection)
        self._note(RunEnded(by="sentinel"))
        return True

    def _start_runner(self) -> Child:
        """Start the runner: it carries the run's id, holds the lock too, and sees by a pipe when we are gone."""
        stdin, ours = os.pipe()
        lifeline, alive = os.pipe()
        listen, beat = os.pipe()
        self._kept = [ours, alive]  # their end tells the runner, and with its own the probers, that the sentinel died
        try:
            pid = self._crew.runner(self._folder, self._first.run, Pipes(stdin, lifeline, alive, beat, self._locks))
        finally:
            for descriptor in (stdin, lifeline, beat):
                os.close(descriptor)
        return Child(pid, listen)

    def _watch(self, runner: Child) -> str | None:
        """Wait for the end of the runner and return how it died, or None when it ended as it should."""
        ending = self._wait(runner, _SILENCE)
        if self._is_over():
            return None
        return "ended before the run was over" if ending.code == 0 else ending.how

    def _wait(self, child: Child, silence: int, patience: int | None = None) -> Ending:
        """Wait for the end of a child, and pass signals on to it; one that is stuck is killed."""
        looks = 0
        while (ending := child.ending()) is None:
            got = wait_for_signal(WATCHED, _POLL)
            if got is not None:
                self._heard(child, signal.Signals(got))
                continue
            looks += 1
            self._look_at_starter(child)
            if child.silence() > silence or (patience is not None and looks > patience):
                child.kill()
                child.forget()
                return Ending(None, "hung: it gave no sign of life any more")
        child.forget()
        return ending

    def _heard(self, child: Child, number: signal.Signals) -> None:
        """Hand a signal on; at the third Ctrl-C end the child, and leave everything as it is."""
        if number == signal.SIGCHLD:
            return
        now = time.monotonic()
        before = self._signals.setdefault(number, [])
        # A terminal signals the whole group: the command passes Ctrl-C on that we got ourselves, which must not count
        # twice.
        if before and now - before[-1] < _SAME:
            return
        before.append(now)
        if len(self._signals.get(signal.SIGINT, ())) >= _LEAVES:
            child.kill()
            raise _Left
        self._pass_on(child, signal.SIGTERM if number == ASKED else number)

    def _pass_on(self, child: Child, number: signal.Signals) -> None:
        """Send a signal to a child, if it is the runner: nothing else has to be told to come to an end."""
        if self._kept:
            child.send(number)

    def _look_at_starter(self, child: Child) -> None:
        """See whether whoever started the run is gone: the run is ended then."""
        if self._starter_is_there and _is_at_end(_STDIN):
            self._starter_is_there = False
            self._pass_on(child, signal.SIGHUP)

    def _is_over(self) -> bool:
        """Tell whether the runner came to its end, and wrote so into a timeline that can be trusted."""
        known = remembered(self._folder)
        return not is_altered(self._folder / FILE) and bool(known) and isinstance(known[-1].what, RunEnded)

    def _clean_up(self, how: str) -> None:
        """Fence at once, then have everything put back, seen and recorded; the lock stays ours all the while."""
        self._fence(how)
        for _ in range(_RECOVERIES):
            listen, beat = os.pipe()
            try:
                recover = Child(self._crew.recover(self._folder, Pipes(beat=beat, locks=self._locks)), listen)
            except OSError:
                os.close(listen)
                time.sleep(1.0)
                continue
            finally:
                os.close(beat)
            if self._wait(recover, _SILENCE).code in (ExitCode.PASSED, ExitCode.UNSAFE):
                return

    def _fence(self, how: str) -> None:
        self._let_go()
        known = remembered(self._folder)
        # After the undo has begun descent proves nothing: what it started again is the target's, and only the mark
        # tells.
        root = None if is_putting_back(known) else os.getpid()
        swept = fence(self._first.run, root, [*probers(known, self._first.run), *keepers(known, self._first.run)])
        self._note(RunnerDied(how=how, boot=boot_id()))
        self._note(swept.event)

    def _sweep(self) -> None:
        """End what still carries the id of a run that ended as it should."""
        self._let_go()
        if not self._first.leave_applied and any(swept := fence(self._first.run, None)):
            self._note(swept.event)

    def _let_go(self) -> None:
        """Forget the runner: signals are no more for it. What tells the probers that we live stays open."""
        # The first one only: the other end keeps the probers looking until everything is put back.
        for descriptor in self._kept[:1]:
            os.close(descriptor)
        self._kept = []

    def _judge(self) -> int:
        """Have the run judged and reported, and return the exit code of its verdict.

        Without a verdict a run that may have left something behind is UNSAFE, any other one ERROR.
        """
        with contextlib.suppress(OSError, _Left):
            # Its exit code is not asked: what counts is the result on disk, also where the report died after writing
            # it.
            self._wait(Child(self._crew.report(self._folder, Pipes(locks=self._locks))), _SILENCE, _REPORTING)
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            return int(json.loads((self._folder / "result.json").read_bytes())["exit_code"])
        return without_verdict(self._first)

    def _is_marked(self) -> bool:
        """Tell whether the run has left something behind."""
        return is_marked(PlaceKey.of(self._first), self._first.run)

    def _note(self, event: AnyEvent) -> None:
        timeline = go_on(self._folder, SystemClock(), self._disk)
        timeline.note(event)
        timeline.close()


def _is_at_end(descriptor: int) -> bool:
    ready, _, _ = select.select([descriptor], [], [], 0)
    return bool(ready) and not os.read(descriptor, 64)


def without_verdict(first: RunStarted) -> ExitCode:
    """Return how a run ends that nobody judged: UNSAFE where it may have left something behind, else ERROR."""
    return unless_unsafe(ExitCode.ERROR, lambda: is_marked(PlaceKey.of(first), first.run))


def watch_over(folder: Path, crew: Crew, disk: Disk | None = None) -> int:
    """See a run that is laid out through to its verdict, and return the exit code of that; never raises.

    A defect of the sentinel itself ends it like its death: the runner sees that, and puts everything back.
    """
    hear()
    # Before the child is started: sigtimedwait(2) gets only what is blocked, and a SIGCHLD before it would be lost.
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    # prctl(2): what loses its parent becomes our child, not init's, so that the fence finds all that descends from
    # us.
    become_subreaper()
    first: RunStarted | None = None
    try:
        first = start_in(folder, remembered(folder))
        return Sentinel(folder, first, crew, disk).run()
    except Exception:  # noqa: BLE001 - a crash of the sentinel goes to its log, and is never taken for a verdict
        traceback.print_exc()
        return without_verdict(first) if first is not None else ExitCode.ERROR


def main() -> None:
    """Watch over the run in the folder that the command line names."""
    sys.exit(watch_over(Path(sys.argv[1]), Processes()))


if __name__ == "__main__":
    main()
