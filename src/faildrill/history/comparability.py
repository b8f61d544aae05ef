"""Which runs can be compared: those that were measured under the same conditions are one series."""

from typing import Final

WINDOW: Final = 60
"""Comparable runs that are looked at together: the last ones."""
CADENCE: Final = "cadence"

Conditions = dict[str, str]
"""By name (`cadence`, `probe`, `fault`, `topology`, `measuring version`), what it was, in a few words."""


def differences(former: Conditions, later: Conditions) -> list[str]:
    """Say what of a run's conditions is another one than before: `the cadence changed from 50 ms to 5 s`."""
    names = dict.fromkeys((*former, *later))
    changed = [(name, former.get(name, "unknown"), later.get(name, "unknown")) for name in names]
    return [f"the {name} changed from {before} to {after}" for name, before, after in changed if before != after]
