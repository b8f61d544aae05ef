"""Have the probes that keep a record of their own read back what the targets hold, when nobody looks any more."""

from collections.abc import Iterable
from pathlib import Path

from faildrill.acting.call import call
from faildrill.errors import ActionError, CannotSee
from faildrill.kinds import build, find
from faildrill.kinds.call_context import CallContext
from faildrill.model.drill import ProbePlan
from faildrill.ports import Captured, ReadsBack

WITHIN = 30.0
"""Seconds that the reading of one probe's record may take."""


async def read_back(plans: Iterable[ProbePlan], run: str, folder: Path) -> dict[str, Captured | str]:
    """Read back for every probe that can; return by probe what was read, in short, or why it could not be.

    To be called when everything is put back and the probers have ended: what a probe writes later is not weighed.
    """
    by_probe: dict[str, Captured | str] = {}
    for plan in plans:
        if not issubclass(find(plan.use.kind, "probe"), ReadsBack):
            continue
        probe: ReadsBack = build(plan.use, "probe")
        given = CallContext(run, WITHIN, name=plan.name, folder=folder)
        try:
            by_probe[plan.name] = await call(probe.read_back(given), WITHIN)
        except (ActionError, CannotSee) as error:
            # Told, and nothing more: a standby that is still being rebuilt must not keep a run from its end.
            by_probe[plan.name] = str(error)
    return by_probe
