"""`redis.lose_master`: whose the link is that was cut, right before it is opened again."""

import asyncio
from dataclasses import dataclass
from typing import cast

import pytest

from faildrill.adapters.redis.loss import LoseMaster
from faildrill.adapters.redis.target import Redis, RedisMember
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Reach
from faildrill.ports.target import Member
from faildrill.toolkit.links import OPEN, LinkMode


@dataclass(frozen=True)
class Path:
    """Whatever is in the path: it tells what the link to r1 does, and what r1 is."""

    does: LinkMode
    member: str

    async def link(self, member: str, doing: LinkMode, at_most: float | None = None) -> None:
        raise AssertionError(member, doing, at_most)

    async def link_now(self, member: str) -> LinkMode:
        assert member == "r1"
        return self.does

    async def signal(self, member: str, name: str) -> None:
        raise AssertionError(member, name)

    async def start(self, member: str) -> None:
        raise AssertionError(member)

    async def state(self, member: str) -> str:
        assert member == "r1"
        return self.member


@dataclass(frozen=True)
class Through(CallContext):
    """Gives the path as the reach of every member."""

    path: Path | None = None

    def reach(self, member: Member) -> Reach:
        del member
        return cast("Reach", self.path)


@pytest.mark.parametrize(
    ("does", "member", "whose", "now"),
    [
        (LinkMode("blackhole"), "running", "ours", "blackhole; sessions/r1 is running"),
        (OPEN, "running", "before", "open; sessions/r1 is running"),
        (LinkMode("cut"), "running", "others", "cut; sessions/r1 is running"),
        (LinkMode("delay", 200), "running", "others", "delay 200 ms; sessions/r1 is running"),
        (LinkMode("blackhole"), "stopped", "others", "blackhole; sessions/r1 is stopped"),
        (OPEN, "stopped", "others", "open; sessions/r1 is stopped"),
    ],
)
def test_a_link_that_somebody_else_has_made_something_of_is_his(
    does: LinkMode, member: str, whose: str, now: str
) -> None:
    members = {name: RedisMember(name=name, host="127.0.0.1", port=1) for name in ("r1", "r2")}
    redis = Redis(name="sessions", master="mymaster", sentinels=["127.0.0.1:2"], members=members)
    step = LoseMaster(redis=redis, how="cut_off")
    found = asyncio.run(step.found({"master": "r1"}, Through("run", 2.0, path=Path(does, member))))
    assert (found.whose, found.now) == (whose, now)
    assert found.remedy.startswith("have whatever is in the path open it to sessions/r1")
