"""`spread`: weighed again from what a probe counted, or from who answered a load."""

from pathlib import Path

import pytest

from faildrill.judging import judge
from faildrill.judging.result import Finding, Verdict
from faildrill.record.samples import Outcome
from faildrill.record.spread_counts import CountsKeeper, Kept, path_of
from unit.judging.runs import END, FAULT, Run, ns, probe, ticks

PASSED, FAILED, INCONCLUSIVE = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
EVEN = {"pay1": 1.0, "pay2": 1.0, "pay3": 1.0}
EVERY = 0.5


def counted(folder: Path, skewed: tuple[float, float] = (0, 0), part: float = 0.8, **more: object) -> Finding:
    """Judge a run whose probe kept counts, skewed for a while."""
    requests = int(str(more.pop("requests", 60)))
    unserved = float(str(more.pop("unserved", 0)))
    made = Run(expect=[{"spread": {"of": "spread", **more}}])
    made.probes.append(probe("spread", EVERY))
    made.usual().good().good("spread", EVERY).write(folder)
    keeping = CountsKeeper(path_of(folder, "spread"))
    for at in ticks(0.4, END, EVERY):
        one = part if skewed[0] <= at < skewed[1] else 1 / 3
        parts = {"pay1": one, "pay2": (1 - one) / 2, "pay3": (1 - one) / 2}
        keeping.keep(
            Kept(ns(at), {name: round(requests * part) for name, part in parts.items()}, EVEN, unserved=unserved)
        )
    keeping.close()
    return judge(folder).findings[0]


def test_an_even_spread_holds_and_says_how_even(tmp_path: Path) -> None:
    found = counted(tmp_path)
    assert found.verdict is PASSED
    assert found.claim == "spread: every server gets its due share within 25%"
    assert found.because.startswith(
        "pay1 33.3% (33.3% due), pay2 33.3% (33.3% due), pay3 33.3% (33.3% due) of 2340 requests"
    )


def test_a_skew_of_two_seconds_is_proven_in_the_whole_run(tmp_path: Path) -> None:
    found = counted(tmp_path, (FAULT + 1, FAULT + 3))
    assert found.verdict is FAILED
    assert found.because.startswith("pay1 80.0% (33.3% due)")
    assert "4.5 s after the start" in found.because


@pytest.mark.parametrize(("skewed", "verdict"), [((0, 0), PASSED), ((FAULT + 1, FAULT + 3), FAILED)])
def test_requests_that_no_server_was_alive_for_are_told_and_are_nobodys_share(
    skewed: tuple[float, float], verdict: Verdict, tmp_path: Path
) -> None:
    found = counted(tmp_path, skewed, unserved=10)
    assert found.verdict is verdict
    assert found.because.endswith("for 390 requests more no server was alive")


@pytest.mark.parametrize(("when", "verdict"), [("before", INCONCLUSIVE), ("during", FAILED), ("after", INCONCLUSIVE)])
def test_only_the_time_that_is_asked_for_counts(when: str, verdict: Verdict, tmp_path: Path) -> None:
    """Three seconds before and after hold too few requests to prove anything even."""
    assert counted(tmp_path, (FAULT + 1, FAULT + 3), requests=30, when=when).verdict is verdict


def test_what_is_within_one_tolerance_is_beyond_another(tmp_path: Path) -> None:
    assert counted(tmp_path / "1", (0, END), part=0.5, tolerance="100%").verdict is PASSED
    assert counted(tmp_path / "2", (0, END), part=0.5).verdict is FAILED


@pytest.mark.says(
    "| `spread: {of, tolerance?, weights?, when?}` | see [spread.md](spread.md) | | too few requests; too many "
    "answers that tell nobody's name |"
)
def test_few_requests_prove_nothing(tmp_path: Path) -> None:
    found = counted(tmp_path, requests=3, over="2s")
    assert found.verdict is INCONCLUSIVE
    assert found.advice.startswith("let more requests come")


def answered(folder: Path, *, who: str, weights: dict[str, int]) -> Finding:
    """Judge a run in which every second answer is of `who`, the others by turns."""
    made = Run(expect=[{"spread": {"of": "pay", "weights": weights}}]).usual()
    for number, name in enumerate(("pay1", "pay2", "pay3")):
        made.saw(ticks(0.4, END)[number::3], Outcome.OK, who=name)
    made.saw(ticks(5, END)[::2], Outcome.OK, who=who)
    return judge(made.write(folder)).findings[0]


def test_who_answered_a_probe_is_counted_where_weights_say_what_is_due(tmp_path: Path) -> None:
    weights = {"pay1": 1, "pay2": 1, "pay3": 1}
    assert answered(tmp_path / "1", who="pay2", weights=weights).verdict is FAILED
    assert answered(tmp_path / "2", who="", weights=weights).verdict is INCONCLUSIVE
    assert answered(tmp_path / "3", who="pay2", weights={}).verdict is INCONCLUSIVE


def test_an_even_turn_of_answers_holds(tmp_path: Path) -> None:
    made = Run(expect=[{"spread": {"of": "pay", "weights": {"pay1": 1, "pay2": 1, "pay3": 1}}}]).usual()
    for number, name in enumerate(("pay1", "pay2", "pay3")):
        made.saw(ticks(0.4, END)[number::3], Outcome.OK, who=name)
    assert judge(made.write(tmp_path)).findings[0].verdict is PASSED
