"""Replication that was cut is put back when its nodes tell so, and not on the word of whatever is in the path alone."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Any, cast

import pytest

from faildrill.adapters.patroni.cut_replication import CutReplication
from faildrill.adapters.postgres.target import Cluster
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Captured, Observed, Reach
from faildrill.ports.target import KindUse, Member
from faildrill.toolkit.links import IN_THE_PATH, OPEN, LinkMode
from support.liars import supervisor
from support.liars.between import Where
from support.liars.lies import LIES
from support.liars.stands import Stand
from support.liars.supervisor import Members
from unit.adapters.patroni.two_nodes import TwoNodes, cluster, declared

BEFORE: Captured = {"primary": "pg1", "streaming": ["pg2"], "mode": "open", "delay_ms": 0, "jitter_ms": 0}


@dataclass
class Path:
    """Whatever is in the path: it says that it does what it was told, whatever it does."""

    says: LinkMode = OPEN

    async def link(self, member: str, doing: LinkMode, at_most: float | None = None) -> None:
        raise AssertionError(member, doing, at_most)

    async def link_now(self, member: str) -> LinkMode:
        assert member == "pg1"
        return self.says

    async def signal(self, member: str, name: str) -> None:
        raise AssertionError(member, name)

    async def start(self, member: str) -> None:
        raise AssertionError(member)

    async def state(self, member: str) -> Any:  # noqa: ANN401 - never asked
        raise AssertionError(member)


@dataclass(frozen=True)
class Through(CallContext):
    """Gives the path as the reach of every member."""

    path: Path | None = None

    def reach(self, member: Member) -> Reach:
        assert (member.name, self.path is None) == ("pg1", False)
        return cast("Reach", self.path)


@dataclass
class Paths(Path):
    """The same for both nodes; what it did to one of them it may have done to the other."""

    async def link_now(self, member: str) -> LinkMode:
        return self.says if member == "pg2" else LinkMode("cut")


@dataclass(frozen=True)
class ThroughBoth(Through):
    """Gives it as the reach of both."""

    def reach(self, member: Member) -> Reach:
        assert member.name in ("pg1", "pg2")
        return cast("Reach", self.path)


def test_the_links_of_all_nodes_are_compared_and_only_one_of_them_is_its_own() -> None:
    place = declared("http://127.0.0.1:1", "http://127.0.0.1:2")
    reach = KindUse(kind="lab.supervisor", params={"socket": "/run/lab"})
    reached = {name: one.model_copy(update={"reach": reach}) for name, one in place.members.items()}
    step = CutReplication(cluster=place.model_copy(update={"members": reached}), how="reset")

    def picture(other: LinkMode) -> dict[str, str]:
        return asyncio.run(step.picture(replace(ThroughBoth("run", 2.0), path=Paths(other))))

    assert picture(OPEN) == {"link to pg1": "cut", "link to pg2": "open"}
    assert picture(LinkMode("cut")) == {"link to pg1": "cut", "link to pg2": "cut"}
    assert step.own(BEFORE) == ["link to pg1"]


def restored(nodes: TwoNodes, how: str, says: LinkMode = OPEN, delay: str = "0s") -> Observed:
    async def story() -> Observed:
        async with cluster(nodes) as both:
            step = CutReplication.model_validate({"cluster": both, "how": how, "delay": delay})
            return await step.restored(BEFORE, replace(Through("run", 2.0), path=Path(says)))

    return asyncio.run(story())


@pytest.mark.parametrize(
    ("nodes", "because"),
    [
        (TwoNodes(grows=10, stuck_at=5_000_000), "not each of pg2 has what pg1 has written"),
        (TwoNodes(stuck_at=4_000_000), "not each of pg2 has what pg1 has written"),
        (TwoNodes(sends="catchup"), "pg2 does not stream from pg1"),
        (TwoNodes(standby={"replication_state": "starting"}), "pg2 does not stream from pg1"),
        (TwoNodes(leader=None), "nobody leads"),
    ],
    ids=["gets nothing new", "lacks what was written", "the primary says no", "the standby says no", "nobody leads"],
)
@pytest.mark.parametrize("how", ["silent", "reset"])
def test_what_says_that_it_is_open_is_not_believed_against_the_nodes(how: str, nodes: TwoNodes, because: str) -> None:
    seen = restored(replace(nodes), how)
    assert not seen.holds
    assert seen.because.startswith(f"the link to pg1 is open; {because}")


@pytest.mark.parametrize(
    ("nodes", "how", "delay", "word_of"),
    [
        (TwoNodes(grows=10), "silent", "0s", ""),
        (TwoNodes(), "silent", "0s", IN_THE_PATH),
        (TwoNodes(), "reset", "0s", ""),
        (TwoNodes(grows=10), "delayed", "20ms", IN_THE_PATH),
        (TwoNodes(leader="pg2", grows=10), "silent", "0s", ""),
    ],
    ids=["it gets news", "nothing is written", "a new connection", "late, how much can't be told", "another one leads"],
)
def test_the_nodes_prove_that_it_carries_or_a_probe_must(nodes: TwoNodes, how: str, delay: str, word_of: str) -> None:
    seen = restored(replace(nodes), how, delay=delay)
    assert (seen.holds, seen.word_of) == (True, word_of), seen


def test_what_says_that_it_is_cut_still_is_believed() -> None:
    seen = restored(TwoNodes(grows=10), "silent", LinkMode("blackhole"))
    assert (seen.holds, seen.because) == (False, "the link to pg1 is blackhole")


@dataclass
class OverLinks(TwoNodes):
    """Two nodes whose connection is over the link to pg1: it ends when that is cut."""

    members: Members = field(default_factory=lambda: Members("pg1", "pg2"))

    def status(self, name: str) -> dict[str, Any]:
        is_open = self.members.links["pg1"] == "open"
        self.sends = "streaming" if is_open else ""
        self.standby = {} if is_open else {"replication_state": "starting"}
        return super().status(name)


@pytest.mark.parametrize(("lie", "verdict"), [("honest", "PASSED"), ("does it to another as well", "UNSAFE")])
def test_a_link_of_another_node_that_was_cut_as_well_is_noticed(lie: str, verdict: str, tmp_path: FilePath) -> None:
    (tmp_path / "run").mkdir()
    nodes, socket, places = OverLinks(grows=10), tmp_path / "real.sock", list[Cluster]()

    @asynccontextmanager
    async def serves() -> AsyncIterator[None]:
        async with cluster(nodes) as both, nodes.members.served(socket):
            places.append(both)
            yield

    def params(found: Mapping[str, Where]) -> dict[str, Any]:
        place = places[0].model_dump(mode="json")
        for one in place["members"].values():
            one["reach"] = {"kind": "lab.supervisor", "params": {"socket": str(found["socket"])}}
        return {"cluster": place, "how": "reset"}

    stand = Stand(
        "patroni.cut_replication",
        supervisor.WIRE,
        {"socket": (socket, socket)},
        params,
        nodes.members.truth,
        undo_within=1.5,
        hold=0.2,
        serves=serves,
    )
    cell = asyncio.run(stand.walked(next(one for one in LIES if one.name == lie), tmp_path))
    assert (cell.wrong, cell.verdict) == ([], verdict), "\n".join(cell.wrong)
