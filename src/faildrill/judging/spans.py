"""The parts of a run that an expectation can be about: before, during and after what was done, or all of it."""

from typing import Final, Literal

from faildrill.judging.evidence import Evidence

When = Literal["before", "during", "after", "whole"]
"""Before the first step, from it until all is steady again, after that, or the whole run from the good warm-up on."""
WORDS: Final = {"before": " before the first step", "during": " during the drill", "after": " after it", "whole": ""}
_FOREVER: Final = (1 << 63) - 1


def span(evidence: Evidence, when: When) -> tuple[int, int] | None:
    """Return from when to when it is, in monotonic ns; None when there was no such time."""
    if when == "whole":
        return evidence.since, _FOREVER
    if not evidence.faults:
        return (evidence.since, _FOREVER) if when == "before" else None
    fault = evidence.faults[0].at
    if when == "before":
        return evidence.since, fault
    if when == "during":
        return fault, evidence.steady_since or _FOREVER
    return (evidence.steady_since, _FOREVER) if evidence.steady_since else None
