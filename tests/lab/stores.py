"""A lab of another store for the tests of one module, on programs of the system; skipped in words without them."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from faildrill.errors import FaildrillError
from faildrill.lab.core import startup, teardown
from faildrill.lab.core.facts import Facts
from faildrill.lab.stores.system_programs import program


@contextlib.contextmanager
def lab_of(sort: str, needs: dict[str, str], root: Path) -> Iterator[Facts]:
    """Give a lab of a sort, named after it; needs are programs with the packages that bring them."""
    try:
        for name, package in needs.items():
            program(name, package)
    except FaildrillError as error:
        pytest.skip(str(error))
    try:
        yield startup.up(f"lab-{sort}", root=root, of=sort)
    finally:
        teardown.down(f"lab-{sort}", root=root)
