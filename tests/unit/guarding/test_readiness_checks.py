"""The doctor, where nothing answers; and what one question tells about a clock."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from faildrill.cli.main import cli
from faildrill.guarding.readiness_checks import examine
from faildrill.locking.declared_facts import proven
from faildrill.locking.dirty_marks import Mark, mark
from faildrill.model.environment import Environment
from faildrill.ports.target import KindUse
from faildrill.toolkit.clock_skew import clock_check

EXAMPLE = Path(__file__).parents[3] / "drills" / "environments" / "example.yaml"
PLACE = Environment(name="place", drillable=True, identity=(KindUse(kind="simulated.word"),))


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path / "state"))


@pytest.mark.parametrize(
    ("told", "asked", "grain", "ok", "words"),
    [
        (100.0, (99.9, 100.1), 0.0, True, "agrees with ours"),
        (100.0, (100.5, 100.6), 1.0, True, "agrees with ours"),
        (100.5, (99.9, 100.1), 0.0, True, "is 400 ms ahead of ours, at least"),
        (105.0, (99.9, 100.1), 0.0, False, "is 4.9 s ahead of ours, at least"),
        (95.0, (100.0, 100.1), 1.0, False, "is 4 s behind ours, at least"),
    ],
)
def test_a_clock_is_as_far_off_as_the_answer_proves(
    told: float,
    asked: tuple[float, float],
    grain: float,
    ok: bool,
    words: str,
) -> None:
    check = clock_check("pg1", told, asked, grain)
    assert (check.ok, check.told, bool(check.remedy)) == (ok, words, not ok)


def test_whatever_is_wrong_comes_with_what_to_do(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["doctor", str(EXAMPLE), "--reports", str(tmp_path), "-o", "json"])
    found = json.loads(result.output)
    assert result.exit_code == 1
    assert [one["what"] for one in found if not one["ok"] and not one["remedy"]] == []
    wrong = {one["what"] for one in found if not one["ok"]}
    assert {"payments/pg1 lets us in", "payments/pg2 Patroni", "load balancer payments"} <= wrong
    assert {"service payments", "payment-servers/pay1 reach", "probe redundancy", "guard drillable"} <= wrong


def test_a_place_where_all_is_well_exits_0(tmp_path: Path) -> None:
    path = tmp_path / "place.yaml"
    path.write_text("environment: place\ndrillable: true\nidentity: [{simulated.word: {}}]\n", encoding="utf-8")
    result = CliRunner().invoke(cli, ["doctor", str(path), "--reports", str(tmp_path)])
    assert (result.exit_code, result.output.splitlines()[-1].startswith("place: all")) == (0, True)


def test_what_a_dead_run_has_left_is_told(tmp_path: Path) -> None:
    mark(proven(PLACE), Mark("run-1", "/nowhere", "drill", "yesterday"))

    async def story() -> dict[str, str]:
        return {one.what: one.told for one in [one async for one in examine(PLACE, tmp_path)] if not one.ok}

    assert asyncio.run(story()) == {"nothing is left on": "not put back: run-1"}
