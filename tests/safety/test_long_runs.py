"""A day of a thousand looks a second, as fast as they can be recorded and followed: nothing grows but the file.

Usually of three minutes' looks; with `--soak` of the whole day, and a prober is watched at work besides.
"""

import asyncio
import gc
import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path

from faildrill.kinds.call_context import CallContext
from faildrill.ports import Given, Seen
from faildrill.probing.agenda import Agenda
from faildrill.probing.health import SampleWatch
from faildrill.probing.paced_probe import PacedProbe, _Look
from faildrill.record.samples import SIZE, Files, Outcome, Recorder, Sample
from unit.probing.ground import ground
from unit.probing.watched import MILLISECOND, plan, watching

DAY = 86_400_000
THREE_MINUTES = 200_000
PIECE = 100_000
"""Looks between two looks at the memory."""
MOST_GROWTH = 10.0
"""MB."""
MANY = 500
MOST_CPU = 0.25
"""Of a core."""


def test_the_memory_of_who_records_and_follows_does_not_grow(
    tmp_path: Path, many: Callable[[int, int], int], figure: Callable[[str], None]
) -> None:
    count = many(THREE_MINUTES, DAY)
    files = Files(tmp_path)
    recorder, following = Recorder(files), SampleWatch([plan(every=0.001)])
    following.follow(files)
    sizes: list[float] = []
    started = time.process_time()
    for first in range(0, count, PIECE):
        for due in range(first * MILLISECOND, (first + PIECE) * MILLISECOND, MILLISECOND):
            outcome = Outcome.REFUSED if due % 7_000_000_000 == 0 else Outcome.OK
            recorder.record(Sample("pay", due, due + 90_000, due + 400_000 + due % 997, outcome, f"s{due % 3}"))
            if due % (100 * MILLISECOND) == 0:
                following.poll()
        sizes.append(resident())
    took = time.process_time() - started
    recorder.close()
    assert files.samples.stat().st_size == count * SIZE
    assert sizes[-1] - sizes[0] <= MOST_GROWTH
    assert took <= count / 1000 * MOST_CPU
    figure(
        f"{count:,} looks recorded and followed: {sizes[-1] - sizes[0]:.1f} MB more, {took * 1e9 / count:,.0f} ns each"
    )


def test_a_prober_at_work_takes_a_part_of_a_core_and_does_not_grow(
    tmp_path: Path, many: Callable[[int, int], int], figure: Callable[[str], None]
) -> None:
    seconds = many(2, 60)

    async def scene() -> tuple[float, float]:
        with ground() as server:
            async with watching(
                tmp_path, [plan(url=server.url, every=0.001, connection="kept")], settle=1.0
            ) as watched:
                before = processor(watched.process.pid), resident(watched.process.pid)
                await asyncio.sleep(seconds)
                after = processor(watched.process.pid), resident(watched.process.pid)
        return (after[0] - before[0]) / seconds, after[1] - before[1]

    part, growth = asyncio.run(scene())
    assert growth <= MOST_GROWTH
    figure(f"a prober at 1,000 looks/s for {seconds} s: {part:.1%} of a core, {growth:.1f} MB more")
    if many(0, 1):  # on a machine that others use, a core is worth less
        assert part <= MOST_CPU


class Answers:
    """A probe that is answered at once."""

    async def look(self, given: Given) -> Seen:
        """Look."""
        del given
        return Seen(Outcome.OK)


def test_a_look_that_is_over_is_let_go_of() -> None:
    async def scene() -> int:
        loop, agenda, enough = asyncio.get_running_loop(), Agenda(), asyncio.Event()
        left = itertools.count(MANY, -1)

        def record(sample: Sample) -> None:
            del sample
            if not next(left):
                enough.set()

        agenda.start(loop)
        given = CallContext("run-1", timeout=0.5, every=0.001, in_flight=16)
        looking = PacedProbe(plan(every=0.001), Answers(), given, agenda, record)
        looking.start(time.monotonic_ns())
        async with asyncio.timeout(60):
            await enough.wait()
        await looking.stop()
        agenda.close(loop)
        gc.collect()
        return sum(isinstance(one, _Look) for one in gc.get_objects())

    assert asyncio.run(scene()) <= 1  # the last one of all


def resident(pid: int | None = None) -> float:
    """Return the memory of a process, in MB."""
    pages = Path(f"/proc/{pid or os.getpid()}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


def processor(pid: int) -> float:
    """Return the seconds of a processor that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
