"""A hostile file is harmless: refused at once, in little memory, with every mistake placed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HOSTILE = Path(__file__).parent / "hostile.py"


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[float, int, list[str]]]:
    folder = tmp_path_factory.mktemp("hostile")
    done = subprocess.run([sys.executable, str(HOSTILE), str(folder)], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return] # what the program prints


def test_a_hostile_file_is_refused_with_placed_mistakes(costs: dict[str, tuple[float, int, list[str]]]) -> None:
    for what, (_, _, said) in costs.items():
        assert said, what
        assert all(int(line) >= 1 and int(column) >= 1 for line, column, _ in (one.split(":", 2) for one in said)), what


def test_a_hostile_file_is_refused_within_50_ms(costs: dict[str, tuple[float, int, list[str]]]) -> None:
    assert {what: spent for what, (spent, _, _) in costs.items() if spent > 0.05} == {}


def test_a_hostile_file_needs_no_50_mb(costs: dict[str, tuple[float, int, list[str]]]) -> None:
    assert {what: grown for what, (_, grown, _) in costs.items() if grown > 50_000_000} == {}


def test_nothing_that_a_hostile_file_says_is_long(costs: dict[str, tuple[float, int, list[str]]]) -> None:
    assert {what: max(map(len, said)) for what, (_, _, said) in costs.items() if max(map(len, said)) > 400} == {}
