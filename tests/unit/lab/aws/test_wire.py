import socket
import time
from collections.abc import Iterator

import pytest

from faildrill.lab.aws.api import wire
from faildrill.lab.aws.api.lies import ON_THE_WIRE
from faildrill.lab.aws.api.wire import Answer, send

TRUE = Answer(200, b"<ok>0123456789</ok>")


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a connection over TCP."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        ours, _ = server.accept()
        with ours:
            client.settimeout(5)
            yield ours, client


def received(ends: tuple[socket.socket, socket.socket], how: str) -> bytes:
    """Send something, close our end, and return all that came."""
    ours, client = ends
    send(ours, TRUE, how)
    ours.close()
    blocks = []
    while block := client.recv(65536):
        blocks.append(block)
    return b"".join(blocks)


def test_a_true_answer_is_whole_and_dated(ends: tuple[socket.socket, socket.socket]) -> None:
    head, _, body = received(ends, "").partition(b"\r\n\r\n")
    assert body == TRUE.body
    assert b"Date: " in head
    assert b"Content-Length: 19" in head


@pytest.mark.parametrize(
    ("how", "status", "holds"),
    [
        ("500", b" 500 ", b"<Code>InternalFailure<"),
        ("503", b" 503 ", b"<Code>ServiceUnavailable<"),
        ("throttled", b" 400 ", b"<Code>Throttling<"),
        ("html", b" 200 ", b"<html>"),
    ],
)
def test_another_answer_is_sent_instead(
    ends: tuple[socket.socket, socket.socket], how: str, status: bytes, holds: bytes
) -> None:
    got = received(ends, how)
    assert status in got.split(b"\r\n")[0]
    assert holds in got
    assert TRUE.body not in got


def test_half_an_answer_says_that_it_is_longer(ends: tuple[socket.socket, socket.socket]) -> None:
    got = received(ends, "half")
    assert b"Content-Length: 19" in got
    assert len(got.partition(b"\r\n\r\n")[2]) == 10


def test_a_closed_connection_has_no_byte_and_a_reset_one_is_an_error(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    assert received(ends, "closed") == b""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        ours, _ = server.accept()
        with pytest.raises(ConnectionResetError):
            received((ours, client), "reset")


def test_silence_lasts_until_the_client_has_gone(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, client = ends
    client.close()
    began = time.monotonic()
    send(ours, TRUE, "silent")
    assert time.monotonic() - began < 1


def test_there_is_a_way_for_every_lie_on_the_wire() -> None:
    assert set(ON_THE_WIRE) == set(wire.INSTEAD) | set(wire.WAYS)
