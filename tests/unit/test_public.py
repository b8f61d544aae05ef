"""What is public for authors of kinds stands on one page, is there, and is enough."""

import ast
import importlib
import pkgutil
import re
from pathlib import Path
from typing import Final

import pytest

from faildrill import testing, toolkit

DOCS: Final = Path(__file__).parents[2] / "docs"
ROW: Final = re.compile(r"^\| `(faildrill[.\w]*)` \| ([^|]+) \|", re.MULTILINE)
CODE: Final = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WHOLE: Final = {"faildrill.toolkit"}
"""Listed with all that is in them."""


def _listed() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for module, names in ROW.findall((DOCS / "public.md").read_text(encoding="utf-8")):
        found.setdefault(module, set()).update(re.findall(r"`(\w+)`", names))
    return found


LISTED: Final = _listed()


@pytest.mark.parametrize("module", sorted(LISTED))
def test_each_name_is_there(module: str) -> None:
    found = importlib.import_module(module)
    assert [name for name in sorted(LISTED[module]) if not hasattr(found, name)] == []


def test_all_that_tests_of_kinds_are_given_is_listed() -> None:
    assert LISTED["faildrill.testing"] == set(testing.__all__)
    assert all(getattr(testing, name).__doc__ for name in testing.__all__)


def test_every_module_of_the_toolkit_says_what_it_is_for() -> None:
    modules = [one.name for one in pkgutil.walk_packages(toolkit.__path__, "faildrill.toolkit.")]
    assert modules
    assert [name for name in modules if not importlib.import_module(name).__doc__] == []


@pytest.mark.parametrize("page", ["writing-a-kind.md", "public.md"])
def test_a_page_for_authors_imports_nothing_but_what_is_listed(page: str) -> None:
    missing = set()
    for code in CODE.findall((DOCS / page).read_text(encoding="utf-8")):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("faildrill"):
                module = str(node.module)
                if not any(module == one or module.startswith(f"{one}.") for one in WHOLE):
                    missing |= {f"{module}.{one.name}" for one in node.names if one.name not in LISTED.get(module, ())}
    assert missing == set()


def test_the_example_of_a_test_passes(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    [code] = CODE.findall((DOCS / "public.md").read_text(encoding="utf-8"))
    names: dict[str, object] = {}
    exec(compile(code, "test_patience.py", "exec"), names)  # noqa: S102 - the page's own code
    [test] = [one for name, one in names.items() if name.startswith("test_")]
    assert callable(test)
    test(tmp_path / "place")
