"""What `plan` and `validate` say of a limit on outages before a run is what judging makes of it after."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from faildrill.cli.drill_files import validate
from faildrill.cli.plan import plan
from faildrill.judging.result import Verdict
from faildrill.loading import load_drill
from faildrill.record.samples import Outcome
from unit.judging.page.records import claimed, found
from unit.judging.runs import ticks


def written(folder: Path, expect: str) -> list[str]:
    """Write a drill that looks every 20 ms, and return the words that name it and its environment."""
    (folder / "identity").write_text("staging")
    identity = f"identity:\n  - file.identity: {{path: {folder}/identity, content: staging}}\n"
    (folder / "place.yaml").write_text(f"environment: place\ndrillable: true\n{identity}")
    probes = "probes:\n  pay: {http.request: {url: 'http://127.0.0.1:1/'}, every: 20ms}\n"
    steps = "steps:\n  - wait: 1s\n"
    (folder / "drill.yaml").write_text(f"drill: one\nenvironment: place\n{probes}{steps}expect:\n  - {expect}\n")
    return [str(folder / "drill.yaml"), "--env", str(folder / "place.yaml")]


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        (
            "outage: {of: pay, at_most: 5s}",
            "outage of pay: at most 5 s; one seen dark for longer than about 2.92 s may be",
        ),
        (
            "outage: {of: pay, at_most: 5s, hold: 0s}",
            "one seen dark for longer than about 4.96 s may be INCONCLUSIVE\n",
        ),
        ("outage: {of: pay, at_most: 2s}", "outage of pay: at most 2 s; passes only where nothing dark is seen"),
        (
            "brown_out: {of: pay, slower_than: 9ms, at_most: 5s}",
            "brown-out of pay: at most 5 s; one seen dark for longer",
        ),
    ],
)
def test_plan_says_how_long_an_outage_may_be_so_that_its_limit_surely_holds(
    expect: str, said: str, tmp_path: Path
) -> None:
    assert said in CliRunner().invoke(plan, written(tmp_path, expect)).output


@pytest.mark.parametrize("kind", ["outage", "brown_out"])
@pytest.mark.parametrize(
    ("at_most", "hold", "warns"),
    [("2s", "1s", True), ("2080ms", "1s", True), ("2100ms", "1s", False), ("30ms", "0s", False), ("0s", "1s", False)],
)
def test_validate_warns_of_a_limit_that_no_outage_can_be_told_to_be_within(
    kind: str,
    at_most: str,
    hold: str,
    warns: bool,
    tmp_path: Path,
) -> None:
    more = "slower_than: 9ms, " if kind == "brown_out" else ""
    words = written(tmp_path, f"{kind}: {{of: pay, {more}at_most: {at_most}, hold: {hold}}}")
    told = CliRunner().invoke(validate, words)
    assert told.exit_code == 0
    assert ("so none that is seen can be shown to be within" in told.output) is warns


@pytest.mark.parametrize("kind", ["outage", "brown_out"])
def test_what_was_foreseen_is_what_is_judged(kind: str, tmp_path: Path) -> None:
    """Looks every 20 ms: an outage seen dark for 2.9 s is surely within 5 s, and one of 20 ms never within 2.08 s."""
    more: dict[str, Any] = {"slower_than": "400ms"} if kind == "brown_out" else {}
    for at_most, seen, verdict in (("5s", 2.9, Verdict.PASSED), ("2080ms", 0.02, Verdict.INCONCLUSIVE)):
        made = claimed(kind, at_most=at_most, **more).saw(ticks(6.0, 6.0 + seen + 0.02), Outcome.REFUSED)
        assert found(made, tmp_path / at_most).verdict is verdict


def test_the_drills_that_come_with_it_have_limits_that_can_be_kept() -> None:
    for path in sorted((Path(__file__).parents[3] / "drills").glob("*.yaml")):
        assert "can be told to be within" not in " ".join(one.message for one in load_drill(path, None).warnings), path
