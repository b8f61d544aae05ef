"""The lab's load balancer against the standard that the lab ships: as approved, changed at run time, put right."""

import asyncio
from pathlib import Path

import pytest

from faildrill.adapters.haproxy.client import tell
from faildrill.adapters.haproxy.target import LoadBalancer
from faildrill.lab.core.facts import Facts
from faildrill.lab.payments import environment_file
from faildrill.record.samples import Outcome
from lab import kinds_here

pytestmark = pytest.mark.lab
EXAMPLES = Path(__file__).parents[2] / "drills" / "standards"


def test_what_an_operator_changes_at_run_time_is_named_and_gone_when_it_is_put_right(steady_lab: Facts) -> None:
    place = kinds_here.environment(steady_lab)
    balancer = place.of(LoadBalancer)["payments"]
    drift = kinds_here.probe("haproxy.drift", load_balancer=balancer, standard=place.standards["payments"])

    async def seen_after(command: str) -> tuple[Outcome, str]:
        await tell(balancer.haproxy_socket, command)
        seen = await kinds_here.once(drift)
        return seen.outcome, seen.detail

    async def drifting() -> list[tuple[Outcome, str]]:
        return [
            await seen_after("show version"),
            await seen_after("set server payments/pay1 weight 10"),
            await seen_after("set server payments/pay1 weight 1"),
            await seen_after("set server payments/pay2 state drain"),
            await seen_after("set server payments/pay2 state ready"),
            await seen_after("disable health database/pg1"),
            await seen_after("enable health database/pg1"),
        ]

    fine = (Outcome.OK, "")
    assert asyncio.run(drifting()) == [
        fine,
        (Outcome.WRONG, "weight of payments/pay1: 10, the standard says 1"),
        fine,
        (Outcome.WRONG, "state of payments/pay2: drain, the standard says ready"),
        fine,
        (Outcome.WRONG, "check of database/pg1: none, the standard says http"),
        fine,
    ]


def test_the_standards_among_the_drills_are_those_that_the_lab_ships() -> None:
    theirs = {path.name: path.read_text(encoding="utf-8") for path in environment_file.STANDARDS.iterdir()}
    assert {path.name: path.read_text(encoding="utf-8") for path in EXAMPLES.iterdir()} == theirs
