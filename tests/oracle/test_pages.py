"""Judging says what its page says: an oracle written from docs/judging.md alone judges the same random histories."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import pytest

from faildrill.judging import judge
from faildrill.samples import Outcome, Sample
from oracle import pages
from oracle.histories import MS, History, history
from oracle.pages import SECOND, Answer, Look, Probe, Step
from unit.judging.runs import BOOT, FAULT, Run, probe

FIXED: Final = 2_000
SOAKED: Final = 100_000
HEARD: Final = 150
PARTS: Final = 20
Word = tuple[dict[str, Any], Callable[[Probe], Answer]]


def _words(chance: int) -> list[Word]:
    """List claims as a drill writes them, each with what the page says of it; the limits vary with the history."""
    ms = [20, 100, 300, 1000, 2500, 6000][chance % 6]
    share, count = Fraction([1, 5, 10, 40, 60][chance % 5], 100), [0, 1, 5, 20, 100][chance // 3 % 5]
    over = [1, 2, 5][chance % 3]
    percent = f"{share.numerator * 100 / share.denominator:g}%"
    fault = Step(round(FAULT * SECOND), round((FAULT + 0.2) * SECOND), 15 * SECOND)
    budget = Fraction(5, 100) * Fraction(1, 100) * 3600 * SECOND
    return [
        ({"outage": _of(at_most=f"{ms}ms", hold="0s")}, lambda one: pages.outage(one, ms * MS, 0)),
        ({"outage": _of(at_most=f"{ms}ms")}, lambda one: pages.outage(one, ms * MS, SECOND)),
        (
            {"brown_out": _of(slower_than="40ms", at_most=f"{ms}ms", hold="0s")},
            lambda one: pages.outage(one.with_slow(40 * MS), ms * MS, 0),
        ),
        ({"errors": _of(at_most=percent)}, lambda one: pages.errors(one, share)),
        ({"errors": _of(at_most=count)}, lambda one: pages.errors(one, count)),
        ({"errors": _of(at_most=percent, over=f"{over}s")}, lambda one: pages.errors_over(one, share, over * SECOND)),
        ({"errors": _of(at_most=count, over=f"{over}s")}, lambda one: pages.errors_over(one, count, over * SECOND)),
        (
            {"error_budget": _of(objective="99%", over="1h", at_most="5%")},
            lambda one: pages.error_budget(one, budget, None),
        ),
        (
            {"error_budget": _of(objective="99%", over="1h", at_most="5%", slower_than=f"{ms}ms")},
            lambda one: pages.error_budget(one, budget, ms * MS),
        ),
        ({"latency": _of(p50=f"{ms}ms")}, lambda one: pages.latency(one, Fraction(1, 2), ms * MS)),
        ({"latency": _of(p99=f"{ms}ms")}, lambda one: pages.latency(one, Fraction(99, 100), ms * MS)),
        ({"never": _of(changes=True)}, lambda one: pages.never(one, None)),
        ({"never": _of(saw="b")}, lambda one: pages.never(one, "b")),
        ({"flaps": _of(at_most=chance % 4)}, lambda one: pages.flaps(one, chance % 4)),
        ({"detected": _of(after="crash", within=f"{ms}ms")}, lambda one: pages.detected(one, fault, ms * MS)),
    ]


def _of(**params: object) -> dict[str, object]:
    return {"of": "pay", **params}


def _judged(made: History, words: list[Word], folder: Path) -> list[str]:
    one = made.probe
    plan = probe(every=one.every / SECOND)
    run = Run(expect=[claim for claim, _ in words], probes=[{**plan, "timeout": one.timeout / SECOND}])
    run.slow = {"pay": one.slow / SECOND}
    run.usual()
    run.samples["pay"] = [
        Sample(
            "pay",
            BOOT + look.due,
            BOOT + look.sent if look.sent else 0,
            BOOT + look.answered,
            Outcome[look.outcome],
            look.who,
            look.detail,
        )
        for look in one.looks
    ]
    result = judge(run.write(folder))
    return [finding.verdict.value for finding in result.findings[: len(words)]]


def _disagreements(seed: int, folder: Path) -> list[str]:
    made = history(seed)
    words = _words(seed)
    run = folder / str(seed)
    said = _judged(made, words, run)
    shutil.rmtree(run)
    found = []
    for (claim, page), answer in zip(words, said, strict=True):
        wanted = page(made.probe)
        if wanted is not None and wanted != answer:
            found.append(f"seed {seed}: {claim}: the page says {wanted}, judging {answer}")
    return found


@pytest.mark.parametrize("part", range(PARTS))
def test_judging_says_what_its_page_says(part: int, tmp_path: Path, many: Callable[[int, int], int]) -> None:
    each = many(FIXED, SOAKED) // PARTS
    found = [line for seed in range(part * each, (part + 1) * each) for line in _disagreements(seed, tmp_path)]
    assert found == []


def _as(change: Callable[[Look], Look]) -> Callable[[Probe], Probe]:
    def changed(one: Probe) -> Probe:
        return replace(one, looks=tuple(map(change, one.looks)))

    return changed


def _turned(outcome: str, into: str) -> Callable[[Probe], Probe]:
    return _as(lambda look: replace(look, outcome=into) if look.outcome == outcome else look)


def _filled(one: Probe) -> Probe:
    lost = [due for due, look in zip(one.dues, one.schedule, strict=True) if look is None]
    return replace(one, looks=(*one.looks, *(Look(due, due, due + MS, "OK", "a") for due in lost)))


FAULTS: Final[dict[str, Callable[[Probe], Probe]]] = {
    "silence is dark twice as late": lambda one: one.with_slow(one.slow * 2),
    "silence is dark until it is given up": _as(
        lambda look: replace(look, detail="(seen late)") if look.outcome == "TIMED_OUT" else look
    ),
    "a connection that was being closed is dark": _turned("OPEN", "RESET"),
    "a look that was turned away is dark": _turned("THROTTLED", "WRONG"),
    "a look that was held back is good": _turned("SKIPPED", "OK"),
    "a look that could not look failed": _turned("BROKEN", "REFUSED"),
    "an answer that says no is good": _turned("WRONG", "OK"),
    "who was seen late was slow": _as(lambda look: replace(look, detail="")),
    "what was not recorded was good": _filled,
    "the warm-up counts, too": lambda one: replace(one, since=0),
    "nothing counts after the last step": lambda one: replace(one, until=one.until - 4 * SECOND),
}
"""Faults put into what is told of the looks: each must be heard."""


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[str]]:
    folder = tmp_path_factory.mktemp("judged")
    return {seed: _judged(history(seed), _words(seed), folder / str(seed)) for seed in range(HEARD)}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_is_put_in_is_heard(fault: str, judged: dict[int, list[str]]) -> None:
    for seed, said in judged.items():
        wrong = FAULTS[fault](history(seed).probe)
        for (_, page), answer in zip(_words(seed), said, strict=True):
            if page(wrong) not in (None, answer):
                return
    pytest.fail(f"nobody heard it in {len(judged)} histories")
