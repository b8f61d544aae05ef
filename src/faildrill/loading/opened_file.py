"""A file that a person wrote, opened: its outermost mapping, with no unknown key and no password in clear."""

from pathlib import Path

from faildrill.loading.clear_passwords import refuse_passwords
from faildrill.loading.yaml.composer import read
from faildrill.loading.yaml.mapping import MappingReader
from faildrill.loading.yaml.mistakes import Mistakes
from faildrill.loading.yaml.nodes import Entry, Mapping, Place


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
