"""What an audit finds in settings, how bad it is, and how long a dead server stays in use."""

import copy
from typing import Any

import pytest

from faildrill.auditing import rules
from faildrill.auditing.assessment import _same_shares
from faildrill.auditing.detection_time import detections, worst_case
from faildrill.auditing.severities import known
from faildrill.standards import Check, Settings, SettingsRead, Standard, Unread, canonical, differences

GOOD: dict[str, Any] = {
    "mode": "http",
    "retries": 2,
    "redispatch": True,
    "timeouts": {"client": "10s", "connect": "1s", "server": "10s"},
    "servers": {
        name: {
            "weight": 1,
            "state": "ready",
            "check": {"how": "http", "interval": "2s", "fast_interval": "1s", "timeout": "2s", "fall": 3},
        }
        for name in ("pay1", "pay2")
    },
}
FAILOVER = {"ttl": "30s", "loop_wait": "10s", "retry_timeout": "10s", "primary_start_timeout": "0s"}


def found(change: dict[str, Any], failover: dict[str, Any] | None = None) -> list[str]:
    """Return rule, grade and claim of every remark on the good settings with some changed."""
    backend = copy.deepcopy(GOOD)
    backend.update({key: one for key, one in change.items() if key != "server"})
    backend["servers"]["pay1"].update(change.get("server", {}))
    live = Settings.model_validate({"backends": {"payments": backend}, "failover": failover})
    return [f"{one.rule} {one.grade}: {one.what}" for one in rules.remarks("front", SettingsRead("x", live))]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"server": {"check": {"how": "none"}}}, ["checked severe: payments/pay1 has no health check"]),
        ({"server": {"check": {}}}, ["checked unread: how payments/pay1 is checked can't be read"]),
        (
            {"server": {"check": {"how": "passive"}}},
            ["checked note: payments/pay1 is checked only by user requests"],
        ),
        (
            {"timeouts": {"client": "10s", "connect": "1s", "server": "none"}},
            ["timeouts warning: payments has no timeout server"],
        ),
        (
            {"server": {"check": {"how": "tcp", "interval": "1s", "fast_interval": "5s"}}},
            ["timeouts warning: payments is checked every 1 s, but every 5 s in doubt"],
        ),
        (
            {"mode": "tcp", "timeouts": {"client": "10s", "connect": "1s", "server": "1m"}},
            ["timeouts note: payments cuts an idle connection after 10 s on one side and 1 min on the other"],
        ),
        (
            {"redispatch": False},
            ["redispatch warning: payments does not retry on another server when a connection fails"],
        ),
        ({"redispatch": None}, ["redispatch unread: whether payments retries on another server can't be read"]),
        ({"server": {"state": "maint"}}, ["redundant warning: payments has only pay2 to send requests to"]),
        ({"server": {"weight": 0}}, ["redundant warning: payments has only pay2 to send requests to"]),
    ],
)
def test_a_rule_finds_what_can_not_be_right_and_nothing_else(change: dict[str, Any], expected: list[str]) -> None:
    assert found(change) == expected


TCP: dict[str, Any] = {"mode": "tcp", "timeouts": {"client": "30m", "connect": "1s", "server": "30m"}}


@pytest.mark.parametrize(
    ("how", "standing", "timeouts", "grade"),
    [
        ("http", "kept", {"server": "30m"}, "warning"),
        ("pgsql", "kept", {"server": "30s"}, "warning"),
        ("tcp", "kept", {"server": "30m"}, "warning"),
        ("tcp", "kept", {"server": "30s"}, "note"),
        ("asking tcp", "kept", {"server": "30s"}, "warning"),
        ("tcp", "kept", {"server": "30m", "tunnel": "30s"}, "note"),
        ("tcp", "kept", {"server": "none"}, "warning"),
        ("http", "ended", {"server": "30m"}, None),
        ("http", None, {"server": "30m"}, None),
        ("none", "kept", {"server": "30m"}, None),
    ],
)
def test_standing_connections_that_stay_with_a_server_that_is_found_dead_are_told(
    how: str, standing: str | None, timeouts: dict[str, str], grade: str | None
) -> None:
    backend = {**copy.deepcopy(GOOD), **TCP, "timeouts": timeouts}
    for one in backend["servers"].values():
        check = {"how": how.removeprefix("asking "), "asks": how.startswith("asking")}
        one.update(standing=standing, check={**check, "interval": "1s", "timeout": "1s", "fall": 2})
    live = Settings.model_validate({"backends": {"db": backend}})
    assert [one.grade for one in rules.remarks("x", SettingsRead("x", live)) if one.rule == "sessions"] == (
        [grade] if grade else []
    )
    if how == "http" and standing == "kept":
        [detection] = detections("x", live, None, None)
        assert detection.standing == "established ones stay up to `timeout server` 30 min after the last byte"


@pytest.mark.parametrize(
    ("check", "ports", "change", "is_told"),
    [
        ({"how": "tcp"}, (5432, 5432), {}, True),
        ({"how": "pgsql", "asks": True}, (5432, 5432), {}, True),
        ({"how": "redis", "asks": True}, (6379, 6379), {}, True),
        ({"how": "passive"}, (3306, 3306), {}, True),
        ({"how": "tcp", "asks": True}, (6379, 6379), {}, False),
        ({"how": "http"}, (5432, 5432), {}, False),
        ({"how": "tcp"}, (5432, 8080), {}, False),
        ({"how": "tcp"}, (8080, 8080), {}, False),
        ({"how": "tcp"}, (5432, 5432), {"backup": True}, False),
        ({"how": "tcp"}, (5432, 5432), {"state": "maint"}, False),
    ],
)
def test_databases_that_are_balanced_over_by_a_check_that_does_not_tell_who_leads_are_told(
    check: dict[str, Any], ports: tuple[int, int], change: dict[str, Any], is_told: bool
) -> None:
    servers = {
        f"db{port}{n}": {"weight": 1, "address": f"10.0.0.{n}:{port}", "check": check} for n, port in enumerate(ports)
    }
    list(servers.values())[1].update(change)
    live = Settings.model_validate({"backends": {"db": {"mode": "tcp", "servers": servers}}})
    told = [one for one in rules.remarks("x", SettingsRead("x", live)) if one.rule == "writer"]
    assert bool(told) is is_told
    assert all(one.grade == "note" for one in told)


def test_of_what_has_no_servers_nothing_dies() -> None:
    live = Settings.model_validate(
        {"backends": {"stats": {"mode": "http", "servers": {}, "timeouts": {"server": "none"}}}}
    )
    assert list(detections("front", live, None, 5.0)) == []
    assert list(rules.remarks("front", SettingsRead("x", live))) == []


def test_who_has_nobody_to_turn_to_is_told_that_and_no_more() -> None:
    lone = {**copy.deepcopy(GOOD), "servers": {"pay1": {"state": "ready", "check": {"how": "none"}}}}
    live = Settings.model_validate({"backends": {"payments": lone}})
    told = [(one.rule, str(one.grade)) for one in rules.remarks("front", SettingsRead("x", live))]
    assert told == [("checked", "note"), ("redundant", "warning")]


def test_the_last_resort_behind_checked_servers_needs_no_check_and_the_first_of_two_does() -> None:
    spare = {"state": "ready", "backup": True, "check": {"how": "none"}}
    backend = copy.deepcopy(GOOD)
    backend["servers"]["sorry"] = spare
    live = Settings.model_validate({"backends": {"payments": backend}})
    told = [str(one.grade) for one in rules.remarks("x", SettingsRead("x", live)) if one.rule == "checked"]
    [detection] = detections("x", live, None, None)
    assert (told, detection.never, detection.worst) == (["note"], False, 2 + 3 * 2 + 2 * 1)
    backend["servers"]["sorrier"] = spare
    live = Settings.model_validate({"backends": {"payments": backend}})
    told = [str(one.grade) for one in rules.remarks("x", SettingsRead("x", live)) if one.rule == "checked"]
    assert told == ["severe", "severe"]


def test_servers_that_rules_assign_requests_to_are_not_missed_where_one_is_left_for_the_others() -> None:
    backend = copy.deepcopy(GOOD)
    for name in ("www", "mail"):
        backend["servers"][name] = {**backend["servers"]["pay1"], "weight": 0, "assigned": True}
    del backend["servers"]["pay2"]
    told = [
        f"{one.rule} {one.grade}: {one.what}"
        for one in rules.remarks("x", SettingsRead("x", Settings.model_validate({"backends": {"sni": backend}})))
    ]
    assert told == ["redundant note: sni has only pay1 for what no rule assigns"]


def test_a_name_alone_may_be_many_servers() -> None:
    for address, grade in (("app.example:80", "note"), ("10.0.0.1:80", "warning")):
        lone = {**copy.deepcopy(GOOD), "servers": {"a": {"address": address, "check": {"how": "passive"}}}}
        live = Settings.model_validate({"backends": {"payments": lone}})
        assert [one.grade for one in rules.remarks("x", SettingsRead("x", live)) if one.rule == "redundant"] == [grade]


@pytest.mark.parametrize(
    "address", ["unix:/run/php/php-fpm.sock", "/run/app.sock", "127.0.0.1:3000", "[::1]:3000", "localhost:3000"]
)
def test_a_server_of_the_load_balancers_own_host_is_alone_by_intent(address: str) -> None:
    lone: dict[str, Any] = {**copy.deepcopy(GOOD), "servers": {"a": {"address": address, "check": {"how": "none"}}}}
    told = rules.remarks("x", SettingsRead("x", Settings.model_validate({"backends": {"payments": lone}})))
    assert [f"{one.rule} {one.grade}" for one in told] == ["checked note", "redundant note"]
    lone["servers"]["b"] = {"address": "127.0.0.1:3001", "state": "maint", "check": {"how": "http"}}
    told = rules.remarks("x", SettingsRead("x", Settings.model_validate({"backends": {"payments": lone}})))
    assert "redundant warning" in [f"{one.rule} {one.grade}" for one in told]


def test_an_agent_alone_is_no_health_check() -> None:
    told = found({"server": {"check": {"how": "agent"}}})
    assert told == ["checked severe: payments/pay1 has an agent, and no health check"]


def test_what_nothing_was_found_in_does_not_pass() -> None:
    [one] = rules.remarks("front", SettingsRead("x", Settings(backends={})))
    assert (one.rule, one.grade) == ("readable", "unread")


def test_every_place_of_a_backend_is_weighed() -> None:
    routes = {"location /a": {"retries": 1, "redispatch": True}, "location /b": {"retries": 1, "redispatch": False}}
    told = found({"redispatch": None, "retries": None, "timeouts": None, "routes": routes})
    assert told == [
        "redispatch warning: payments (location /b) does not retry on another server when a connection fails"
    ]


def test_what_is_set_again_and_again_or_has_no_address_now_is_no_change_of_anybodys() -> None:
    written = Settings.model_validate({"backends": {"payments": GOOD}})
    changed = copy.deepcopy(GOOD)
    changed["servers"]["pay1"]["weight"] = 10
    changed["servers"]["pay2"]["state"] = "unresolved"
    live = Settings.model_validate({"backends": {"payments": changed}})
    path = ("backends", "payments", "servers", "pay1", "weight")
    steered = SettingsRead("x", live, written, steered={path: "its agent"})
    assert [one for one in rules.remarks("front", steered) if one.rule == "saved"] == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ipv4@127.0.0.1:80", "127.0.0.1:80"),
        ("DB.Example.:5432", "db.example:5432"),
        ("[0:0:0:0:0:0:0:1]:80", "::1:80"),
        ("unix@/run/a.sock", "/run/a.sock"),
        ("unix:/run/a.sock", "/run/a.sock"),
        ("10.0.0.1:+5", "10.0.0.1:5"),
        ("10.0.0.1:0", "10.0.0.1"),
        ("*:80", "0.0.0.0:80"),
        (":80", "0.0.0.0:80"),
    ],
)
def test_an_address_is_the_same_one_however_it_is_written(one: str, other: str) -> None:
    assert canonical(one) == canonical(other)


@pytest.mark.parametrize(
    ("one", "other"), [("a:80", "a:81"), ("10.0.0.1:-5", "10.0.0.1:5"), ("/run/a", "/run/A"), ("::1:80", "::1:81")]
)
def test_two_addresses_are_two(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"ttl": "29s"}, ["failover severe: ttl is 29 s, and loop_wait + 2 * retry_timeout is 30 s"]),
        ({"paused": True}, ["failover severe: Patroni is paused"]),
    ],
)
def test_the_times_of_a_failover_must_fit_together(change: dict[str, Any], expected: list[str]) -> None:
    assert found({}, {**FAILOVER, **change}) == expected


def test_what_runs_and_is_not_in_the_file_is_told() -> None:
    written = Settings.model_validate({"backends": {"payments": GOOD}})
    changed = copy.deepcopy(GOOD)
    changed["servers"]["pay1"]["weight"] = 10
    changed["servers"]["pay9"] = changed["servers"].pop("pay2")
    live = Settings.model_validate({"backends": {"payments": changed}})
    told = [one.what for one in rules.remarks("front", SettingsRead("x", live, written)) if one.rule == "saved"]
    assert told == [
        "weight of payments/pay1: 10 runs, the file says 1",
        "payments/pay2: is in the file, but not in force",
        "payments/pay9: is in force, but not in the file",
    ]


def test_what_could_not_be_read_is_told_as_unread() -> None:
    [one] = rules.remarks("front", SettingsRead("x", Settings(), unread=(Unread("timeouts", "no file is named"),)))
    assert (one.grade, one.what) == ("unread", "timeouts: no file is named")


@pytest.mark.parametrize(
    ("check", "silent", "refused"),
    [
        ({"interval": "2s", "timeout": "2s", "fall": 3}, 2 + 3 * 2 + 2 * 2, 6.0),
        ({"interval": "2s", "fast_interval": "1s", "timeout": "2s", "fall": 3}, 2 + 3 * 2 + 2 * 1, 4.0),
        ({"interval": "1s", "connect": "500ms", "timeout": "1s", "fall": 1}, 1 + 1.5, 1.0),
        ({"interval": "1s", "timeout": "none", "fall": 2}, None, None),
        ({"interval": "1s", "timeout": "1s"}, None, None),
    ],
)
def test_the_longest_that_a_dead_server_stays_in_use_is_computed(
    check: dict[str, Any], silent: float | None, refused: float | None
) -> None:
    figures = worst_case(Check.model_validate({"how": "http", **check}))
    assert (figures and figures[0], figures and figures[1]) == (silent, refused)


@pytest.mark.parametrize(
    ("objective", "server", "grade"),
    [
        (10.0, {}, None),
        (9.9, {}, "severe"),
        (60.0, {"check": {"how": "none"}}, "severe"),
        (60.0, {"check": {"how": "http"}}, "unread"),
        (None, {}, None),
    ],
)
def test_a_detection_that_is_slower_than_its_objective_is_severe(
    objective: float | None, server: dict[str, Any], grade: str | None
) -> None:
    backend = copy.deepcopy(GOOD)
    backend["servers"]["pay1"].update(server)
    live = Settings.model_validate({"backends": {"payments": backend}})
    [one] = detections("front", live, None, objective)
    remark = rules.slow(one)
    assert (remark.grade if remark else None) == grade


def test_a_standards_own_objective_comes_before_a_common_one() -> None:
    live = Settings.model_validate({"backends": {"payments": GOOD}})
    approved = Standard.model_validate({"name": "front", "backends": {"payments": {"detected_within": "1s"}}})
    [one] = detections("front", live, approved, 60.0)
    assert one.objective == 1.0


@pytest.mark.parametrize(
    ("weights", "same"), [((100, 100), True), ((1, 1), True), ((10, 1), False), ((0, 0), False), ((0, 1), False)]
)
def test_weights_that_share_out_the_same_are_told_apart_from_those_that_do_not(
    weights: tuple[int, int], same: bool
) -> None:
    approved = Standard.model_validate(
        {"name": "x", "backends": {"b": {"servers": {"s1": {"weight": 1}, "s2": {"weight": 1}}}}}
    )
    servers = {f"s{number}": {"weight": weight} for number, weight in enumerate(weights, 1)}
    live = Settings.model_validate({"backends": {"b": {"servers": servers}}})
    assert _same_shares("b", approved, live) is same


def test_every_setting_has_a_reason_to_matter() -> None:
    whole = {"mode": "tcp", "servers": {"s": {"weight": 2, "state": "ready", "check": {"how": "tcp"}}}}
    live = {"mode": "http", "servers": {"s": {"weight": 1, "state": "drain", "check": {"how": "none"}}, "t": {}}}
    wanted = Settings.model_validate({"backends": {"b": whole, "gone": {}}})
    graded = [known(one) for one in differences(wanted, Settings.model_validate({"backends": {"b": live}}))]
    assert [grade for grade, _ in graded] == ["severe", "severe", "warning", "severe", "severe", "severe"]
    assert all(why for _, why in graded)
