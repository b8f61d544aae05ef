"""A suite: many drills, each with a run of its own, one after the other, or side by side where their places differ.

Nothing below it knows that there is one: guards, locks, marks and recovery are those of single runs. What must not be
begun any more is written down with the reason.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from faildrill import __version__, durations
from faildrill.clock import Clock, seconds
from faildrill.locking.declared_facts import proven
from faildrill.model.drill import Drill
from faildrill.model.environment import Environment
from faildrill.record import run_set
from faildrill.running.layout import lay_out_as
from faildrill.running.longest_course import longest
from faildrill.running.set_layout import new_folder
from faildrill.system import who
from faildrill.system.exit_codes import ExitCode


@dataclass(frozen=True)
class Member:
    """A drill of a suite, and where it is run."""

    name: str
    """What it is called in the suite, different for each."""
    drill: Drill
    place: Environment
    keys: frozenset[str] = field(init=False)
    """What its place is proven to be: two that share one of these share the place."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "keys", frozenset(proven(self.place).keys))


@dataclass(frozen=True)
class Rules:
    """How a suite is run."""

    keep_going: bool = False
    """False: after the first drill that isn't PASSED no other one is begun."""
    jobs: int = 1
    """How many are run beside each other, where their places differ."""
    retries: int = 0
    """How often one is tried again in which faildrill itself broke; one that FAILED never is."""
    budget: float | None = None
    """Seconds: no drill is begun that could, by its own limits, take longer than what is left of them."""
    seed: str = ""
    """What the order is drawn from; empty where it is the given one."""
    left_out: int = 0
    """How many of the drills that were named are not chosen."""


@dataclass(frozen=True)
class Begun:
    """A run of a suite that is laid out, and is to be started."""

    number: int
    """From 1, in the order in which they begin."""
    folder: Path
    member: Member
    attempt: int


@dataclass(frozen=True)
class Ended:
    """How a run of a suite ended."""

    code: int
    stopped: str = ""
    """Who or what ended it early from outside, which ends the suite."""


@dataclass(frozen=True)
class _Due:
    member: Member
    attempt: int = 1


class Suite:
    """A suite under way."""

    def __init__(self, name: str, members: Iterable[Member], rules: Rules, reports: Path, clock: Clock) -> None:
        """Make the folder of the suite and write down what is to be run; OSError where that can't be."""
        self._rules = rules
        self._clock = clock
        given = {member.name: member for member in members}
        self.order = [given[name] for name in run_set.order(list(given), 1, rules.seed)]
        self.folder = new_folder(reports, f"{name}-suite", clock)
        self.told: Callable[[run_set.Entry], None] = lambda _: None
        """Told of everything that is written down, as it is."""
        self._waiting = deque(_Due(member) for member in self.order)
        self._begun = 0
        self._start = clock.now_ns()
        self._unsafe: list[Begun] = []
        self._stop: str = ""
        self._interrupted = False
        self._file = run_set.SetFile.create(self.folder, clock)
        self.first = self._file.record(self._opening(name, list(given.values())))

    def _opening(self, name: str, given: list[Member]) -> run_set.SetStarted:
        return run_set.SetStarted(
            set=self.folder.name,
            sort="suite",
            members=[member.name for member in given],
            times=1,
            seed=self._rules.seed,
            drill=name,
            environment=", ".join(dict.fromkeys(member.place.name for member in given)),
            version=__version__,
            host=who.machine(),
            user=who.user(),
        )

    async def see_through(self, one: Callable[[Begun], Awaitable[Ended]], interrupted: Callable[[], str]) -> None:
        """Have each run seen through to its end; what is not begun is written down with the reason.

        `interrupted` tells what ends the suite, as soon as something does; runs under way are seen through all the
        same. However this is left, the suite's file tells how far it came.
        """
        self.told(self.first)
        because = "whoever ran the suite went away"
        try:
            await self._all(one, interrupted)
            because = self._stop
        finally:
            self._record(run_set.SetEnded(because=because))
            self._file.close()

    async def _all(self, one: Callable[[Begun], Awaitable[Ended]], interrupted: Callable[[], str]) -> None:
        under_way: dict[asyncio.Future[Ended], Begun] = {}
        while self._waiting or under_way:
            if why := interrupted():
                self._end(why, interrupted=True)
            self._pass_over()
            while (due := self._next(under_way.values())) is not None:
                begun = self._begin(due)
                under_way[asyncio.ensure_future(one(begun))] = begun
            if under_way:
                done, _ = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    self._over(under_way.pop(task), task.result())

    def _next(self, under_way: Iterable[Begun]) -> _Due | None:
        """Take the first one whose place is free, where there is room for one more."""
        running = list(under_way)
        if len(running) >= self._rules.jobs:
            return None
        busy = frozenset[str]().union(*(started.member.keys for started in running))
        due = next((waiting for waiting in self._waiting if not waiting.member.keys & busy), None)
        if due is not None:
            self._waiting.remove(due)
        return due

    def _pass_over(self) -> None:
        """Write down of each that is due and must not be begun any more why it is not."""
        for due in list(self._waiting):
            if why := self._stop or self._dirty(due.member) or self._too_long(due.member):
                self._waiting.remove(due)
                if due.attempt == 1:
                    self._record(run_set.NotRun(member=due.member.name, because=why, interrupted=self._interrupted))

    def _dirty(self, member: Member) -> str:
        shared = next((unsafe for unsafe in self._unsafe if unsafe.member.keys & member.keys), None)
        return f"its place is not put back: run {shared.number} ({shared.member.name}) was UNSAFE" if shared else ""

    def _too_long(self, member: Member) -> str:
        if self._rules.budget is None:
            return ""
        left = self._rules.budget - seconds(self._clock.now_ns() - self._start)
        takes = longest(member.drill)
        if takes <= left:
            return ""
        of = f"{durations.show(max(left, 0.0))} of the budget of {durations.show(self._rules.budget)} are left"
        return f"by its own limits it may take {durations.show(takes)}, and {of}"

    def _begin(self, due: _Due) -> Begun:
        self._begun += 1
        folder = self.folder / f"run-{self._begun}-{due.member.drill.name}-{secrets.token_hex(3)}"
        lay_out_as(folder, due.member.drill, due.member.place, self._clock)
        self._record(run_set.RunBegun(folder=folder.name, member=due.member.name, attempt=due.attempt))
        return Begun(self._begun, folder, due.member, due.attempt)

    def _over(self, begun: Begun, ended: Ended) -> None:
        self._record(run_set.RunOver(folder=begun.folder.name, code=ended.code))
        if ended.code == ExitCode.UNSAFE:
            self._unsafe.append(begun)
        if ended.stopped:
            self._end(ended.stopped, interrupted=True)
        if ended.code == ExitCode.ERROR and begun.attempt <= self._rules.retries and not self._stop:
            self._waiting.appendleft(_Due(begun.member, begun.attempt + 1))
        elif ended.code != ExitCode.PASSED and not self._rules.keep_going:
            self._end(f"run {begun.number} ({begun.member.name}) was {_word(ended.code)}")

    def _end(self, because: str, *, interrupted: bool = False) -> None:
        """Begin no other drill; what came first is the reason."""
        if not self._stop:
            self._stop, self._interrupted = because, interrupted

    def _record(self, event: run_set.AnyEvent) -> None:
        self.told(self._file.record(event))


def _word(code: int) -> str:
    return next((named.name for named in ExitCode if named == code), f"exit code {code}")
