"""Virtual time, as authors of kinds get it: what waits on the loop passes at once, in its order, and nothing else."""

import asyncio
import time

import pytest

from faildrill.testing import LoopClock, run
from faildrill.testing.virtual_time import START


def test_an_hour_passes_at_once_and_the_clock_shows_it() -> None:
    async def wait() -> int:
        before = LoopClock().now_ns()
        await asyncio.sleep(3600)
        return LoopClock().now_ns() - before

    began = time.monotonic()
    assert run(wait()) == 3600 * 10**9
    assert time.monotonic() - began < 60


def test_what_waits_for_less_comes_first() -> None:
    told: list[tuple[float, str]] = []

    async def after(seconds: float, word: str) -> None:
        await asyncio.sleep(seconds)
        told.append((asyncio.get_running_loop().time(), word))

    async def both() -> None:
        await asyncio.gather(after(600, "later"), after(5, "sooner"))

    run(both())
    assert told == [(START + 5, "sooner"), (START + 600, "later")]


def test_a_timeout_is_over_at_its_moment() -> None:
    async def hang() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time()

    assert run(hang(), start=0.0) == 30.0


def test_what_waits_for_ever_is_told_and_hangs_no_test() -> None:
    with pytest.raises(RuntimeError, match="nothing will ever happen again"):
        run(asyncio.Event().wait())
