"""The JSON Schemas that editors check files with."""

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from faildrill.explaining.first_drill import sketch
from faildrill.explaining.json_schema import drill_schema, environment_schema, game_day_schema, standard_schema
from faildrill.explaining.kind_description import describe
from faildrill.kinds.table import TABLES
from faildrill.loading.game_day_file import KEYS
from faildrill.loading.yaml.composer import compose
from faildrill.loading.yaml.mistakes import Mistakes
from faildrill.loading.yaml.nodes import plain

ROOT = Path(__file__).parents[3]
DRILLS = sorted((ROOT / "drills").glob("*.yaml"))
INVALID = Path(__file__).parents[1] / "loading" / "invalid"
SEEN_BY_A_SCHEMA = (
    *("unknown-key", "nothing-but-a-name", "no-expectation", "empty-expectations", "name-is-a-path", "no-probes"),
    *("probe-without-a-kind", "probe-of-an-unknown-kind", "probe-of-two-kinds", "probe-without-every"),
    *("time-without-a-unit", "time-is-negative", "parameter-is-missing", "parameter-is-unknown"),
    *("parameter-of-the-wrong-sort", "parameter-number-in-quotes", "parameter-yes-is-text", "target-is-written-out"),
    *("step-of-an-unknown-kind", "step-without-a-name", "wait-without-an-end", "wait-without-a-unit"),
    *("expectation-of-an-unknown-kind", "secret-where-a-reference-belongs", "undo-is-an-unknown-word"),
)


@pytest.fixture(scope="module")
def of_drills() -> dict[str, Any]:
    return drill_schema()


@pytest.fixture(scope="module")
def drills(of_drills: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(of_drills)


@pytest.fixture(scope="module")
def environments() -> Draft202012Validator:
    return Draft202012Validator(environment_schema())


def _read(path: Path) -> Any:  # noqa: ANN401 - whatever it holds
    return plain(compose(path.read_bytes(), Mistakes(str(path))))


def test_the_schemas_are_schemas(of_drills: dict[str, Any], environments: Draft202012Validator) -> None:
    Draft202012Validator.check_schema(of_drills)
    Draft202012Validator.check_schema(environments.schema)
    Draft202012Validator.check_schema(standard_schema())
    Draft202012Validator.check_schema(game_day_schema())


@pytest.mark.parametrize("path", sorted((ROOT / "drills" / "game-days").glob("*.yaml")), ids=lambda path: path.stem)
@pytest.mark.parametrize(
    "slip",
    [
        *({"drils": []}, {"drills": []}, {"when": []}, {"when": [{"zone": "UTC"}]}, {"keep_going": "yes"}),
        *({"when": [{"zone": "UTC", "cron": "0 3 * * 2", "dates": ["2027-01-01 10:00"]}]}, {"missed": "later"}),
        *({"announce": [{"before": "7d", "to": []}]}, {"blocked": [{"window.blokked": {}}]}, {"game_day": "A Day"}),
    ],
    ids=lambda slip: next(iter(slip)),
)
def test_every_game_day_here_fits_the_schema_and_a_slip_does_not(path: Path, slip: dict[str, Any]) -> None:
    days = Draft202012Validator(game_day_schema())
    assert [error.message for error in days.iter_errors(_read(path))] == []
    assert not days.is_valid({**_read(path), **slip})


def test_the_game_day_of_the_page_fits_the_schema_with_each_key_that_a_file_may_have() -> None:
    page = (ROOT / "docs" / "schedules.md").read_text(encoding="utf-8")
    day = page.partition("```yaml\n")[2].partition("```")[0]
    shown = plain(compose(day.encode(), Mistakes("schedules.md")))
    schema = game_day_schema()
    assert [error.message for error in Draft202012Validator(schema).iter_errors(shown)] == []
    assert set(schema["properties"]) == {*KEYS}


@pytest.mark.parametrize("path", sorted((ROOT / "drills" / "standards").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_standard_here_fits_the_schema_and_a_slip_does_not(path: Path) -> None:
    standards = Draft202012Validator(standard_schema())
    assert [error.message for error in standards.iter_errors(_read(path))] == []
    assert not standards.is_valid({**_read(path), "bakends": {}})


@pytest.mark.parametrize("path", DRILLS, ids=lambda path: path.stem)
def test_every_drill_here_fits_the_schema(path: Path, drills: Draft202012Validator) -> None:
    assert [error.message for error in drills.iter_errors(_read(path))] == []


def test_the_sketch_fits_the_schema(drills: Draft202012Validator) -> None:
    drill = plain(compose(sketch("first").encode(), Mistakes("first.yaml")))
    assert [error.message for error in drills.iter_errors(drill)] == []


def test_the_example_environment_fits_the_schema(environments: Draft202012Validator) -> None:
    found = _read(ROOT / "drills" / "environments" / "example.yaml")
    assert [error.message for error in environments.iter_errors(found)] == []


@pytest.mark.parametrize("name", SEEN_BY_A_SCHEMA)
def test_a_bad_drill_does_not_fit_the_schema(name: str, drills: Draft202012Validator) -> None:
    assert not drills.is_valid(_read(INVALID / "drills" / f"{name}.yaml"))


@pytest.mark.parametrize(
    "name",
    ["unknown-section", "drillable-is-a-word", "target-with-an-unknown-key", "password-in-clear", "port-in-quotes"],
)
def test_a_bad_environment_does_not_fit_the_schema(name: str, environments: Draft202012Validator) -> None:
    assert not environments.is_valid(_read(INVALID / "environments" / f"{name}.yaml"))


@pytest.mark.parametrize("shape", ["probe", "action", "expectation", "abort"])
def test_every_kind_is_in_the_schema_with_its_parameters_described(shape: str, of_drills: dict[str, Any]) -> None:
    found = of_drills["$defs"]
    for name in TABLES[shape]:
        assert found[f"{shape}.{name}"]["properties"] is not None
        assert found[f"{shape}.{name}"]["description"].strip()


EXAMPLES = [(shape, name) for shape in ("probe", "action", "expectation", "abort") for name in sorted(TABLES[shape])]


@pytest.mark.parametrize(("shape", "name"), EXAMPLES)
def test_the_example_of_a_kind_fits_the_schema(shape: Any, name: str, drills: Draft202012Validator) -> None:  # noqa: ANN401
    example = describe(name, shape).example
    part = plain(compose(example.encode(), Mistakes(name)))
    assert isinstance(part, dict)
    around = {
        "drill": "x",
        "environment": "x",
        "probes": {"pay": {"tcp.connect": {"address": "h:1"}, "every": "1s"}},
        "steps": [{"wait": "1s"}],
        "expect": [{"steady_again": {"within": "1s"}}],
    }
    assert [error.message for error in drills.iter_errors(around | part)] == []
