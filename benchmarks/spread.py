"""How soon the spread alarm sees a skew, and how often it cries wolf: 1,000 seeded simulations of each traffic.

    PYTHONPATH=tests python -m benchmarks.spread [RUNS]          five minutes on one core

A minute of even traffic, then the skew. The simulation itself is tests/unit/spread/simulating.py.
"""

import sys
from collections.abc import Iterable

import numpy as np

from unit.spread.simulating import WORLDS, Found, World, simulate


def told(world: World, found: Iterable[Found]) -> str:
    """Write one line of the table."""
    some = list(found)
    runs, looks = len(some), sum(one.looks for one in some)
    alarmed = sum(one.false > 0 for one in some)
    false = sum(one.false for one in some)
    line = f"| {world.name} | {world.rate:g}/s | {alarmed} of {runs:,} runs, {false} of {looks:,} looks |"
    if world.after is None:
        return f"{line} | | | |"
    seen = sorted(one.seen if one.seen is not None else np.inf for one in some)
    ranks = [seen[min(int(share * runs), runs - 1)] for share in (0.5, 0.99, 1.0)]
    return line + "".join(f" {one:g} s |" for one in ranks)


def main() -> None:
    """Write the table."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print("| traffic | rate | false alarms before | seen after: half | 99% | all |")  # noqa: T201 - it is what it is for
    print("| --- | --- | --- | --- | --- | --- |")  # noqa: T201 - the same
    for world in WORLDS:
        print(told(world, (simulate(world, seed) for seed in range(runs))), flush=True)  # noqa: T201 - the same


if __name__ == "__main__":
    main()
