"""The import contracts: each is seen broken by an import that it must not allow."""

import tomllib
from pathlib import Path
from typing import Any

import grimp
import pytest

from support.import_contracts import Only

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
CONTRACTS: dict[str, dict[str, Any]] = {
    one["id"]: one for one in PROJECT["tool"]["importlinter"]["contracts"] if one["type"] == "only"
}


def _checked(options: dict[str, Any], graph: grimp.ImportGraph) -> tuple[list[str], list[str]]:
    """Return the imports that a contract does not allow, and its warnings."""
    given = {name: value for name, value in options.items() if name not in {"id", "name", "type"}}
    given = {name: str(value) if isinstance(value, bool) else value for name, value in given.items()}
    check = Only(options.get("name", ""), session_options={}, contract_options=given).check(graph, verbose=False)
    assert check.kept == (not check.metadata["broken"])
    return [f"{link.importer} -> {link.imported}" for link in check.metadata["broken"]], check.warnings


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("faildrill", include_external_packages=True)


def test_all_of_the_package_is_under_a_contract() -> None:
    assert {one["of"] for one in CONTRACTS.values()} == {
        "faildrill",
        *(f"faildrill.{part}" for part in CONTRACTS["engine"]["apart"]),
    }


@pytest.mark.parametrize(
    ("contract", "importer", "imported"),
    [
        ("engine", "faildrill.judging.expectations.outage", "faildrill.adapters.patroni.probes"),
        ("engine", "faildrill.loading.drill_file", "faildrill.toolkit.tls"),
        ("engine", "faildrill.restoring.fence", "faildrill.lab.core.process_tree"),
        ("engine", "faildrill.judging.expectations.outage", "aiohttp"),
        ("toolkit", "faildrill.toolkit.tls", "faildrill.adapters.http.target"),
        ("toolkit", "faildrill.toolkit.tls", "faildrill.kinds"),
        ("toolkit", "faildrill.toolkit.tls", "asyncpg"),
        ("worlds", "faildrill.adapters.redis.nodes", "faildrill.adapters.postgres.target"),
        ("worlds", "faildrill.adapters.postgres.sessions", "faildrill.adapters.patroni.nodes"),
        ("worlds", "faildrill.adapters.redis.nodes", "faildrill.judging"),
        ("worlds", "faildrill.adapters.redis.nodes", "pymysql"),
        ("worlds", "faildrill.adapters.haproxy.settings", "faildrill.lab.core.facts"),
        ("lab", "faildrill.lab.core.init", "faildrill.adapters.process.tree"),
        ("lab", "faildrill.lab.core.init", "faildrill.ports"),
        ("lab", "faildrill.lab.core.init", "asyncpg"),
    ],
)
def test_what_is_not_named_breaks_its_contract(
    contract: str, importer: str, imported: str, graph: grimp.ImportGraph
) -> None:
    assert {importer, imported} <= graph.modules, "a module that is gone can't be imported"
    before, _ = _checked(CONTRACTS[contract], graph)
    assert f"{importer} -> {imported}" not in before
    graph.add_import(importer=importer, imported=imported, line_number=1, line_contents="import it")
    try:
        after, _ = _checked(CONTRACTS[contract], graph)
    finally:
        graph.remove_import(importer=importer, imported=imported)
    assert after == [*before, f"{importer} -> {imported}"]


def _small(*imports: tuple[str, str]) -> grimp.ImportGraph:
    made = grimp.ImportGraph()
    for module in {
        "house",
        "house.kitchen",
        "house.kitchen.oven",
        "house.hall",
        *(name for one in imports for name in one),
    }:
        made.add_module(module)
    for importer, imported in imports:
        made.add_import(importer=importer, imported=imported, line_number=3, line_contents="import it")
    return made


def test_a_part_may_import_itself_the_standard_library_what_is_common_and_what_is_its_own() -> None:
    imports = [("house.kitchen.oven", one) for one in ("house.kitchen", "os", "fire", "house", "house.hall")]
    rooms = {"of": "house", "common": ["fire"], "own": ["kitchen -> house.hall"]}
    assert _checked(rooms, _small(*imports)) == ([], [])


@pytest.mark.parametrize("imported", ["house.hall", "water"])
def test_it_may_import_nothing_else(imported: str) -> None:
    rooms = {"of": "house", "common": ["fire"], "own": ["hall -> water"]}
    assert _checked(rooms, _small(("house.kitchen.oven", imported)))[0] == [f"house.kitchen.oven -> {imported}"]


def test_a_name_that_only_begins_alike_is_not_meant() -> None:
    rooms = {"of": "house", "common": ["fire"]}
    assert _checked(rooms, _small(("house.hall", "firewood")))[0] == ["house.hall -> firewood"]


def test_siblings_import_each_other_where_that_is_said_and_never_one_that_is_apart() -> None:
    graph = _small(("house.hall", "house.kitchen"))
    assert _checked({"of": "house", "common": [], "siblings": True}, graph)[0] == []
    assert _checked({"of": "house", "common": [], "siblings": True, "apart": ["kitchen"]}, graph)[0] == [
        "house.hall -> house.kitchen"
    ]


def test_an_allowance_that_nobody_needs_is_warned_of_and_one_for_nobody_is_a_mistake() -> None:
    assert _checked({"of": "house", "common": [], "own": ["hall -> fire"]}, _small())[1] == [
        "nobody needs: hall -> fire"
    ]
    with pytest.raises(ValueError, match="house has no cellar"):
        _checked({"of": "house", "common": [], "own": ["cellar -> fire"]}, _small())
