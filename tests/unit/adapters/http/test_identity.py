"""What a service, and each member of a group, answers that it is: asked over real connections."""

import asyncio
import itertools
from typing import Any

import pytest

from faildrill.adapters.http.identity import Identity
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Told
from unit.adapters.sockets import Serve, serving, silent

UID = "7d3f6f1e-2f0c-4a57"
GIVEN = CallContext("run-1", 1.0)


def answering(body: str, status: str = "200 OK") -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
        await writer.drain()

    return serve


def told(serve: Serve, *, as_group: bool = False, **params: Any) -> Told:
    async def main() -> Told:
        async with serving(serve) as port:
            service = {"name": "pay", "url": f"http://127.0.0.1:{port}/payments"}
            group = {"name": "pay", "members": {"p1": {"name": "p1", "address": f"127.0.0.1:{port}"}}}
            where = {"group": group} if as_group else {"service": service}
            guard = Identity.model_validate({**where, "holds": UID, "path": "/place", **params})
            return await guard.ask_again(GIVEN)

    return asyncio.run(main())


@pytest.mark.parametrize("as_group", [True, False])
@pytest.mark.parametrize(("body", "value"), [(f"{UID}\n", ""), (f'{{"place": {{"uid": "{UID}"}}}}', "place.uid")])
def test_whoever_answers_the_declared_text_is_proven(body: str, value: str, *, as_group: bool) -> None:
    assert told(answering(body), as_group=as_group, value=value).proved


@pytest.mark.parametrize(
    ("serve", "value"),
    [
        (answering("another-place-altogether"), ""),
        (answering(""), ""),
        (answering(f"{UID} and more"), ""),
        (answering(UID, "404 Not Found"), ""),
        (answering(UID, "302 Found"), ""),
        (answering(UID), "place.uid"),
        (answering('{"place": {"uid": 7}}'), "place.uid"),
        (answering("[" * 100_000), "place.uid"),
    ],
)
def test_whoever_answers_anything_else_is_another_place(serve: Serve, value: str) -> None:
    found = told(serve, value=value)
    assert (bool(found.differs), found.proved, found.silent) == (True, [], [])


@pytest.mark.parametrize("serve", [silent, answering("", "503 Service Unavailable"), answering("", "502 Bad Gateway")])
def test_who_does_not_answer_proves_nothing_and_objects(serve: Serve) -> None:
    found = told(serve)
    assert (found.proved, found.differs, len(found.silent)) == ([], [], 1)


def in_turn(*answers: Serve) -> Serve:
    """Answer each request as the next one of several does, as those do who share an address or a load balancer."""
    turns = itertools.cycle(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await next(turns)(reader, writer)

    return serve


@pytest.mark.parametrize("as_group", [True, False])
def test_a_place_that_shares_its_address_with_another_is_refused_each_time(*, as_group: bool) -> None:
    for others in (1, 2, 3):
        found = told(in_turn(*[answering(UID)] * others, answering("production")), as_group=as_group)
        assert (len(found.differs), found.proved, found.silent) == (1, [], [])


def test_one_that_is_down_among_those_who_answer_alike_takes_no_proof_away() -> None:
    assert told(in_turn(answering("", "503 Service Unavailable"), answering(UID))).proved


def test_nobody_there_objects() -> None:
    service = {"name": "pay", "url": "http://127.0.0.1:1/"}
    guard = Identity.model_validate({"service": service, "holds": UID})
    assert "did not prove what it is" in str(asyncio.run(guard.objection(GIVEN)))


def test_a_group_whose_members_can_t_be_asked_is_no_proof() -> None:
    with pytest.raises(ValueError, match="p1 of pay has no `address` to ask at"):
        Identity.model_validate({"group": {"name": "pay", "members": {"p1": {"name": "p1"}}}, "holds": UID})
