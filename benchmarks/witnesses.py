"""How often a step that did nothing is noticed, how few looks notice one that did, and the same of what is put back.

    PYTHONPATH=tests python -m benchmarks.witnesses [STEPS]          20,000 steps: some minutes on one core

Three servers of one weight, looked at ten times a second; who answers is chosen at random, in turn, or in turn while
others come in between. The simulation itself is tests/unit/judging/simulated_steps.py.
"""

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from faildrill.judging.noticed_steps import noticed
from faildrill.judging.noticed_undos import PutBack, put_backs
from faildrill.restoring.outside_view import CHANCE
from unit.judging.simulated_steps import DRAINED, EVEN, SKEWED, WAYS, Simulated, simulated

STEPS: Final = 20_000
LENGTHS: Final = (6, 9, 12, 15, 18, 19, 20, 21, 22, 24, 27, 30, 40)
_NEXT: Final = 1.25
_FIRST: Final = 2
_PUT_BACK: Final = 60
_FEWER: Final = 10


def liars(steps: int) -> Iterator[str]:
    """Count the steps of each length that did nothing, and were noticed."""
    found = dict.fromkeys(LENGTHS, 0)
    for seed in range(steps):
        many = LENGTHS[seed % len(LENGTHS)]
        found[many] += bool(noticed(simulated(seed, many, EVEN).evidence(), "it"))
    yield f"did nothing, and noticed: {sum(found.values())} of {steps:,} ({found})"


def drains(steps: int) -> Iterator[str]:
    """Tell by how many looks which share of drains is noticed."""
    for many in LENGTHS:
        for number, way in enumerate(WAYS):
            seeds = range(number, steps // len(LENGTHS), len(WAYS))
            found = sum(bool(noticed(simulated(seed, many, DRAINED).evidence(), "it")) for seed in seeds)
            yield f"a drain of {many} looks, {way}: noticed in {found / len(seeds):.1%}"


def put_back(steps: int) -> Iterator[str]:
    """Tell how often what is left on is seen put back, what is put back is told against, and after how many looks."""
    for name, weights in (("drained", DRAINED), ("skewed", SKEWED)):
        for is_back in (True, False):
            asked = [_asked(simulated(seed, 60, weights, put_back=is_back, after=_PUT_BACK)) for seed in range(steps)]
            seen = sorted(looks for found, looks in asked if found.seen_by)
            against = sum(bool(found.against) for found, _ in asked)
            at = [seen[int(share * (len(seen) - 1))] for share in (0.5, 0.99)] if seen else []
            told = "put back" if is_back else "left on"
            yield f"{name}, {told}: seen put back in {len(seen)} of {steps:,}, after {at} looks; against: {against}"


def _asked(one: Simulated) -> tuple[PutBack, int]:
    """Ask as a run does: again and again while looks come in, at last at the usual level."""
    looks, number = _FIRST, 0
    while looks < len(one.after):
        number += 1
        level = CHANCE / (number * (number + 1))
        [found] = put_backs(replace(one, after=one.after[:looks]).evidence(), level)
        if found.seen_by:
            return found, looks
        looks = int(looks * _NEXT) + _FIRST
    return put_backs(one.evidence())[0], len(one.after)


def main() -> None:
    """Write the figures."""
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else STEPS
    for lines in (liars(steps), drains(steps), put_back(steps // _FEWER)):
        for line in lines:
            print(line, flush=True)  # noqa: T201 - it is what it is for


if __name__ == "__main__":
    main()
