"""docs/tour.md leads through the house as it is: its modules, names, arrows and floors are those of the source."""

import ast
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Final

import grimp
import pytest

ROOT: Final = Path(__file__).parents[2]
SOURCE: Final = ROOT / "src" / "faildrill"
PAGE: Final = (ROOT / "docs" / "tour.md").read_text(encoding="utf-8")
DRAWN: Final = re.findall(r"^```mermaid\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
DRAWINGS: Final = [drawing for drawing in DRAWN if "flowchart LR" in drawing]
NODE: Final = re.compile(r'(\w+)\["([\w/]+\.py)"\]')
ARROW: Final = re.compile(r"^ *(\w+)(?:\[[^\]]*\])? --> (\w+)", re.MULTILINE)
POINT: Final = re.compile(r"^(?:\d+\. .*|\| .*)(?:\n   .*)*", re.MULTILINE)
MODULE: Final = re.compile(r"`([\w/]+\.py)`")
NAME: Final = re.compile(r"`(?:(\w+)\.)?(\w+)\(\)`")
OF_A_KIND: Final = {"look", "capture", "apply", "undo"}
"""What a kind offers: its names are in the ports."""


@cache
def imported(path: str) -> set[str]:
    """Give the modules that a module imports anywhere in it, as paths."""
    found = set[str]()
    for node in ast.walk(ast.parse((SOURCE / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("faildrill"):
            module = str(node.module)
            found |= {module, *(f"{module}.{one.name}" for one in node.names)}
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
    return found


def named(path: str) -> str:
    """Give the dotted name of a module."""
    return f"faildrill.{path.removesuffix('.py').removesuffix('/__init__').replace('/', '.')}"


@cache
def defined(path: str) -> set[str]:
    """Give what a module defines: functions, classes, and `Class.method`."""
    tree = ast.parse((SOURCE / path).read_text(encoding="utf-8"))
    found = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{one.name}" for one in node.body if hasattr(one, "name")}
    return found


def test_every_module_on_the_page_is_there() -> None:
    paths = set(MODULE.findall(PAGE)) | {path for drawing in DRAWINGS for _, path in NODE.findall(drawing)}
    assert len(paths) > 40
    assert [path for path in sorted(paths) if not (SOURCE / path).is_file()] == []


@pytest.mark.parametrize("number", range(1, len(DRAWINGS) + 1))
def test_every_solid_arrow_is_an_import(number: int) -> None:
    drawing = DRAWINGS[number - 1]
    nodes = dict(NODE.findall(drawing))
    arrows = [(nodes[start], nodes[end]) for start, end in ARROW.findall(drawing)]
    assert len(arrows) == drawing.count("-->")
    wrong = [f"{start} --> {end}" for start, end in arrows if named(end) not in imported(start)]
    assert wrong == [], "no such import"


def test_every_function_is_in_a_module_that_is_named_beside_it() -> None:
    missing = []
    for point in POINT.findall(PAGE):
        known = {name for path in MODULE.findall(point) for name in defined(path)} | OF_A_KIND
        missing += [
            "".join((owner and f"{owner}.", name))
            for owner, name in NAME.findall(point)
            if (f"{owner}.{name}" if owner else name) not in known
        ]
    assert missing == []


def test_every_package_and_module_of_the_first_level_has_a_room() -> None:
    rooms = re.findall(r"^\| [\w½]+ \| (`.*?) \|", PAGE, re.MULTILINE)
    listed = {name for row in rooms for name in re.findall(r"`(\w+)[\w.]*`", row)}
    modules = {path.stem for path in SOURCE.glob("*.py")} - {"__init__", "__main__"}
    packages = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    assert sorted(listed ^ (modules | packages)) == []


def test_the_floors_are_those_that_the_imports_are_held_to() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    [floors] = [one["layers"] for one in contracts if one["id"] == "floors"]
    held = [{one.strip(" ()").removeprefix("faildrill.") for one in layer.split(":")} for layer in floors]
    rows = re.findall(r"^\| [\d½]+ \| (`.*?) \|", PAGE, re.MULTILINE)
    drawn = [set(re.findall(r"`([\w.]+)`", row)) for row in rows]
    assert held == drawn


def test_the_drawing_of_the_rooms_is_what_they_import() -> None:
    graph = grimp.build_graph("faildrill")
    for room in graph.find_children("faildrill"):
        graph.squash_module(room)
    rooms = graph.find_children("faildrill")
    imports = {room: graph.find_modules_directly_imported_by(room) & rooms - {room} for room in rooms}

    def below(room: str) -> set[str]:
        """Give all that a room stands on, by however many steps."""
        return {each for one in imports[room] for each in {one, *below(one)}}

    direct = {
        (room.removeprefix("faildrill."), one.removeprefix("faildrill."))
        for room, them in imports.items()
        for one in them
        if not any(one in below(other) for other in them if other != one)
    }
    [drawing] = [drawing for drawing in DRAWN if "flowchart TD" in drawing]
    rows = [line.strip().split(" --> ") for line in drawing.splitlines() if "-->" in line]
    assert {(start, end) for start, ends in rows for end in ends.split(" & ")} == {
        pair for pair in direct if pair[0] != "__main__"
    }
