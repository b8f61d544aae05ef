"""MariaDB, red for real: what was acknowledged while no replica received it is lost, and counted exactly."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from faildrill.adapters.mariadb.client import as_admin, as_user
from faildrill.adapters.mariadb.nodes import asked
from faildrill.adapters.mariadb.target import MariaDB
from faildrill.kinds.call_context import CallContext
from faildrill.lab.core.facts import Facts
from faildrill.ports import Opens, Probe, ReadsBack
from faildrill.record.ledger.accounts import accounts
from faildrill.record.samples import Outcome
from lab.conftest import ask
from lab.kinds_here import action, done, environment, given, once, probe
from lab.stores import lab_of

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]
NEEDS = {"mariadbd": "mariadb-server", "mariadb-install-db": "mariadb-server"}
RUN = "red"


@pytest.fixture
def mariadb_lab(state_folder: Path) -> Iterator[Facts]:
    """A lab of its own: the server that comes back has rows that its replica never had, and needs to be rebuilt."""
    with lab_of("mariadb", NEEDS, state_folder) as facts:
        yield facts


async def write(ledger: Probe, what: CallContext, times: int) -> list[Outcome]:
    return [(await asyncio.wait_for(ledger.look(what), what.timeout)).outcome for _ in range(times)]


async def numbers(mariadb: MariaDB, name: str) -> set[int]:
    """Read the rows of a server by other means than the ledger's own."""
    query = "SELECT number FROM faildrill_ledger WHERE run = %s"
    rows = await asked(as_user(mariadb, mariadb.members[name]), query, RUN, within=20.0)
    return {int(row["number"]) for row in rows}


def test_writes_acknowledged_while_the_replica_received_none_are_lost_and_counted_exactly(
    mariadb_lab: Facts, tmp_path: Path
) -> None:
    payments = environment(mariadb_lab).of(MariaDB)["payments"]
    what = replace(given(20.0), run=RUN, name="ledger", folder=tmp_path)

    async def story() -> tuple[str, set[int]]:
        old = (await once(probe("mariadb.writers", mariadb=payments), 10.0)).who
        new = next(name for name in payments.members if name != old)
        ledger = probe("mariadb.ledger", mariadb=payments)
        assert isinstance(ledger, Opens)
        await ledger.open(what)
        try:
            assert await write(ledger, what, 20) == [Outcome.OK] * 20
            await asked(as_admin(payments, payments.members[new]), "STOP SLAVE IO_THREAD", within=20.0)
            assert await write(ledger, what, 40) == [Outcome.OK] * 40  # semi-synchronous, until nobody answers
            truth = await numbers(payments, old) - await numbers(payments, new)
            ask(mariadb_lab, {"op": "signal", "node": old, "signal": "KILL"})
            await done(action("mariadb.promote", mariadb=payments), 30)
            assert Outcome.OK in await write(ledger, what, 20)
            assert isinstance(ledger, ReadsBack)
            told = await ledger.read_back(what)
        finally:
            await ledger.close()
        nodes = cast("dict[str, dict[str, object]]", told["nodes"])
        assert {name: bool(one["missing"]) for name, one in nodes.items()} == {old: True, new: False}
        return new, truth

    new, truth = asyncio.run(story())
    assert 30 <= len(truth) <= 40
    account = accounts(tmp_path, "ledger")[new]
    assert account.lost == len(truth)
    assert set(account.lost_numbers) == set(sorted(truth)[:20])
    assert account.loss_window > 0
    assert account.phantom == account.duplicated == account.out_of_order == account.strange == 0
