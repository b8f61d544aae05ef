"""What following its probes costs a run while it goes on: reading their looks, asking a wait, weighing aborts."""

import contextlib
import random
import tempfile
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.measuring import Section, alternating, load, median, table
from faildrill.clock import NANOSECONDS, nanoseconds
from faildrill.judging.aborts.abort_conditions import ErrorsAbove, OutageLonger
from faildrill.model.drill import ProbePlan
from faildrill.ports import Rate, Watcher
from faildrill.probing.health import SampleWatch
from faildrill.proofs.looks import Question
from faildrill.record.samples import Files, Outcome, Recorder, Sample
from faildrill.restoring.ground import PACE
from unit.judging.runs import BOOT, probe

PROBES: Final = 20
EVERY: Final = 0.01
"""Seconds between two looks of a probe; each is given up after `TIMEOUT`, and silence is dark after `SLOW`."""
TIMEOUT: Final = 0.5
SLOW: Final = 0.25
ROUNDS: Final = {False: 3, True: 1}
LENGTH: Final = {False: 10, True: 2}
"""Seconds of a run that are followed."""
_NEVER: Final = 3600
"""Seconds for which all would have to be good: the wait stays open."""


class _Asked(NamedTuple):
    """What is asked while looks come in."""

    waits: int = 0
    aborts: int = 0
    """Probes with an `outage` and an `errors` condition each."""


_CASES: Final = {
    "nothing: the looks are taken in": _Asked(),
    "a wait for all": _Asked(1),
    "that, and abort conditions of one probe": _Asked(1, 1),
    "that, and abort conditions of each probe": _Asked(1, PROBES),
}
_HUNG: Final = {"all answer": 0, "one hangs": 1, "all hang": PROBES}


def section(*, quick: bool) -> Section:
    """Measure what a look costs, by what is asked and by how many services hang."""
    looks = {hung: list(_looks(LENGTH[quick], number)) for hung, number in _HUNG.items()}
    whole = [(asked, hung) for asked in _CASES for hung in _HUNG]
    found = alternating({one: partial(_followed, looks[one[1]], _CASES[one[0]]) for one in whole}, ROUNDS[quick])
    rows = []
    for asked in _CASES:
        took = [median(found[asked, hung]) for hung in _HUNG]
        rows.append([asked, *(f"{one * 1e6:.1f}" for one in took), *(f"{one * PROBES / EVERY:.2%}" for one in took)])
    head = ["asked meanwhile", *(f"{hung}, µs a look" for hung in _HUNG), *(f"{hung}, of a core" for hung in _HUNG)]
    note = (
        f"Medians of {ROUNDS[quick]} alternating runs of {LENGTH[quick]} s with {PROBES} probes that look "
        f"{1 / EVERY:g} times a second each; load {load()} at the end. CPU of the runner alone: what came is read from "
        f"the file {1 / PACE:g} times a second, as a run does. An abort condition is an `outage` and an `errors` one. "
        "A hanging service is given up after half a second, so that fifty looks of it are under way. The prober is "
        "another process that only writes its file: nobody who follows it costs it anything.\n"
    )
    return Section("live", "A run that is followed while it goes on", table(head, rows) + "\n" + note)


def _looks(length: int, hung: int) -> Iterator[Sample]:
    """Give the looks of all probes in the order in which they are recorded; after a second some services hang."""
    chance, made = random.Random(1), []  # noqa: S311 - made up, not secret
    for number in range(PROBES):
        for due in range(number * 100_000, length * NANOSECONDS, nanoseconds(EVERY)):
            sent = due + chance.randrange(20_000, 150_000)
            hangs = number < hung and due > NANOSECONDS
            took = nanoseconds(TIMEOUT) if hangs else chance.randrange(200_000, 900_000)
            how = (Outcome.TIMED_OUT, "", "no answer") if hangs else (Outcome.OK, "s1", "")
            made.append(Sample(f"p{number}", *(BOOT + at for at in (due, sent, sent + took)), *how))
    yield from sorted(made, key=lambda one: one.answered)


def _followed(looks: list[Sample], asked: _Asked) -> float:
    """Follow looks as they are recorded, and return the seconds of a processor that each took."""
    plans = [ProbePlan.model_validate({**probe(f"p{one}", EVERY), "timeout": TIMEOUT}) for one in range(PROBES)]
    watching = SampleWatch(plans)
    watching.limit({plan.name: SLOW for plan in plans})
    fed = {plan.name: _watchers(plan) if place < asked.aborts else [] for place, plan in enumerate(plans)}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as open_waits:
        files = Files(Path(folder))
        recorder = Recorder(files)
        watching.follow(files)
        for _ in range(asked.waits):
            open_waits.enter_context(watching.asking(Question("ok"), BOOT, _NEVER * NANOSECONDS))
        took, now, coming = 0.0, BOOT, iter(looks)
        look = next(coming, None)
        while look is not None:
            now += nanoseconds(PACE)
            while look is not None and look.answered <= now:
                recorder.keep(look)
                look = next(coming, None)
            recorder.flush()
            start = time.process_time()
            _taken_in(watching, fed, now)
            took += time.process_time() - start
        recorder.close()
    return took / len(looks)


def _taken_in(watching: SampleWatch, fed: Mapping[str, list[Watcher]], now: int) -> None:
    """Take in what came, as a run does between two sleeps."""
    for sample in watching.poll():
        for watcher in fed[sample.probe]:
            assert watcher.feed(sample) is None  # noqa: S101 - a run that ends is no measurement
    for watchers in fed.values():
        for watcher in watchers:
            watcher.tick(now)


def _watchers(plan: ProbePlan) -> list[Watcher]:
    rates = {plan.name: Rate(plan.every, SLOW, plan.timeout, BOOT)}
    kinds = (OutageLonger, {"longer_than": "10m"}), (ErrorsAbove, {"above": "100%", "over": "5s"})
    return [kind.model_validate({"of": plan.name, **params}).watch(rates) for kind, params in kinds]
