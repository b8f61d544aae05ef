"""P4, P14, P15: runs that are interrupted from outside, at any moment, in any way that people and machines do."""

import contextlib
import functools
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from faildrill.judging.result import Verdict
from safety.trials import effects, finished, series, verdict, watched
from support.places import Place

SLOW: Final = 0.005
"""Real seconds that a write takes here: a run takes about a third of a second."""
LONGEST: Final = 0.3
"""Real seconds within which something happens to a run."""

KEYS: Final = [
    [signal.SIGINT],
    [signal.SIGTERM],
    [signal.SIGHUP],
    [signal.SIGINT, signal.SIGINT],
    [signal.SIGTERM, signal.SIGTERM],
    [signal.SIGTERM, signal.SIGINT],
    [signal.SIGHUP, signal.SIGTERM],
]


def place_of(folder: Path, *, within: float = 2.0, **how: object) -> Place:
    place = Place(folder)
    place.identity = folder.name
    place.fault("one", within=within)
    place.fault("two", within=within, **how)
    place.wait(1.0)
    return place


def send(pid: int, *signals: tuple[float, signal.Signals]) -> None:
    """Send signals one after the other, each after so many seconds."""
    for delay, number in signals:
        time.sleep(delay)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def below(pid: int) -> list[int]:
    """List a process and all that descends from it, as a CI's runner does."""
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):
            found += [int(child) for child in Path(f"/proc/{one}/task/{one}/children").read_text().split()]
    return found


def signalled(folder: Path, draw: random.Random) -> list[str]:
    place = place_of(folder, undo=draw.choice(["works", "works", "hangs"]))
    run = place.lay_out()
    numbers = draw.choice(KEYS)
    apart = 0.2 if numbers[0] == numbers[-1] else 0.0  # the same signal within 0.2 s is the same one
    later = [(apart + draw.uniform(0.0, 0.1), number) for number in numbers[1:]]
    signals = [(draw.uniform(0.02, LONGEST), numbers[0]), *later]
    watched(run, place.folder, lambda pid: send(pid, *signals), SLOW)
    hangs = place.state("two") == "down" and "call-back" in place.story("two")
    wrong = [] if hangs else list(effects(run, place, ["one", "two"]))
    if hangs and verdict(run) is not Verdict.UNSAFE:
        wrong.append(f"an undo that hangs is {verdict(run)}")
    return wrong


def test_one_or_two_signals_at_any_moment_leave_nothing_on(
    ground: Path, many: Callable[[int, int], int], figure: Callable[[str], None]
) -> None:
    count = many(30, 500)
    wrong = series(ground, signalled, count)
    figure(f"P14 signals at random moments: {len(wrong)} leaks in {count}")
    assert wrong == []


def left(folder: Path, draw: random.Random) -> list[str]:
    place = place_of(folder)
    run = place.lay_out()
    gap = (0.25, signal.SIGINT)
    watched(run, place.folder, lambda pid: send(pid, (draw.uniform(0.02, 0.2), signal.SIGINT), gap, gap), SLOW)
    finished(run, place)
    return list(effects(run, place, ["one", "two"]))


def test_after_a_third_one_recover_puts_back(
    ground: Path, many: Callable[[int, int], int], figure: Callable[[str], None]
) -> None:
    count = many(10, 100)
    wrong = series(ground, left, count)
    figure(f"P14 three times Ctrl-C, then recover: {len(wrong)} leaks in {count}")
    assert wrong == []


def cancelled(folder: Path, draw: random.Random) -> list[str]:
    """A CI's ladder, faster: INT, TERM, KILL, each to all there is of the run, at moments drawn; then `recover`."""
    place = place_of(folder, undo=draw.choice(["works", "works", "works late"]), undo_delay="1s")
    run = place.lay_out()

    def ladder(pid: int) -> None:
        time.sleep(draw.uniform(0.02, LONGEST))
        for number, pause in ((signal.SIGINT, 0.15), (signal.SIGTERM, 0.05), (signal.SIGKILL, 0.0)):
            for one in below(pid):
                send(one, (0.0, number))
            time.sleep(draw.uniform(0.0, pause))

    watched(run, place.folder, ladder, SLOW)
    finished(run, place)
    wrong = list(effects(run, place, ["one", "two"]))
    return [*wrong, "it PASSED"] if verdict(run) is Verdict.PASSED and "undo" not in place.story("one") else wrong


def test_a_cancelled_ci_job_leaves_nothing_on_after_recover(
    ground: Path, many: Callable[[int, int], int], figure: Callable[[str], None]
) -> None:
    count = many(30, 200)
    wrong = series(ground, cancelled, count)
    figure(f"P15 the ladder of a CI, then recover: {len(wrong)} leaks in {count}")
    assert wrong == []


def overtaken(longest: float, folder: Path, draw: random.Random) -> list[str]:
    """Kill the runner while a process of the step is about to act; wait until it would have."""
    delay = draw.uniform(0.0, longest)
    place = place_of(folder, apply="acts late", delay=f"{delay * 1000:.0f}ms")
    (place.folder / "fuse").write_text(f"{draw.randint(30, 90)} self")
    run = place.lay_out()
    watched(run, place.folder)
    finished(run, place)
    time.sleep(delay + 0.3)
    return list(effects(run, place, ["one", "two"]))


def test_what_is_ahead_when_the_runner_is_killed_never_comes(
    ground: Path, many: Callable[[int, int], int], figure: Callable[[str], None]
) -> None:
    count, ahead = many(12, 200), many(1, 10)
    wrong = series(ground, functools.partial(overtaken, ahead), count, workers=6)  # which sleep most of the time
    figure(f"P4 an effect 0 to {ahead} s ahead: {len(wrong)} late effects in {count}")
    assert wrong == []
