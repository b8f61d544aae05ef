"""What a fault left behind is found in the looks after it; what too few looks can't tell is never called the same."""

from collections.abc import Callable
from typing import Any, Final

import msgspec
import numpy as np
import pytest

from faildrill.clock import NANOSECONDS
from faildrill.judging.numbers import two_samples
from faildrill.judging.numbers.interval_test import Floats
from faildrill.record import timeline as tl
from faildrill.record.samples import Outcome
from faildrill.record.samples.columns import Columns, of
from faildrill.reports.html.look_times import Looks
from faildrill.reports.review import residual
from faildrill.reports.review.run_facts import Facts
from unit.reports import judged

EVERY: Final = 0.05
LOOKS: Final = 60
"""Those of a warm-up of three seconds, and of as long a time in which all was steady again."""
FAULT: Final = 10.0
BACK: Final = 30.0
NAMES: Final = ("", "pay1", "pay2", "pay3", "pay4")
Planted = Callable[[dict[str, Any], np.random.Generator], None]


def usual(chance: np.random.Generator, looks: int) -> dict[str, Any]:
    """Answers of 5 ms, each like the one before by a third; three servers take turns."""
    noise = chance.normal(0, 0.15, looks)
    for number in range(1, looks):
        noise[number] += 0.3 * noise[number - 1]
    outcome = np.full(looks, Outcome.OK, np.uint8)
    return {"took": 0.005 * np.exp(noise), "outcome": outcome, "who": np.arange(looks) % 3 + 1}


def columns(spans: list[tuple[float, dict[str, Any]]]) -> Columns:
    due = np.concatenate([since + EVERY * np.arange(len(one["took"])) for since, one in spans])
    took: Floats = np.concatenate([one["took"] for _, one in spans])
    times = [np.round(at * NANOSECONDS).astype(np.int64) for at in (due, due, due + took)]
    outcome, who = (np.concatenate([one[name] for _, one in spans]) for name in ("outcome", "who"))
    return of(times, [outcome.astype(np.uint8), who.astype(np.uint16), np.zeros(len(due), np.uint16)], NAMES)


def facts(before: dict[str, Any], after: dict[str, Any]) -> Facts:
    start = FAULT - EVERY * max(len(before["took"]), 1)
    events: list[tuple[float, tl.AnyEvent]] = [
        (0.0, tl.PhaseStarted(phase="guarding")),
        (FAULT - 0.1, tl.WarmedUp(since=round(start * NANOSECONDS), slow={})),
        (FAULT, tl.Applying(step="kill-the-primary")),
        (BACK, tl.UndoVerified(step="kill-the-primary", because="it runs")),
        (BACK + 4, tl.SteadyAgain(since=round(BACK * NANOSECONDS), after=0.1)),
    ]
    entries = [
        tl.Entry(n, round(at * NANOSECONDS), f"2026-11-22T10:30:{at:09.6f}Z", what)
        for n, (at, what) in enumerate(events)
    ]
    one = judged.result()
    step = msgspec.structs.replace(one.steps[0], started=FAULT)
    result = msgspec.structs.replace(one, probes=one.probes[:1], steps=[step], duration=60.0)
    looks = columns([(start, before), (BACK + 0.01, after)])
    return Facts(result, entries, {"pay": Looks("pay", looks, 0)})


def compared(before: dict[str, Any], after: dict[str, Any]) -> dict[str, residual.State]:
    """Return what is said of each thing that is compared."""
    made = facts(before, after)
    spans = residual.spans(made)
    assert spans is not None
    return {one.what: one.state for one in residual.compared(made, spans)}


def slower(factor: float, share: float = 1.0) -> Planted:
    def plant(after: dict[str, Any], chance: np.random.Generator) -> None:
        after["took"][chance.random(len(after["took"])) < share] *= factor

    return plant


def failing(outcome: Outcome, share: float, took: float = 0.001) -> Planted:
    def plant(after: dict[str, Any], chance: np.random.Generator) -> None:
        hit = chance.permutation(len(after["took"])) < share * len(after["took"])
        after["outcome"][hit], after["took"][hit] = outcome, took

    return plant


def answered_by(servers: list[int]) -> Planted:
    def plant(after: dict[str, Any], chance: np.random.Generator) -> None:
        after["who"] = chance.choice(servers, len(after["took"]))

    return plant


PLANTED: Final[dict[str, Planted]] = {
    "half as slow again": slower(1.5),
    "three times as slow": slower(3.0),
    "four looks of five are slow": slower(4.0, 0.8),
    "a second slower": slower(200.0),
    "one look of five fails": failing(Outcome.WRONG, 0.2),
    "one look of five hangs": failing(Outcome.TIMED_OUT, 0.2, 0.5),
    "nothing answers": failing(Outcome.REFUSED, 1.0),
    "a server is still out": answered_by([1, 2]),
    "a server too many": answered_by([1, 2, 3, 4]),
    "only another one answers": answered_by([4]),
}


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("seed", range(5))
def test_what_was_left_is_found(name: str, seed: int) -> None:
    chance = np.random.default_rng(seed)
    before, after = usual(chance, LOOKS), usual(chance, LOOKS)
    PLANTED[name](after, chance)
    assert "not as before" in compared(before, after).values()


def test_where_nothing_was_left_hardly_ever_something_is_found() -> None:
    chance = np.random.default_rng(7)
    told = [compared(usual(chance, LOOKS), usual(chance, LOOKS)) for _ in range(300)]
    assert sum("not as before" in one.values() for one in told) <= 3
    assert all("not known" not in one.values() for one in told)


def test_chance_is_asked_only_of_answers_that_are_slower_by_what_matters() -> None:
    took = np.full(60, 0.01)
    before, after = two_samples.Span(took, took), two_samples.Span(took * 1.1, took * 1.1)
    undrawn, drawn = (two_samples.slower(before, after, "pay", matters) for matters in (residual.MATTERS, 0.05))
    assert undrawn is not None
    assert drawn is not None
    assert (undrawn.p, undrawn.surely) == (1.0, drawn.surely)
    assert drawn.p <= residual.RARE


@pytest.mark.parametrize("looks", [(0, LOOKS), (LOOKS, 0), (4, 4), (LOOKS, 3)])
def test_too_few_looks_are_never_called_the_same(looks: tuple[int, int]) -> None:
    chance = np.random.default_rng(1)
    told = compared(usual(chance, looks[0]), usual(chance, looks[1]))
    assert set(told.values()) == {"not known"}


def test_a_run_without_looks_and_what_lies_around_are_said_to_be_untold() -> None:
    chance = np.random.default_rng(1)
    made = facts(usual(chance, LOOKS), usual(chance, LOOKS))
    texts = [line.text for line in residual.lines(made)]
    assert texts[-1].startswith("not known: what no `settings`")
    assert [one for one in texts if one.startswith("no difference seen")]
    blind = Facts(made.result, [one for one in made.entries if not isinstance(one.what, tl.UndoVerified)], made.looks)
    assert next(residual.lines(blind)).text.startswith("not known")


def test_exact_chances_are_those_of_fisher() -> None:
    assert residual.at_least_so_many(0, 5, 3, 10) == 1.0
    assert residual.at_least_so_many(3, 5, 3, 10) == pytest.approx(1 / 12)
    assert residual.at_least_so_many(4, 4, 4, 8) == pytest.approx(1 / 70)
