"""Where a name leads for clients that keep answers for different times, by a name server of the test's own."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from faildrill.adapters.postgres.sessions import by_users_path
from faildrill.adapters.postgres.target import Database
from faildrill.ports import causes
from faildrill.record.samples import Outcome
from faildrill.system.resolver import Unanswered, patient
from faildrill.toolkit.client_names import ClientNames
from faildrill.toolkit.connection_errors import outcome_of


class Server(asyncio.DatagramProtocol):
    """Tells one address for every name, or refuses."""

    def __init__(self) -> None:
        self.address, self.ttl, self.code, self.drops, self.asked = "127.0.0.1", 60, dns.rcode.NOERROR, 0, 0
        self.is_cut, self.loops = False, False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        self.asked += 1
        if self.asked <= self.drops:
            return
        self.transport.sendto(b"not DNS", addr)
        if self.is_cut:
            cut = dns.message.make_response(query)
            cut.flags |= dns.flags.TC
            self.transport.sendto(cut.to_wire(), addr)
        else:
            self.transport.sendto(self.answer(query).to_wire(), addr)

    async def whole(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer by TCP."""
        query = dns.message.from_wire(await reader.readexactly(int.from_bytes(await reader.readexactly(2))))
        wire = self.answer(query).to_wire()
        with contextlib.closing(writer):
            writer.write(len(wire).to_bytes(2) + wire)

    def answer(self, query: dns.message.Message) -> dns.message.Message:
        answer = dns.message.make_response(query)
        answer.set_rcode(self.code)
        [question] = query.question
        if self.loops:
            loop = dns.rrset.from_text(question.name, 60, "IN", "CNAME", question.name.to_text())
            answer.answer.append(loop)
            return answer
        if self.code == dns.rcode.NOERROR and question.rdtype == 1 and self.address:
            alias = dns.rrset.from_text(question.name, self.ttl, "IN", "CNAME", "node.internal.")
            answer.answer += [alias, dns.rrset.from_text("node.internal.", self.ttl, "IN", "A", self.address)]
        return answer


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[tuple[Server, str]]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(Server, local_addr=("127.0.0.1", 0))
    try:
        yield server, f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"
    finally:
        transport.close()


@pytest.mark.parametrize(
    ("keep", "ttl", "then"),
    [("each", 60, "moved"), ("ttl", 0, "moved"), ("ttl", 60, "kept"), ("once", 0, "kept"), ("30s", 0, "kept")],
)
def test_an_answer_is_kept_for_as_long_as_such_a_client_keeps_it(keep: str, ttl: int, then: str) -> None:
    async def main() -> None:
        async with serving() as (server, where):
            server.ttl = ttl
            names = ClientNames(where, keep)
            assert await names.address("db.internal") == "127.0.0.1"
            server.address = "127.0.0.2"
            assert await names.address("db.internal") == {"moved": "127.0.0.2", "kept": "127.0.0.1"}[then]
            assert await names.address("10.0.0.7") == "10.0.0.7"

    asyncio.run(main())


def test_a_lost_question_is_asked_again_and_one_that_is_refused_is_not_guessed() -> None:
    async def main() -> None:
        async with serving() as (server, where):
            server.drops = 1
            assert await ClientNames(where, "each").address("db.internal") == "127.0.0.1"
            assert server.asked == 2
            server.code = dns.rcode.SERVFAIL
            with pytest.raises(socket.gaierror, match="SERVFAIL"):
                await ClientNames(where, "each").address("db.internal")
            server.code, server.address = dns.rcode.NOERROR, ""
            with pytest.raises(socket.gaierror, match="knows no address of"):
                await ClientNames(where, "each").address("db.internal")
        with pytest.raises(socket.gaierror, match="nobody answers at"):
            await ClientNames(where, "each").address("db.internal")

    asyncio.run(main())


def test_an_answer_that_is_too_long_for_udp_is_asked_for_by_tcp() -> None:
    async def main() -> None:
        async with serving() as (server, where):
            server.is_cut = True
            port = int(where.rpartition(":")[2])
            with pytest.raises(socket.gaierror, match="nobody answers at"):
                await ClientNames(where, "each").address("db.internal")
            async with await asyncio.start_server(server.whole, "127.0.0.1", port):
                assert await ClientNames(where, "each").address("db.internal") == "127.0.0.1"

    asyncio.run(main())


def test_what_is_no_answer_is_the_name_servers_trouble() -> None:
    async def main() -> None:
        async with serving() as (server, where):
            server.loops = True
            with pytest.raises(socket.gaierror, match="says what is no answer") as raised:
                await ClientNames(where, "each").address("db.internal")
            assert outcome_of(raised.value) == (Outcome.UNREACHABLE, causes.NO_RESOLVER)

    asyncio.run(main())


def test_a_name_server_that_is_silent_is_told_as_that_and_not_as_the_service() -> None:
    async def main() -> None:
        async with serving() as (server, where):
            server.drops = 99
            with pytest.raises(TimeoutError) as raised:
                async with asyncio.timeout(0.1):
                    await ClientNames(where, "each").address("db.internal")
            assert outcome_of(raised.value) == (Outcome.TIMED_OUT, causes.NO_RESOLVER)
            with pytest.raises(Unanswered), patient(0.1):
                await ClientNames(where, "each").address("db.internal")

    asyncio.run(main())


def test_a_database_with_a_resolver_is_reached_at_its_address_and_named_as_declared() -> None:
    async def main() -> None:
        async with serving() as (server, where):
            database = Database(name="d", host="db.internal", database="d", user="u", resolver=where, resolve="each")
            login = by_users_path(database)
            [endpoint] = login.endpoints()
            found = await endpoint.found(login.names)
            assert (found.host, found.name) == ("127.0.0.1", "db.internal")
            server.address = "127.0.0.9"
            assert (await endpoint.found(login.names)).host == "127.0.0.9"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"resolve": "once"}, "name that server, too"),
        ({"resolver": "10.0.0.2", "resolve": "once"}, "an address is HOST:PORT"),
        ({"resolver": "10.0.0.2:53", "resolve": "never"}, "never"),
    ],
)
def test_how_names_are_found_is_refused_where_it_means_nothing(more: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Database.model_validate({"name": "d", "host": "h", "database": "d", "user": "u", **more})
