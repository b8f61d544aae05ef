"""Steps among servers that answer by chance: is one that did nothing noticed, and one that did. Many in benchmarks/."""

import random
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from faildrill.judging.evidence import Evidence
from faildrill.model.drill import Drill
from faildrill.record import timeline as tl
from faildrill.record.samples import Outcome, columns
from unit.judging.runs import probe

Way = Literal["at random", "in turn", "in turn, with others"]
WAYS: Final[tuple[Way, ...]] = ("at random", "in turn", "in turn, with others")
EVERY: Final = 100_000_000
"""ns between two looks: ten a second."""
START: Final = 1_000_000_000
EVEN: Final = {"s1": 1, "s2": 1, "s3": 1}
DRAINED: Final = {"s2": 1, "s3": 1}
SKEWED: Final = {"s1": 7, "s2": 1, "s3": 1}


@dataclass
class World:
    """A load balancer that chooses a server for each look, by weight; other users come in between."""

    way: Way
    chance: random.Random
    _current: dict[str, int] = field(default_factory=dict)

    def looks(self, many: int, weights: dict[str, int]) -> list[str]:
        """Return who answers so many looks."""
        return [self._chosen(weights) for _ in range(many)]

    def _chosen(self, weights: dict[str, int]) -> str:
        if self.way == "at random":
            return self.chance.choices(list(weights), list(weights.values()))[0]
        others = self.chance.randrange(12) if self.way == "in turn, with others" else 0
        for _ in range(others):
            self._next(weights)
        return self._next(weights)

    def _next(self, weights: dict[str, int]) -> str:
        """Choose as HAProxy's round robin does: whoever is owed most."""
        for name, weight in weights.items():
            self._current[name] = self._current.get(name, 0) + weight
        first = max(weights, key=lambda name: (self._current[name], name))
        self._current[first] -= sum(weights.values())
        return first


@dataclass
class Simulated:
    """A run of one step: who answered before it, meanwhile, and since it was put back."""

    before: list[str]
    meanwhile: list[str]
    after: list[str]
    empties: bool

    def evidence(self) -> Evidence:
        """Return its files, as they are read."""
        who = [*self.before, *self.meanwhile, *self.after]
        begun, undone = len(self.before), len(self.before) + len(self.meanwhile)
        confirmed = tl.Confirmed(step="it", because="", word_of="haproxy", moves=["s1"], empties=self.empties)
        told: list[tuple[int, tl.AnyEvent]] = [
            (0, tl.WarmedUp(since=START, slow={})),
            (begun, tl.Applying(step="it")),
            (begun, confirmed),
            (undone, tl.Undoing(step="it", by="runner")),
            (undone, tl.UndoVerified(step="it", because="", word_of="haproxy")),
            (len(who), tl.SteadyAgain(since=START + undone * EVERY, after=0.0)),
        ]
        entries = [tl.Entry(n, START + at * EVERY + n - len(told), "", what) for n, (at, what) in enumerate(told)]
        due = START + np.arange(len(who), dtype=np.int64) * EVERY
        names = ("", "s1", "s2", "s3")
        numbers = [np.full(len(who), int(Outcome.OK)), np.array([names.index(one) for one in who]), np.zeros(len(who))]
        looks = columns.of([due, due, due + 2_000_000], [one.astype(np.uint16) for one in numbers], names)
        drill = Drill.model_validate(
            {"name": "it", "environment": "lab", "probes": [probe(every=0.1)], "steps": [], "expect": [], "load": []}
        )
        return Evidence(tuple(entries), drill, {"pay": drill.probes[0]}, {"pay": looks}, whole=True)


def simulated(
    seed: int, meanwhile: int, weights: dict[str, int], *, put_back: bool = True, after: int = 40
) -> Simulated:
    """Return a run of one step of so many looks: of `weights`, which a liar's are those of before as well."""
    chance = random.Random(seed)  # noqa: S311 - the same for each seed
    world = World(WAYS[seed % len(WAYS)], chance)
    before = world.looks(chance.randint(30, 150), EVEN)
    step = world.looks(meanwhile, weights)
    return Simulated(before, step, world.looks(after, EVEN if put_back else weights), empties=weights is not SKEWED)
