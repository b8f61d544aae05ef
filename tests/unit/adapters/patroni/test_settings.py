"""`patroni.settings` against a server that tells a dynamic configuration, and how each difference is put right."""

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from patroni.config import Config
from patroni.utils import parse_int

from faildrill.adapters.patroni.effective_settings import fitted, integer
from faildrill.adapters.patroni.settings import Dynamic
from faildrill.adapters.postgres.target import Cluster
from faildrill.errors import CannotSee
from faildrill.kinds.call_context import CallContext
from faildrill.standards import Failover, Settings, SettingsRead, differences
from unit.adapters.sockets import serving

CONFIG = {"ttl": 20, "loop_wait": 1, "synchronous_mode": True, "pause": True, "postgresql": {"parameters": {"a": "1"}}}


def dynamic(port: int) -> Dynamic:
    """Return a reader of a cluster with one member at a port."""
    member = {"name": "pg1", "api": f"http://127.0.0.1:{port}", "host": "127.0.0.1"}
    cluster = {"name": "payments", "scope": "pay", "user": "x", "members": {"pg1": member}}
    return Dynamic(cluster=Cluster.model_validate(cluster))


async def reading(config: bytes, version: str = "4.1.5") -> SettingsRead:
    """Read what a node of some version tells."""
    told = {"state": "running", "role": "primary", "patroni": {"scope": "pay", "name": "pg1", "version": version}}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        body = config if b" /config " in asked else json.dumps(told).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
        await writer.drain()

    async with serving(serve) as port:
        return await dynamic(port).settings(CallContext("audit", 5.0))


def told(config: dict[str, object], version: str = "4.1.5") -> tuple[Failover, SettingsRead]:
    """Return what is in force, and the whole reading."""
    found = asyncio.run(reading(json.dumps(config).encode(), version))
    assert found.live.failover is not None
    return found.live.failover, found


def test_what_is_set_is_read_and_what_is_not_is_patronis_own() -> None:
    found, _ = told(CONFIG)
    assert (found.ttl, found.loop_wait, found.retry_timeout) == (20.0, 1.0, 9.0)
    assert (found.synchronous, found.paused, found.failsafe, found.maximum_lag) == ("on", True, False, 1 << 20)
    assert (found.follows, found.rewind, found.primary_start_timeout) == ("none", False, 300.0)
    assert found.parameters == {"a": "1"}


@pytest.mark.parametrize("body", [b"<html>", b"[]"])
def test_what_is_no_configuration_can_not_be_read(body: bytes) -> None:
    with pytest.raises(CannotSee):
        asyncio.run(reading(body))


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(("ttl", "loop_wait", "retry_timeout"), st.integers(-5, 90))),
)
def test_the_times_are_those_that_patroni_itself_would_take(config: dict[str, int]) -> None:
    theirs = dict(config)
    Config.__new__(Config)._validate_and_adjust_timeouts(theirs)
    whole = {"ttl": 30, "loop_wait": 10, "retry_timeout": 10, **theirs}
    assert fitted({"ttl": 30, "loop_wait": 10, "retry_timeout": 10, **config}) == whole


@settings(max_examples=500)
@given(
    st.one_of(
        st.integers(),
        st.booleans(),
        st.floats(0, 1e9),
        st.text(),
        st.text("0x+-.e19a "),
        st.from_regex(r" ?-?0?x?[0-9a-f.]+ ?"),
    )
)
def test_a_number_is_read_as_patroni_itself_reads_it(value: float | str) -> None:
    assert integer(value) == parse_int(value)


@pytest.mark.parametrize("value", ["1e999", "0.1e9999", "9" * 5000])
def test_a_number_beyond_all_measure_is_none(value: str) -> None:
    assert integer(value) is None


def test_times_that_patroni_raises_are_told_as_it_takes_them_and_as_they_are_written() -> None:
    found, whole = told({"ttl": 12, "retry_timeout": 3, "loop_wait": 1})
    assert (found.ttl, found.retry_timeout, found.loop_wait) == (20.0, 3.0, 1.0)
    assert [(one.what, one.wrong) for one in whole.asides] == [("ttl is written as 12 s, and Patroni takes 20 s", True)]


def test_a_patroni_from_before_takes_them_as_they_are_written() -> None:
    found, whole = told({"ttl": 12, "retry_timeout": 3, "loop_wait": 1}, "3.1.2")
    assert (found.ttl, whole.asides, whole.unread) == (12.0, (), ())


def test_of_a_patroni_that_tells_no_version_times_that_some_would_change_are_not_known() -> None:
    found, whole = told({"ttl": 12}, "")
    assert (found.ttl, found.loop_wait) == (None, None)
    assert [one.what for one in whole.unread] == ["ttl, loop_wait and retry_timeout"]
    assert told({"ttl": 30}, "")[0].ttl == 30.0


@pytest.mark.parametrize(
    ("value", "paused"),
    [("on", True), ("YES", True), (1, True), ("off", False), ("false", False), ("0", False), (None, False)],
)
def test_a_truth_value_may_be_a_text(value: object, paused: bool) -> None:
    found, whole = told({"pause": value, "failsafe_mode": value, "synchronous_mode": value})
    assert (found.paused, found.failsafe, found.synchronous) == (paused, paused, "on" if paused else "off")
    assert whole.asides == ()


def test_a_text_that_is_no_truth_value_is_off_and_told_and_any_text_rewinds() -> None:
    found, whole = told({"pause": "perhaps", "postgresql": {"use_pg_rewind": "off"}})
    assert (found.paused, found.rewind) == (False, True)
    assert [one.what for one in whole.asides] == [
        "pause is 'perhaps', no truth value, and Patroni takes it for off",
        "use_pg_rewind is the text 'off', and Patroni takes any text for on",
    ]


@pytest.mark.parametrize("ttl", ["soon", None, [], {}])
def test_one_value_that_can_not_be_taken_costs_what_patroni_does_not_take_and_nothing_else(ttl: object) -> None:
    found, whole = told({"ttl": ttl, "pause": True, "maximum_lag_on_failover": 5})
    assert (found.ttl, found.loop_wait, found.paused, found.maximum_lag) == (None, None, True, 5)
    assert f"ttl is {ttl!r}, no number" in whole.unread[0].why


def test_other_values_that_are_none_are_told_and_patronis_own_is_taken() -> None:
    config = {"primary_start_timeout": "long", "maximum_lag_on_failover": "1MB", "new_in_5": {"x": 1}}
    found, whole = told({**config, "postgresql": {"parameters": {"a": [1], "b": 2}}})
    assert (found.primary_start_timeout, found.maximum_lag, found.parameters) == (300.0, 1 << 20, {"b": 2})
    assert len(whole.asides) == 2
    assert [one.what for one in whole.unread] == ["parameter a"]
    assert told({"master_start_timeout": 7})[0].primary_start_timeout == 7.0


def test_a_standby_cluster_is_told() -> None:
    found, whole = told({"standby_cluster": {"host": "dc1", "port": 5432}, "synchronous_mode": True})
    assert (found.follows, found.synchronous) == ("dc1:5432", "off")
    assert whole.asides[0].what == "it is a standby cluster of dc1:5432, by `standby_cluster`"
    assert told({"standby_cluster": {"primary_slot_name": "x"}})[0].follows == "none"


@pytest.mark.parametrize(
    ("wanted", "command"),
    [
        ({"ttl": "30s"}, "patronictl edit-config --force -s ttl=30 pay"),
        ({"maximum_lag": 0}, "patronictl edit-config --force -s maximum_lag_on_failover=0 pay"),
        ({"paused": False}, "patronictl resume pay"),
        ({"parameters": {"a": "2"}}, "patronictl edit-config --force -p a=2 pay"),
        ({"synchronous": "on"}, "patronictl edit-config --force -s synchronous_mode=on pay"),
        ({"failsafe": True}, "patronictl edit-config --force -s failsafe_mode=on pay"),
    ],
)
def test_a_difference_is_put_right_by_the_exact_command(wanted: dict[str, object], command: str) -> None:
    live = {"ttl": "20s", "maximum_lag": 5, "paused": True, "parameters": {"a": "1"}, "synchronous": "off"}
    there = Settings.model_validate({"failover": {**live, "failsafe": False}})
    [one] = differences(Settings.model_validate({"failover": wanted}), there)
    assert dynamic(1).remedy(one) == command
