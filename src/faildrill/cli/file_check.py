"""What `faildrill validate` finds in a file, and in the environment that it is checked against."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from faildrill.cli.environment_choice import lab_that_is_up, may_be_started
from faildrill.errors import InvalidFile, Mistake, WrongUsage
from faildrill.loading import find_environment, load_drill, load_environment, read_environment
from faildrill.loading.file_sort import environment_named_in, sort_of
from faildrill.loading.game_day_file import load_game_day
from faildrill.loading.standard_file import load_standard
from faildrill.loading.yaml.nodes import Place
from faildrill.model.environment import Environment

Read = TypeVar("Read")


@dataclass
class Checked:
    """What was found in one file."""

    file: str
    mistakes: list[Mistake] = field(default_factory=list)
    warnings: list[Mistake] = field(default_factory=list)
    note: str = ""

    @property
    def valid(self) -> bool:
        """Tell whether there is no mistake in it."""
        return not self.mistakes


def check(path: Path, env: str | None) -> list[Checked]:
    """Check one file; a drill is checked whatever is wrong with its environment, which then has an entry of its own."""
    checked = Checked(str(path))
    sort = _noted(checked, lambda: sort_of(path))
    if sort == "drill":
        place, others = _environment(path, env, checked)
        drill = _noted(checked, lambda: load_drill(path, place))
        checked.warnings += drill.warnings if drill else ()
        return [*others, checked]
    if sort == "environment":
        environment = _noted(checked, lambda: read_environment(path))
        checked.warnings += environment.warnings if environment else ()
    elif sort == "game day":
        _noted(checked, lambda: load_game_day(path))
    elif sort == "standard":
        _noted(checked, lambda: load_standard(path))
    return [checked]


def _environment(path: Path, env: str | None, one: Checked) -> tuple[Environment | None, list[Checked]]:
    """Return the environment of a drill, None where there is none to be had; what is wrong with it, by its file."""
    named, place = environment_named_in(path)
    given = env or named
    if not given:
        return None, []
    other = Checked(given)
    try:
        place_file = find_environment(given, path, lab_that_is_up)
    except WrongUsage as error:
        if env:
            other.mistakes.append(Mistake(1, 1, str(error)))
            return None, [other]
        if may_be_started(given):
            one.note = f"checked without its environment: {given} is not up"
        else:
            one.mistakes.append(Mistake(*place, str(error)))
        return None, []
    other.file = str(place_file)
    environment = _noted(other, lambda: load_environment(place_file))
    return environment, [other] if environment is None else []


def _noted(one: Checked, read: Callable[[], Read]) -> Read | None:
    """Return what a file holds; None, with the mistakes noted, where it can't be made of it."""
    try:
        return read()
    except InvalidFile as error:
        one.mistakes = sorted({*one.mistakes, *error.mistakes})
    except WrongUsage as error:
        one.mistakes.append(Mistake(*Place(1, 1), str(error)))
    return None
