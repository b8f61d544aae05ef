"""A simulated place: files in a folder that stand for services, with actions that misbehave as they are told.

For testing the runner itself, and for trying a drill's shape out without any target. A service is up until its file
says otherwise; every effect is written to a log beside it, so that a test can count what was really done. A file
`fuse` in the folder counts down at every deed, and kills whoever does it at its end.
"""

import asyncio
import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, PrivateAttr

from faildrill.errors import ActionFailed, ActionRefused, CannotSee, OutcomeUnknown, reason
from faildrill.ports import THIS_HOST, Captured, Duration, Given, Kind, Seen, Told
from faildrill.ports.effect import Effect, Found, compared
from faildrill.record.samples import Outcome

_BLIND: dict[tuple[str, str], float] = {}
"""By folder and name of a service, until when on the loop's clock nobody can see how it is."""
_READS: dict[tuple[str, str], tuple[str, int]] = {}
"""By folder and name of a service whose reads lie: the state that they go on to tell, and how often it was read."""
_TIMERS: dict[str, list[asyncio.TimerHandle]] = {}
"""By folder, what steps have left running in this process."""

_LATER = """
import sys, time
from pathlib import Path
time.sleep(float(sys.argv[3]))
folder, name = Path(sys.argv[1]), sys.argv[2]
(folder / f"{name}.state").write_text("down")
with (folder / f"{name}.log").open("a") as log:
    log.write("late\\n")
"""


def burn(folder: Path) -> None:
    """Count the fuse of a simulated place down by one, where it has one; at its end kill whom it names.

    Its first line is `COUNT self`, `COUNT parent` or `COUNT both`; the next line is the fuse from then on. A parent is
    killed only if a file `parent` in the folder holds its pid: it might be anybody otherwise.
    """
    if not os.path.exists(f"{folder}/fuse"):
        return
    path = folder / "fuse"
    first, _, rest = path.read_text(encoding="ascii").partition("\n")
    count, _, whom = first.partition(" ")
    if count and int(count) > 1:
        path.write_text(f"{int(count) - 1} {whom}\n{rest}", encoding="ascii")
        return
    path.write_text(rest, encoding="ascii")
    parent = folder / "parent"
    if whom in ("parent", "both") and parent.exists() and parent.read_text(encoding="ascii") == str(os.getppid()):
        os.kill(os.getppid(), signal.SIGKILL)
    if whom in ("self", "both"):
        os.kill(os.getpid(), signal.SIGKILL)


class _Place(Kind):
    """Where a simulated service is."""

    folder: str = Field(description="the folder of the simulated place")
    name: str = Field(description="the simulated service", pattern=r"^[a-z0-9-]+$")

    def acts_on(self) -> list[str]:
        """Name the host that its folder is on."""
        return [THIS_HOST]

    def state(self) -> str:
        """Return what the service is: up where nothing was done to it."""
        try:
            with open(f"{self.folder}/{self.name}.state", encoding="utf-8") as state:
                return state.read()
        except FileNotFoundError:
            return "up"

    def become(self, state: str, deed: str) -> None:
        """Change the service at once, having written down that it is done."""
        folder = Path(self.folder)
        burn(folder)
        self.note(deed)
        burn(folder)
        draft = f"{self.folder}/.{self.name}.{os.getpid()}"
        Path(draft).write_text(state, encoding="utf-8")
        os.replace(draft, f"{self.folder}/{self.name}.state")
        burn(folder)

    def note(self, deed: str) -> None:
        """Write down what was done."""
        with open(f"{self.folder}/{self.name}.log", "a", encoding="utf-8") as log:
            log.write(f"{deed}\n")
        self.tell(deed)

    def tell(self, what: str) -> None:
        """Write down what was done or asked for, in the order in which it was."""
        with open(f"{self.folder}/{self.name}.story", "a", encoding="utf-8") as story:
            story.write(f"{what}\n")


class Service(_Place):
    """Looks at a simulated service: good while it is up, refused while it is down; for tests.

    pay: {simulated.service: {folder: /tmp/place, name: pay}, every: 20ms}
    """

    async def look(self, given: Given) -> Seen:
        """Read the service's file."""
        state = self.state()
        return Seen(Outcome.OK, state) if state == "up" else Seen(Outcome.REFUSED, "", state)


class Fault(_Place):
    """Takes a simulated service down, or misbehaves in a chosen way; for tests.

    simulated.fault: {folder: /tmp/place, name: pay, apply: lies}
    """

    apply_how: Literal[
        "works",
        "refuses",
        "refuses after",
        "fails",
        "fails after",
        "lies",
        "hangs",
        "clings",
        "answers late",
        "comes late",
        "another first",
        "accepts, comes late",
        "refuses, comes late",
        "acts late",
        "leaves a timer",
        "crashes",
        "exits",
    ] = Field(
        default="works",
        alias="apply",
        description="`refuses after` does it and says no; `fails after` does it and then breaks; `lies` "
        "says it did and does nothing; `hangs` does it and never answers, `clings` is not even to be cancelled; "
        "`another first` has somebody else do it first, and refuses; "
        "`answers late` does it and then leaves the outcome open; "
        "`comes late` leaves it open, and the target does it after `delay`, `accepts, comes late` says yes and "
        "`refuses, comes late` no; `acts late` leaves a process behind that "
        "does it after `delay`, `leaves a timer` one in this process; `exits` ends the process",
    )
    undo_how: Literal[
        "works", "fails", "fails after", "lies", "hangs", "blocks", "clings", "works late", "falls again", "misjudges"
    ] = Field(
        default="works",
        alias="undo",
        description="`blocks` stops the whole process that does it; `works late` comes back `undo_delay` after it was "
        "asked to, `falls again` comes back at once and is down again after that time; `misjudges` can't compare",
    )
    delay: Duration = Field(
        default=0.0, description="how long until the target does it, for those `apply` that are late"
    )
    undo_delay: Duration = Field(default=0.0, description="how long until it comes back, or is down again")
    effect: Effect = Field(default="state", description="what its effect counts as; an event is not looked at again")
    looking: Duration = Field(default=0.0, description="how long a look at it takes")
    blind: Duration = Field(default=0.0, description="for how long nobody can see its state, from its apply on")

    reads: Literal["honest", "stale", "alternating"] = Field(
        default="honest", description="from its apply on: always the state from before, or every other time"
    )
    reads_after: Duration = Field(default=0.0, description="how long after its apply they begin to")
    acts_late: Duration = Field(default=0.0, description="what it says of how late it may act")

    at_most: Duration | None = Field(default=None, description="it ends by itself after this time")

    def limit(self) -> float | None:
        """Return after how long it ends by itself."""
        return self.at_most

    @property
    def effect_is(self) -> Effect:
        """What `effect` says."""
        return self.effect

    async def capture(self, given: Given) -> Captured:
        """Read the service's state."""
        await asyncio.sleep(self.looking)
        if not os.path.isdir(self.folder):
            raise CannotSee(f"{self.folder} is no folder")
        if asyncio.get_running_loop().time() < _BLIND.get((self.folder, self.name), 0.0):
            raise CannotSee("nobody can see it now")
        return {"state": self._read()}

    def _read(self) -> str:
        """Return the state as whoever is asked tells it."""
        key = (self.folder, self.name)
        if key not in _READS:
            return self.state()
        former, number = _READS[key]
        _READS[key] = former, number + 1
        return former if self.reads == "stale" or number % 2 else self.state()

    async def apply(self, before: Captured, given: Given) -> Captured:
        """Take it down, or do what `apply` says."""
        self.tell("call")
        _BLIND[self.folder, self.name] = asyncio.get_running_loop().time() + self.blind
        if self.reads != "honest":
            lies = (self.folder, self.name), (self.state(), 0)
            asyncio.get_running_loop().call_later(self.reads_after, _READS.__setitem__, *lies)
        if self.apply_how.endswith("comes late"):
            return self._promise()
        if self.apply_how not in ("acts late", "leaves a timer"):
            await asyncio.sleep(self.delay)
        self._fail()
        if self.apply_how in ("lies", "acts late", "leaves a timer"):
            self._leave_behind()
            return {"was": "up"}
        self.become("down", "apply")
        if self.at_most is not None:
            asyncio.get_running_loop().call_later(self.at_most, self.become, "up", "limit")
        await self._answer()
        return {"was": "up"}

    def _promise(self) -> Captured:
        """Have the target do it later, and answer now."""
        asyncio.get_running_loop().call_later(self.delay, self.become, "down", "came")
        if self.apply_how == "comes late":
            raise OutcomeUnknown("503 after it was sent")
        if self.apply_how == "refuses, comes late":
            raise ActionRefused("the simulated target refuses, and does it later")
        return {"was": "up"}

    def _fail(self) -> None:
        match self.apply_how:
            case "another first":
                self.become("down", "theirs")
                raise ActionRefused("the simulated target says that somebody else has done it")
            case "refuses":
                raise ActionRefused("the simulated target refuses")
            case "fails":
                raise ActionFailed("the simulated target broke")
            case "crashes":
                raise RuntimeError("a defect in the adapter")
            case "exits":
                raise SystemExit(0)

    async def _answer(self) -> None:
        """Answer after the effect as `apply` says, or not at all."""
        match self.apply_how:
            case "hangs":
                await asyncio.Event().wait()
            case "clings":
                await _cling()
            case "answers late":
                raise OutcomeUnknown("503 after it was sent")
            case "refuses after":
                raise ActionRefused("the simulated target refuses, having done it")
            case "fails after":
                raise ActionFailed("the simulated target broke, having done it")

    def _leave_behind(self) -> None:
        if self.apply_how == "acts late":
            subprocess.Popen(
                [sys.executable, "-P", "-c", _LATER, self.folder, self.name, str(self.delay)], start_new_session=True
            )
        elif self.apply_how == "leaves a timer":
            timer = asyncio.get_running_loop().call_later(self.delay, self.become, "down", "late")
            _TIMERS.setdefault(self.folder, []).append(timer)

    async def found(self, before: Captured, given: Given) -> Found:
        """Compare its state with down, and with what it was."""
        if self.undo_how == "misjudges":
            raise RuntimeError("a defect in the comparison")
        now = (await self.capture(given))["state"]
        return compared(now, "down", before["state"], f"write {before['state']} into {self.folder}/{self.name}.state")

    async def undo(self, before: Captured, given: Given) -> None:
        """Bring it up again, or do what `undo` says."""
        self.tell("call-back")
        state, later = str(before["state"]), asyncio.get_running_loop().call_later
        await self._fail_to_undo()
        match self.undo_how:
            case "lies":
                return
            case "works late":
                later(self.undo_delay, self.become, state, "undo")
                return
            case "falls again":
                later(self.undo_delay, self.become, "down", "fell")
        self.become(state, "undo")
        if self.undo_how == "fails after":
            raise ActionFailed("the simulated undo broke, having done it")

    async def _fail_to_undo(self) -> None:
        match self.undo_how:
            case "fails":
                raise ActionFailed("the simulated undo broke")
            case "hangs":
                await asyncio.Event().wait()
            case "blocks":
                time.sleep(3600)  # noqa: ASYNC251 - what a blocking library does to us
            case "clings":
                await _cling()


async def _cling() -> None:
    """Never end, and take no notice of being cancelled for the first time."""
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    await asyncio.Event().wait()


def end_timers(folder: str) -> list[str]:
    """End what steps have left running in this process, as a fence ends processes; return what it was."""
    pending = [timer for timer in _TIMERS.pop(folder, []) if timer.when() > asyncio.get_running_loop().time()]
    for timer in pending:
        timer.cancel()
    return [f"a timer for {timer.when():.1f}" for timer in pending]


class Word(Kind):
    """Objects, or agrees, as it is told; for tests.

    simulated.word: {objection: not today}
    """

    objection_: str | None = Field(default=None, alias="objection", description="what it objects; nothing by default")
    defect: bool = Field(default=False, description="whether it breaks instead of answering")
    about: str = Field(default="", description="distinguishes one simulated place from another")
    now: str = Field(default="", description="a file: what it holds is what it says when asked again, `differs` or so")

    async def objection(self, given: Given) -> str | None:
        """Return the objection it was given."""
        if self.defect:
            raise RuntimeError("a defect in the guard")
        return self.objection_

    def covers(self) -> list[str]:
        """Name the host that the simulated place is on."""
        return [THIS_HOST]

    def facts(self) -> list[str]:
        """Return what it is about."""
        return [f"simulated {self.about}"]

    async def ask_again(self, given: Given) -> Told:
        """Read what it says by now; the same as before where there is no such file."""
        says = Path(self.now).read_text(encoding="ascii") if self.now and Path(self.now).exists() else ""
        match says:
            case "differs":
                return Told(differs=["it says that it is another place"])
            case "silent":
                return Told(silent=["it does not answer"])
            case "hangs":
                await asyncio.Event().wait()
        return Told(proved=[self.about])


class SharedLock(Kind):
    """A lock between simulated hosts, for tests: a file that they share.

    The lock is lost when a file of the same name with `.lost` at the end appears beside it.

    lock: {simulated.lock: {path: /tmp/place/lock}}
    """

    path: str = Field(description="the file that all hosts share")
    _descriptor: int = PrivateAttr(default=-1)

    async def take(self, keys: Sequence[str], holder: str, given: Given) -> str | None:
        """Lock the file, or read who has."""
        path = Path(self.path)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise CannotSee(f"{self.path}: {reason(error)}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return path.read_text(encoding="utf-8")
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, holder.encode(), 0)
        self._descriptor = descriptor
        return None

    async def lost(self) -> str:
        """Wait for the file that says so."""
        while not Path(f"{self.path}.lost").exists():  # noqa: ASYNC110 - a local file, by design
            await asyncio.sleep(0.05)
        return "the simulated lock is gone"

    async def release(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
