"""Hands random histories to what weighs looks while they come in: waits, the warm-up, steady again, and aborts."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from faildrill.judging.aborts.abort_conditions import ErrorsAbove, OutageLonger
from faildrill.model.drill import ProbePlan
from faildrill.ports import Rate, Watcher
from faildrill.proofs.look_schedule import Schedule
from faildrill.proofs.looks import Interval, Question
from faildrill.proofs.streaks import Asked
from oracle import conditions
from oracle.conditions import Word
from oracle.histories import History
from oracle.judged import NAMES, sample
from oracle.record import SECOND, Look, Probe
from unit.judging.runs import BOOT, probe

Heard = tuple[int, Look]
"""Of which probe, by its number, and a look that is recorded."""


def recorded(probes: Sequence[Probe]) -> tuple[list[Probe], list[Heard]]:
    """Give the looks of some probes in the order in which they are recorded, and the probes with theirs so."""
    heard = [(number, look) for number, one in enumerate(probes) for look in one.looks]
    heard.sort(key=lambda one: (one[1].file, one[1].answered, one[0]))
    ordered = [tuple(look for number, look in heard if number == place) for place in range(len(probes))]
    return [replace(one, looks=looks) for one, looks in zip(probes, ordered, strict=True)], heard


def live(probes: Sequence[Probe], heard: Iterable[Heard], word: Word, asked: tuple[int, int]) -> Iterator[str]:
    """Ask while looks come in, and say after each whether it is met by now, and from when to when."""
    since, length = asked
    schedules = {name: _schedule(name, one) for name, one in zip(NAMES, probes, strict=False)}
    asking = Asked(Question(word.state, word.who), schedules, BOOT + since, length)  # type: ignore[arg-type]
    for number, look in heard:
        one = sample(NAMES[number], look)
        schedules[one.probe].take(one, look.file)
        asking.take(one)
        yield _told(asking.met, length)


def _schedule(name: str, one: Probe) -> Schedule:
    schedule = Schedule(ProbePlan.model_validate({**probe(name, one.every / SECOND), "timeout": one.timeout / SECOND}))
    schedule.fix(one.slow)
    return schedule


def _told(met: Interval | None, length: int) -> str:
    if met is None:
        return "not yet"
    return f"met from {met.since - BOOT} to {met.by - BOOT}" if length else "met"


def paged(probes: Sequence[Probe], heard: Iterable[Heard], word: Word, asked: tuple[int, int]) -> Iterator[str]:
    """Say the same by the page: once it is met, nothing takes that back."""
    since, length = asked
    asking = [conditions.Asked(one, word, since) for one in probes]
    numbers, said = [0] * len(probes), "not yet"
    for number, _ in heard:
        numbers[number] += 1
        if said == "not yet" and (row := conditions.met(asking, numbers, length)) is not None:
            said = f"met from {row.first.right} to {row.last.left}" if length else "met"
        yield said


def watcher(made: History, condition: dict[str, Any]) -> Watcher:
    """Begin to weigh an abort condition."""
    one = made.probe
    first = BOOT + min(look.due for look in one.looks)
    rates = {"pay": Rate(one.every / SECOND, one.slow / SECOND, one.timeout / SECOND, first)}
    kind = OutageLonger if "longer_than" in condition else ErrorsAbove
    return kind.model_validate({"of": "pay", **condition}).watch(rates)


def written(above: Fraction | int) -> str | int:
    """Write a share or a number as a drill does."""
    return f"{above.numerator * 100 / above.denominator:g}%" if isinstance(above, Fraction) else above
