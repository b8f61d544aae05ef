"""A file that a person wrote, opened: its outermost mapping, with no unknown key and no password in clear."""

import re
from pathlib import Path
from typing import Final

from faildrill.loading.yaml.composer import read
from faildrill.loading.yaml.mapping import MappingReader
from faildrill.loading.yaml.mistakes import Mistakes
from faildrill.loading.yaml.nodes import Entry, Listing, Mapping, Node, Place, Scalar

_IN_URL: Final = re.compile(r"://[^/?#\s@:]*:[^/?#\s@]+@")


def opened(path: Path, keys: tuple[str, ...]) -> tuple[Mapping, MappingReader]:
    """Read a file whose outermost mapping may have these keys; return it, and what takes its values.

    What is wrong is noted in `mistakes` of the latter. Raises WrongUsage when the file can't be read, InvalidFile when
    it is no YAML.
    """
    mistakes = Mistakes(str(path))
    mapping = read(path, mistakes)
    refuse_passwords(mapping, mistakes)
    reading = MappingReader(Entry(Place(1, 1), mapping), keys, mistakes)
    reading.refuse_others()
    return mapping, reading


def refuse_passwords(node: Node, mistakes: Mistakes) -> None:
    """Note every URL that holds a password, without repeating it, where no field says that it takes a secret."""
    if isinstance(node, Scalar):
        if isinstance(node.value, str) and _IN_URL.search(node.value):
            mistakes.spoil(node.place, "a URL with a password in it; give secrets as references (env:NAME, file:/PATH)")
        return
    inner = node.items if isinstance(node, Listing) else [entry.node for entry in node.entries.values()]
    for child in inner:
        refuse_passwords(child, mistakes)
