"""Runs that the history is made of: summaries of drawn nights, and folders with as much of a run as it reads."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from faildrill import judging
from faildrill.history.run_conditions import conditions
from faildrill.history.run_summary import RunSummary
from faildrill.judging.numbers.interval_test import Floats
from faildrill.judging.result import Bounds, Headline, Outage, Result, StepFigures, Verdict
from faildrill.record import journal, timeline

DRILL: Final = "primary-crash"
FIRST: Final = datetime(2026, 1, 1, 2, tzinfo=UTC)


def drill(every: float = 0.05, kind: str = "patroni.kill_primary", name: str = DRILL) -> dict[str, Any]:
    """The drill as the first event of a run holds it."""
    probe = {"name": "pay", "use": {"kind": "http.request", "params": {"url": "http://127.0.0.1:4127/pay"}}}
    step = {
        "id": "kill",
        "name": "kill it",
        "use": {"kind": kind, "params": {"cluster": {"name": "payments", "port": 1}}},
    }
    return {"name": name, "probes": [{**probe, "every": every}], "load": [], "steps": [step], "expect": []}


def place(*members: str) -> dict[str, Any]:
    """The environment as the first event of a run holds it."""
    return {"name": "staging", "clusters": {"payments": {"members": {name: {} for name in members or ("a", "b")}}}}


def night(number: int) -> str:
    return (FIRST + timedelta(days=number)).isoformat()


def summaries(
    row: tuple[Floats, Floats], every: Sequence[float] | Floats | float = 0.05, name: str = DRILL
) -> list[RunSummary]:
    """A run a night, with what was proven of its outage."""
    cadences = np.broadcast_to(every, row[0].shape)
    return [
        RunSummary(
            run=f"{night(number)[:10]}-{name}-{number:06x}",
            folder=f"{night(number)[:10]}-{name}-{number:06x}",
            drill=name,
            environment="staging",
            identity="payments",
            started=night(number),
            verdict=Verdict.PASSED,
            because="all findings hold",
            version="0.1.0",
            probe="pay",
            at_least=float(low),
            at_most=float(high) if np.isfinite(high) else None,
            actions=["patroni.kill_primary"],
            conditions=conditions(drill(float(cadence), name=name), place(), "pay"),
        )
        for number, (low, high, cadence) in enumerate(zip(*row, cadences, strict=True))
    ]


def result(
    run: str, number: int, length: Bounds | None, verdict: Verdict = Verdict.PASSED, name: str = DRILL
) -> Result:
    """A result whose headline is an outage of that length, or none."""
    seen = None
    if length is not None:
        ends: dict[str, Any] = {
            "last_good": 1.0,
            "first_dark": 1.1,
            "last_dark": 1.1 + length.at_least,
            "first_good": None,
        }
        seen = Outage(probe="pay", length=length, looks={"refused": 3}, **ends)
    step = StepFigures(id="kill", name="kill it", kind="patroni.kill_primary", started=1.0, ended=1.1, outcome="done")
    texts: dict[str, Any] = dict.fromkeys(("about", "owner", "runbook", "host", "user"), "")
    return Result(
        **texts,
        run=run,
        drill=name,
        environment="staging",
        identity="payments",
        version="0.1.0",
        started=night(number),
        ended=night(number),
        duration=40.0,
        verdict=verdict,
        because="all findings hold",
        conclusive=True,
        exit_code=verdict.exit_code,
        findings=[],
        headline=Headline(probe="pay", failback_probe="pay", outage=seen, unproven=0.1),
        probes=[],
        steps=[step],
        moments=[],
        phases={},
        whole=True,
    )


def record(
    reports: Path,
    number: int,
    length: Bounds | None,
    *,
    declared: dict[str, Any] | None = None,
    verdict: Verdict = Verdict.PASSED,
) -> Path:
    """Write the folder of a run: the first event of its timeline, and its result."""
    declared = declared or drill()
    run = f"{night(number)[:10].replace('-', '')}T020000Z-{declared['name']}-{number:06x}"
    folder = reports / run
    folder.mkdir(parents=True)
    names: dict[str, Any] = {"environment": "staging", "identity": "payments", "boot": "boot", "version": "0.1.0"}
    first = timeline.RunStarted(
        run=run, drill=declared, place=place(), host="here", user="ada", format=timeline.FORMAT, **names
    )
    entry = timeline.Entry(0, 0, night(number), first)
    (folder / timeline.FILE).write_bytes(journal.seal(msgspec.json.encode(entry)))
    judged = result(run, number, length, verdict, declared["name"])
    steps = [
        msgspec.structs.replace(judged.steps[0], id=one["id"], kind=one["use"]["kind"]) for one in declared["steps"]
    ]
    judging.write(folder, msgspec.structs.replace(judged, runbook=declared.get("runbook", ""), steps=steps))
    return folder


def as_bounds(row: tuple[Floats, Floats]) -> list[Bounds]:
    """What was proven of each night, as a result holds it."""
    return [
        Bounds(at_least=float(low), at_most=float(high) if np.isfinite(high) else None)
        for low, high in zip(*row, strict=True)
    ]
