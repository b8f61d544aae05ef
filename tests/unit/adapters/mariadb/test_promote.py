"""`mariadb.promote`: what is compared before it is put back."""

import asyncio
import socket

import pytest

from faildrill.adapters.mariadb.promote import Promote
from faildrill.adapters.mariadb.target import MariaDB, MariaDBMember
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Captured


@pytest.mark.parametrize(
    ("writer", "remedy"), [(None, "nothing: nobody took writes before m1 did"), ("m2", "SET GLOBAL read_only = 0")]
)
def test_it_is_compared_whether_somebody_took_writes_before_or_nobody(writer: str | None, remedy: str) -> None:
    with socket.socket() as one, socket.socket() as another:
        one.bind(("127.0.0.1", 0))
        another.bind(("127.0.0.1", 0))
        ports = {"m1": one.getsockname()[1], "m2": another.getsockname()[1]}
    members = {name: MariaDBMember(name=name, host="127.0.0.1", port=port) for name, port in ports.items()}
    mariadb = MariaDB(name="m", database="d", user="u", admin="a", replication_user="r", members=members)
    before: Captured = {"to": "m1", "writer": writer, "members": {}, "who": {}}
    found = asyncio.run(Promote(mariadb=mariadb).found(before, CallContext("run-1", timeout=5.0)))
    assert remedy in found.remedy
