"""Every word of a drill, as it is written there, beside what the page says of it."""

import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from oracle import conditions, darkness, pages
from oracle.conditions import Steady, Word
from oracle.histories import History
from oracle.judged import Waited
from oracle.record import MS, SECOND, Probe

Claim = tuple[dict[str, Any], Callable[[History], str]]


def claims(made: History) -> list[Claim]:
    """List claims as a drill writes them, each with what the page says of it; the limits vary with the history."""
    chance = random.Random(made.seed + (1 << 40))  # noqa: S311 - made up, not secret
    return [*_dark(made, chance), *_counts(made, chance), *_who(chance), *_steady(made, chance)]


def _limit(made: History, chance: random.Random) -> int:
    """Give a limit, in ns: often a multiple of the interval, which is met exactly."""
    usual = round(chance.choice([0, 5, 20, 100, 300, 1000, 2500, 6000, 12_000]) * MS * made.scale)
    return chance.choice([usual, made.probe.every * chance.randrange(1, 8)])


def _in_ms(limit: int) -> str:
    return f"{limit / 1000:.3f}".rstrip("0").rstrip(".") + "us"


def _of(**params: object) -> dict[str, object]:
    return {"of": "pay", **params}


def _dark(made: History, chance: random.Random) -> list[Claim]:
    found: list[Claim] = []
    for hold in (0, _limit(made, chance), round(SECOND * made.scale)):
        limit, fast = _limit(made, chance), max(_limit(made, chance), MS)
        at_most, held = _in_ms(limit), _in_ms(hold)
        times = chance.randrange(4)

        def outage(one: History, limit: int = limit, hold: int = hold) -> str:
            return darkness.outage(one.probe, limit, hold)

        def brown_out(one: History, limit: int = limit, hold: int = hold, fast: int = fast) -> str:
            return darkness.outage(one.probe.with_slow(fast), limit, hold)

        def flaps(one: History, times: int = times, hold: int = hold) -> str:
            return darkness.flaps(one.probe, times, hold)

        found += [
            ({"outage": _of(at_most=at_most, hold=held)}, outage),
            ({"brown_out": _of(at_most=at_most, hold=held, slower_than=_in_ms(fast))}, brown_out),
            ({"flaps": _of(at_most=times, hold=held)}, flaps),
        ]
    within, says = _limit(made, chance), chance.choice(["", "", "wrong", "refus", "b"])
    step = darkness.Step(made.at("fault"), made.at("effect"), made.at("undone"))
    claim = _of(after="crash", within=_in_ms(within), **({"says": says} if says else {}))
    return [*found, ({"detected": claim}, lambda one: darkness.detected(one.probe, step, within, says))]


def _counts(made: History, chance: random.Random) -> list[Claim]:
    share, count = Fraction(chance.choice([0, 1, 5, 10, 40, 60]), 100), chance.choice([0, 1, 5, 20, 100])
    percent = f"{share.numerator * 100 / share.denominator:g}%"
    over, slower = max(_limit(made, chance), made.probe.every), _limit(made, chance)
    budget = round(chance.choice([1, 20, 200]) * made.probe.every)
    allowed = Fraction(5, 100) * Fraction(1, 100) * budget * 2000
    budgeted = _of(objective="99%", over=_in_ms(budget * 2000), at_most="5%")
    when, part = chance.choice(_parts(made))
    median, tail = _limit(made, chance), _limit(made, chance)
    at = {"when": when}
    return [
        ({"errors": _of(at_most=percent)}, lambda one: pages.errors(one.probe, share)),
        ({"errors": _of(at_most=count)}, lambda one: pages.errors(one.probe, count)),
        ({"errors": _of(at_most=percent, **at)}, lambda one: pages.errors(one.probe.within(part), share)),
        ({"errors": _of(at_most=percent, over=_in_ms(over))}, lambda one: pages.errors_over(one.probe, share, over)),
        (
            {"errors": _of(at_most=count, over=_in_ms(over), **at)},
            lambda one: pages.errors_over(one.probe.within(part), count, over),
        ),
        ({"error_budget": budgeted}, lambda one: pages.error_budget(one.probe, allowed, None)),
        (
            {"error_budget": {**budgeted, "slower_than": _in_ms(slower or 1000)}},
            lambda one: pages.error_budget(one.probe, allowed, slower or 1000),
        ),
        ({"latency": _of(p50=_in_ms(median))}, lambda one: pages.latency(one.probe, Fraction(1, 2), median)),
        (
            {"latency": _of(p99=_in_ms(tail), **at)},
            lambda one: pages.latency(one.probe.within(part), Fraction(99, 100), tail),
        ),
        ({"latency": _of(max=_in_ms(tail))}, lambda one: pages.latency(one.probe, Fraction(1), tail)),
    ]


def _parts(made: History) -> list[tuple[str, tuple[int, int]]]:
    never = 1 << 62
    since, fault, undone, steady = (made.at(mark) for mark in ("since", "fault", "undone", "steady"))
    return [
        ("whole", (since, never)),
        ("before", (since, fault)),
        ("fault", (fault, undone)),
        ("putting back", (undone, never)),
        ("during", (fault, steady)),
        ("after", (steady, never)),
        ("crash", (fault, undone)),
    ]


def _who(chance: random.Random) -> list[Claim]:
    most = chance.choice([0, 1, 1, 2])
    return [
        ({"never": _of(changes=True)}, lambda one: pages.never(one.probe, None)),
        ({"never": _of(saw="b")}, lambda one: pages.never(one.probe, "b")),
        ({"writers": _of(at_most=most)}, lambda one: pages.writers(one.probe, most)),
    ]


def _steady(made: History, chance: random.Random) -> list[Claim]:
    seen = Steady(made.at("steadying"), made.at("steady"), round(3 * SECOND * made.scale))
    within = chance.choice([0, seen.since - seen.undone, _limit(made, chance)])

    def steady_again(one: History) -> str:
        return conditions.steady_again(one.probes, seen, within)

    return [({"steady_again": {"within": _in_ms(within)}}, steady_again)]


def waits(made: History, number: int = 6) -> list[Waited]:
    """List waits of one probe or of all, of every word, from and to any moment."""
    chance, found = random.Random(made.seed + (1 << 41)), []  # noqa: S311 - made up, not secret
    for _ in range(number):
        begin = chance.randrange(made.at("warm"), made.at("undone"))
        end = min(begin + round(chance.choice([50, 500, 2000, 10_000]) * MS * made.scale), made.at("until") - 1)
        length = chance.choice([0, _limit(made, chance), _limit(made, chance)])
        state = chance.choice(["ok", "not ok", "saw", "saw not"])
        word = Word(state, chance.choice(["a", "b", "nobody"]) if state.startswith("saw") else "")
        asked = (begin, end, length)
        found.append(Waited(chance.choice(["pay", "pay", None]), word, asked, was_met=chance.random() < 0.5))
    return found


def waited(one: Waited, made: History) -> str:
    """Say what the page says of a wait."""
    return conditions.wait(one.probes(made), one.word, one.asked, was_met=one.was_met)


def with_probe(made: History, change: Callable[[Probe], Probe]) -> History:
    """Give the same history, of whose first probe something else is told."""
    return History(made.seed, made.scale, made.service, change(made.probe), made.other)
