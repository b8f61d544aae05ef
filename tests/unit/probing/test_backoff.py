"""The price of looks in flight, on both sides: what a hung server wakes to, and when its recovery is seen."""

import asyncio
import socket
import time
from itertools import pairwise
from pathlib import Path

import pytest

from faildrill.model.drill import ProbePlan
from faildrill.probing.backoff import NARROWEST, WIDEST, Restraint, most_in_flight
from faildrill.record.samples import Outcome
from unit.probing.ground import Ground, ground
from unit.probing.watched import MILLISECOND, plan, watching

HUNG = 0.5


def test_while_something_answers_nothing_is_held_back() -> None:
    restraint = Restraint(512)
    for moment in range(0, 500 * MILLISECOND, MILLISECOND):
        assert restraint.allows(moment, pending=167)
        restraint.sent(moment, pending=167)
        restraint.answered(moment, took=MILLISECOND)


@pytest.mark.parametrize(
    ("took", "widest"),
    [(100_000, NARROWEST), (4 * MILLISECOND, 8 * MILLISECOND), (300 * MILLISECOND, WIDEST)],
)
def test_in_silence_looks_are_spaced_more_and_more_up_to_what_counts_as_slow(took: int, widest: int) -> None:
    restraint = Restraint(512)
    restraint.answered(0, took=took)
    spacings = _spacings(restraint, until=900 * MILLISECOND)
    assert spacings == sorted(spacings)
    assert spacings[0] == MILLISECOND
    assert spacings[-1] == widest


def test_of_a_long_silence_looks_are_spaced_further_so_that_what_piles_up_stays_bounded() -> None:
    restraint = Restraint(10_000)
    spacings = _spacings(restraint, until=30_000 * MILLISECOND)
    assert spacings == sorted(spacings)
    assert max(spacings[:150]) <= NARROWEST
    assert spacings[-1] == WIDEST
    assert len(spacings) < 1_800  # 6,000 where it stays as narrow as at first


def test_what_waited_for_the_end_of_a_silence_does_not_space_the_looks_of_the_next_one() -> None:
    restraint = Restraint(10_000)
    first = _spacings(restraint, until=500 * MILLISECOND)
    for took in range(MILLISECOND, 500 * MILLISECOND, 5 * MILLISECOND):
        restraint.answered(500 * MILLISECOND, took)
    assert _spacings(restraint, until=1000 * MILLISECOND, since=500 * MILLISECOND) == first


def test_a_service_that_always_takes_long_is_known_to() -> None:
    restraint = Restraint(10_000)
    for moment in range(0, 200 * MILLISECOND, MILLISECOND):
        restraint.sent(moment, pending=moment and 1)
        if moment >= 8 * MILLISECOND:
            restraint.answered(moment, took=8 * MILLISECOND)
    spacings = _spacings(restraint, until=900 * MILLISECOND, since=200 * MILLISECOND)
    assert spacings[-1] == 16 * MILLISECOND


def test_a_first_look_after_a_pause_is_no_silence() -> None:
    restraint = Restraint(512)
    restraint.sent(10_000 * MILLISECOND, pending=0)
    assert restraint.allows(10_001 * MILLISECOND, pending=1)


def test_what_does_not_get_there_is_sent_at_its_rate_and_never_more_than_the_most() -> None:
    restraint = Restraint(100)
    restraint.sent(99 * MILLISECOND, pending=50)
    assert not restraint.allows(100 * MILLISECOND, pending=50)
    assert restraint.allows(100 * MILLISECOND, pending=50, is_cut=True)
    assert not restraint.allows(100 * MILLISECOND, pending=100, is_cut=True)


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


def test_what_the_drill_says_of_looks_in_flight_is_never_exceeded() -> None:
    restraint = Restraint(2)
    assert restraint.allows(1, pending=1)
    assert not restraint.allows(1_000 * MILLISECOND, pending=2)


def test_without_a_word_the_deadline_bounds_the_looks_in_flight() -> None:
    assert most_in_flight(every=0.02, timeout=0.5) == 27
    assert most_in_flight(every=0.001, timeout=60) == 512


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


def _spacings(restraint: Restraint, until: int, since: int = 0) -> list[int]:
    """Send, once a millisecond of a silence, what may be sent; return how far apart that was."""
    sent: list[int] = []
    for moment in range(since + MILLISECOND, until, MILLISECOND):
        if restraint.allows(moment, pending=len(sent) + 1):
            restraint.sent(moment, pending=len(sent) + 1)
            sent.append(moment)
    return [later - one for one, later in pairwise(sent)]
