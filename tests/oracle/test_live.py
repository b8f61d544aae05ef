"""What is said while looks come in is what the page says of those so far, and the whole record never contradicts it."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Final

import pytest

from oracle import aborts, conditions, words
from oracle.histories import History, history
from oracle.judged import sample
from oracle.live import live, paged, recorded, watcher, written
from oracle.record import MS
from unit.judging.runs import BOOT

FIXED: Final = 2_000
SOAKED: Final = 100_000
PARTS: Final = 10
FEW: Final = 80
"""Looks of a history that is asked at every prefix of it."""


def _histories(part: int, number: int) -> Iterator[History]:
    each = number // PARTS
    made = (history(seed) for seed in range(part * each, (part + 1) * each))
    return (one for one in made if max(len(probe.looks) for probe in one.probes) <= FEW)


def asked(made: History) -> Iterator[str]:
    """Ask waits at every prefix of a history, and tell where live, page and the whole record contradict each other."""
    for one in words.waits(made, 2):
        probes, heard = recorded(one.probes(made))
        since, length = one.asked[0] // 2, one.asked[2]
        said = list(live(probes, heard, one.word, (since, length)))
        page = list(paged(probes, heard, one.word, (since, length)))
        if said != page:
            number = next(number for number, (a, b) in enumerate(zip(said, page, strict=True)) if a != b)
            yield f"seed {made.seed}: {one}: after look {number} live says {said[number]}, the page {page[number]}"
        met = next((look.answered for (_, look), told in zip(heard, said, strict=True) if told != "not yet"), None)
        if met is not None and length and conditions.is_refuted(probes, one.word, (since, met), length):
            yield f"seed {made.seed}: {one}: met at {met}, and the whole record says no"


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(213_659, id="the first two looks are told after the third, and what was against it"),
        pytest.param(3_975, id="a late answer begins a row that has ended since"),
        pytest.param(305_138, id="nobody knows yet that the run is over: a look due after it is waited for"),
    ],
)
def test_what_was_said_otherwise_once_is_said_as_the_page_says(seed: int) -> None:
    assert list(asked(history(seed))) == []


@pytest.mark.parametrize("part", range(PARTS))
def test_at_every_prefix_live_says_what_the_page_says(part: int, many: Callable[[int, int], int]) -> None:
    found = [line for made in _histories(part, many(FIXED, SOAKED)) for line in asked(made)]
    assert found == []


def aborted(made: History) -> Iterator[str]:
    """Weigh abort conditions at every prefix, from the first step on."""
    chance, start = random.Random(made.seed), made.at("fault")  # noqa: S311 - made up, not secret
    looks = tuple(look for look in recorded([made.probe])[0][0].looks if look.answered >= start)
    if not looks or any(look.file for look in made.probe.looks):
        return
    one, first = replace(made.probe, looks=looks), min(look.due for look in made.probe.looks)
    limit = chance.choice([one.every * chance.randrange(8), round(chance.choice([100, 2000]) * MS * made.scale)])
    over = one.every * chance.randrange(1, 30)
    share, number = Fraction(chance.choice([5, 20, 50, 90]), 100), chance.choice([0, 3, 10])
    above: Fraction | int = share if chance.random() < 0.5 else number
    dark: dict[str, object] = {"longer_than": f"{limit // 1000}us"}
    failing: dict[str, object] = {"above": written(above), "over": f"{over // 1000}us"}
    weighed: list[tuple[dict[str, object], Callable[[int, int], bool]]] = [
        (dark, lambda number, now: aborts.is_dark_too_long(one.up_to(number), now, start, limit // 1000 * 1000)),
        (
            failing,
            lambda number, now: (
                aborts.fails_too_often(one.up_to(number), first, above, over)
                or now > aborts.nothing_proven_from(one.up_to(number), first, start, over)
            ),
        ),
    ]
    for condition, page in weighed:
        watch = watcher(made, condition)
        watch.tick(BOOT + start)
        for number, look in enumerate(looks, 1):
            said = watch.feed(sample("pay", look)) or watch.tick(BOOT + look.answered)
            wanted = page(number, look.answered)
            if wanted != (said is not None):
                yield f"seed {made.seed}: {condition}: after look {number} live says {said}, the page {wanted}"
            if wanted or said is not None:
                break


@pytest.mark.parametrize("part", range(PARTS))
def test_at_every_prefix_a_run_is_aborted_as_the_page_says(part: int, many: Callable[[int, int], int]) -> None:
    found = [line for made in _histories(part, many(FIXED, SOAKED)) for line in aborted(made)]
    assert found == []
