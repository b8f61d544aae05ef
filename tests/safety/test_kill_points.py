"""P1, P3, P5: kill -9 at every point of the journal and of the deeds; nothing is ever left on.

Each run has a fuse: after so many points (a write, half of it, a sync, a deed, half of it) whoever is at the point is
killed: the runner, its sentinel, both; then `recover`, again and again. The points are enumerated, not guessed: a run
whose fuse does not end tells how many it has.
"""

import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from faildrill import judging
from faildrill.judging.result import Verdict
from faildrill.locking.dirty_marks import all_marks
from faildrill.record import second_copy
from faildrill.record.timeline import FILE, AbortAsked, Intended, RunEnded, RunnerDied, entries
from faildrill.restoring.salvage import home, remembered
from support.forks import recovered, spread, watched
from support.places import Place

ENDLESS: Final = 1_000_000
SHAPES: Final[dict[str, list[dict[str, str]]]] = {
    "one fault": [{}],
    "two faults": [{}, {}],
    "the second one answers 503 after it applied": [{}, {"apply": "answers late"}],
    "the second one lies": [{}, {"apply": "lies"}],
    "the second one breaks": [{}, {"apply": "fails"}],
    "the second one hangs after it applied": [{}, {"apply": "hangs"}],
}


@dataclass(frozen=True)
class Trial:
    """A run of a shape with a fuse, in a folder of its own."""

    shape: str
    fuse: tuple[str, ...]
    power_loss: bool = False
    """The machine dies: what was not synced is lost, and every process."""
    is_cleaned: bool = False
    """The workspace is cleaned after the death: the folder of the run is gone."""

    @property
    def is_survived(self) -> bool:
        """Tell whether one of sentinel and runner lives on, so that nobody has to come and recover."""
        return len(self.fuse) == 1 and not self.fuse[0].endswith("both")

    def place(self, folder: Path) -> Place:
        place = Place(folder)
        for number, how in enumerate(SHAPES[self.shape]):
            place.fault(f"service{number}", within=2.0, **how)
        place.wait(0.2)
        (place.folder / "fuse").write_text("\n".join(self.fuse))
        return place

    def __str__(self) -> str:
        then = (", power lost" if self.power_loss else "") + (", cleaned" if self.is_cleaned else "")
        return f"{self.shape}, {', then '.join(self.fuse)}{then}"


_POINTS: Final[dict[str, int]] = {}


def points(ground: Path, shape: str) -> int:
    """Count the points that a run without a death has."""
    if shape not in _POINTS:
        place = Trial(shape, (f"{ENDLESS} self",)).place(Path(tempfile.mkdtemp(dir=ground)))
        run = place.lay_out()
        spread([lambda: f"{watched(run, place.folder)}"], 1)
        _POINTS[shape] = ENDLESS - int((place.folder / "fuse").read_text().split()[0])
    return _POINTS[shape]


def attempt(ground: Path, trial: Trial) -> str:
    """Run it, recover until that is not killed any more; tell how many deaths there were, or what is wrong then."""
    folder = Path(tempfile.mkdtemp(dir=ground))
    place = trial.place(folder)
    place.identity = folder.name
    run = place.lay_out()
    try:
        code = watched(run, place.folder)
        if is_unfinished(run) and deaths_of(trial, place) == 0:
            return f"{trial}: unfinished without a death: {code}, {[entry.what for entry in entries(run / FILE)][-12:]}"
        if is_unfinished(run) and trial.is_survived:
            return f"{trial}: one of the two was left, and did not put back"
        if trial.power_loss:
            lose_power(run, place)
        if trial.is_cleaned:
            shutil.rmtree(run)
        recoveries = 0
        while is_unfinished(run) and recoveries <= len(trial.fuse):
            recovered(run, place.folder)
            recoveries += 1
        wrong = list(faults(run, place))
        deaths = deaths_of(trial, place)
    finally:
        shutil.rmtree(folder)
    return f"{trial}: {'; '.join(wrong)}" if wrong else str(deaths)


def deaths_of(trial: Trial, place: Place) -> int:
    return len(trial.fuse) - len((place.folder / "fuse").read_text().splitlines())


def lose_power(run: Path, place: Place) -> None:
    """Cut the timeline to what was synced, as a power loss may."""
    synced = place.folder / "synced"
    with (run / FILE).open("r+b") as timeline:
        laid_out = timeline.readline()
        timeline.truncate(max(len(laid_out), int(synced.read_text()) if synced.exists() else 0))
    second = second_copy.folder_of(run.name)
    assert second is not None
    lines = (second / FILE).read_bytes().splitlines(keepends=True)
    (second / FILE).write_bytes(b"".join(lines[: len((run / FILE).read_bytes().splitlines())]))


def is_unfinished(run: Path) -> bool:
    return any(one.run == run.name for some in all_marks().values() for one in some)


def faults(run: Path, place: Place) -> Iterator[str]:
    """Tell everything that is wrong after a run that died and was recovered."""
    known = remembered(run)
    intended = {entry.what.step for entry in known if isinstance(entry.what, Intended)}
    for number in range(len(place.steps) - 1):
        name = f"service{number}"
        deeds = place.deeds(name)
        if place.state(name) != "up":
            yield f"{name} was left {place.state(name)}"
        if deeds.count("apply") > 1 or "apply" in deeds[deeds.index("undo") if "undo" in deeds else len(deeds) :]:
            yield f"{name} has a second effect: {deeds}"
        if "apply" in deeds and name not in intended:
            yield f"{name} has an effect without an intent"
    if is_unfinished(run):
        yield "the mark stays"
    if judging.judge(home(run)).verdict is Verdict.PASSED and not came_to_its_end(run):
        yield "it PASSED"


def _attempting(ground: Path, trial: Trial) -> Callable[[], str]:
    return lambda: attempt(ground, trial)


def came_to_its_end(run: Path) -> bool:
    """Tell whether the runner had ended the run by itself before anybody died: then a verdict stands."""
    for entry in remembered(run):
        if isinstance(entry.what, RunEnded | AbortAsked | RunnerDied):
            return entry.what == RunEnded(by="runner")
    return False


def some(trials: list[Trial], most: int) -> list[Trial]:
    """Choose evenly among them, by a fixed seed."""
    return random.Random(4).sample(trials, min(most, len(trials)))  # noqa: S311 - a fixed choice


@dataclass(frozen=True)
class Series:
    """A series of deaths: whom the first and the next fuses kill."""

    name: str
    first: str
    then: tuple[str, ...] = ()
    power_loss: bool = False
    is_cleaned: bool = False
    ci: int = 40

    def trials(self, ground: Path) -> list[Trial]:
        """List one trial for every point at which the first is killed; the next die at points chosen by a seed."""
        choose = random.Random(self.name)  # noqa: S311 - a fixed choice
        found: list[Trial] = []
        for shape in SHAPES:
            for point in range(1, points(ground, shape) + 1):
                later = tuple(f"{choose.randint(1, 60)} {whom}" for whom in self.then)
                found.append(Trial(shape, (f"{point} {self.first}", *later), self.power_loss, self.is_cleaned))
        return found


SERIES: Final = [
    Series("the runner", "self"),
    Series("the sentinel", "parent"),
    Series("both at once", "both"),
    Series("both by a power loss", "both", power_loss=True),
    Series("both, and the workspace is cleaned", "both", is_cleaned=True),
    Series("both, the workspace is cleaned, then recover", "both", ("self",), is_cleaned=True),
    Series("the runner, then who puts back", "self", ("self",)),
    Series("both, then recover", "both", ("self",)),
    Series("both, then recover, and again", "both", ("self", "self")),
]


@pytest.mark.parametrize("series", SERIES, ids=lambda one: one.name)
def test_kill_9_at_every_point_leaves_nothing_on(
    ground: Path,
    series: Series,
    many: Callable[[int, int], int],
    figure: Callable[[str], None],
) -> None:
    every = series.trials(ground)
    trials = some(every, many(series.ci, len(every)))
    said = spread([_attempting(ground, trial) for trial in trials])
    wrong = [one for one in said if not one.isdigit()]
    deaths = sum(int(one) for one in said if one.isdigit())
    figure(f"P1 P3 kill -9 of {series.name}: {len(wrong)} leaks in {len(trials)} runs, {deaths} deaths")
    assert wrong == []


def test_a_run_without_a_death_is_seen_through_in_forks(ground: Path) -> None:
    trial = Trial("two faults", (f"{ENDLESS} self",))
    place = trial.place(ground)
    run = place.lay_out()
    assert spread([lambda: f"{watched(run, place.folder)}"], 1) == ["0"]
    assert list(faults(run, place)) == ["it PASSED"] or list(faults(run, place)) == []
    assert judging.judge(home(run)).verdict is Verdict.PASSED
