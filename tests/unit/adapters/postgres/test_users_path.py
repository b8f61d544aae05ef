"""`faildrill doctor` says where a login sees less of an outage than users do."""

import asyncio

import pytest

from faildrill.adapters.postgres.checks import UsersPath
from faildrill.adapters.postgres.target import Database
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Checked
from unit.adapters.sockets import serving
from unit.guarding.postgres_says import Says

_ROW = [b"f", b"1.0", b"18.6", b"f", b"f"]


def checked(over: bytes, reserved: bytes) -> Checked:
    async def scene() -> list[Checked]:
        async with serving(Says([25] * 7, [[*_ROW, over, reserved]])) as port:
            target = Database(name="payments", host="127.0.0.1", port=port, database="payments", user="app")
            return await UsersPath(target=target).examine(CallContext("run", 5.0))

    return asyncio.run(scene())[-1]


@pytest.mark.parametrize(
    ("over", "reserved", "why"),
    [(b"t", b"t", "app is a superuser: it"), (b"f", b"t", "app has pg_use_reserved_connections: it")],
)
def test_a_login_for_which_slots_are_reserved_does_not_see_what_users_see(
    over: bytes, reserved: bytes, why: str
) -> None:
    """A server whose slots are all taken is dark for users, and good for a superuser."""
    found = checked(over, reserved)
    assert (found.ok, found.told.startswith(why)) == (False, True)
    assert found.remedy


def test_a_login_with_the_rights_of_users_sees_what_they_see() -> None:
    found = checked(b"f", b"f")
    assert (found.what, found.ok) == ("database payments treats app as its users", True)
