"""An environment file into an environment, and where one is found."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from faildrill.adapters.http.target import Service
from faildrill.adapters.member.target import Group
from faildrill.adapters.postgres.target import Cluster, Database
from faildrill.errors import InvalidFile, WrongUsage
from faildrill.loading import find_environment, load_environment, named_environment, read_environment
from faildrill.loading.yaml.composer import compose
from faildrill.loading.yaml.mistakes import Mistakes
from faildrill.loading.yaml.nodes import plain
from faildrill.ports.target import KindUse
from faildrill.secrets import Reference
from unit.loading.trees import spoil

EXAMPLE = Path(__file__).parents[3] / "drills" / "environments" / "example.yaml"


def _written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "place.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_member_holds_the_whole_of_how_it_is_reached() -> None:
    environment = load_environment(EXAMPLE)
    use = KindUse(kind="lab.supervisor", params={"socket": "/run/faildrill/control.sock"})
    assert environment.of(Cluster)["payments"].members["pg1"].reach == use
    assert environment.of(Group)["payment-servers"].members["pay3"].reach == use


def test_a_service_is_its_url_or_a_mapping(tmp_path: Path) -> None:
    text = "environment: place\nservices: {a: 'http://a', b: {url: 'http://b'}}\n"
    services = load_environment(_written(tmp_path, text)).of(Service)
    assert {name: service.url for name, service in services.items()} == {"a": "http://a", "b": "http://b"}


def test_a_target_is_named_by_its_key_and_so_are_its_members() -> None:
    cluster = load_environment(EXAMPLE).of(Cluster)["payments"]
    assert cluster.name == "payments"
    assert [member.name for member in cluster.members.values()] == ["pg1", "pg2"]


def test_a_secret_is_kept_as_its_reference() -> None:
    assert load_environment(EXAMPLE).of(Database)["payments"].password == Reference("env:PAYMENTS_PASSWORD")


def test_guards_and_probes_hold_their_targets_whole() -> None:
    environment = load_environment(EXAMPLE)
    assert environment.identity[0].kind == "postgres.identity"
    cluster: Any = environment.identity[0].params["cluster"]
    assert list(cluster["members"]) == ["pg1", "pg2"]
    assert [(probe.name, probe.by, probe.timeout) for probe in environment.probes] == [
        ("redundancy", "environment", 2.0),
        ("backends", "environment", 2.0),
    ]


def test_a_place_is_not_drillable_unless_it_says_so(tmp_path: Path) -> None:
    assert load_environment(_written(tmp_path, "environment: place\n")).drillable is False


def test_a_place_that_proves_nothing_is_doubtful(tmp_path: Path) -> None:
    [warning] = read_environment(_written(tmp_path, "environment: place\ndrillable: true\n")).warnings
    assert "nothing is read from the targets that proves what they are" in warning.message


def test_an_environment_is_found_beside_the_drill(tmp_path: Path) -> None:
    folder = tmp_path / "environments"
    folder.mkdir()
    (folder / "here.yaml").write_text("environment: here\n", encoding="utf-8")
    assert find_environment("here", tmp_path / "a.yaml") == folder / "here.yaml"


def test_what_looks_like_a_path_is_one() -> None:
    assert find_environment("here/place") == Path("here/place")
    assert find_environment("place.yaml") == Path("place.yaml")


def test_an_environment_can_be_known_elsewhere() -> None:
    assert find_environment("lab-of-a-test", elsewhere=lambda _: EXAMPLE) == EXAMPLE


def test_an_unknown_environment_says_which_was_perhaps_meant(tmp_path: Path) -> None:
    folder = tmp_path / "environments"
    folder.mkdir()
    (folder / "staging.yaml").write_text("environment: staging\n", encoding="utf-8")
    with pytest.raises(WrongUsage, match="no environment is called 'stagin'; did you mean 'staging'"):
        find_environment("stagin", tmp_path / "a.yaml")


@pytest.mark.parametrize("name", ["..", "a b", "A", "", "a" * 65, "\uff41"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(WrongUsage, match="a name has"):
        find_environment(name)


def test_a_file_that_calls_itself_otherwise_than_it_was_asked_for_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "environments"
    folder.mkdir()
    (folder / "staging.yaml").write_text("environment: production\n", encoding="utf-8")
    with pytest.raises(InvalidFile, match="is called 'production' inside"):
        named_environment("staging", tmp_path / "a.yaml")


@pytest.mark.parametrize(
    "target",
    [
        'load_balancers: {front: {haproxy_socket: "127.0.0.1:65536", backends: {b: [s1]}}}',
        'load_balancers: {front: {haproxy_socket: "127.0.0.1:\uff11\uff19", backends: {b: [s1]}}}',
        'groups: {g: {members: {a: {address: "h:99999"}}}}',
        'groups: {g: {members: {a: {address: "h:0"}}}}',
        'redis: {r: {master: m, sentinels: ["h:70000"], members: {a: {host: h}}}}',
    ],
)
def test_a_port_that_none_can_have_is_refused_at_its_place(target: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match=r"2:\d+: an address is HOST:PORT"):
        load_environment(_written(tmp_path, f"environment: place\n{target}\n"))


@given(data=some.data())
def test_whatever_stands_wherever_in_an_environment_is_valid_or_a_placed_mistake(
    data: some.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tree: Any = plain(compose(EXAMPLE.read_bytes(), Mistakes("example.yaml")))
    spoil(tree, data)
    path = tmp_path_factory.getbasetemp() / "any-environment.yaml"
    path.write_text(json.dumps(tree), encoding="utf-8")
    columns = [1]
    try:
        load_environment(path)
    except InvalidFile as error:
        columns = [one.column for one in error.mistakes if one.line == 1]
    assert columns
    assert all(1 <= column <= path.stat().st_size for column in columns)
