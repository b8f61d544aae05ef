import asyncio
import time
from collections.abc import Callable
from itertools import pairwise
from statistics import median

from faildrill.probing.agenda import Agenda

MILLISECOND = 1_000_000


def run(scene: Callable[[Agenda], None], seconds: float) -> None:
    """Let an agenda run for so long after a scene was set."""

    async def life() -> None:
        agenda = Agenda()
        agenda.start(asyncio.get_running_loop())
        scene(agenda)
        await asyncio.sleep(seconds)
        agenda.close(asyncio.get_running_loop())

    asyncio.run(life())


def test_entries_are_called_in_the_order_of_their_moments_and_never_before() -> None:
    called: list[tuple[int, int]] = []
    start = time.monotonic_ns()

    def scene(agenda: Agenda) -> None:
        for after in (30, 10, 20, 10):
            agenda.at(start + after * MILLISECOND, lambda at, now: called.append((at, now)))

    run(scene, 0.1)
    assert [(at - start) // MILLISECOND for at, _ in called] == [10, 10, 20, 30]
    assert all(at <= now for at, now in called)
    assert all(earlier[1] <= later[1] for earlier, later in pairwise(called))


def test_an_entry_is_called_within_a_part_of_a_millisecond() -> None:
    tries = (_lateness() for _ in range(200))  # on a machine that others use most of them are late
    assert any(one < 200_000 for one in tries), "a timer of whole milliseconds is later, however idle"


def _lateness() -> float:
    """Return by how much the median of some entries is called late, in ns."""
    late: list[int] = []

    def scene(agenda: Agenda) -> None:
        start = time.monotonic_ns()
        for number in range(50):
            agenda.at(start + number * 510_000, lambda at, now: late.append(now - at))

    run(scene, 0.06)
    assert len(late) == 50
    return median(late)


def test_what_is_struck_off_is_not_called() -> None:
    called: list[int] = []

    def scene(agenda: Agenda) -> None:
        agenda.at(time.monotonic_ns() + MILLISECOND, lambda at, _: called.append(at)).strike()

    run(scene, 0.02)
    assert called == []


def test_while_an_answer_is_awaited_being_held_up_is_noticed() -> None:
    seen: list[int] = []

    async def life(awaiting: int) -> None:
        agenda = Agenda()
        agenda.awaiting = awaiting
        agenda.start(asyncio.get_running_loop())
        await asyncio.sleep(0.01)
        before = agenda.held(time.monotonic_ns())
        time.sleep(0.05)  # noqa: ASYNC251 - to hold the loop up is the point
        seen.append(agenda.held(time.monotonic_ns()) - before)
        await asyncio.sleep(0.01)
        seen.append(agenda.held(time.monotonic_ns()) - before)
        agenda.close(asyncio.get_running_loop())

    asyncio.run(life(awaiting=1))
    for held in seen:
        assert 45 * MILLISECOND < held < 80 * MILLISECOND
