"""A table of invalid files: each says in its last lines, after `#: `, exactly what is said about it."""

from pathlib import Path

import pytest

from faildrill.errors import InvalidFile
from faildrill.loading import load_drill, load_environment
from faildrill.model.environment import Environment

FOLDER = Path(__file__).parent / "invalid"
EXAMPLE = Path(__file__).parents[3] / "drills" / "environments" / "example.yaml"
DRILLS = sorted((FOLDER / "drills").glob("*.yaml"))
ENVIRONMENTS = sorted((FOLDER / "environments").glob("*.yaml"))


def _expected(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.removeprefix("#: ") for line in lines if line.startswith("#: ")]


def _said(error: InvalidFile) -> list[str]:
    return [f"{one.line}:{one.column}: {one.message}" for one in error.mistakes]


@pytest.fixture(scope="module")
def environment() -> Environment:
    return load_environment(EXAMPLE)


@pytest.mark.parametrize("path", DRILLS, ids=lambda path: path.stem)
def test_an_invalid_drill_gets_exactly_these_mistakes(path: Path, environment: Environment) -> None:
    with pytest.raises(InvalidFile) as caught:
        load_drill(path, environment)
    assert _said(caught.value) == _expected(path)


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_an_invalid_environment_gets_exactly_these_mistakes(path: Path) -> None:
    with pytest.raises(InvalidFile) as caught:
        load_environment(path)
    assert _said(caught.value) == _expected(path)


def test_the_table_is_not_small() -> None:
    assert len(DRILLS) + len(ENVIRONMENTS) >= 100


def test_no_mistake_repeats_what_may_be_a_secret() -> None:
    holding = [path for path in (*DRILLS, *ENVIRONMENTS) if "hunter2" in path.read_text(encoding="utf-8")]
    assert len(holding) >= 5
    for path in holding:
        assert not [line for line in _expected(path) if "hunter2" in line]


def test_every_mistake_is_written_as_file_line_column_and_message(environment: Environment) -> None:
    path = FOLDER / "drills" / "five-different-mistakes.yaml"
    with pytest.raises(InvalidFile) as caught:
        load_drill(path, environment)
    assert str(caught.value).splitlines() == [f"{path}:{line}" for line in _expected(path)]
    assert len(caught.value.mistakes) == 5
