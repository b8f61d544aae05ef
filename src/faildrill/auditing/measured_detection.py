"""What a recorded run measured of how fast a dead server is noticed, beside what the settings promise."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from faildrill import durations
from faildrill.auditing.remarks import Audit
from faildrill.clock import seconds
from faildrill.judging.evidence import Evidence, gather
from faildrill.kinds import trait
from faildrill.ports import TELLS_DEAD_SERVERS
from faildrill.record.samples.columns import Columns
from faildrill.record.timeline import Applied, Applying, Undoing

_DEAD: Final = ("member", "primary", "master", "writer")
"""The keys under which an action tells whom it took down."""


class _Noticed(NamedTuple):
    """One death that a load balancer noticed, between two looks: seconds after it was dealt."""

    backend: str
    server: str
    at_least: float
    at_most: float

    def __str__(self) -> str:
        return f"{self.server} out after {durations.show(self.at_least)} to {durations.show(self.at_most)}"


def measured(audit: Audit, run: Path) -> Audit:
    """Put beside every backend how long the run's dead server stayed in use; WrongUsage where it is no run."""
    evidence = gather(run)
    deaths = list(_noticed(evidence))
    beside = []
    for detection in audit.detections:
        here = [str(death) for death in deaths if death.backend == detection.of]
        measured_here = f"measured: {', '.join(here)}" if here else "no death there was measured"
        beside.append(detection._replace(measured=f"{measured_here} (run {evidence.first.run})"))
    return audit._replace(detections=beside)


def _noticed(evidence: Evidence) -> Iterator[_Noticed]:
    """Yield every death of the run that a probe of a load balancer's servers saw, before it was put back."""
    answers = ((event.step, event.answer) for _, event in evidence.events(Applied))
    members = {step: str(answer[key]) for step, answer in answers for key in _DEAD if key in answer}
    back = {event.step: entry.at for entry, event in evidence.events(Undoing)}
    for entry, event in evidence.events(Applying):
        member = members.get(event.step)
        for name, plan in evidence.plans.items() if member else ():
            if trait(plan.use.kind, "probe", TELLS_DEAD_SERVERS):
                looks = evidence.looks(name).between(entry.at, back.get(event.step, 1 << 62))
                backend = str(plan.use.params.get("backend") or "")
                yield from _seen(looks, member or "", backend, entry.at)


def _seen(looks: Columns, member: str, backend: str, since: int) -> Iterator[_Noticed]:
    """Find the first look that names the member as down; it was noticed after the look before it was sent."""
    naming = [number for number, text in enumerate(looks.names) if _names(text, member)]
    hits = np.flatnonzero(np.isin(looks.detail, naming))
    if not hits.size:
        return
    first = int(hits[0])
    before = int(looks.sent[first - 1]) if first else since
    text = looks.names[looks.detail[first]]
    where = backend or next((part.split("/")[0] for part in text.split("; ") if f"/{member} " in part), "")
    yield _Noticed(where, member, max(0.0, seconds(before - since)), seconds(int(looks.answered[first]) - since))


def _names(text: str, member: str) -> bool:
    return any(part.rpartition("/")[2] == f"{member} DOWN" for part in text.split("; "))
