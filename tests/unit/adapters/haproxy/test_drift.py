"""`haproxy.drift` against answers that HAProxy 2.8 gave, changed in one place each, and against what it never gives."""

import asyncio
from pathlib import Path

import pytest
from pydantic import ValidationError

from faildrill.adapters.haproxy.drift import Drift
from faildrill.adapters.haproxy.target import LoadBalancer
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Seen
from faildrill.record.samples import Outcome
from faildrill.standards import Standard

GIVEN = CallContext("run", 1.0, 0.1, 1)
STAT = """\
# pxname,svname,slim,status,weight,bck,check_rise,check_fall,addr,cookie,mode,algo,
payments,pay1,,UP,1,0,2,2,127.0.0.1:8081,,http,,
payments,pay2,,UP,1,0,2,2,127.0.0.1:8082,,http,,
payments,BACKEND,400,UP,2,0,,,,,http,roundrobin,

"""
STATE = """\
1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_check_state
3 payments 1 pay1 127.0.0.1 2 0 1 1 6
3 payments 2 pay2 127.0.0.1 2 0 1 1 7

"""
INFO = "Name: HAProxy\nVersion: 2.8.25\nUptime_sec: 5\n\n"
STANDARD = Standard.model_validate(
    {
        "name": "front",
        "backends": {
            "payments": {
                "algorithm": "roundrobin",
                "every_server": {"weight": 1, "state": "ready", "max_connections": "none", "check": {"fall": 2}},
                "servers": {"pay1": {}, "pay2": {}},
            }
        },
    }
)


async def answered(folder: Path, answer: str, standard: Standard = STANDARD) -> Seen:
    """Look at a socket that gives one answer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer.encode())
        writer.close()

    path = folder / "haproxy.sock"
    async with await asyncio.start_unix_server(serve, path):
        balancer = LoadBalancer(name="front", haproxy_socket=str(path))
        return await Drift(load_balancer=balancer, standard=standard, backend="payments").look(GIVEN)


def test_a_load_balancer_that_is_as_approved_has_not_drifted(tmp_path: Path) -> None:
    seen = asyncio.run(answered(tmp_path, STAT + STATE + INFO))
    assert seen == Seen(Outcome.OK, "payments", "")


@pytest.mark.parametrize(
    ("was", "becomes", "detail"),
    [
        ("pay1 127.0.0.1 2 0 1 1", "pay1 127.0.0.1 2 0 10 1", "weight of pay1: 10, the standard says 1"),
        ("pay1 127.0.0.1 2 0", "pay1 127.0.0.1 2 8", "state of pay1: drain, the standard says ready"),
        ("pay1 127.0.0.1 2 0", "pay1 127.0.0.1 2 1", "state of pay1: maint, the standard says ready"),
        ("pay1 127.0.0.1 2 0", "pay1 127.0.0.1 2 33", "state of pay1: maint, the standard says ready"),
        ("payments,pay1,,UP", "payments,pay1,7,UP", "max connections of pay1: 7, the standard says none"),
        ("roundrobin", "leastconn", "algorithm of payments: leastconn, the standard says roundrobin"),
        ("roundrobin", "", "algorithm of payments: can't be read, the standard says roundrobin"),
        ("0,2,2,127.0.0.1:8081", "0,2,9,127.0.0.1:8081", "fall of the check of pay1: 9, the standard says 2"),
        ("payments,pay2", "payments,pay3", "pay2 is missing; pay3 is not in the standard"),
        ("payments,", "paymints,", "payments is missing"),
    ],
)
def test_what_changed_is_named_with_both_values(tmp_path: Path, was: str, becomes: str, detail: str) -> None:
    answer = STAT + STATE + INFO
    assert was in answer
    seen = asyncio.run(answered(tmp_path, answer.replace(was, becomes)))
    assert (seen.outcome, seen.who, seen.detail) == (Outcome.WRONG, "", detail)


def test_a_server_that_a_check_found_dead_has_not_drifted(tmp_path: Path) -> None:
    answer = (STAT + STATE + INFO).replace("pay1,,UP", "pay1,,DOWN").replace("pay1 127.0.0.1 2", "pay1 127.0.0.1 0")
    assert asyncio.run(answered(tmp_path, answer)).outcome == Outcome.OK


def test_checks_that_were_switched_off_are_a_drift_where_the_standard_wants_one(tmp_path: Path) -> None:
    backend = {"every_server": {"check": {"how": "http"}}, "servers": {"pay1": {}, "pay2": {}}}
    wanted = Standard.model_validate({"name": "front", "backends": {"payments": backend}})
    on = asyncio.run(answered(tmp_path, STAT + STATE + INFO, wanted))
    off = asyncio.run(answered(tmp_path, STAT + STATE.replace("1 1 7", "1 1 2") + INFO, wanted))
    assert (on.outcome, off.detail) == (Outcome.OK, "check of pay2: none, the standard says http")


def test_a_long_list_of_changes_says_how_many_more_there_are(tmp_path: Path) -> None:
    servers: dict[str, object] = {f"server-{number}": {} for number in range(20)}
    wanted = Standard.model_validate({"name": "front", "backends": {"payments": {"servers": servers}}})
    seen = asyncio.run(answered(tmp_path, STAT + STATE + INFO, wanted))
    assert len(seen.detail) < 220
    assert seen.detail.startswith("server-0 is missing; server-1 is missing")
    assert seen.detail.endswith("and 13 more")


@pytest.mark.parametrize("answer", ["", "Unknown command\n", STAT, "HTTP/1.1 400 Bad request\r\n\r\n"])
def test_what_is_not_haproxys_answer_is_wrong(tmp_path: Path, answer: str) -> None:
    seen = asyncio.run(answered(tmp_path, answer))
    assert (seen.outcome, seen.detail) == (Outcome.WRONG, "not HAProxy's statistics")


def test_a_haproxy_that_is_not_there_is_refused() -> None:
    balancer = LoadBalancer(name="front", haproxy_socket="/nowhere/haproxy.sock")
    assert asyncio.run(Drift(load_balancer=balancer, standard=STANDARD).look(GIVEN)).outcome == Outcome.REFUSED


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"backend": "paymints"}, "front says nothing of backend 'paymints'; there is payments"),
        (
            {"standard": Standard.model_validate({"name": "database", "failover": {"ttl": "20s"}})},
            "database says nothing that HAProxy's runtime socket could tell",
        ),
    ],
)
def test_a_drift_that_could_not_be_seen_is_refused_when_it_is_read(params: dict[str, object], message: str) -> None:
    balancer = LoadBalancer(name="front", haproxy_socket="/nowhere")
    with pytest.raises(ValidationError, match=message):
        Drift.model_validate({"load_balancer": balancer, "standard": STANDARD, **params})
