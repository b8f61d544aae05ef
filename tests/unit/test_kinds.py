"""Every kind is documented, and what is said is true of the class."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from faildrill.explaining.kind_description import SHAPES, describe
from faildrill.explaining.kinds_page import markdown
from faildrill.kinds import Shape, find, trait
from faildrill.kinds.table import TABLES
from faildrill.kinds.target_table import sections
from faildrill.loading.environment_file import load_environment
from faildrill.ports import ASKS_EVERY_NODE

DOCUMENT = Path(__file__).parents[2] / "docs" / "kinds.md"
KINDS = [(shape, name) for shape in SHAPES for name in sorted(TABLES[shape])]


@pytest.mark.parametrize(("shape", "name"), KINDS)
def test_every_kind_is_documented(shape: Shape, name: str) -> None:
    kind = describe(name, shape)
    assert kind.summary.endswith(".")
    assert kind.example
    assert f"### `{name}`" in DOCUMENT.read_text(encoding="utf-8")


@pytest.mark.parametrize(("shape", "name"), KINDS)
def test_every_parameter_says_what_it_is(shape: Shape, name: str) -> None:
    assert [one.name for one in describe(name, shape).parameters if not one.about] == []


def test_the_reference_of_kinds_is_up_to_date() -> None:
    same = DOCUMENT.read_text(encoding="utf-8") == markdown()
    assert same, "write it anew: faildrill explain --markdown > docs/kinds.md"


@pytest.mark.parametrize("section", sections())
def test_the_example_of_a_target_is_read_as_it_stands(section: str, tmp_path: Path) -> None:
    path = tmp_path / "place.yaml"
    path.write_text(f"environment: place\n{describe(section, 'target').example}\n", encoding="utf-8")
    assert len(load_environment(path).section(section)) == 1


def test_what_is_said_of_the_members_of_a_target_is_explained_with_it() -> None:
    told = {one.name: one.default for one in describe("groups", "target").parameters}
    assert {"members", "members.NAME.address", "members.NAME.reach"} <= told.keys()
    assert "name" not in told


@pytest.mark.parametrize(("shape", "name"), KINDS)
def test_a_parameter_that_takes_a_list_takes_that_of_a_file(shape: Shape, name: str) -> None:
    lists: dict[str, list[str]] = {one.name: [] for one in describe(name, shape).parameters if "list of" in one.takes}
    try:
        find(name, shape).model_validate_json(json.dumps(lists), strict=True)
    except ValidationError as error:
        refused = {one["loc"][0] for one in error.errors() if one["loc"] and one["type"] in ("list_type", "tuple_type")}
        assert not refused & lists.keys()


def test_what_a_parameter_takes_is_told_in_words() -> None:
    told = {one.name: one for one in describe("outage", "expectation").parameters}
    assert told["of"].takes == "name of a probe"
    assert told["at_most"].takes == "time"
    assert told["at_most"].default == ""
    assert told["hold"].default == "`1s`"
    [group, *_] = describe("member.kill", "action").parameters
    assert group.takes == "name of one of the environment's groups"


@pytest.mark.parametrize(
    ("kind", "parameter", "takes"),
    [
        ("http.request", "status", "list of whole numbers from 200 to 599"),
        ("http.request", "headers", "mapping of texts"),
        ("http.request", "secret_headers", "mapping of references to secrets"),
        ("http.ledger", "tries", "whole number from 1 to 10"),
        ("http.spread", "at_least", "whole number, at least 1"),
    ],
)
def test_limits_and_entries_are_told_as_a_reader_would_say_them(kind: str, parameter: str, takes: str) -> None:
    assert {one.name: one.takes for one in describe(kind, "probe").parameters}[parameter] == takes


def test_a_kind_that_is_not_installed_here_says_nothing_of_itself() -> None:
    assert trait("rds.writer", "probe", ASKS_EVERY_NODE) is None
    assert trait("postgres.writers", "probe", ASKS_EVERY_NODE)
