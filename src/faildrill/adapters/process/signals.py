"""`process.kill` and `process.stop`: a process of this host dies, or hangs."""

import asyncio
import time
from abc import abstractmethod
from typing import ClassVar, Final

from pydantic import Field, JsonValue

from faildrill.adapters.process import time_limits, tree
from faildrill.adapters.process.identity import owns
from faildrill.adapters.process.search import Named
from faildrill.errors import ActionFailed, ActionRefused, CannotSee, OutcomeUnknown
from faildrill.ports import THIS_HOST, Captured, Given, Observed, Preview, Told
from faildrill.ports.addresses import Address
from faildrill.ports.effect import Effect
from faildrill.system import processes
from faildrill.system.processes import STOPPED, Process
from faildrill.toolkit.deadlines import SHARE
from faildrill.toolkit.listeners import Listeners, is_dark, listeners, unaccepting
from faildrill.toolkit.programs import GRACE
from faildrill.toolkit.time_limits import AtMost

_PATIENCE: Final = 2.0
"""Seconds for one attempt to connect, at the most."""


class _OfProcess(Named):
    """What both actions share: which process it is, now and afterwards."""

    ending: ClassVar[float] = 2 * GRACE
    acts_late: ClassVar[float] = 0.0
    """A signal is there when it is sent, and nobody sends one when the call is over."""

    address: Address | None = Field(
        default=None, description="HOST:PORT where it accepts connections when it is healthy"
    )

    @abstractmethod
    def _signal(self, process: Process, within: float) -> None:
        """Signal the process and all below it."""

    async def objection(self, given: Given) -> None:
        """Object, by CannotSee, where nobody can tell which process it is; one that doesn't run yet is no reason."""
        await self.find()

    def acts_on(self) -> list[str]:
        """Name the host that it is on."""
        return [THIS_HOST]

    async def acts_through(self, given: Given) -> Told:
        """Look whether the process that is named is the one that answers at the address, where one is given."""
        if self.address is None:
            return Told()
        try:
            place, words = await owns(self, self.address)
        except CannotSee as error:
            return Told(silent=[f"whether {self.called} answers at its address is unknown: {error}"])
        answers = Told([], [], [])
        if words:
            answers[place].append(words)
        return answers

    async def capture(self, given: Given) -> Captured:
        """See that it runs, that it is what answers, and remember which one it is."""
        process = await self.find()
        if process is None:
            raise ActionRefused(f"{self.called} is no running process with {self.command!r} in its command line")
        if process.state in STOPPED:
            raise ActionRefused(f"process {process.pid} of {self.called} is stopped already: let it go on first")
        answers = await self.acts_through(given)
        if wrong := [*answers.differs, *answers.silent]:
            raise ActionRefused("; ".join(wrong))
        # CLOCK_BOOTTIME: the starts of processes in /proc are counted by it, also while the machine sleeps
        # (proc_pid_stat(5)).
        now = int(time.clock_gettime(time.CLOCK_BOOTTIME) * processes.TICKS)
        held: list[JsonValue] = [list(member.identity) for member in processes.tree(process) if member.state in STOPPED]
        command = processes.title(process.pid)
        return {"pid": process.pid, "start": process.start, "command": command, "at": now, "held": held}

    async def apply(self, before: Captured, given: Given) -> Captured:
        """Signal that process, and no other that has its number by now."""
        process = _former(before)
        if process is None or self.command not in processes.title(process.pid):
            raise ActionRefused(f"process {before['pid']} of {self.called} is gone or another one by now")
        await self._prepare(process)
        try:
            await asyncio.to_thread(self._signal, process, given.timeout * SHARE)
        except PermissionError as error:
            raise ActionFailed(f"this user may not signal process {process.pid}: {error}") from error
        except TimeoutError as error:
            raise OutcomeUnknown(str(error)) from error
        return {"pid": process.pid}

    async def undo(self, before: Captured, given: Given) -> None:
        """Let it go on where it is stopped; start it where it is gone."""
        former = _former(before)
        if former is not None:
            time_limits.lift(former)
            await asyncio.to_thread(tree.go_on, former, _held(before))
            return
        if await self.find() is None:
            await self.run_again(given.timeout)

    async def restored(self, before: Captured, given: Given) -> Observed:
        """See it run, and accept connections where the drill says at which address."""
        now = await self.find()
        if now is None:
            return Observed(holds=False, because=f"{self.called} does not run")
        spared = _held(before)
        held = [
            member.pid for member in processes.tree(now) if member.state in STOPPED and member.identity not in spared
        ]
        if held or self.address is None:
            because = f"processes {held} of {self.called} are stopped" if held else f"{self.called} runs as {now.pid}"
            return Observed(not held, because, {"pid": now.pid})
        why = await unaccepting(self.address, min(_PATIENCE, given.timeout / 2))
        takes = f"accepts no connection at {self.address}: {why}" if why else f"accepts connections at {self.address}"
        because = f"{self.called} runs as {now.pid} and {takes}"
        return Observed(not why, because, {"pid": now.pid})

    async def preview(self, given: Given) -> Preview:
        """See which process it would be now."""
        before = await self.capture(given)
        return Preview([f"processes/{self.called}"], f"{self._told} {before['pid']} ({before['command']})", self._back)

    @property
    @abstractmethod
    def _told(self) -> str: ...

    @property
    @abstractmethod
    def _back(self) -> str: ...

    async def _prepare(self, process: Process) -> None:
        """Do what must be done before the signal."""


class Kill(_OfProcess):
    """Kills one process of this host and all its descendants with SIGKILL, and leaves it down.

    The process is named by its pid file or its service, and is touched only if its command line contains `command`. Its
    process id and start time are recorded, so that another process that has got the same id is never signalled.

    It is refused unless the process runs, there is a way to start it again, and it is what listens at `address`, if one
    is given. Its effect is seen when the process is gone and only processes started since take connections at
    `address`. It is put back when one runs and accepts connections there.

        steps:
          - name: kill the payments service
            process.kill:
              pid_file: /run/payments.pid
              command: payments-server
              start: [/usr/local/bin/payments-start]
              address: 127.0.0.1:8081
    """

    effect_is: ClassVar[Effect] = "event"

    async def capture(self, given: Given) -> Captured:
        """See that it runs, and that it could be started again."""
        if self.starting is None:
            raise ActionRefused("give `start`, what starts it again: a killed process can't be put back otherwise")
        return await super().capture(given)

    async def confirm(self, before: Captured, given: Given) -> Observed:
        """See that it is gone, and that nobody answers, or only who was started since."""
        if _former(before) is not None:
            return Observed(holds=False, because=f"process {before['pid']} of {self.called} is there")
        other = await self.find()
        because = f"process {other.pid} took its place" if other else "nobody took its place"
        because = f"process {before['pid']} of {self.called} is gone, and {because}"
        if self.address is None or await is_dark(self.address, min(_PATIENCE, given.timeout / 2)):
            return Observed(holds=True, because=because)
        taken = _is_younger(await listeners(self.address), before)
        words = "which was not there before" if taken else "so nobody was cut off"
        return Observed(taken, f"{because}; somebody takes connections at {self.address}, {words}")

    def _signal(self, process: Process, within: float) -> None:
        tree.end(process, within)

    @property
    def _told(self) -> str:
        return "SIGKILL to process"

    @property
    def _back(self) -> str:
        return f"start it: {' '.join(self.starting or ())}"


class Stop(_OfProcess):
    """Hangs one process of this host and all its descendants with SIGSTOP: it accepts connections and never answers.

    The process is named and checked as in `process.kill`. With `at_most` a helper process, started before, continues it
    after that time, even if no other process of faildrill lives any more. Its effect is seen when all of them are
    stopped. It is put back with SIGCONT, or by starting it if it died meanwhile.

        steps:
          - name: the payments service hangs
            process.stop: {service: payments, command: payments-server, at_most: 2m}
    """

    effect_is: ClassVar[Effect] = "state"

    at_most: AtMost = None

    def limit(self) -> float | None:
        """Return after how long it goes on by itself."""
        return self.at_most

    async def confirm(self, before: Captured, given: Given) -> Observed:
        """See that all of it is stopped."""
        former = _former(before)
        there = processes.tree(former) if former else []
        running = [member.pid for member in there if member.state not in STOPPED]
        if not there or running:
            return Observed(holds=False, because=f"{running or 'none'} of {self.called} run")
        return Observed(holds=True, because=f"{len(there)} processes of {self.called} are stopped")

    async def suspect(self, before: Captured, given: Given) -> str:
        """Tell one that was let go on from one that ended."""
        if _former(before) is not None:
            return f"process {before['pid']} runs again: somebody let it go on (SIGCONT), its supervisor perhaps"
        other = await self.find()
        return f"process {before['pid']} ended" + (f", and process {other.pid} took its place" if other else "")

    def _signal(self, process: Process, within: float) -> None:
        tree.stop(process, within)

    async def _prepare(self, process: Process) -> None:
        if self.at_most is not None:
            await time_limits.hold(process, self.at_most)

    @property
    def _told(self) -> str:
        return "SIGSTOP to process"

    @property
    def _back(self) -> str:
        return "SIGCONT"


def _is_younger(found: Listeners, before: Captured) -> bool:
    """Tell whether every socket is held by processes alone that were started after the killed one was looked at.

    Such a socket is another one than before: the address was dark between the two.
    """
    started = [process.start if (process := processes.look(pid)) else 0 for pid in found.pids]
    # Each socket: one that is shared with an older process was there before, and nobody was cut off.
    return found.belong_to(found.pids) and all(start > int(str(before["at"])) for start in started)


def _former(before: Captured) -> Process | None:
    """Return the process of before if it still lives."""
    now = processes.look(int(str(before["pid"])))
    return now if now and now.start == before["start"] else None


def _held(before: Captured) -> set[tuple[int, int]]:
    """Return those that somebody else had stopped before: they are left as they are."""
    pairs = before.get("held", [])
    named = pairs if isinstance(pairs, list) else []
    return {(int(str(pair[0])), int(str(pair[1]))) for pair in named if isinstance(pair, list)}
