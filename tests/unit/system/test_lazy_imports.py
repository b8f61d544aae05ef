"""What a command that checks a file must not pay for."""

import subprocess
import sys
from typing import Final

import pytest

from faildrill.kinds.table import TABLES
from faildrill.system.lazy_imports import HEAVY

IMPORTED: Final = """
import importlib, sys
from faildrill.system.lazy_imports import HEAVY, lazily
lazily()
known = set()
for module in sys.argv[1:]:
    importlib.import_module(module)
    new = {name for name in HEAVY if any(one.startswith(f"{name}.") for one in sys.modules)} - known
    known |= new
    if new:
        print(f"{module} uses {', '.join(sorted(new))}")
"""
MODULES: Final = sorted({where.partition(":")[0] for table in TABLES.values() for where in table.values()})


def _python(program: str, *arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_the_parameters_of_a_kind_are_known_without_its_library() -> None:
    said = _python(IMPORTED, *MODULES)
    assert not said, f"when it is imported: {said}; in a constant, or in an annotation without quotes?"


@pytest.mark.parametrize("library", HEAVY)
def test_a_library_put_off_is_whole_once_it_is_used(library: str) -> None:
    using = """
import importlib, sys
from faildrill.system.lazy_imports import lazily
lazily()
library = importlib.import_module(sys.argv[1])
before = len(sys.modules)
library.__version__
assert len(sys.modules) > before + 10
assert type(library) is type(sys)
assert library is sys.modules[sys.argv[1]]
print(library.__version__)
"""
    asked = _python("import importlib, sys; print(importlib.import_module(sys.argv[1]).__version__)", library)
    assert _python(using, library) == asked


def test_a_part_of_a_library_put_off_loads_all_of_it() -> None:
    assert (
        _python("""
from faildrill.system.lazy_imports import lazily
lazily()
import numpy.typing
import numpy as np
print(type(np).__name__, np.zeros(2).sum())
""")
        == "module 0.0"
    )


def test_a_library_that_is_not_installed_is_missed_where_it_is_imported() -> None:
    said = _python("""
from faildrill.system.lazy_imports import lazily
lazily(["no_such_library_anywhere"])
try:
    import no_such_library_anywhere
except ImportError as error:
    print(error)
""")
    assert said == "No module named 'no_such_library_anywhere'"
