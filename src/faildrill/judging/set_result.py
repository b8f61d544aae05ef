"""Weigh a set of runs: a pure function of its folder, as judging a run is. The same files give the same bytes.

The verdict is the worst of its runs', or worse where the set itself was not what it was to be: not all run, or in
another order than the one that was sealed. In a suite the last try of a drill counts.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

import msgspec

from faildrill.errors import FaildrillError, JournalDamaged, WrongUsage
from faildrill.judging import defects
from faildrill.judging.evidence import Evidence, gather
from faildrill.judging.expectations.answers_to_findings import count
from faildrill.judging.expectations.never import Never
from faildrill.judging.numbers.user_impact import LedgerTotals, UserImpact, impact, ledger_totals, limits, users
from faildrill.judging.result import Finding, Headline, Record, Result, Verdict
from faildrill.judging.run_judgement import weigh
from faildrill.kinds import tells_writer, trait
from faildrill.model.drill import Drill
from faildrill.ports import ONLY_GROWS
from faildrill.record import run_set
from faildrill.system import atomic_file

FILE: Final = "set.json"
FORMAT: Final = 1
"""Version of set.json."""

Failover = Literal["done", "not done", "can't tell"]


class RunOfSet(Record, frozen=True, kw_only=True):
    """One run of a set, as it ended; all else about it is in its own folder."""

    number: int
    folder: str
    name: str
    """Of its drill, or of its way."""
    verdict: Verdict
    because: str
    duration: float
    failover: Failover
    """What was seen of the writer, or of its timeline."""
    failover_because: str
    warrants: Literal["warranted", "needless", ""] = ""
    """What the drill declares of a failover in it."""
    impacts: list[UserImpact] = msgspec.field(name="pains")
    """What each probe of the users went through."""
    ledgers: list[LedgerTotals] = msgspec.field(name="books")
    """What became of the writes of each ledger that was read back."""
    attempt: int = 1
    """Which try of its drill this is in a suite, from 1."""
    tried_again: bool = False
    """True where another try followed, which stands for the drill."""
    conclusive: bool | None = None
    """Whether its verdict says something of what was drilled."""
    findings: list[Finding] = msgspec.field(default_factory=list)
    """As in its own result.json."""
    headline: Headline | None = None
    """What it is remembered by, with the bounds of its outages."""


class LeftOut(Record, frozen=True, kw_only=True):
    """A drill of a suite that was not run."""

    name: str
    because: str
    verdict: Verdict
    """What that makes of the suite: it proves nothing (INCONCLUSIVE), or was ended from outside (ABORTED)."""


class Failovers(Record, frozen=True, kw_only=True):
    """How often the database was failed over, of the runs that declare the same about it."""

    runs: int = 0
    done: int = 0
    unknown: int = 0


class SetResult(Record, frozen=True, kw_only=True):
    """A set of runs, judged."""

    format: int = FORMAT
    set: str
    sort: run_set.Sort
    drill: str
    about: str
    environment: str
    version: str
    host: str
    user: str
    started: str
    """Wall clock of the first event, UTC."""
    ended: str
    verdict: Verdict
    because: str
    conclusive: bool
    """True where the verdict says something of what was drilled: PASSED or FAILED."""
    exit_code: int
    members: list[str]
    times: int
    seal: str
    seed: str
    """What the order was drawn from; empty where it is the given one, or the seed was not revealed."""
    findings: list[Finding]
    runs: list[RunOfSet]
    not_run: list[LeftOut] = msgspec.field(default_factory=list)
    warranted: Failovers
    needless: Failovers


class _Read(Record, frozen=True, kw_only=True):
    """What the file of a set says."""

    first: run_set.SetStarted
    began: list[run_set.RunBegun]
    codes: dict[str, int]
    """By folder, with which exit code a run of a suite ended."""
    not_run: list[run_set.NotRun]
    end: run_set.SetEnded | None
    started: str
    ended: str


def judge(folder: Path) -> SetResult:
    """Weigh the set in a folder; nothing is written.

    Raises WrongUsage when it holds no set, JournalDamaged when its file is not what was written.
    """
    return _result(_read(folder), folder)


def _read(folder: Path) -> _Read:
    entries = run_set.entries(folder)
    if not entries or not isinstance(entries[0].what, run_set.SetStarted):
        raise WrongUsage(f"{folder} holds no set of runs: there is no {run_set.FILE} that begins with a start")
    first = entries[0].what
    if first.format > run_set.FORMAT:
        raise JournalDamaged(
            f"{folder}: of format {first.format}; this version of faildrill reads up to {run_set.FORMAT}"
        )
    last = entries[-1].what
    return _Read(
        first=first,
        began=[entry.what for entry in entries if isinstance(entry.what, run_set.RunBegun)],
        codes={entry.what.folder: entry.what.code for entry in entries if isinstance(entry.what, run_set.RunOver)},
        not_run=[entry.what for entry in entries if isinstance(entry.what, run_set.NotRun)],
        end=last if isinstance(last, run_set.SetEnded) else None,
        started=entries[0].wall,
        ended=entries[-1].wall,
    )


def _result(read: _Read, folder: Path) -> SetResult:
    first = read.first
    if first.sort == "suite":
        runs = [_of_suite(number, begun, read, folder) for number, begun in enumerate(read.began, 1)]
        not_run = _not_run(read)
        known, findings, compared = [], [_all_are_run(first, not_run)], []
    else:
        by_folder = {begun.folder: _evidence(folder / begun.folder) for begun in read.began}
        known = [evidence for evidence in by_folder.values() if isinstance(evidence, Evidence)]
        late = limits(known, users(known))
        runs = [
            _run_or_why_not(number, begun.folder, by_folder[begun.folder], late)
            for number, begun in enumerate(read.began, 1)
        ]
        not_run, findings, compared = [], list(_findings(read, runs)), runs
    deciding = [run for run in runs if not run.tried_again]
    worst = Verdict.worst([*(weighed.verdict for weighed in deciding), *(weighed.verdict for weighed in findings)])
    return SetResult(
        set=first.set,
        sort=first.sort,
        drill=first.drill,
        about=next((evidence.drill.about for evidence in known if evidence.drill.name == first.drill), ""),
        environment=first.environment,
        version=first.version,
        host=first.host,
        user=first.user,
        started=read.started,
        ended=read.ended,
        verdict=worst,
        because=_because(worst, deciding, findings),
        conclusive=worst.conclusive,
        exit_code=worst.exit_code,
        members=first.members,
        times=first.times,
        seal=first.seal,
        seed=first.seed or (read.end.seed if read.end else ""),
        findings=findings,
        runs=runs,
        not_run=not_run,
        warranted=_counted(compared, "warranted"),
        needless=_counted(compared, "needless"),
    )


def encode(result: SetResult) -> bytes:
    """Write a result as JSON, indented, ended by a newline."""
    return msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n"


def write(folder: Path, result: SetResult) -> Path:
    """Leave set.json in the folder of a set, whole or not at all, and return its path."""
    return atomic_file.write(folder / FILE, encode(result))


def schema() -> dict[str, object]:
    """Return the JSON Schema of set.json."""
    return msgspec.json.schema(SetResult)


def _evidence(folder: Path) -> Evidence | str:
    """Read a run, or say why it can't be judged."""
    try:
        with defects.told(folder.name):
            evidence = gather(folder)
            for probe in evidence.plans:
                evidence.slow(probe)  # what the limits of all runs are made from
            return evidence
    except FaildrillError as error:
        return str(error)


def _run_or_why_not(number: int, folder: str, seen: Evidence | str, late: dict[str, float]) -> RunOfSet:
    """Weigh a run; one that can't be weighed is told as such, and hides no other."""
    try:
        if isinstance(seen, Evidence):
            with defects.told(folder):
                return _run(number, folder, seen, late)
        because = seen
    except FaildrillError as error:
        because = str(error)
    return RunOfSet(
        number=number,
        folder=folder,
        name="?",
        verdict=Verdict.INCONCLUSIVE,
        because=f"it can't be judged: {because}",
        duration=0.0,
        failover="can't tell",
        failover_because="it can't be judged",
        impacts=[],
        ledgers=[],
    )


def _run(number: int, folder: str, seen: Evidence, late: dict[str, float]) -> RunOfSet:
    result: Result = weigh(seen)
    failover, because = _failover(seen)
    return RunOfSet(
        number=number,
        folder=folder,
        name=name_of(seen.drill),
        verdict=result.verdict,
        because=result.because,
        duration=result.duration,
        failover=failover,
        failover_because=because,
        warrants=seen.drill.failover or "",
        impacts=[impact(seen, name, after) for name, after in late.items() if name in seen.plans],
        ledgers=ledger_totals(seen),
        conclusive=result.conclusive,
        findings=result.findings,
        headline=result.headline,
    )


def _of_suite(number: int, begun: run_set.RunBegun, read: _Read, folder: Path) -> RunOfSet:
    """Weigh a run of a suite, by itself; one that can't be weighed is what its exit code said, if that is worse."""
    evidence = _evidence(folder / begun.folder)
    run = _run_or_why_not(number, begun.folder, evidence, {})
    code = read.codes.get(begun.folder)
    verdict = next((named for named in Verdict if named.exit_code == code), Verdict.INCONCLUSIVE)
    later = any(attempt.member == begun.member and attempt.attempt > begun.attempt for attempt in read.began)
    verdict = run.verdict if run.conclusive is not None else Verdict.worst((run.verdict, verdict))
    facts = {"name": begun.member, "attempt": begun.attempt, "tried_again": later}
    return msgspec.structs.replace(run, verdict=verdict, conclusive=verdict.conclusive, **facts)


def _not_run(read: _Read) -> list[LeftOut]:
    """List the drills of a suite that were not run: what was written down of them, and what nobody wrote of."""
    why = {omitted.member: omitted for omitted in read.not_run}
    begun = {run.member for run in read.began}
    cut = "whoever ran the suite was cut short, or it is still on"
    left = []
    for name in read.first.members:
        omitted = why.get(name) or (
            None if name in begun else run_set.NotRun(member=name, because=cut, interrupted=True)
        )
        if omitted is not None:
            verdict = Verdict.ABORTED if omitted.interrupted else Verdict.INCONCLUSIVE
            left.append(LeftOut(name=name, because=omitted.because, verdict=verdict))
    return left


def _all_are_run(first: run_set.SetStarted, left: list[LeftOut]) -> Finding:
    """Weigh whether every drill of a suite was run; one that was not proves nothing."""
    planned = len(first.members)
    claim = f"all {count(planned, 'drill')} of the suite are run"
    if not left:
        return Finding(kind="suite", claim=claim, verdict=Verdict.PASSED, because=f"{planned} of {planned} were")
    worst = Verdict.worst(omitted.verdict for omitted in left)
    why = "; ".join(dict.fromkeys(omitted.because for omitted in left))
    because = f"{planned - len(left)} of {planned} were; the rest was not: {why}"
    return Finding(kind="suite", claim=claim, verdict=worst, because=because)


def name_of(drill: Drill) -> str:
    """Return what a run is called among the others of its set."""
    return drill.way.name if drill.way else drill.name


def _failover(evidence: Evidence) -> tuple[Failover, str]:
    """Tell whether the writer changed, or its timeline: by every probe that tells; one that saw it is enough."""
    telling = [plan.name for plan in evidence.plans.values() if _tells(plan.use.kind)]
    findings = [Never(of=name, changes=True).judge(evidence)[0] for name in telling]
    for verdict, word in ((Verdict.FAILED, "done"), (Verdict.PASSED, "not done")):
        for finding in findings:
            if finding.verdict is verdict:
                return ("done" if word == "done" else "not done"), finding.because
    return "can't tell", findings[0].because if findings else "no probe tells who takes writes"


def _tells(kind: str) -> bool:
    return tells_writer(kind) is not None or bool(trait(kind, "probe", ONLY_GROWS))


def _counted(runs: list[RunOfSet], warrants: str) -> Failovers:
    those = [run for run in runs if run.warrants == warrants]
    done = sum(run.failover == "done" for run in those)
    return Failovers(runs=len(those), done=done, unknown=sum(run.failover == "can't tell" for run in those))


def _findings(read: _Read, runs: list[RunOfSet]) -> Iterator[Finding]:
    first, end = read.first, read.end
    planned = len(first.members) * first.times
    claim = f"all {count(planned, 'run')} of the set are run"
    if len(runs) < planned or end is None:
        why = end.because if end and end.because else "whoever ran the set was cut short, or it is still on"
        because = f"{len(runs)} of {planned} were: {why}"
        yield Finding(kind="set", claim=claim, verdict=Verdict.ABORTED, because=because)
    else:
        yield Finding(kind="set", claim=claim, verdict=Verdict.PASSED, because=f"{len(runs)} of {planned} were")
    names = [run.name for run in runs]
    if not first.seal:
        yield _in_order(names, run_set.order(first.members, first.times)[: len(names)], "written down")
    elif end is not None and end.seed:
        kept = run_set.seal(end.seed) == first.seal
        yield _in_order(
            names, run_set.order(first.members, first.times, end.seed)[: len(names)] if kept else [], "sealed"
        )
    else:
        because = "the seed was never revealed: nobody can tell that the order was drawn before the start"
        yield Finding(kind="set", claim="the order is the sealed one", verdict=Verdict.INCONCLUSIVE, because=because)


def _in_order(names: list[str], planned: list[str], how: str) -> Finding:
    claim = f"the order is the one that was {how} at the start"
    if names == planned:
        return Finding(kind="set", claim=claim, verdict=Verdict.PASSED, because=", then ".join(names) or "none was run")
    because = f"the runs were {', '.join(names)}; it was {', '.join(planned)}" if planned else "the seed is another one"
    return Finding(kind="set", claim=claim, verdict=Verdict.INCONCLUSIVE, because=because)


def _because(worst: Verdict, runs: list[RunOfSet], found: list[Finding]) -> str:
    """Say in one sentence what decided."""
    if worst is Verdict.PASSED:
        return f"all {count(len(runs), 'run')} passed"
    those = [f"run {run.number} ({run.name}): {run.because}" for run in runs if run.verdict is worst]
    those += [f"{finding.claim}: no, {finding.because}" for finding in found if finding.verdict is worst]
    return those[0] + (f" (and {len(those) - 1} more)" if len(those) > 1 else "")
