"""A run's folder as a primary crash of twenty seconds leaves it: written by the real timeline and recorder.

Three probes at their own rates; the writes are refused at first, then hang, then answer from the other node.
"""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

from faildrill.record import timeline as tl
from faildrill.record.samples import Files, Outcome, Recorder, Sample

SECOND = 1_000_000_000
MS = SECOND // 1000
BOOT = 5_000 * SECOND
FAULT = 6.4
DOWN, UP = FAULT + 0.031, FAULT + 20.04
END = FAULT + 39.0

Text = Callable[[str], str]


class SteppedClock:
    """A clock that is set to the second of the run."""

    def __init__(self) -> None:
        self.at = 0.0

    def now_ns(self) -> int:
        return BOOT + round(self.at * SECOND)

    def wall(self) -> str:
        minutes, seconds = divmod(self.at, 60)
        return f"2026-11-22T10:{30 + int(minutes):02d}:{seconds:09.6f}Z"


def drill(text: Text = str) -> dict[str, tl.Json]:
    """Return the drill as its first event holds it."""
    return {
        "name": text("postgres-primary-crash"),
        "about": text("The payments database loses its primary without warning; a standby must take over."),
        "environment": text("lab"),
        "owner": text("payments-sre"),
        "runbook": text("docs/runbooks/payments-database.md"),
        "warm_up": 3.0,
        "probes": [
            _probe(text("pay"), "http.request", 0.02, {"url": text("http://127.0.0.1:41273/payments")}),
            _probe(text("rows"), "postgres.write", 0.05, {"database": text("payments")}),
            _probe(text("writer"), "patroni.writer", 0.1, {"cluster": text("payments")}),
        ],
        "steps": [
            {
                "id": text("kill-the-primary"),
                "name": text("kill the primary"),
                "use": {"kind": "patroni.kill_primary", "params": {"cluster": text("payments")}},
                "within": 10.0,
                "undo": {"how": "own", "use": None},
            },
            {
                "id": text("wait-for-writes"),
                "name": text("wait for writes"),
                "until": {"probe": text("pay"), "state": "ok"},
                "hold": 3.0,
                "within": 60.0,
            },
        ],
        "expect": [
            {"kind": "outage", "params": {"of": text("pay"), "at_most": "30000000us"}},
            {"kind": "writers", "params": {"of": text("writer"), "at_most": 1}},
            {"kind": "steady_again", "params": {"within": "60000000us"}},
        ],
        "abort_when": [{"kind": "outage", "params": {"of": text("pay"), "longer_than": "120000000us"}}],
    }


def _probe(name: str, kind: str, every: float, params: dict[str, tl.Json]) -> dict[str, tl.Json]:
    return {"name": name, "use": {"kind": kind, "params": params}, "every": every, "timeout": 0.5}


def events(text: Text = str) -> Iterator[tuple[float, tl.AnyEvent]]:
    """Give what happened, each with its second."""
    pay, rows, writer = text("pay"), text("rows"), text("writer")
    kill, wait = text("kill-the-primary"), text("wait-for-writes")
    yield (
        0.0,
        tl.RunStarted(
            run=text("4f2a91c07be3"),
            drill=drill(text),
            environment=text("lab"),
            place={"name": text("lab"), "drillable": True},
            identity=text("9c1e77ab20d4f310"),
            boot=text("b1d2"),
            version=text("0.1.0"),
            host=text("staging-1"),
            user=text("sre"),
        ),
    )
    yield 0.01, tl.PhaseStarted(phase="guarding")
    yield 0.21, tl.GuardAnswered(guard=text("postgres.identity"))
    yield 0.22, tl.GuardAnswered(guard=text("postgres.marker"))
    yield 0.25, tl.PhaseStarted(phase="warming up")
    yield 0.9, tl.ProberStarted(pid=4711, samples="probes", probes=[pay, rows, writer])
    yield 6.3, tl.WarmedUp(since=BOOT + SECOND, slow={pay: 0.061, rows: 0.043, writer: 0.05})
    yield 6.31, tl.PhaseStarted(phase="acting")
    intended = tl.Intended(
        step=kill,
        kind="patroni.kill_primary",
        params={"cluster": text("payments")},
        before={"primary": text("pg1"), "streaming": [text("pg2")]},
        undo="own",
        within=10.0,
        undo_within=60.0,
    )
    yield 6.38, intended
    yield FAULT, tl.Applying(step=kill)
    yield FAULT + 0.05, tl.Applied(step=kill, answer={"killed": text("pg1")})
    yield FAULT + 0.31, tl.Confirmed(step=kill, because=text("pg1 does not run any more"))
    yield FAULT + 0.32, tl.WaitStarted(step=wait, until=text("pay is ok for 3 s"), within=60.0)
    yield UP + 3.05, tl.WaitEnded(step=wait, met=True, because=text("pay was ok for 3 s"))
    yield UP + 3.06, tl.PhaseStarted(phase="undoing")
    yield UP + 3.07, tl.Undoing(step=kill, by="runner")
    yield UP + 3.6, tl.Undone(step=kill)
    yield UP + 11.4, tl.UndoVerified(step=kill, because=text("pg1 streams from pg2"))
    yield UP + 11.41, tl.PhaseStarted(phase="steadying")
    yield END - 0.6, tl.SteadyAgain(since=BOOT + round((UP + 11.5) * SECOND), after=0.1)
    yield END - 0.5, tl.ProberEnded(pid=4711, asked=True)
    yield END - 0.45, tl.PhaseStarted(phase="judging")
    yield END, tl.RunEnded(by="runner")


def write(folder: Path, text: Text = str) -> None:
    """Write the timeline and the samples of the run into the folder."""
    clock = SteppedClock()
    timeline = tl.Timeline.create(folder, clock)
    for at, event in events(text):
        clock.at = at
        timeline.record(event)
    timeline.close()
    recorder = Recorder(Files(folder))
    for sample in sorted([*_pay(text), *_rows(text), *_writer(text)], key=lambda one: one.answered):
        recorder.record(sample)
    recorder.close()


def _ticks(every: float) -> Iterator[float]:
    for number in range(int((END - 1.5) / every)):
        yield 1.0 + number * every


def _sample(probe: str, due: float, took: float, outcome: Outcome, names: tuple[str, str]) -> Sample:
    sent = BOOT + round(due * SECOND) + 80_000
    return Sample(probe, sent - 80_000, sent, sent + round(took * SECOND), outcome, *names)


def _pay(text: Text) -> Iterator[Sample]:
    chance = random.Random(7)  # noqa: S311 - pictures, not secrets
    pay = text("pay")
    for number, due in enumerate(_ticks(0.02)):
        took = 0.0045 * chance.lognormvariate(0, 0.35)
        if DOWN < due < DOWN + 0.6:
            yield _sample(pay, due, 0.002, Outcome.RESET, ("", text("connection reset by the balancer")))
        elif DOWN < due < UP - 0.5:
            yield _sample(pay, due, 0.0012 * chance.uniform(0.8, 2), Outcome.WRONG, ("", text("503: no database")))
        elif DOWN < due < UP:
            yield _sample(pay, due, min(0.5, UP - due + took), *_late(due, text))
        else:
            served = text(f"pay{number % 3 + 1}") + "," + text("pg1" if due < UP else "pg2")
            slower = 3.0 if UP < due < UP + 2 else 1.0
            yield _sample(pay, due, took * slower, Outcome.OK, (served, text("201")))


def _late(due: float, text: Text) -> tuple[Outcome, tuple[str, str]]:
    if UP - due >= 0.45:
        return Outcome.TIMED_OUT, ("", text("no answer"))
    return Outcome.OK, (text("pay1") + "," + text("pg2"), text("201"))


def _rows(text: Text) -> Iterator[Sample]:
    chance = random.Random(8)  # noqa: S311 - pictures, not secrets
    for due in _ticks(0.05):
        took = 0.0021 * chance.lognormvariate(0, 0.3)
        if DOWN < due < UP - 0.1:
            yield _sample(text("rows"), due, 0.0006, Outcome.REFUSED, ("", text("connection refused")))
        else:
            yield _sample(text("rows"), due, took, Outcome.OK, (text("pg1" if due < UP else "pg2"), ""))


def _writer(text: Text) -> Iterator[Sample]:
    chance = random.Random(9)  # noqa: S311 - pictures, not secrets
    for due in _ticks(0.1):
        took = 0.006 * chance.lognormvariate(0, 0.25)
        if DOWN < due < UP - 0.8:
            yield _sample(text("writer"), due, took, Outcome.WRONG, ("", text("nobody accepts writes")))
        else:
            name = text("pg1" if due < UP - 0.8 else "pg2")
            yield _sample(text("writer"), due, took, Outcome.OK, (name, text("one writer")))
