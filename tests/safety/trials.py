"""Runs in forks that something happens to, and what is wrong after them."""

import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from faildrill import judging
from faildrill.errors import FaildrillError
from faildrill.judging.result import Verdict
from faildrill.locking.dirty_marks import all_marks
from support.forks import recovered, spread, watched
from support.places import Place

TRIES = 5


def is_unfinished(run: Path) -> bool:
    """Tell whether a run's mark is there."""
    return any(one.run == run.name for some in all_marks().values() for one in some)


def finished(run: Path, place: Place) -> None:
    """Do what a person does who finds a dirty environment: recover it."""
    for _ in range(TRIES):
        if not is_unfinished(run):
            return
        recovered(run, place.folder)


def effects(run: Path, place: Place, names: list[str]) -> Iterator[str]:
    """Tell what is left on, or was done twice, or done by the run after it was put back."""
    for name in names:
        story = place.story(name)
        if place.state(name) != "up":
            yield f"{name} was left {place.state(name)}: {story}"
        if story.count("call") > 1:
            yield f"{name} was called {story.count('call')} times"
        if "call-back" in story and {"apply", "late"} & set(story[story.index("call-back") :]):
            yield f"{name}: an effect after the undo: {story}"
    if is_unfinished(run):
        yield "the mark stays"


def verdict(run: Path) -> Verdict | None:
    """Judge it; None where it can't be judged."""
    try:
        return judging.judge(run).verdict
    except FaildrillError:
        return None


def series(ground: Path, trial: Callable[[Path, random.Random], list[str]], many: int, workers: int = 2) -> list[str]:
    """Do a trial many times, each in a folder of its own and with a seed; return what was wrong, with the seed."""
    said = spread([_once(ground, trial, seed) for seed in range(many)], workers)
    return [one for one in said if one != "ok"]


def _once(ground: Path, trial: Callable[[Path, random.Random], list[str]], seed: int) -> Callable[[], str]:
    def what() -> str:
        folder = Path(tempfile.mkdtemp(dir=ground))
        try:
            wrong = trial(folder, random.Random(seed))  # noqa: S311 - it must be the same for the same seed
        finally:
            shutil.rmtree(folder)
        return f"seed {seed}: {'; '.join(wrong)}" if wrong else "ok"

    return what


__all__ = ["effects", "finished", "is_unfinished", "series", "verdict", "watched"]
