"""`haproxy.backends` against a socket that answers what HAProxy can answer, and what it can't."""

import asyncio
from pathlib import Path

import pytest
from pydantic import ValidationError

from faildrill.adapters.haproxy.backends import Backends
from faildrill.adapters.haproxy.server_changes import Maintenance
from faildrill.adapters.haproxy.target import LoadBalancer
from faildrill.errors import CannotSee
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Seen
from faildrill.record.samples import Outcome

GIVEN = CallContext("run", 1.0, 0.1, 1)
HEAD = "# pxname,svname,qcur,status,\n"


def balancer(socket: str = "/nowhere") -> LoadBalancer:
    backends = {"payments": ["pay1", "pay2"], "database": ["pg1", "pg2"]}
    return LoadBalancer(name="front", haproxy_socket=socket, backends=backends)


async def answered(folder: Path, answer: bytes, **params: object) -> tuple[Seen, bytes]:
    """Look at a socket that gives one answer to one command; return what was seen and the command."""
    commands = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        commands.append(await reader.readline())
        writer.write(answer)
        writer.close()

    path = folder / "haproxy.sock"
    async with await asyncio.start_unix_server(serve, path):
        seen = await Backends.model_validate({"load_balancer": balancer(str(path)), **params}).look(GIVEN)
    return seen, commands[0]


@pytest.mark.parametrize(
    ("state", "outcome", "detail"),
    [
        ("UP", Outcome.OK, ""),
        ("UP 1/2", Outcome.OK, ""),
        ("DOWN", Outcome.WRONG, "pay2 DOWN"),
        ("DOWN 1/2", Outcome.WRONG, "pay2 DOWN"),
        ("MAINT (via payments/pay1)", Outcome.WRONG, "pay2 MAINT"),
        ("DRAIN", Outcome.WRONG, "pay2 DRAIN"),
        ("no check", Outcome.WRONG, "pay2 no check"),
    ],
)
def test_a_server_counts_as_up_when_haproxy_sends_requests_to_it(
    tmp_path: Path, state: str, outcome: Outcome, detail: str
) -> None:
    answer = f"{HEAD}payments,pay1,0,UP,\npayments,pay2,0,{state},\n\n".encode()
    seen, command = asyncio.run(answered(tmp_path, answer, backend="payments"))
    assert (seen.outcome, seen.detail) == (outcome, detail)
    assert seen.who == ("pay1,pay2" if outcome == Outcome.OK else "pay1")
    assert command == b"show stat -1 4 -1\n"


def test_a_declared_server_that_haproxy_does_not_know_is_missing(tmp_path: Path) -> None:
    seen, _ = asyncio.run(answered(tmp_path, f"{HEAD}payments,pay1,0,UP,\n".encode(), backend="payments"))
    assert (seen.outcome, seen.detail) == (Outcome.WRONG, "pay2 missing")


def test_servers_of_several_backends_are_told_apart(tmp_path: Path) -> None:
    answer = f"{HEAD}payments,pay1,0,UP,\npayments,pay2,0,UP,\ndatabase,pg1,0,UP,\ndatabase,pg2,0,DOWN,\n".encode()
    seen, _ = asyncio.run(answered(tmp_path, answer))
    assert (seen.who, seen.detail) == ("database/pg1,payments/pay1,payments/pay2", "database/pg2 DOWN")


@pytest.mark.parametrize(
    ("states", "detail"), [("UP UP", "2 UP, not 1"), ("DOWN DOWN", "0 UP, not 1"), ("UP DOWN", "")]
)
def test_where_one_is_up_by_design_two_are_as_wrong_as_none(tmp_path: Path, states: str, detail: str) -> None:
    first, second = states.split()
    answer = f"{HEAD}database,pg1,0,{first},\ndatabase,pg2,0,{second},\n".encode()
    seen, _ = asyncio.run(answered(tmp_path, answer, backend="database", up=1))
    assert (seen.outcome, seen.detail) == (Outcome.WRONG if detail else Outcome.OK, detail)


@pytest.mark.parametrize("answer", [b"", b"Unknown command\n", b"\xff\xfe\x00", b"HTTP/1.1 400 Bad request\r\n\r\n"])
def test_what_is_not_haproxys_statistics_is_wrong(tmp_path: Path, answer: bytes) -> None:
    seen, _ = asyncio.run(answered(tmp_path, answer, backend="payments"))
    assert (seen.outcome, seen.detail) == (Outcome.WRONG, "not HAProxy's statistics")


def test_an_endless_answer_is_cut_off(tmp_path: Path) -> None:
    seen, _ = asyncio.run(answered(tmp_path, HEAD.encode() + b"x" * (5 << 20), backend="payments"))
    assert (seen.outcome, seen.detail) == (Outcome.WRONG, "an answer too long to be HAProxy's")


@pytest.mark.parametrize("socket", ["/nowhere/haproxy.sock", "127.0.0.1:1"])
def test_a_haproxy_that_is_not_there_is_refused(socket: str) -> None:
    seen = asyncio.run(Backends(load_balancer=balancer(socket)).look(GIVEN))
    assert seen.outcome == Outcome.REFUSED


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"backend": "paymints"}, "declares no backend 'paymints'; there is database, payments"),
        ({"backend": "database", "up": 3}, "up: 3 can't be: only 2 servers are declared"),
        ({"load_balancer": LoadBalancer(name="bare", haproxy_socket="/nowhere")}, "bare declares no servers"),
    ],
)
def test_what_can_not_hold_is_refused_when_it_is_read(params: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Backends.model_validate({"load_balancer": balancer(), **params})


STATES = "# be_id be_name srv_id srv_name srv_op_state srv_admin_state srv_uweight\n"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            "3 payments 2 pay2 2 0 1\n3 payments 3 pay3 2 0 1\n",
            "payments has no server pay1 any more; it has pay2, pay3",
        ),
        ("", "payments has no server pay1 any more, nor any other"),
        (None, "front does not tell the servers of payments: Can't find backend."),
    ],
)
def test_a_server_that_is_gone_is_told_in_words_with_those_that_are_there(
    tmp_path: Path, answer: str | None, words: str
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        rows = "Can't find backend.\n" if answer is None else f"1\n{STATES}{answer}"
        writer.write(f"Pid: 7\nUptime_sec: 5\n\n{rows}\n".encode())
        writer.close()

    async def story() -> None:
        path = str(tmp_path / "haproxy.sock")
        params = {"load_balancer": balancer(path), "backend": "payments", "server": "pay1"}
        async with await asyncio.start_unix_server(serve, path):
            step = Maintenance.model_validate(params)
            with pytest.raises(CannotSee) as told:
                await step.restored({"servers": {"pay1": [2, 0, 1]}}, GIVEN)
            assert str(told.value) == words
            with pytest.raises(CannotSee) as told:
                await step.capture(GIVEN)
            assert str(told.value) == words.replace(" any more", "")

    asyncio.run(story())
