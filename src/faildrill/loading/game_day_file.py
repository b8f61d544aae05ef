"""A game day's file into a `GameDay`, or every mistake in it."""

import os
from pathlib import Path
from typing import Final

from pydantic import BaseModel, JsonValue

from faildrill.errors import InvalidFile, WrongUsage
from faildrill.loading.kind_use import check_model, read_only_use
from faildrill.loading.names import NAME_RULE, is_name
from faildrill.loading.opened_file import opened
from faildrill.loading.scope import Scope
from faildrill.loading.yaml.mapping import MappingReader, as_duration, as_text
from faildrill.loading.yaml.nodes import Entry, Listing, Mapping, Node, Scalar, plain
from faildrill.model.game_day import Announcement, GameDay, Times
from faildrill.ports.target import KindUse

FOLDER: Final = Path("drills", "game-days")
"""Where game days are, seen from where the command is given."""
KEYS: Final = (
    *("game_day", "about", "owner", "drills", "environment", "keep_going"),
    *("when", "roles", "announce", "blocked", "missed"),
)
_MISSED: Final = "must be `skip`, or {late_within: TIME}: run it as long as it is no later than that"


def load_game_day(path: Path) -> GameDay:
    """Read a game day's file; InvalidFile has every mistake at its place, WrongUsage when it can't be read."""
    _, reading = opened(path, KEYS)
    named = reading.name("game_day", "what is this game day called?")
    fields = {
        "name": named or "unnamed",
        "about": reading.text("about"),
        "owner": reading.text("owner"),
        "drills": _drills(reading, path.parent),
        "environment": _environment(reading, path.parent),
        "keep_going": reading.truth("keep_going", default=False),
        "times": _models(reading, "when", Times, "a cron or dates, and their zone"),
        "roles": _roles(reading),
        "announce": _models(reading, "announce", Announcement, "before, to and text")
        if reading.entry("announce")
        else (),
        "blocked": _blocked(reading, path.parent),
        "late_within": _late_within(reading),
    }
    reading.mistakes.refuse()
    return GameDay.model_validate(fields)


def game_days(paths: list[Path]) -> dict[Path, GameDay]:
    """Load files, and all files of folders; WrongUsage with the mistakes of all of them."""
    days, mistakes = valid_game_days(paths)
    if mistakes:
        raise WrongUsage("\n".join(mistakes))
    return days


def valid_game_days(paths: list[Path]) -> tuple[dict[Path, GameDay], list[str]]:
    """Load files, and all files of folders; return those without a mistake, and the mistakes of the others.

    Of two that have one name the second is a mistake: what becomes of occurrences is kept under it.
    """
    days: dict[Path, GameDay] = {}
    mistakes: list[str] = []
    by_name: dict[str, Path] = {}
    for file in (file for path in paths for file in _files(path)):
        try:
            day = load_game_day(file)
        except (InvalidFile, WrongUsage) as error:
            mistakes.append(str(error))
            continue
        if day.name in by_name:
            mistakes.append(f"{file}:1:1: {by_name[day.name]} is called {day.name!r}, too: rename one of the two")
            continue
        by_name[day.name] = file
        days[file] = day
    return days, mistakes


def _files(path: Path) -> list[Path]:
    return sorted([*path.glob("*.yaml"), *path.glob("*.yml")]) if path.is_dir() else [path]


def _relative_to(folder: Path, path: str) -> str:
    return os.path.normpath(folder / Path(path).expanduser())


def _drills(reading: MappingReader, folder: Path) -> list[str]:
    files = []
    for node in reading.some("drills", "which drills, in which order? e.g. [../postgres-switchover.yaml]"):
        try:
            path = _relative_to(folder, as_text(node))
        except ValueError as error:
            reading.mistakes.add(node.place, str(error))
            continue
        if not Path(path).exists():
            reading.mistakes.add(
                node.place, f"there is no {path}; a drill is named by its path from this file's folder"
            )
        files.append(path)
    return files


def _environment(reading: MappingReader, folder: Path) -> str | None:
    """Return the name of an environment; of a file its path, as seen from here."""
    named = reading.text("environment")
    if not named or is_name(named):
        return named or None
    return _relative_to(folder, named)


def _models(reading: MappingReader, key: str, model: type[BaseModel], what: str) -> list[BaseModel]:
    models = []
    for node in reading.some(key, f"a list, each with {what}"):
        if not isinstance(node, Mapping):
            reading.mistakes.add(node.place, f"must be a mapping with {what}")
            continue
        checked = check_model(model, _listed(node), Entry(node.place, node), reading.mistakes)
        if checked is not None:
            models.append(checked)
    return models


def _listed(node: Mapping) -> JsonValue:
    """Return the values of a mapping; one who is told need not be written as a list."""
    values = {key: plain(entry.node) for key, entry in node.entries.items()}
    return {
        key: [value] if key in ("to", "dates") and isinstance(value, str) else value for key, value in values.items()
    }


def _roles(reading: MappingReader) -> dict[str, tuple[str, ...]]:
    roles = {}
    for role, entry in reading.mapping("roles").items():
        if not is_name(role):
            reading.mistakes.add(entry.place, NAME_RULE)
        people = entry.node.items if isinstance(entry.node, Listing) else (entry.node,)
        try:
            roles[role] = tuple(as_text(person) for person in people)
        except ValueError:
            reading.mistakes.add(entry.node.place, "must be who takes part in this role: a name, or a list of names")
        if roles.get(role) == ():
            reading.mistakes.add(entry.node.place, "nobody takes part in this role: name somebody, or leave it out")
    return roles


def _blocked(reading: MappingReader, folder: Path) -> list[KindUse]:
    scope = Scope(None, folder=folder)
    uses = [read_only_use(node, "guard", scope, reading.mistakes) for node in reading.items("blocked")]
    return [use.use for use in uses if use is not None]


def _late_within(reading: MappingReader) -> float:
    entry = reading.entry("missed")
    if entry is None or entry.node == Scalar(entry.node.place, "skip"):
        return 0.0
    given = _value_of_only_key(entry.node, "late_within")
    if given is None:
        reading.mistakes.add(entry.node.place, _MISSED)
        return 0.0
    try:
        return as_duration(given)
    except ValueError as error:
        reading.mistakes.add(given.place, str(error))
        return 0.0


def _value_of_only_key(node: Node, key: str) -> Node | None:
    is_it = isinstance(node, Mapping) and [*node.entries] == [key]
    return node.entries[key].node if is_it and isinstance(node, Mapping) else None
