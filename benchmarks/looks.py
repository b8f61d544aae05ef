"""Draw the looks of one probe of a real run around its longest outage, and what each of them proves.

python docs/pictures/looks.py RUN PROBE      prints the drawing that docs/judging.md shows
"""

import sys
from pathlib import Path

from faildrill.judging.evidence import Evidence, gather
from faildrill.proofs.looks import proof
from faildrill.record.samples import Outcome, Sample

COLUMN = 25_000_000
"""Nanoseconds that one character stands for."""
BEFORE, AFTER = 3, 4
"""Looks that are shown before the first dark one and after the last."""


def draw(evidence: Evidence, probe: str) -> list[str]:
    """Return the lines of the drawing: a line a look, from its sending to its answer, and what it proves."""
    slow, looks = evidence.slow(probe), evidence.looks(probe)
    longest = max(evidence.outages(probe, 0), key=lambda one: one.at_least)
    numbers = range(max(longest.first - BEFORE, 0), min(longest.last + AFTER, len(looks)))
    shown = [looks.sample(probe, number) for number in numbers]
    start = shown[0].sent
    lines = [f"slow: {slow // 1_000_000} ms; one character: {COLUMN // 1_000_000} ms"]
    return [*lines, *(f"{_line(one, start):<56}{_proof(one, slow, start)}".rstrip() for one in shown)]


def _line(look: Sample, start: int) -> str:
    sent, answered = ((at - start) // COLUMN for at in (look.sent or look.due, look.answered))
    mark = {Outcome.OK: "✓", Outcome.TIMED_OUT: "…"}.get(look.outcome, "✗" if look.outcome.is_look else "?")
    return " " * sent + "┴" + ("─" * (answered - sent - 1))[: 50 - sent] + mark


def _proof(look: Sample, slow: int, start: int) -> str:
    told = dict(zip(("alive", "dark"), proof(look, slow), strict=True))
    parts = [
        f"{word} within {(one.since - start) / 1e6:.0f}-{(one.by - start) / 1e6:.0f} ms"
        for word, one in told.items()
        if one is not None
    ]
    return "; ".join(parts) or f"nothing ({look.outcome.name.lower()})"


if __name__ == "__main__":
    sys.stdout.write("\n".join(draw(gather(Path(sys.argv[1])), sys.argv[2])) + "\n")
