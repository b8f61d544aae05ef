"""What a watch tells between looks, and what it may have missed where it was lost."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from faildrill.adapters.kubernetes.probes import Endpoints
from faildrill.adapters.kubernetes.target import Kubernetes
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Seen
from faildrill.record.samples import Outcome
from support.kubernetes_payments import MARK
from support.liars.kubernetes import Certificates, kubeconfig, lying
from support.liars.kubernetes_watch import WatchedService

GIVEN = CallContext("run-1", 2.0)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("ca"))


@dataclass
class Watching:
    """A probe that watches a Service, and what it told between looks."""

    place: WatchedService
    probe: Endpoints
    told: list[Seen] = field(default_factory=list)
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, seen: Seen) -> None:
        self.told.append(seen)
        self._more.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not holds():
                self._more.clear()
                await self._more.wait()

    @property
    def gaps(self) -> list[Seen]:
        return [one for one in self.told if one.outcome is Outcome.OPEN]

    @property
    def who(self) -> list[str]:
        """Who got new connections, edge by edge."""
        return [one.who for one in self.told if one.outcome is not Outcome.OPEN]

    def has_told(self, edges: int) -> bool:
        return len(self.who) >= edges

    async def look(self, times: int = 1) -> None:
        for _ in range(times):
            assert (await self.probe.look(GIVEN)).outcome is not Outcome.BROKEN


Play = Callable[[Callable[[Watching], Awaitable[None]]], Watching]


@pytest.fixture
def play(tmp_path: Path, certificates: Certificates) -> Play:
    def played(story: Callable[[Watching], Awaitable[None]]) -> Watching:
        async def main() -> Watching:
            place = WatchedService("a", "b")
            async with lying(place, certificates) as port:
                path = str(kubeconfig(tmp_path, port, certificates))
                target = Kubernetes(name="c", kubeconfig=path, context="here", marker=MARK, namespaces=["payments"])
                probe = Endpoints(kubernetes=target, namespace="payments", service="pay", at_least=2)
                watching = Watching(place, probe)
                await probe.open(GIVEN)
                probe.on_edge(GIVEN, watching.tell)
                await watching.until(lambda: watching.who == ["a,b"])
                await story(watching)
                await probe.close()
                return watching

        return asyncio.run(main())

    return played


def bounded(seen: Seen, since: int, by: int) -> bool:
    """Tell whether an edge or a gap holds all that happened between the two."""
    return seen.sent is not None and seen.answered is not None and seen.sent <= since and by <= seen.answered


def test_each_change_between_two_looks_is_told_between_the_look_before_and_when_it_was_heard(play: Play) -> None:
    changes: list[int] = []

    async def story(watching: Watching) -> None:
        for ready, edges in ((("a",), 2), (("a", "c"), 3)):
            await watching.look()
            changes.append(time.monotonic_ns())
            watching.place.change(*ready)
            await watching.until(partial(watching.has_told, edges))

    watching = play(story)
    assert watching.who == ["a,b", "a", "a,c"]
    assert [one.outcome for one in watching.told] == [Outcome.OK, Outcome.WRONG, Outcome.OK]
    assert all(bounded(seen, at, at) for seen, at in zip(watching.told[1:], changes, strict=True))
    assert changes[0] < (watching.told[2].sent or 0), "the look between them bounds the second one"


def test_what_a_look_has_told_already_is_no_edge(play: Play) -> None:
    async def story(watching: Watching) -> None:
        watching.place.watch_lie = "stall"
        watching.place.change("a")
        await watching.look()
        watching.place.watch_lie = ""
        watching.place.change("a", "c")
        await watching.until(lambda: watching.who[-1] == "a,c")

    assert play(story).who == ["a,b", "a,c"]


def test_a_watch_that_drops_goes_on_where_it_was_and_misses_nothing(play: Play) -> None:
    async def story(watching: Watching) -> None:
        watching.place.watch_lie = "drop"
        watching.place.change("a")
        watching.place.change("a", "c")
        await watching.until(lambda: watching.who[-1] == "a,c")

    watching = play(story)
    assert watching.who == ["a,b", "a", "a,c"]
    assert watching.gaps == []
    assert watching.place.watches == 2


def test_what_the_server_no_longer_has_is_a_gap_with_two_ends(play: Play) -> None:
    at: list[int] = []

    async def story(watching: Watching) -> None:
        place = watching.place
        at.append(time.monotonic_ns())
        place.oldest = place.version + 2
        place.watch_lie = "drop"
        place.change("a")
        place.change("a", "b")
        at.append(time.monotonic_ns())
        await watching.until(lambda: bool(watching.gaps))

    watching = play(story)
    [gap] = watching.gaps
    assert gap.detail == "gap of the watch: HTTP 410; changes in between may be missing"
    assert bounded(gap, *at)
    assert watching.who == ["a,b"]


def test_a_watch_that_is_silent_while_three_looks_see_a_change_is_lost(play: Play) -> None:
    async def story(watching: Watching) -> None:
        watching.place.watch_lie = "stall"
        watching.place.change("a")
        await watching.look(2)
        assert watching.place.watches == 1
        await watching.look()
        await watching.until(lambda: bool(watching.gaps))

    [gap] = play(story).gaps
    assert "silent while looks saw changes" in gap.detail


def test_a_watch_in_which_nothing_happens_is_not_lost(play: Play) -> None:
    watching = play(lambda watching: watching.look(8))
    assert (watching.who, watching.gaps, watching.place.watches) == (["a,b"], [], 1)


def test_a_change_that_is_left_out_is_a_gap_as_changes_are_numbered(play: Play) -> None:
    async def story(watching: Watching) -> None:
        watching.place.watch_lie = "skip"
        watching.place.change("a")
        watching.place.change("a", "c")
        await watching.until(lambda: watching.who[-1] == "a,c")

    watching = play(story)
    [gap] = watching.gaps
    assert "changes were left out" in gap.detail
    assert watching.who == ["a,b", "a,c"]


def test_what_is_told_twice_is_told_once(play: Play) -> None:
    async def story(watching: Watching) -> None:
        watching.place.watch_lie = "repeat"
        watching.place.change("a")
        watching.place.change("a", "c")
        await watching.until(lambda: watching.who[-1] == "a,c")

    watching = play(story)
    assert (watching.who, watching.gaps) == (["a,b", "a", "a,c"], [])


@pytest.mark.parametrize("status", ["403", "429", "500"])
def test_a_watch_that_is_not_given_back_is_a_gap_until_the_end(play: Play, status: str) -> None:
    at: list[int] = []

    async def story(watching: Watching) -> None:
        place = watching.place
        place.watch_lie = "drop"
        place.change("a")
        at.append(time.monotonic_ns())
        place.watch_lie = status
        await asyncio.sleep(0.4)
        at.append(time.monotonic_ns())

    watching = play(story)
    [gap] = watching.gaps
    assert f"HTTP {status}" in gap.detail
    assert bounded(gap, *at)
    assert watching.place.watches <= 3
