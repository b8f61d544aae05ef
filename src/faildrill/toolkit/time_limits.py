"""Signals with a time limit that the target itself holds, so that a fault ends without us."""

from typing import Annotated, Literal

from pydantic import Field

from faildrill.errors import ActionRefused
from faildrill.ports import Duration, Reach, SignalsFor

AtMost = Annotated[
    Duration | None,
    Field(
        gt=0,
        description="the target itself ends the fault after this time, also without faildrill; its `reach` must do so",
    ),
]
"""A field for the longest time that a fault may stay on."""


def refuse_unheld(reach: Reach, member: str, at_most: float | None) -> None:
    """Raise ActionRefused when a time limit is asked for that nobody at the target would keep."""
    if at_most is not None and not isinstance(reach, SignalsFor):
        raise ActionRefused(f"the `reach` of {member} holds no time limit: leave `at_most` out")


async def send(reach: Reach, member: str, name: Literal["KILL", "STOP"], at_most: float | None) -> None:
    """Send a signal, with its time limit where one is asked for."""
    if at_most is None:
        await reach.signal(member, name)
    elif isinstance(reach, SignalsFor):
        # One order for both: sent after the signal, the limit would never arrive where we die in between.
        await reach.signal_for(member, name, at_most)
    else:
        refuse_unheld(reach, member, at_most)
