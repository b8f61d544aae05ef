"""Where a playbook has tasks done on other hosts than those it is played on: `delegate_to`.

Ansible lists the hosts of a play beforehand, but not those. A limit doesn't hold for them, nobody tells of them
afterwards, and an address that no inventory knows may be one of them.
"""

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import yaml

from faildrill.system import bounded_read

_LARGEST: Final = 1 << 20
"""Bytes of a file of tasks."""
_HERE: Final = frozenset({"localhost", "127.0.0.1", "::1"})
"""The host that plays: what waits or asks there is often delegated to it."""
_ITSELF: Final = re.compile(r"\{\{\s*(inventory_hostname|ansible_host)\s*\}\}")
"""The host of the play itself, as a delegation may name it."""
_INCLUDES: Final = frozenset({"import_playbook", "import_tasks", "include_tasks", "include"})
"""Keys that name a file of plays or tasks."""
_ROLES: Final = frozenset({"include_role", "import_role"})
"""Keys that name a role."""


class Delegated(NamedTuple):
    """A task that is done elsewhere."""

    file: Path
    line: int
    to: str

    def __str__(self) -> str:
        """Tell it in a sentence's part."""
        return f"{self.file}:{self.line} delegates a task to {self.to!r}"


def elsewhere(playbook: Path, hosts: Collection[str]) -> Delegated | None:
    """Return the first task that is done on none of these hosts, nor here, in a playbook and what it names.

    What it includes by a name that only a variable tells, or from a collection, is not read; nor is what can't be.
    """
    allowed = {*hosts, *_HERE}
    for task in _delegated(playbook.resolve(), playbook.resolve().parent, set()):
        if task.to not in allowed and not _ITSELF.fullmatch(task.to.strip()):
            return task
    return None


def _delegated(file: Path, root: Path, seen: set[Path]) -> Iterator[Delegated]:
    if file in seen:
        return
    seen.add(file)
    try:
        text = bounded_read.read(file, _LARGEST).decode("utf-8", "replace")
        document = yaml.compose(text, Loader=yaml.CSafeLoader)
    except (OSError, yaml.YAMLError):
        return  # Ansible itself says what is wrong with it
    for name, value in _entries(document, set()):
        word = name.rpartition(".")[2]
        if word == "delegate_to" and isinstance(value, yaml.ScalarNode):
            yield Delegated(file, value.start_mark.line + 1, value.value)
        for other in _named(word, value, file.parent, root):
            yield from _delegated(other, root, seen)


def _entries(node: yaml.Node | None, seen: set[int]) -> Iterator[tuple[str, yaml.Node]]:
    """Go through all keys of a document, however deep; an alias is followed once."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                yield key.value, value
            yield from _entries(value, seen)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _entries(item, seen)


def _named(word: str, value: yaml.Node, folder: Path, root: Path) -> Iterator[Path]:
    """Return the files that a key names, as far as they are there."""
    if word in _INCLUDES:
        for name in _texts(value, "file", "_raw_params"):
            yield from (path.resolve() for path in (folder / name, root / name) if path.is_file())
    elif word in _ROLES or word == "roles":
        listed = value.value if isinstance(value, yaml.SequenceNode) else [value]
        for name in (name for entry in listed for name in _texts(entry, "role", "name")):
            for part in ("tasks", "handlers"):
                yield from sorted((root / "roles" / name / part).glob("*.y*ml"))


def _texts(value: yaml.Node, *keys: str) -> list[str]:
    """Return a text, or those that a mapping has under one of these keys."""
    if isinstance(value, yaml.ScalarNode):
        return [value.value]
    pairs = value.value if isinstance(value, yaml.MappingNode) else []
    return [one.value for key, one in pairs if key.value in keys and isinstance(one, yaml.ScalarNode)]
