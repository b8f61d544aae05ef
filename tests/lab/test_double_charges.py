"""Double charges on the lab, red for real, from the command line: the number told is the true one."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from faildrill.adapters.postgres.target import Database
from faildrill.lab.core.facts import Facts
from lab.drilling import run
from lab.kinds_here import environment

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]


async def payments(lab: Facts, prefix: str) -> Counter[str]:
    """Count the payments by key or reference, by other means than the ledger's own."""
    password = (lab.folder / "passwords" / "payments").read_text().strip()
    database = environment(lab).of(Database)["payments"]
    connection = await asyncpg.connect(
        host=database.host, port=database.port, user="payments", database=database.database, password=password
    )
    try:
        query = (
            "SELECT coalesce(idempotency_key, reference) FROM payments WHERE coalesce(idempotency_key, reference) ^@ $1"
        )
        return Counter(row[0] for row in await connection.fetch(query, prefix))
    finally:
        await connection.close()


def test_clients_that_try_again_without_a_key_are_charged_twice_and_the_number_is_true(
    steady_lab: Facts, tmp_path: Path
) -> None:
    ran = run(Path("drills/red/payments-charged-twice.yaml"), tmp_path)
    assert ran.code == 1, ran.said
    found: list[dict[str, Any]] = [one for one in ran.result["findings"] if one["kind"] == "lost_writes"]
    with_key, without_key = found[:3], found[3:]
    assert [one["verdict"] for one in with_key] == ["PASSED"] * 3
    assert [one["verdict"] for one in without_key] == ["PASSED", "FAILED", "PASSED"]
    twice = asyncio.run(payments(steady_lab, f"{ran.result['run']}.without_key."))
    truth = sum(1 for number in twice.values() if number > 1)
    assert truth > 0
    assert without_key[1]["because"].startswith(f"{truth} write")
    once = asyncio.run(payments(steady_lab, f"{ran.result['run']}.with_key."))
    assert set(once.values()) == {1}
