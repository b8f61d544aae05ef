"""The ledger on the lab: nothing lost where nothing is, and every lost write where replication was cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import asyncpg
import pytest

from faildrill.adapters.postgres.ledger_rows import What, read
from faildrill.adapters.postgres.sessions import by_users_path
from faildrill.adapters.postgres.target import Cluster, Database
from faildrill.kinds.call_context import CallContext
from faildrill.lab.core.facts import Facts
from faildrill.model.environment import Environment
from faildrill.ports import Captured, Opens, Probe, ReadsBack
from faildrill.record.ledger.accounts import accounts
from faildrill.record.samples import Outcome
from faildrill.toolkit.ledger_probe import LedgerRead
from lab.conftest import ask, put_back
from lab.kinds_here import environment, given, once, opened, probe, saw

pytestmark = pytest.mark.lab


@pytest.fixture
def place(steady_lab: Facts) -> Environment:
    return environment(steady_lab)


def supplies(folder: Path, run: str, timeout: float = 1.0) -> CallContext:
    return replace(given(timeout), run=run, name="ledger", folder=folder)


@asynccontextmanager
async def ledger(place: Environment, what: CallContext) -> AsyncIterator[Probe]:
    kept = probe("postgres.ledger", database=place.of(Database)["payments"], cluster=place.of(Cluster)["payments"])
    assert isinstance(kept, Opens)
    await kept.open(what)
    try:
        yield kept
    finally:
        await kept.close()


async def write(kept: Probe, what: CallContext, times: int) -> list[Outcome]:
    """Look so often, four at a time, as a prober would."""
    outcomes = []
    for _ in range(times // 4):
        seen = await asyncio.gather(*(asyncio.wait_for(kept.look(what), what.timeout) for _ in range(4)))
        outcomes += [one.outcome for one in seen]
    return outcomes


async def count(cluster: Cluster, name: str, run: str) -> int:
    """Count the rows on a node, by other means than the ledger's own."""
    member = cluster.members[name]
    assert cluster.password is not None
    connection = await asyncpg.connect(
        host=member.host,
        port=member.port,
        user=cluster.user,
        database=cluster.database,
        password=cluster.password.resolve().reveal(),
    )
    try:
        return cast("int", await connection.fetchval("SELECT count(*) FROM faildrill_ledger WHERE run = $1", run))
    finally:
        await connection.close()


def test_an_undisturbed_ledger_finds_every_write_on_every_node(place: Environment, tmp_path: Path) -> None:
    async def story() -> None:
        what = supplies(tmp_path, "undisturbed")
        async with ledger(place, what) as kept:
            assert await write(kept, what, 200) == [Outcome.OK] * 200
            assert isinstance(kept, ReadsBack)
            answer = await kept.read_back(supplies(tmp_path, "undisturbed", 10.0))
        nodes = cast("dict[str, dict[str, object]]", answer["nodes"])
        assert {name: one["rows"] for name, one in nodes.items()} == {"pg1": 200, "pg2": 200}
        assert [one["writer"] for one in nodes.values()].count(True) == 1

    asyncio.run(story())
    found = accounts(tmp_path, "ledger")
    assert sorted(found) == ["pg1", "pg2"]
    for account in found.values():
        assert (account.sent, account.acknowledged, account.lost) == (200, 200, 0)
        assert account.phantom == account.duplicated == account.out_of_order == account.strange == 0


@pytest.mark.parametrize("page", [7, 50, 1000])
def test_rows_that_are_read_in_pages_are_all_rows_in_their_order(place: Environment, tmp_path: Path, page: int) -> None:
    async def story() -> Captured:
        what = supplies(tmp_path, f"pages-of-{page}", 20.0)
        async with ledger(place, what) as kept:
            assert await write(kept, what, 100) == [Outcome.OK] * 100
        reading = LedgerRead(what)
        paged = What("faildrill_ledger", what.run, what.name, page)
        await read({"path": by_users_path(place.of(Database)["payments"])}, paged, 20.0, reading)
        return reading.told()

    assert asyncio.run(story())["nodes"] == {"path": {"writer": True, "rows": 100, "missing": ""}}
    account = accounts(tmp_path, "ledger")["path"]
    assert (account.acknowledged, account.lost, account.duplicated, account.out_of_order) == (100, 0, 0, 0)


def test_a_look_for_which_no_writer_is_free_is_skipped(place: Environment, tmp_path: Path) -> None:
    async def story() -> None:
        what = supplies(tmp_path, "crowded")
        async with ledger(place, what) as kept:
            seen = await asyncio.gather(*(kept.look(what) for _ in range(6)))
        assert sorted(one.outcome for one in seen) == [Outcome.OK] * 4 + [Outcome.SKIPPED] * 2

    asyncio.run(story())


def test_a_write_cut_off_at_its_deadline_is_unknown(steady_lab: Facts, place: Environment, tmp_path: Path) -> None:
    async def story() -> None:
        cluster = place.of(Cluster)["payments"]
        who = (await once(probe("patroni.writer", cluster=cluster))).who
        what = supplies(tmp_path, "hung", 0.3)
        async with ledger(place, what) as kept:
            await write(kept, supplies(tmp_path, "hung", 20.0), 4)
            ask(steady_lab, {"op": "signal", "node": who, "signal": "STOP"})
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(kept.look(what), 0.3)
            ask(steady_lab, {"op": "signal", "node": who, "signal": "CONT"})
            await asyncio.sleep(0.5)
            assert isinstance(kept, ReadsBack)
            await kept.read_back(supplies(tmp_path, "hung", 10.0))

    asyncio.run(story())
    account = accounts(tmp_path, "ledger")["pg1"]
    assert (account.acknowledged, account.unknown, account.lost) == (4, 1, 0)
    assert account.unknown_there + account.unknown_absent == 1


def test_writes_acknowledged_after_replication_was_cut_are_lost_and_counted_exactly(
    steady_lab: Facts, place: Environment, tmp_path: Path
) -> None:
    async def story() -> int:
        cluster = place.of(Cluster)["payments"]
        writer = probe("patroni.writer", cluster=cluster)
        old = (await once(writer)).who
        new = next(name for name in cluster.members if name != old)
        what = supplies(tmp_path, "cut")
        async with ledger(place, what) as kept:
            await write(kept, what, 100)
            ask(steady_lab, {"op": "link", "name": old, "mode": "cut"})
            await write(kept, what, 60)
            truth = await count(cluster, old, "cut") - await count(cluster, new, "cut")
            ask(steady_lab, {"op": "signal", "node": old, "signal": "KILL"})
            await saw(writer, lambda seen: seen.who == new)
            async with opened(probe("postgres.write", database=place.of(Database)["payments"])) as users:
                await saw(users, lambda seen: seen.outcome == Outcome.OK)
            assert Outcome.OK in await write(kept, what, 40)
            put_back(steady_lab)
            assert isinstance(kept, ReadsBack)
            await kept.read_back(supplies(tmp_path, "cut", 20.0))
        return truth

    truth = asyncio.run(story())
    assert truth > 0
    found = accounts(tmp_path, "ledger")
    assert {name: account.lost for name, account in found.items()} == {"pg1": truth, "pg2": truth}
    for account in found.values():
        assert account.loss_window > 0
        assert account.lost_numbers[0] > 100 - truth
        assert account.phantom == account.duplicated == account.out_of_order == account.strange == 0
