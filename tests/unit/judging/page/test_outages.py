"""Outages, the headline and the parts of a run: the sentences of docs/judging.md on them, one by one."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faildrill.judging import judge
from faildrill.judging.result import Verdict
from faildrill.kinds import find
from faildrill.record import timeline as tl
from faildrill.record.ledger import Ledger, Note
from faildrill.record.ledger.accounts import Rows, keep
from faildrill.record.samples import Outcome
from faildrill.record.spread_counts import CountsKeeper, Kept, path_of
from unit.judging.page.records import claimed, found, judged
from unit.judging.runs import END, FAULT, Run, met, ns, probe, step, ticks, wait

OK, REFUSED, TIMED_OUT = Outcome.OK, Outcome.REFUSED, Outcome.TIMED_OUT
PASSED, FAILED, INCONCLUSIVE = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE
BACK = 15.0
"""When `Run.usual` begins to put back."""
STEADY = 16.5
"""When all is steady again in it."""


@pytest.mark.says(
    "What is between two looks can't be known, so an outage has two figures: it lasted *at least* and *at most*."
)
def test_an_outage_has_two_figures(tmp_path: Path) -> None:
    told = found(claimed("outage", at_most="4s").saw(ticks(6.0, 7.0), REFUSED), tmp_path)
    assert told.because == "pay was dark at least 978 ms, at most 1.022 s"


@pytest.mark.says("The finding says so where it decides; `hold: 0s` leaves it out.")
def test_the_finding_says_what_the_hold_can_hide_only_where_that_decides(tmp_path: Path) -> None:
    def dark(at_most: str, hold: str = "1s") -> Run:
        return claimed("outage", at_most=at_most, hold=hold).saw(ticks(6.0, 9.0), REFUSED)

    told = found(dark(at_most="4s"), tmp_path / "decides")
    assert (told.verdict, told.advice) == (INCONCLUSIVE, "set a limit with room for the hold, or say `hold: 0s`")
    assert "were it dark unseen within 1 s of that, it lasted 5.06 s" in told.because
    for at_most, hold in (("5100ms", "1s"), ("3100ms", "0s")):
        told = found(dark(at_most, hold), tmp_path / hold)
        assert (told.verdict, told.because) == (PASSED, "pay was dark at least 2.978 s, at most 3.022 s")


@pytest.mark.says("No verdict rests on it.")
def test_no_verdict_rests_on_the_likeliest_length(tmp_path: Path) -> None:
    """The likeliest length is within the limit, and the longest that it can have been is not."""
    made = claimed("outage", every=0.2, at_most="1s", hold="0s").saw(ticks(6.0, 7.0, 0.2), REFUSED)
    told = judged(made, tmp_path)
    [outage] = told.probes[0].outages
    assert outage.length.likely is not None
    assert outage.length.likely <= 1.0
    assert told.findings[0].verdict is INCONCLUSIVE


@pytest.mark.says(
    "The writer is told by the probes of the target that the step acted on, by whichever of them saw it first."
)
def test_the_writer_is_told_by_the_probes_of_the_target_by_whichever_saw_it_first(tmp_path: Path) -> None:
    def watched(name: str, target: str) -> dict[str, Any]:
        return {
            **probe(name, 0.1, "patroni.writer"),
            "use": {"kind": "patroni.writer", "params": {"of": {"name": target}}},
        }

    crash = step()
    crash["use"]["params"] = {"of": {"name": "pg"}}
    probes = [probe(), watched("a", "pg"), watched("b", "pg"), watched("other", "another")]
    made = Run(steps=[crash], probes=probes, slow={one["name"]: 0.05 for one in probes}).usual()
    made.good().saw(ticks(FAULT, FAULT + 4), REFUSED)
    for name, sees in (("a", 3.0), ("b", 2.0), ("other", 1.0)):
        made.good(name, 0.1, who="pg1").saw(ticks(FAULT + sees, END, 0.1), OK, name=name, who="pg2")
    [outage] = judged(made, tmp_path).probes[0].outages
    assert outage.phases["new_writer"] == pytest.approx(2.0, abs=0.01)


@pytest.mark.says("**Lost and duplicated writes** of every ledger stand there too.")
def test_lost_and_duplicated_writes_stand_in_the_headline(tmp_path: Path) -> None:
    made = claimed("outage", at_most="1s")
    for name in ("book", "second"):
        made.probes.append(probe(name, kind="postgres.ledger"))
        made.good(name)
    folder = made.write(tmp_path)
    for name in ("book", "second"):
        ledger = Ledger(folder / f"{name}.ledger")
        for _ in range(3):
            ledger.end(7, ledger.send(5, 0), 0, Note.ACKNOWLEDGED)
        ledger.close()
        keep(folder, name, "a", Rows(np.array([1, 2, 2], np.int64), read_at=0))
    told = judge(folder).headline
    assert told is not None
    assert [(one.probe, one.lost, one.duplicated) for one in told.writes] == [("book", 1, 1), ("second", 1, 1)]


# parts of a run


@pytest.mark.says("`outage`, `errors`, `latency` and `spread` may be about a part of the run:")
@pytest.mark.parametrize("kind", ["outage", "errors", "latency", "spread"])
def test_these_kinds_take_a_part_of_the_run_and_others_do_not(kind: str) -> None:
    kinds = ("outage", "errors", "latency", "spread", "flaps", "never", "error_budget", "brown_out")
    with_when = {one for one in kinds if "when" in find(one, "expectation").model_fields}
    assert kind in with_when
    assert with_when == {"outage", "errors", "latency", "spread"}


def failing_once(at: float, when: str) -> Run:
    """Give a run in which one look fails, of which errors are weighed in a part of it."""
    made = Run(expect=[{"errors": {"of": "pay", "at_most": 0, "when": when}}], steps=[step(), wait()])
    return made.usual().good().saw([at], REFUSED)


def part(folder: Path, when: str) -> list[float]:
    """Return at which of some moments a failed look is in a part of a run."""
    moments = [0.4, FAULT - 0.02, FAULT, BACK - 0.02, BACK, STEADY - 0.02, STEADY, END - 0.02]
    return [at for at in moments if found(failing_once(at, when), folder / f"{at}").verdict is FAILED]


@pytest.mark.says("| `whole` | from the good warm-up to the end |")
def test_the_whole_run_is_from_the_good_warm_up_to_the_end(tmp_path: Path) -> None:
    assert part(tmp_path, "whole") == [0.4, FAULT - 0.02, FAULT, BACK - 0.02, BACK, STEADY - 0.02, STEADY, END - 0.02]


@pytest.mark.says("| `before` | before the first step |")
def test_before_is_before_the_first_step(tmp_path: Path) -> None:
    assert part(tmp_path, "before") == [0.4, FAULT - 0.02]


@pytest.mark.says("| `fault` | from the first step until something is first put back |")
def test_the_fault_is_from_the_first_step_until_something_is_put_back(tmp_path: Path) -> None:
    assert part(tmp_path, "fault") == [FAULT, BACK - 0.02]


@pytest.mark.says("| `putting back` | from then on |")
def test_putting_back_is_from_then_on(tmp_path: Path) -> None:
    assert part(tmp_path, "putting back") == [BACK, STEADY - 0.02, STEADY, END - 0.02]


@pytest.mark.says("| `during` | from the first step until all is steady again |")
def test_during_is_from_the_first_step_until_all_is_steady_again(tmp_path: Path) -> None:
    assert part(tmp_path, "during") == [FAULT, BACK - 0.02, BACK, STEADY - 0.02]


@pytest.mark.says("| `after` | from then on |")
def test_after_is_from_then_on(tmp_path: Path) -> None:
    assert part(tmp_path, "after") == [STEADY, END - 0.02]


@pytest.mark.says("| the id of a step | from that step until it is put back; of a wait, until it ended |")
def test_a_step_is_until_it_is_put_back_and_a_wait_until_it_ended(tmp_path: Path) -> None:
    assert part(tmp_path / "step", "crash") == [FAULT, BACK - 0.02]
    began, ended = met("wait")[0][0], met("wait")[1][0]
    for at, verdict in ((began - 0.02, PASSED), (began, FAILED), (ended - 0.02, FAILED), (ended, PASSED)):
        assert found(failing_once(at, "wait"), tmp_path / f"{at}").verdict is verdict


@pytest.mark.says("A step is dated by its action, where that tells when its effect began.")
def test_a_step_is_dated_by_its_action_where_that_tells(tmp_path: Path) -> None:
    made = failing_once(FAULT + 1, "fault").but(
        FAULT + 2, tl.Happened(step="crash", at=ns(FAULT + 2), told="", began=True)
    )
    assert found(made, tmp_path).verdict is PASSED


@pytest.mark.says("A spread's counts that began to be counted before the part are left out.")
def test_counts_that_began_before_the_part_are_left_out(tmp_path: Path) -> None:
    """Everything of the ten seconds before the fault is told at once, soon after it began."""
    made = Run(expect=[{"spread": {"of": "spread", "when": "fault"}}])
    made.probes.append(probe("spread", 0.5))
    folder = made.usual().good().good("spread", 0.5).write(tmp_path)
    keeping = CountsKeeper(path_of(folder, "spread"))
    for at in ticks(FAULT + 0.5, BACK, 0.5):
        skewed = {"a": 9000.0, "b": 1000.0} if at == FAULT + 0.5 else {"a": 300.0, "b": 300.0}
        keeping.keep(Kept(ns(at), skewed, {"a": 1.0, "b": 1.0}))
    keeping.close()
    assert judge(folder).findings[0].verdict is PASSED
