"""What docs/kinds.md says of a kind's last run is taken from runs that PASSED and were seen undone."""

from datetime import date
from pathlib import Path

import pytest
from msgspec.structs import replace

from faildrill import judging
from faildrill.explaining.kinds_page import Seen, last_seen
from faildrill.judging.result import Result, StepFigures, Verdict
from faildrill.kinds.table import TABLES
from support.seen import collected, seen_in
from unit.history import made


def run(**more: object) -> Result:
    step = StepFigures(
        id="kill", name="kill it", kind="member.kill", started=1.0, ended=1.1, outcome="done", undo="verified"
    )
    return replace(made.result("one", 0, None), steps=[replace(step, **more)])


def test_a_kind_that_acted_and_was_seen_undone_is_told_with_its_run() -> None:
    told = {"day": "2026-01-01", "drill": made.DRILL, "environment": "staging", "version": "0.1.0", "run": "one"}
    assert dict(seen_in(run())) == {"member.kill": Seen(**told)}


@pytest.mark.parametrize(
    "more",
    [
        {"undo": "not witnessed"},
        {"undo": "left"},
        {"undo": ""},
        {"outcome": "not confirmed"},
        {"kind": "simulated.fault"},
    ],
    ids=lambda more: next(iter(more.values())) or "no undo",
)
def test_one_that_was_not_is_not_told(more: dict[str, object]) -> None:
    assert dict(seen_in(run(**more))) == {}


def test_a_run_that_did_not_pass_shows_nothing() -> None:
    assert dict(seen_in(replace(run(), verdict=Verdict.FAILED))) == {}


def test_a_run_is_judged_again_and_not_believed_by_its_result(tmp_path: Path) -> None:
    judging.write(made.record(tmp_path, 0, None), run())
    assert collected(tmp_path, {}) == {}


def test_what_is_kept_is_of_kinds_that_there_are() -> None:
    assert set(last_seen()) <= set(TABLES["action"])
    assert all(date.fromisoformat(one.day) for one in last_seen().values())
