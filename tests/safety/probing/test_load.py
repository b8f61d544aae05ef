"""The load: sent at its rate by a prober of its own, whatever answers, and bounded."""

import asyncio
from itertools import pairwise
from pathlib import Path

from faildrill import probing
from faildrill.model.drill import ProbePlan
from faildrill.record.samples import Outcome
from safety.probing.test_prober import closed_port
from unit.probing.ground import ground
from unit.probing.watched import plan, watching


def load(url: str, every: float = 0.01, most: int = 0, timeout: float = 0.5) -> ProbePlan:
    made = plan("users", every=every, timeout=timeout, url=url)
    return made.model_copy(update={"by": "load", "most": most, "in_flight": 2 * round(timeout / every)})


def test_load_is_sent_by_a_prober_of_its_own(tmp_path: Path) -> None:
    del tmp_path
    users, pay = load("http://127.0.0.1:1/"), plan(url="http://127.0.0.1:1/")
    assert probing.split((pay, users)) == {"probes": (pay,), "load": (users,)}


def test_load_goes_on_at_its_rate_when_nothing_answers_where_a_probe_holds_back(tmp_path: Path) -> None:
    async def scene() -> None:
        with ground() as server:
            server.turn("silent")
            probe = plan(url=server.url, every=0.002)
            async with watching(tmp_path, [probe, load(server.url, every=0.002)], settle=0.4) as watched:
                pass
        sent, held_back = watched.counts("users"), watched.counts("pay")
        assert sent[Outcome.TIMED_OUT] > 0.9 * sum(sent.values())
        assert held_back[Outcome.TIMED_OUT] < 0.8 * sum(held_back.values())

    asyncio.run(scene())


def test_load_adds_no_looks_while_refused(tmp_path: Path) -> None:
    """A probe hurries while it is refused, and what it saw at the edge is recorded off its grid."""

    async def scene() -> None:
        port = closed_port()
        async with watching(tmp_path, [load(f"http://127.0.0.1:{port}/", every=0.02)], settle=0.2) as watched:
            with ground(port):
                await asyncio.sleep(0.3)
        assert {Outcome.OK, Outcome.REFUSED} <= set(watched.counts("users"))
        dues = sorted(one.due for one in watched.of("users"))
        assert {later - due for due, later in pairwise(dues)} == {20_000_000}

    asyncio.run(scene())


def test_load_ends_by_itself_after_the_most_requests(tmp_path: Path) -> None:
    async def scene() -> None:
        with ground() as server:
            async with watching(tmp_path, [load(server.url, most=20)], settle=0.4) as watched:
                pass
            assert len(watched.of("users")) == 20
            assert server.count("requests") == 20

    asyncio.run(scene())
