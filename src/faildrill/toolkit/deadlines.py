"""How much of a call's time one node may take, so that a silent one is named before the call itself is cut off."""

from typing import Final

from faildrill.ports import Given

SHARE: Final = 0.8
"""The part of a call's time that one node may take, so that a silent node is named before the call is cancelled."""
PATIENCE: Final = 2.0
"""Seconds for one observation of an action, at the most: it looks again and again, and a silent node must not use
up the time of the step."""


def patience(given: Given) -> float:
    """Return the seconds that a node may take in one observation of an action."""
    return min(PATIENCE, given.timeout * SHARE)
