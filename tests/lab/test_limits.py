"""Faults that carry their own time limit at the target end without us."""

import asyncio
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from faildrill.adapters.member.target import Group
from faildrill.cli.main import cli
from faildrill.errors import FaildrillError
from faildrill.lab.core.facts import Facts
from lab import kinds_here
from lab.conftest import ask, eventually

pytestmark = pytest.mark.lab


def state(lab: Facts, node: str) -> str:
    return str(ask(lab, {"op": "status"})["nodes"][node]["state"])


@pytest.mark.parametrize(("kind", "becomes"), [("member.kill", "absent"), ("member.stop", "stopped")])
def test_a_member_runs_again_after_its_limit_though_nobody_puts_it_back(
    steady_lab: Facts, kind: str, becomes: str
) -> None:
    group = kinds_here.environment(steady_lab).of(Group)["payment-servers"]
    action = kinds_here.action(kind, group=group, member="pay2", at_most="5s")

    async def do() -> None:
        before = await action.capture(kinds_here.given(5.0))
        await action.apply(before, kinds_here.given(5.0))

    asyncio.run(do())
    begun = time.monotonic()
    eventually(lambda: state(steady_lab, "pay2") == becomes, 4.0)
    eventually(lambda: state(steady_lab, "pay2") == "running", 40.0)
    assert time.monotonic() - begun > 1.0


def test_what_was_put_back_in_time_is_not_touched_by_an_old_limit(steady_lab: Facts) -> None:
    ask(steady_lab, {"op": "signal", "node": "pay2", "signal": "STOP", "for": 0.5})
    ask(steady_lab, {"op": "signal", "node": "pay2", "signal": "CONT"})
    ask(steady_lab, {"op": "signal", "node": "pay2", "signal": "STOP"})
    time.sleep(1.0)
    assert state(steady_lab, "pay2") == "stopped"


@pytest.mark.parametrize("seconds", [0, -1, True, "2", 1e9])
def test_a_limit_that_is_none_is_refused_and_nothing_is_touched(steady_lab: Facts, seconds: object) -> None:
    with pytest.raises(FaildrillError, match="a limit is a number of seconds"):
        ask(steady_lab, {"op": "signal", "node": "pay2", "signal": "STOP", "for": seconds})
    assert state(steady_lab, "pay2") == "running"


def test_plan_says_which_fault_ends_without_us(steady_lab: Facts, tmp_path: Path) -> None:
    drill = tmp_path / "limits.yaml"
    drill.write_text(
        """
drill: limits
environment: lab
probes: {pay: {http.request: {url: "${services.payments}/payments", method: POST, json: {amount: 1}}, every: 100ms}}
steps:
  - {name: hang one, member.stop: {group: payment-servers, member: pay1, at_most: 2m}}
  - {name: kill one, member.kill: {group: payment-servers, member: pay2}}
expect: [{steady_again: {within: 60s}}]
""",
        encoding="utf-8",
    )
    text = CliRunner().invoke(cli, ["plan", str(drill), "--env", str(steady_lab.environment)]).output
    assert "ends     by itself after 2 min: the target keeps that limit" in text
    assert "ends     only when it is put back: the target keeps no time limit" in text
