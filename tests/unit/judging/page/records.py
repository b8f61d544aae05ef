"""Runs in which one thing is as a sentence of the page has it, and what judging makes of them."""

from collections.abc import Iterable
from pathlib import Path

from faildrill.judging import judge
from faildrill.judging.result import Finding, Result
from faildrill.model.drill import ProbePlan
from faildrill.ports.target import KindUse
from faildrill.proofs.intervals import proven
from faildrill.proofs.looks import Interval, proof
from faildrill.record import timeline as tl
from faildrill.record.samples import Outcome, Sample
from unit.judging.runs import WARM, Run, ns, probe
from unit.judging.worlds import MS, Look, columns

SLOW = 100
"""Milliseconds after which silence is dark, of single looks."""


def plan(every: int = 20, timeout: int = 500, **more: object) -> ProbePlan:
    """Give the plan of a probe; times in ms."""
    told = {
        "name": "pay",
        "use": KindUse(kind="http.request"),
        "every": every / 1000,
        "timeout": timeout / 1000,
        **more,
    }
    return ProbePlan.model_validate(told)


def look(sent: int, took: int = 2, outcome: Outcome = Outcome.OK, who: str = "", detail: str = "") -> Sample:
    """Give a look that was sent when it was due; times in ms."""
    return Sample("pay", sent * MS, sent * MS, (sent + took) * MS, outcome, who, detail)


def proves(sample: Sample) -> tuple[Interval | None, Interval | None]:
    """Return the intervals, in ms, that hold a moment of life and one of darkness, alike by both ways to ask."""
    alive, dark = (told and Interval(told.since // MS, told.by // MS) for told in proof(sample, SLOW * MS))
    looks = columns([Look(*sample[1:5])], (sample.detail,))
    blocks = proven(looks, SLOW * MS, looks.seen_late)
    assert [*blocks.since // MS] == ([alive.since] if alive else [])
    assert [*blocks.by // MS] == ([alive.by] if alive else [])
    assert [*blocks.dark.still_at // MS] == ([dark.since] if dark else [])
    assert [*blocks.dark.begun_by // MS] == ([dark.by] if dark else [])
    return alive, dark


def claimed(kind: str, *, every: float = 0.02, who: str = "", **params: object) -> Run:
    """Give a run that goes as it should, with one expectation of `pay`."""
    looks = "patroni.writer" if kind == "writers" else "http.request"
    made = Run(expect=[{kind: {"of": "pay", **params}}], probes=[probe(every=every, kind=looks)])
    return made.usual().good(every=every, who=who)


def warmed(made: Run, slow: float, late: float) -> Run:
    """Let the warm-up of a run tell after how many seconds silence is dark, and an answer late."""
    told = tl.WarmedUp(since=ns(0.4), slow={"pay": slow}, late={"pay": late})
    return made.without(tl.WarmedUp).but(0.4 + WARM, told)


def instead(made: Run, samples: Iterable[tuple[float, float, float, Outcome]]) -> Run:
    """Put samples in the place of those that were due at the same moments."""
    some = list(samples)
    moments = {ns(due) for due, *_ in some}
    made.samples["pay"] = [one for one in made.samples["pay"] if one.due not in moments]
    return exactly(made, some)


def exactly(made: Run, samples: Iterable[tuple[float, float, float, Outcome]]) -> Run:
    """Add samples to a run: when each was due, sent and answered, in seconds, and how it ended."""
    made.samples["pay"] += [Sample("pay", ns(due), ns(sent), ns(answered), how) for due, sent, answered, how in samples]
    return made


def lost(made: Run, since: float, until: float) -> Run:
    """Leave out what was due within a time: it was never recorded."""
    made.samples["pay"] = [one for one in made.samples["pay"] if not ns(since) <= one.due < ns(until)]
    return made


def judged(made: Run, folder: Path) -> Result:
    """Judge a run."""
    return judge(made.write(folder))


def found(made: Run, folder: Path) -> Finding:
    """Judge a run and return the finding of its first expectation."""
    return judged(made, folder).findings[0]
