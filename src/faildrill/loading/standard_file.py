"""A standard's file into a `Standard`, or every mistake in it; and what an environment lists of such."""

from pathlib import Path
from typing import Final

from faildrill.errors import InvalidFile, WrongUsage
from faildrill.loading.kind_use import check_model, read_only_use
from faildrill.loading.names import NAME_RULE, is_name
from faildrill.loading.opened_file import opened
from faildrill.loading.scope import Scope
from faildrill.loading.yaml.mapping import MappingReader
from faildrill.loading.yaml.nodes import Entry, Listing, Mapping, Scalar, plain
from faildrill.ports.target import KindUse
from faildrill.standards import Standard

KEYS: Final = ("standard", *(name for name in Standard.model_fields if name != "name"))


def load_standard(path: Path) -> Standard:
    """Read a standard's file; InvalidFile has every mistake at its place, WrongUsage when it can't be read."""
    root, reading = opened(path, KEYS)
    mistakes = reading.mistakes
    name = reading.name("standard", "what is this standard called?")
    known = {key: entry for key in KEYS[1:] if (entry := reading.entry(key)) is not None}
    node = Mapping(root.place, known)
    data = plain(node)
    assert isinstance(data, dict)  # noqa: S101 - a mapping was put in
    standard = check_model(Standard, {**data, "name": name or "unnamed"}, Entry(reading.place, node), mistakes)
    mistakes.refuse()
    assert isinstance(standard, Standard)  # noqa: S101 - otherwise there were mistakes
    return standard


def read_standards(reading: MappingReader, path: Path) -> dict[str, Standard]:
    """Read the standards that the environment file at `path` lists: by name a file, seen from that file's folder."""
    standards: dict[str, Standard] = {}
    for name, entry in reading.mapping("standards").items():
        if not is_name(name):
            reading.mistakes.add(entry.place, NAME_RULE)
            continue
        given = entry.node.value if isinstance(entry.node, Scalar) else None
        if not isinstance(given, str):
            reading.mistakes.add(entry.node.place, "must be the path of a standard's file, seen from this one")
            continue
        try:
            standard = load_standard(path.parent / given)
        except InvalidFile as error:
            first = error.mistakes[0]
            more = f" (and {len(error.mistakes) - 1} more)" if len(error.mistakes) > 1 else ""
            message = f"{error.path}:{first.line}:{first.column}: {first.message}{more}"
            reading.mistakes.add(entry.node.place, message)
        except WrongUsage as error:
            reading.mistakes.add(entry.node.place, str(error))
        else:
            standards[name] = standard.model_copy(update={"name": name})
    return standards


def read_settings(reading: MappingReader, scope: Scope) -> dict[str, KindUse]:
    """Read what reads settings: by name one kind; what has the name of a standard is compared with it."""
    readers = {}
    for name, entry in reading.mapping("settings").items():
        if not is_name(name):
            reading.mistakes.add(entry.place, NAME_RULE)
        use = read_only_use(entry.node, "settings", scope, reading.mistakes)
        if use:
            readers[name] = use.use
    return readers


def read_warrants(reading: MappingReader, scope: Scope) -> dict[str, tuple[KindUse, ...]]:
    """Read who is heard before a database is failed over: by its name a list of observers."""
    warrants = {}
    for name, entry in reading.mapping("warrants").items():
        if not is_name(name):
            reading.mistakes.add(entry.place, NAME_RULE)
        if not isinstance(entry.node, Listing) or not entry.node.items:
            reading.mistakes.add(entry.node.place, "must be a list of observers (- KIND: {…})")
            continue
        uses = [read_only_use(node, "witness", scope, reading.mistakes) for node in entry.node.items]
        warrants[name] = tuple(use.use for use in uses if use)
    return warrants
