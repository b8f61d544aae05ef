"""The drills that `faildrill run` is asked for: files and folders, chosen by name and by tag, and where they run."""

import contextlib
import fnmatch
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from faildrill.cli.environment_choice import environment
from faildrill.errors import InvalidFile, WrongUsage
from faildrill.kinds import did_you_mean
from faildrill.loading import load_drill
from faildrill.loading.file_sort import sort_of
from faildrill.loading.names import is_name
from faildrill.model.drill import Drill
from faildrill.model.environment import Environment
from faildrill.running.suite import Member


@dataclass(frozen=True)
class Choice:
    """Which of the drills that are named are wanted; where nothing is chosen, all of them are."""

    only: tuple[str, ...] = ()
    """Names, or patterns of names as a shell has them."""
    tags: tuple[str, ...] = ()

    def wants(self, drill: Drill) -> bool:
        """Tell whether a drill is chosen: by one of the names, and by one of the tags, where there are any."""
        by_name = not self.only or any(fnmatch.fnmatchcase(drill.name, pattern) for pattern in self.only)
        return by_name and (not self.tags or bool(set(self.tags) & set(drill.tags)))


@dataclass(frozen=True)
class Chosen:
    """The drills of a suite, and how many of those that were named are not among them."""

    name: str
    """What the suite is called."""
    members: list[Member]
    left_out: int
    files: dict[str, Path]
    """The file of each member, by its name."""


def drills_in(paths: Iterable[Path]) -> list[Path]:
    """List the files, each once, a folder's drills by their names; WrongUsage where a folder holds none.

    A folder's environments, standards and folders are passed over.
    """
    by_path: dict[Path, Path] = {}
    for path in paths:
        files = _of_folder(path) if path.is_dir() else [path]
        for file in files:
            by_path.setdefault(file.resolve(), file)
    return list(by_path.values())


def _of_folder(folder: Path) -> list[Path]:
    files = sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")])
    drills = [path for path in files if path.is_file() and sort_of(path) == "drill"]
    if not drills:
        raise WrongUsage(f"no drill in {folder}/: there is no *.yaml in it that begins a drill with `drill: NAME`")
    return drills


def called(paths: list[Path]) -> str:
    """Return what a suite of these is called: as its folder where it is one, else `drills`."""
    name = paths[0].resolve().name if len(paths) == 1 and paths[0].is_dir() else "drills"
    return name if is_name(name) else "drills"


@contextlib.contextmanager
def chosen(paths: list[Path], choice: Choice, env: str | None, *, tell: bool) -> Iterator[Chosen]:
    """Give the drills that are chosen, each loaded for its environment; labs that had to be started end with it.

    Nothing is started before every file is seen to be valid: the mistakes of all of them are said at once.
    """
    loaded = _loaded(dict.fromkeys(drills_in(paths)))
    wanted = _wanted(loaded, choice)
    with contextlib.ExitStack() as stack:
        places: dict[tuple[str, Path], Environment] = {}
        for path, drill in wanted.items():
            key = (env or drill.environment, path.parent)
            if key not in places:
                places[key] = stack.enter_context(environment(key[0], path, start_lab=True, tell=tell))
        of = {path: places[env or drill.environment, path.parent] for path, drill in wanted.items()}
        by_file = {path: _members(drill, of[path]) for path, drill in _loaded(of).items()}
        files = {member.name: path for path, members in by_file.items() for member in members}
        members = [member for some in by_file.values() for member in some]
        yield Chosen(called(paths), members, len(loaded) - len(wanted), files)


def _loaded(files: "dict[Path, Environment] | dict[Path, None]") -> dict[Path, Drill]:
    """Load every file; WrongUsage with the mistakes of all of them where there are any."""
    drills: dict[Path, Drill] = {}
    mistakes: list[str] = []
    for path, place in files.items():
        try:
            loaded = load_drill(path, place)
        except (InvalidFile, WrongUsage) as error:
            mistakes.append(str(error))
            continue
        drills[path] = loaded.drill
        for warning in loaded.warnings if place is not None else ():
            click.echo(f"{path}:{warning.line}:{warning.column}: warning: {warning.message}", err=True)
    if mistakes:
        raise WrongUsage("\n".join(mistakes))
    return drills


def _wanted(loaded: dict[Path, Drill], choice: Choice) -> dict[Path, Drill]:
    """Return the drills that are chosen; WrongUsage where there is none, or where two have one name."""
    by_name: dict[str, Path] = {}
    for path, drill in loaded.items():
        if drill.name in by_name:
            raise WrongUsage(f"{by_name[drill.name]} and {path} both hold a drill called {drill.name}: rename one")
        by_name[drill.name] = path
    _refuse_unknown("tag", choice.tags, sorted({tag for tagged in loaded.values() for tag in tagged.tags}))
    for pattern in choice.only:
        if not fnmatch.filter(by_name, pattern):
            _refuse_unknown("name", [pattern], list(by_name))
    wanted = {path: drill for path, drill in loaded.items() if choice.wants(drill)}
    if not wanted:
        raise WrongUsage(f"none of the {len(loaded)} drills has one of those names and one of those tags")
    return wanted


def _refuse_unknown(what: str, given: Iterable[str], known: list[str]) -> None:
    for text in given:
        if text not in known:
            there = did_you_mean(text, known) if known else "; they have none"
            raise WrongUsage(f"none of the drills has the {what} {text!r}{there}")


def _members(drill: Drill, place: Environment) -> list[Member]:
    """Return the drill, or each of its ways, as what is to be run."""
    if not drill.ways:
        return [Member(drill.name, drill, place)]
    return [Member(f"{drill.name}: {way.name}", drill.taking(way), place) for way in drill.ways]
