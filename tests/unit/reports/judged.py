"""The run of `crash`, judged: what a report is given."""

from faildrill.judging.result import (
    Bounds,
    Finding,
    Moment,
    Outage,
    ProbeFigures,
    Result,
    StepFigures,
    Verdict,
)
from unit.reports import crash
from unit.reports.crash import DOWN, END, FAULT, UP, Text


def outage(probe: str, end: float, every: float) -> Outage:
    """Return an outage that a probe of this rate would have seen."""
    first_dark, last_dark = DOWN + 0.006, end - every
    return Outage(
        probe=probe,
        length=Bounds(at_least=last_dark - first_dark, at_most=end + 0.011 - (DOWN - every)),
        last_good=DOWN - every,
        first_dark=first_dark,
        last_dark=last_dark,
        first_good=end + 0.011,
        looks={"reset": 30, "wrong": 945, "slow": 22},
        phases={"first_dark": 0.037, "new_writer": end - FAULT - 0.8, "first_good": end - FAULT + 0.01, "stable": 21.1},
    )


def _figures(probe: str, kind: str, every: float, outages: list[Outage]) -> ProbeFigures:
    return ProbeFigures(
        probe=probe,
        kind=kind,
        every=every,
        slow=0.061,
        looks=round((END - 2.5) / every),
        outcomes={"ok": 1100, "wrong": 945, "reset": 30},
        skipped=0,
        broken=0,
        damaged=0,
        outages=outages,
        answer_times={"p50": 0.0045, "p90": 0.0072, "p99": 0.0103, "p99.9": 0.45, "max": 0.46},
        lateness={"p50": 0.00008, "p99": 0.0002, "max": 0.0011},
    )


def findings(text: Text = str) -> list[Finding]:
    """Return a finding of each sort that a passed run has."""
    return [
        Finding(
            kind="outage",
            claim=text("pay is never down for more than 30 s"),
            verdict=Verdict.PASSED,
            because=text("1 outage: at least 19.97 s, at most 20.07 s"),
            evidence=["timeline:9", text("sample:pay:273"), "sample:pay:1272"],
        ),
        Finding(
            kind="writers",
            claim=text("writer never sees more than 1 writer"),
            verdict=Verdict.PASSED,
            because=text("never more than 1 in 439 looks"),
        ),
        Finding(
            kind="steady_again",
            claim=text("all probes are good again within 60 s of the last undo"),
            verdict=Verdict.PASSED,
            because=text("good again 0.1 s after it"),
            advice=text("Nothing to do."),
            evidence=["timeline:20"],
        ),
        Finding(
            kind="step",
            claim=text("kill the primary took effect and was put back"),
            verdict=Verdict.PASSED,
            because=text("pg1 does not run any more; then: pg1 streams from pg2"),
            evidence=["timeline:11", "timeline:17"],
        ),
    ]


def moments(text: Text = str) -> list[Moment]:
    """Return the story of the run."""
    clock = crash.SteppedClock()
    told = [
        (0.0, 0, "info", "The drill postgres-primary-crash starts in lab."),
        (0.22, 3, "info", "No guard objects."),
        (6.3, 6, "good", "All 3 probes were good for 3 s."),
        (FAULT, 9, "bad", "kill the primary: the primary is killed."),
        (FAULT + 0.31, 11, "good", "kill the primary: seen to have worked: pg1 does not run any more."),
        (UP, 13, "good", "pay answers again, after at least 19.97 s and at most 20.07 s."),
        (UP + 3.07, 15, "info", "kill the primary is put back."),
        (UP + 11.4, 17, "good", "kill the primary was put back: pg1 streams from pg2."),
        (END - 0.6, 19, "good", "All probes are good again."),
    ]
    found = []
    for at, entry, level, sentence in told:
        clock.at = at
        found.append(Moment(at=at, wall=clock.wall(), text=text(sentence), entry=entry, level=level))  # type: ignore[arg-type]  # the table above
    return found


def steps(text: Text = str) -> list[StepFigures]:
    """Return the two steps, as they went."""
    return [
        StepFigures(
            id=text("kill-the-primary"),
            name=text("kill the primary"),
            kind="patroni.kill_primary",
            started=FAULT,
            ended=FAULT + 0.31,
            outcome="done",
            because=text("pg1 does not run any more"),
            undo="verified",
            undo_because=text("pg1 streams from pg2"),
            undo_started=UP + 3.07,
            undo_ended=UP + 11.4,
        ),
        StepFigures(
            id=text("wait-for-writes"),
            name=text("wait for writes"),
            kind="wait",
            started=FAULT + 0.32,
            ended=UP + 3.05,
            outcome="met",
            because=text("pay was ok for 3 s"),
            undo="not needed",
        ),
    ]


def result(text: Text = str, verdict: Verdict = Verdict.PASSED) -> Result:
    """Return the run, judged; every string that a person or a target may have chosen went through `text`."""
    figures = [
        _figures(text("pay"), "http.request", 0.02, [outage(text("pay"), UP, 0.02)]),
        _figures(text("rows"), "postgres.write", 0.05, [outage(text("rows"), UP - 0.06, 0.05)]),
        _figures(text("writer"), "patroni.writer", 0.1, [outage(text("writer"), UP - 0.8, 0.1)]),
    ]
    return Result(
        run=text("4f2a91c07be3"),
        drill=text("postgres-primary-crash"),
        about=text("The payments database loses its primary without warning; a standby must take over."),
        environment=text("lab"),
        identity=text("9c1e77ab20d4f310"),
        owner=text("payments-sre"),
        runbook=text("docs/runbooks/payments-database.md"),
        version=text("0.1.0"),
        host=text("staging-1"),
        user=text("sre"),
        started="2026-11-22T10:30:00.000000Z",
        ended="2026-11-22T10:30:45.400000Z",
        duration=END,
        verdict=verdict,
        because=text("4 of 4 claims hold: pay was down for at least 19.97 s, at most 20.07 s, and 30 s are allowed"),
        conclusive=verdict.conclusive,
        exit_code=verdict.exit_code,
        findings=findings(text),
        probes=figures,
        steps=steps(text),
        moments=moments(text),
        phases={
            "guarding": [0.01, 0.25],
            "warming up": [0.25, 6.31],
            "acting": [6.31, UP + 3.06],
            "undoing": [UP + 3.06, UP + 11.41],
            "steadying": [UP + 11.41, END - 0.45],
            "judging": [END - 0.45, END],
        },
        whole=True,
    )
