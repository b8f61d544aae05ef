"""Hands random histories to judging: a run's folder is written, judged, and its findings are read."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from faildrill.judging import judge
from faildrill.record import timeline as tl
from faildrill.record.samples import Files, Outcome, Recorder, Sample
from oracle.conditions import Word
from oracle.histories import History
from oracle.record import SECOND, Look, Probe
from unit.judging.runs import BOOT, Run, probe

NAMES: Final = ("pay", "db")
_STEADYING: Final = 16.0


@dataclass(frozen=True)
class Waited:
    """A wait of a run: of one probe or of all, from when to when, for how long, and whether it was met."""

    of: str | None
    word: Word
    asked: tuple[int, int, int]
    was_met: bool

    def step(self, number: int) -> dict[str, Any]:
        """Write it as the drill does."""
        until = {"probe": self.of, "state": self.word.state, "who": self.word.who or None}
        return {"id": f"w{number}", "name": f"w{number}", "until": until, "hold": self.asked[2] / SECOND, "within": 9.0}

    def events(self, number: int) -> list[tuple[float, tl.AnyEvent]]:
        """Write what the timeline tells of it."""
        began, ended = self.asked[0] / SECOND, self.asked[1] / SECOND
        return [
            (began, tl.WaitStarted(step=f"w{number}", until="so", within=9.0, who=self.word.who or None)),
            (ended, tl.WaitEnded(step=f"w{number}", met=self.was_met, because="so")),
        ]

    def probes(self, made: History) -> list[Probe]:
        """Give the probes that it is of."""
        return [made.probe] if self.of == "pay" else list(made.probes)


def judged(
    made: History, claims: list[dict[str, Any]], waits: list[Waited], folder: Path
) -> tuple[list[str], list[str]]:
    """Judge a history, and give the verdict of each claim and of each wait."""
    run = _run(made, claims, waits)
    run.write(folder)
    for number, one in enumerate(made.probes):
        for file in {look.file for look in one.looks}:
            _record(NAMES[number], (look for look in one.looks if look.file == file), Files(folder, f"{file}{number}"))
    findings = judge(folder).findings
    shutil.rmtree(folder)
    met = {one.claim.partition(":")[0]: one.verdict.value for one in findings if one.kind == "step"}
    claimed = [one.verdict.value for one in findings[: len(claims)]]
    return claimed, [met[f"w{number}"] for number in range(len(waits))]


def _run(made: History, claims: list[dict[str, Any]], waits: list[Waited]) -> Run:
    probes = [
        {**probe(name, one.every / SECOND, "postgres.writers"), "timeout": one.timeout / SECOND}
        for name, one in zip(NAMES, made.probes, strict=True)
    ]
    run = Run(expect=claims, probes=probes, more={"warm_up": 3.0 * made.scale})
    run.slow = {name: one.slow / SECOND for name, one in zip(NAMES, made.probes, strict=True)}
    run.usual().without(tl.WarmedUp, tl.SteadyAgain)
    run.events = [(at * made.scale, event) for at, event in run.events]
    warm = tl.WarmedUp(since=BOOT + made.at("since"), slow=run.slow)
    steady = tl.SteadyAgain(since=BOOT + made.at("steady"), after=(made.at("steady") - made.at("steadying")) / SECOND)
    run.but(made.at("warm") / SECOND, warm).but(made.at("until") / SECOND, steady)
    for number, one in enumerate(waits):
        run.steps.append(one.step(number))
        run.events += one.events(number)
    return run


def _record(name: str, looks: Iterable[Look], files: Files) -> None:
    recorder = Recorder(files)
    for look in looks:
        recorder.keep(sample(name, look))
    recorder.close()


def sample(name: str, look: Look) -> Sample:
    """Write a look as a prober does."""
    sent = BOOT + look.sent if look.sent or look.outcome != "SKIPPED" else 0
    return Sample(name, BOOT + look.due, sent, BOOT + look.answered, Outcome[look.outcome], look.who, look.detail)
