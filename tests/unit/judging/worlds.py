"""Worlds in which the truth is known: a service, dark at known times, and what an open-loop prober sees of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from heapq import heappop, heappush
from random import Random
from typing import Final, NamedTuple

import numpy as np

from faildrill.record.samples import Outcome
from faildrill.record.samples.columns import Columns, of

MS: Final = 1_000_000
MODES: Final = ("refused", "reset", "wrong", "held", "lost", "blackholed")
SILENT: Final = ("held", "lost", "blackholed")


def seeded(seed: int) -> Random:
    """Return chances that come out the same every time."""
    return Random(seed)  # noqa: S311 - chances, no secrets


class Window(NamedTuple):
    """When the service is dark, in ns, and how that looks from outside."""

    began: int
    ended: int
    mode: str


class Look(NamedTuple):
    due: int
    sent: int
    answered: int
    outcome: Outcome


def columns(looks: Iterable[Look], details: tuple[str, ...] = ("",), detail: Iterable[int] | None = None) -> Columns:
    """Put looks into columns, ordered by when they were due."""
    rows = sorted(looks)
    zeros = np.zeros(len(rows), np.uint16)
    said = zeros if detail is None else np.array(list(detail), np.uint16)
    times = np.array([row[:3] for row in rows], np.int64).reshape(-1, 3)
    outcomes = np.array([row.outcome for row in rows], np.uint8)
    return of((times[:, 0], times[:, 1], times[:, 2]), (outcomes, zeros, said), details)


@dataclass(frozen=True)
class World:
    """How the service and the prober behave; times in ns."""

    windows: tuple[Window, ...]
    every: int
    slowest: int
    """The longest answer of the service while it is alive."""
    timeout: int
    lateness: int
    """How late the prober may send."""
    in_flight: int
    until: int

    def seen(self, random: Random) -> list[Look]:
        """Look at the service at the fixed rate, and tell how each look ended."""
        looks: list[Look] = []
        under_way: list[int] = []
        for due in range(0, self.until, self.every):
            sent = due + random.randint(0, self.lateness)
            while under_way and under_way[0] <= sent:
                heappop(under_way)
            if len(under_way) >= self.in_flight:
                looks.append(Look(due, sent, sent, Outcome.SKIPPED))
                continue
            answered, outcome = self._answer(sent, random.randint(1, self.slowest), random)
            if answered > sent + self.timeout:
                answered, outcome = sent + self.timeout + random.randint(0, self.lateness), Outcome.TIMED_OUT
            looks.append(Look(due, sent, answered, outcome))
            heappush(under_way, answered)
        return looks

    def _answer(self, sent: int, took: int, random: Random) -> tuple[int, Outcome]:
        """Return when a request that takes `took` of a living service is answered, and how."""
        hit = next((one for one in self.windows if one.began <= sent + took and one.ended > sent), None)
        if hit is None:
            return sent + took, Outcome.OK
        answers: dict[str, Callable[[], tuple[int, Outcome]]] = {
            "refused": lambda: self._refused(hit, sent, took),
            "reset": lambda: (max(sent, hit.began) + random.randint(0, took), Outcome.RESET),
            "wrong": lambda: (max(sent + took, hit.began), Outcome.WRONG),
            "held": lambda: (hit.ended + took - max(0, hit.began - sent), Outcome.OK),
            "lost": lambda: (sent + 2 * self.timeout, Outcome.OK),
            "blackholed": lambda: self._sent_again(hit, sent, took),
        }
        return answers[hit.mode]()

    def _refused(self, hit: Window, sent: int, took: int) -> tuple[int, Outcome]:
        if sent >= hit.began:
            return sent + took // 10, Outcome.REFUSED
        return hit.began, Outcome.RESET

    def _sent_again(self, hit: Window, sent: int, took: int) -> tuple[int, Outcome]:
        """Send again at growing intervals, as TCP does, until an attempt gets through."""
        again, wait = sent, 200 * MS
        while hit.began <= again + took and hit.ended > again:
            again, wait = again + wait, wait * 2
        return again + took, Outcome.OK
