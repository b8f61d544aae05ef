"""Whose outage stands large, which limit stands beside it, and what is said where there is none."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from faildrill.judging import judge
from faildrill.judging.numbers import headline_figures as headlines
from faildrill.judging.result import Headline
from faildrill.record import timeline as tl
from faildrill.record.samples import Outcome
from unit.judging.runs import FAULT, Run, probe, ticks

BACK = 15.0
"""When `Run.usual` begins to put back."""


def told(made: Run, folder: Path) -> Headline:
    found = judge(made.write(folder)).headline
    assert found is not None
    return found


def outage(**more: object) -> dict[str, Any]:
    return {"outage": {"of": "pay", **more}}


def test_where_nothing_was_done_the_longest_outage_of_the_run_stands_large(tmp_path: Path) -> None:
    made = Run(expect=[outage(at_most="30s")], steps=[]).usual().good()
    found = told(made.saw(ticks(6, 7), Outcome.REFUSED), tmp_path)
    assert found.outage is not None
    assert found.outage.length.at_least == pytest.approx(0.98, abs=0.02)
    assert (found.was_put_back, found.failback) == (False, None)


def test_the_strictest_limit_of_each_part_stands_beside_its_outage(tmp_path: Path) -> None:
    expect = [
        outage(at_most="30s"),
        outage(at_most="20s", when="during"),
        outage(at_most="12s", when="fault"),
        outage(at_most="9s", when="putting back"),
        outage(at_most="1s", when="after"),
    ]
    made = Run(expect=expect).usual().good().saw(ticks(FAULT + 0.1, FAULT + 0.4), Outcome.REFUSED)
    found = told(made.saw(ticks(BACK + 0.2, BACK + 0.6), Outcome.REFUSED), tmp_path)
    assert (found.allowed, found.failback_allowed, found.was_put_back) == (12.0, 9.0, True)


def test_a_limit_during_the_drill_is_one_of_either_part(tmp_path: Path) -> None:
    made = Run(expect=[outage(at_most="30s"), outage(at_most="20s", when="during")]).usual().good()
    found = told(made, tmp_path)
    assert (found.allowed, found.failback_allowed) == (20.0, 20.0)


def test_an_outage_without_an_end_stands_before_a_longer_one_that_ended(tmp_path: Path) -> None:
    expect = [outage(at_most="30s"), {"outage": {"of": "db", "at_most": "30s"}}]
    made = Run(expect=expect, probes=[probe(), probe("db")], slow={"pay": 0.05, "db": 0.05}).usual().good().good("db")
    made.saw(ticks(14, 20), Outcome.REFUSED, name="db")
    made.saw(ticks(FAULT + 0.1, FAULT + 10), Outcome.REFUSED)
    found = told(made, tmp_path)
    assert found.probe == "db"
    assert found.outage is not None
    assert found.outage.length.at_most is None


def test_a_probe_of_the_environment_stands_for_the_users_only_where_nothing_else_does(tmp_path: Path) -> None:
    probes = [probe("place", by="environment"), probe()]
    made = Run(probes=probes, slow={"pay": 0.05, "place": 0.05}).usual().good().good("place")
    found = told(made.saw(ticks(FAULT + 0.1, FAULT + 2), Outcome.REFUSED, name="place"), tmp_path)
    assert (found.probe, found.outage) == ("pay", None)


def test_nothing_put_back_has_no_failback(tmp_path: Path) -> None:
    made = Run(expect=[outage(at_most="30s")]).usual().good().saw(ticks(BACK + 0.2, BACK + 0.6), Outcome.REFUSED)
    found = told(made.without(tl.Undoing, tl.Undone, tl.UndoVerified), tmp_path)
    assert (found.was_put_back, found.failback) == (False, None)
    assert found.outage is not None


def test_an_outage_that_goes_on_into_the_next_part_hides_none_there(tmp_path: Path) -> None:
    made = Run(expect=[outage(at_most="30s")]).usual().good()
    found = told(made.saw(ticks(FAULT + 0.1, BACK + 1.5), Outcome.REFUSED), tmp_path)
    assert found.failback_unproven < 0.2


def node(**more: object) -> SimpleNamespace:
    usual = {"writer": True, "unreadable": "", "acknowledged": 9, "lost": 0, "duplicated": 0, "phantom": 0}
    return SimpleNamespace(**{**usual, **more})


def test_writes_are_told_by_the_worst_of_the_nodes_that_take_some() -> None:
    nodes = {"a": node(lost=1, phantom=2), "b": node(lost=3, duplicated=4), "c": node(writer=False, lost=7)}
    unread = {"a": node(unreadable="gone")}
    evidence: Any = SimpleNamespace(ledgers={"ledger": nodes, "other": unread})
    first, second = headlines.writes(evidence)
    assert (first.lost, first.duplicated, first.phantom, first.was_read) == (3, 4, 2, True)
    assert (second.probe, second.was_read) == ("other", False)
