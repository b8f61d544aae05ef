"""Capacity of a group, counted on real sockets."""

import asyncio

import pytest
from pydantic import ValidationError

from faildrill.adapters.member.capacity import Capacity
from faildrill.adapters.member.target import Group, GroupMember
from faildrill.kinds.call_context import CallContext
from faildrill.ports.target import KindUse
from unit.adapters.sockets import serving, silent


def group(*addresses: str | None, reach: KindUse | None = None) -> Group:
    members = {f"m{n}": GroupMember(name=f"m{n}", address=one, reach=reach) for n, one in enumerate(addresses)}
    return Group(name="pay", members=members)


def said(at_least: int, *dead: str | None, reach: KindUse | None = None) -> str | None:
    async def story() -> str | None:
        async with serving(silent) as port:
            capacity = Capacity(group=group(f"127.0.0.1:{port}", *dead, reach=reach), at_least=at_least)
            return await capacity.objection(CallContext("run-1", 1.0))

    return asyncio.run(story())


def test_enough_members_that_accept_connections_are_enough() -> None:
    assert said(1, "127.0.0.1:1") is None


def test_a_member_that_accepts_none_is_named() -> None:
    answer = said(2, "127.0.0.1:1", None)
    assert "1 of 3 members of pay are up, 2 are due" in str(answer)
    assert "m1 accepts no connection at 127.0.0.1:1: refused; m2 has neither reach nor address" in str(answer)


def test_a_member_whose_reach_does_not_answer_is_not_up() -> None:
    reach = KindUse(kind="lab.supervisor", params={"socket": "/nowhere"})
    assert "m0 can't be seen" in str(said(1, reach=reach))


def test_more_than_there_are_is_a_mistake_in_the_file() -> None:
    with pytest.raises(ValidationError, match="has only 1 members"):
        Capacity(group=group("127.0.0.1:1"), at_least=2)
