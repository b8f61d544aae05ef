"""How far a target's clock is from ours, as far as one question and its answer can tell."""

from typing import Final

from faildrill import durations
from faildrill.ports import Checked

SKEW: Final = 1.0
"""Seconds between two clocks above which times in logs and reports can't be compared."""


def clock_check(what: str, told: float, asked: tuple[float, float], grain: float = 0.0) -> Checked:
    """Compare the time that a target told, in seconds since 1970, with ours before and after it was asked.

    `grain` is what the target's way of telling leaves out, e.g. a second. The skew is at least what lies outside.
    """
    before, after = asked
    # The target read its clock at some moment between the two: only what lies outside of both is certainly skew.
    skew = max(before - (told + grain), told - after, 0.0)
    ahead = "ahead of" if told > after else "behind"
    words = "agrees with ours" if skew == 0 else f"is {durations.show(skew)} {ahead} ours, at least"
    remedy = "bring both clocks to NTP; times in logs can't be compared otherwise" if skew > SKEW else ""
    return Checked(f"{what} clock", skew <= SKEW, words, remedy)
