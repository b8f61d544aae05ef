import asyncio
import errno
import socket
import ssl

import pytest
from pydantic import JsonValue, ValidationError

from faildrill.adapters.tcp.connect import Connect
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Seen
from faildrill.record.samples import Outcome
from faildrill.system.resolver import NotAsked
from faildrill.toolkit.connection_errors import Ending, outcome_of

GIVEN = CallContext(run="run-1", timeout=1.0, every=0.1)


def look(banner: bytes, reply: bytes = b"", **params: JsonValue) -> Seen:
    """Connect to a server that says a banner, answers what it is sent, and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(banner)
        if reply:
            await reader.read(1)
            writer.write(reply)
        writer.close()

    async def scene() -> Seen:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return await Connect.model_validate({"address": f"127.0.0.1:{port}", **params}).look(GIVEN)

    return asyncio.run(scene())


def test_a_connection_that_stands_is_good() -> None:
    assert look(b"", b"x").outcome is Outcome.OK


@pytest.mark.parametrize(
    ("banner", "reply", "params", "outcome", "detail"),
    [
        (b"220 mail", b"", {"expect": "220 "}, Outcome.OK, ""),
        (b"", b"+PONG\r\n", {"send": "PING\r\n", "expect": "+PONG"}, Outcome.OK, ""),
        (b"421 busy", b"", {"expect": "220 "}, Outcome.WRONG, "not what is expected"),
        (b"", b"", {"expect": "220 "}, Outcome.RESET, "closed"),
        (b"x" * (2 << 20), b"", {"expect": "y"}, Outcome.WRONG, "more than 1 MiB, and not what is expected"),
        (b"x" * 100_000 + b"yz", b"", {"expect": "yz"}, Outcome.OK, ""),
    ],
)
def test_what_is_said_is_weighed(
    banner: bytes, reply: bytes, params: dict[str, JsonValue], outcome: Outcome, detail: str
) -> None:
    seen = look(banner, reply, **params)
    assert (seen.outcome, seen.detail) == (outcome, detail)


def test_nobody_there_is_refused() -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        seen = asyncio.run(Connect(address=f"127.0.0.1:{one.getsockname()[1]}").look(GIVEN))
    assert seen.outcome is Outcome.REFUSED


@pytest.mark.parametrize("address", ["localhost", "localhost:", "localhost:70000", "a b:80", "http://x:80"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ValidationError, match=r"an address is HOST:PORT|no name of a host|not a URL"):
        Connect(address=address)


@pytest.mark.parametrize(
    ("error", "outcome", "detail"),
    [
        (ConnectionRefusedError(), Outcome.REFUSED, ""),
        (ConnectionResetError(), Outcome.RESET, "reset"),
        (BrokenPipeError(), Outcome.RESET, "reset"),
        (socket.gaierror(-2, "Name or service not known"), Outcome.UNREACHABLE, "the name does not resolve"),
        (TimeoutError(errno.ETIMEDOUT, "Connection timed out"), Outcome.TIMED_OUT, "the kernel gave up connecting"),
        (TimeoutError(), Outcome.TIMED_OUT, ""),
        (Ending(), Outcome.OPEN, "the server was ending the connection"),
        (NotAsked("no thread"), Outcome.BROKEN, "here: no thread"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), Outcome.UNREACHABLE, "No route to host"),
        (OSError(errno.EMFILE, "Too many open files"), Outcome.BROKEN, "here: Too many open files"),
        (OSError(errno.EADDRNOTAVAIL, "Cannot assign"), Outcome.BROKEN, "here: Cannot assign"),
        (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong"), Outcome.WRONG, "TLS: [SSL: WRONG_VERSION_NUMBER] wrong"),
    ],
)
def test_what_a_failed_connection_proves(error: OSError, outcome: Outcome, detail: str) -> None:
    assert outcome_of(error) == (outcome, detail)
