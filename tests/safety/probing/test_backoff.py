"""The price of looks in flight, on both sides: what a hung server wakes to, and when its recovery is seen."""

import asyncio
import socket
import time
from pathlib import Path

import pytest

from faildrill.model.drill import ProbePlan
from faildrill.probing.backoff import NARROWEST, WIDEST
from faildrill.record.samples import Outcome
from unit.probing.ground import Ground, ground
from unit.probing.watched import MILLISECOND, plan, watching

HUNG = 0.5


@pytest.mark.parametrize("connection", ["fresh", "kept"])
def test_a_server_whose_queue_of_connections_is_full_is_looked_at_at_the_full_rate(
    connection: str, tmp_path: Path
) -> None:
    async def scene() -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=1) as full:
            port = full.getsockname()[1]
            fast = plan(url=f"http://127.0.0.1:{port}/", every=0.002, timeout=0.2, connection=connection)
            async with watching(tmp_path, [fast], settle=0.7) as watched:
                pass
        since = min(one.due for one in watched.of()) + 400 * MILLISECOND  # those that got into the queue have timed out
        later = [one for one in watched.of() if one.due >= since]
        held_back = [one for one in later if one.detail == "too many looks under way"]
        assert len(later) > 100
        assert len(held_back) < len(later) / 10

    asyncio.run(scene())


def test_a_look_held_back_is_recorded_as_skipped(tmp_path: Path) -> None:
    async def scene() -> None:
        with ground() as server:
            server.turn("silent")
            two = plan(url=server.url, every=0.01, timeout=0.4).model_copy(update={"in_flight": 2})
            async with watching(tmp_path, [two], settle=0.15) as watched:
                pass
        skipped = [sample for sample in watched.of() if sample.outcome is Outcome.SKIPPED]
        assert watched.counts()[Outcome.TIMED_OUT] == 2
        assert len(skipped) >= 20
        assert {(sample.sent, sample.detail) for sample in skipped} == {(0, "too many looks under way")}

    asyncio.run(scene())


def test_a_hung_server_wakes_to_few_requests_of_ours(tmp_path: Path) -> None:
    """At 1,000 looks/s, uncapped, those waiting for it were seen to delay its recovery by 70 ms."""

    async def scene() -> tuple[int, int]:
        with ground() as server:
            async with watching(tmp_path, [_fast(server.url)]) as watched:
                began, ended = await asyncio.to_thread(_hang, server)
        waiting = [one for one in watched.of() if one.outcome.is_look and began <= one.sent <= ended]
        return len(waiting), ended - began

    waiting, length = asyncio.run(scene())
    assert waiting <= length // NARROWEST + 30  # at the beginning, until they are so far apart


def test_the_recovery_of_a_server_that_lost_what_it_was_sent_is_seen_soon(tmp_path: Path) -> None:
    """With a cap of 2 and a deadline of 500 ms it was seen 139 to 404 ms late."""

    async def scene(folder: Path) -> int:
        with ground() as server:
            async with watching(folder, [_fast(server.url)]) as watched:
                truth = await asyncio.to_thread(server.dark, "silent", HUNG)
        recovered = truth.ended[1]
        seen = min(one.answered for one in watched.of() if one.outcome is Outcome.OK and one.answered > recovered)
        return seen - recovered

    allowed = WIDEST + 25 * MILLISECOND
    # what else the machine does can only make it later
    folders = [tmp_path / str(number) for number in range(5)]
    for folder in folders:
        folder.mkdir()
    assert any(asyncio.run(scene(folder)) < allowed for folder in folders)


def _fast(url: str) -> ProbePlan:
    return plan(url=url, every=0.001, timeout=0.5)


def _hang(server: Ground) -> tuple[int, int]:
    """Have it hang; return when that began and ended, in monotonic ns."""
    began = time.monotonic_ns()
    with server.hung():
        time.sleep(HUNG)
        ended = time.monotonic_ns()
    return began, ended
