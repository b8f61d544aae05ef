"""A set of runs laid out on disk: its folder, its order, and the folder of each run; one run after the other.

The process that was asked for the set starts each run's sentinel and waits for it. If it dies, the sentinel of the run
under way sees that and puts everything back, as for any run; the rest of the set is not started.
"""

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from faildrill import __version__
from faildrill.clock import Clock
from faildrill.judging.result import Verdict
from faildrill.model.drill import Drill
from faildrill.model.environment import Environment
from faildrill.record import run_set
from faildrill.running.layout import lay_out_as
from faildrill.system import who
from faildrill.system.atomic_file import sync

_GOES_ON: Final = frozenset(verdict.exit_code for verdict in (Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE))
"""After a run that ended otherwise nobody knows what the next one would find: the set ends there."""


@dataclass(frozen=True)
class Wanted:
    """A set as it was asked for."""

    drill: str
    """The drill that was named."""
    sort: run_set.Sort
    members: Mapping[str, Drill]
    """By name of a drill or a way, what is run."""
    times: int = 1

    @property
    def is_blinded(self) -> bool:
        """Whether people practise on it, and must not be told which of the causes it is."""
        return self.sort == "twins"


@dataclass(frozen=True)
class LaidOut:
    """A run of a set that is to be started."""

    number: int
    """From 1."""
    of: int
    folder: Path


def new_folder(reports: Path, name: str, clock: Clock) -> Path:
    """Make the folder of a set, named by the time, by `name` and at random; OSError where that can't be."""
    reports.mkdir(parents=True, exist_ok=True)
    stamp = re.sub(r"[-:]|\.\d+", "", clock.wall())
    folder = reports / f"{stamp}-{name}-{secrets.token_hex(3)}"
    folder.mkdir(mode=0o700)
    sync(reports)
    return folder


class RunningSet:
    """A set under way."""

    def __init__(self, wanted: Wanted, place: Environment, reports: Path, clock: Clock) -> None:
        """Make the folder of the set and write down what is to be run; OSError where that can't be."""
        self.folder = new_folder(reports, f"{wanted.drill}-{wanted.sort}", clock)
        self._wanted = wanted
        self._place = place
        self._clock = clock
        self._seed = secrets.token_hex(16) if wanted.is_blinded else ""
        self.order = run_set.order(list(wanted.members), wanted.times, self._seed)
        self.seal = run_set.seal(self._seed) if self._seed else ""
        self._file = run_set.SetFile.create(self.folder, clock)
        self._file.record(self._first())

    def _first(self) -> run_set.SetStarted:
        return run_set.SetStarted(
            set=self.folder.name,
            sort=self._wanted.sort,
            members=list(self._wanted.members),
            times=self._wanted.times,
            seal=self.seal,
            drill=self._wanted.drill,
            environment=self._place.name,
            version=__version__,
            host=who.machine(),
            user=who.user(),
        )

    def see_through(self, one: Callable[[LaidOut], int]) -> None:
        """Have one run after the other seen through to its exit code; stop where the next could not be trusted.

        However this is left, by an exception too, the set's file tells how far it came, and the seed.
        """
        because = "whoever ran the set went away"
        try:
            because = self._runs(one)
        finally:
            self._file.record(run_set.SetEnded(seed=self._seed, because=because))
            self._file.close()

    def _runs(self, one: Callable[[LaidOut], int]) -> str:
        for number, name in enumerate(self.order, 1):
            folder = self.folder / f"run-{number}-{secrets.token_hex(3)}"
            lay_out_as(folder, self._wanted.members[name], self._place, self._clock)
            self._file.record(run_set.RunBegun(folder=folder.name))
            code = one(LaidOut(number, len(self.order), folder))
            if code not in _GOES_ON and number < len(self.order):
                word = next((verdict.value for verdict in Verdict if verdict.exit_code == code), f"exit code {code}")
                return f"run {number} ended {word}"
        return ""
