"""What is learned between two looks: late answers, persistent connections that end, the end of refusals."""

import asyncio
from pathlib import Path

from faildrill.record.samples import SEEN_LATE, Outcome
from unit.probing.ground import ground
from unit.probing.watched import MILLISECOND, now, plan, watching


def test_an_answer_after_its_deadline_is_recorded_as_the_late_answer_it_is(tmp_path: Path) -> None:
    async def scene() -> None:
        with ground() as server:
            slow = plan(url=server.url, every=0.5, timeout=0.1)
            async with watching(tmp_path, [slow], settle=0.05) as watched:
                truth = await asyncio.to_thread(server.dark, "held", 0.8)
        late = [sample for sample in watched.of() if sample.detail.startswith("late answer")]
        assert len(late) in (1, 2)
        for sample in late:
            assert sample.outcome is Outcome.OK
            assert sample.who == "s1"
            assert sample.sent < truth.ended[0] - 100 * MILLISECOND
            assert truth.ended[0] <= sample.answered <= truth.ended[1] + 50 * MILLISECOND
            assert any(
                abs(sample.sent - one.sent) < MILLISECOND for one in watched.of() if one.outcome is Outcome.TIMED_OUT
            )

    asyncio.run(scene())


def test_when_a_standing_connection_ends_it_looks_at_once(tmp_path: Path) -> None:
    async def scene() -> None:
        with ground() as server:
            seldom = plan(url=server.url, every=1.0, connection="kept")
            async with watching(tmp_path, [seldom], settle=0.2) as watched:
                died = now()
                server.kill()
        refused = [sample for sample in watched.of() if sample.outcome is Outcome.REFUSED]
        assert refused
        assert died <= refused[0].answered < died + 100 * MILLISECOND

    asyncio.run(scene())


def test_a_server_that_ends_an_idle_connection_proves_no_darkness(tmp_path: Path) -> None:
    async def scene() -> None:
        with ground() as server:
            seldom = plan(url=server.url, every=0.3, connection="kept")
            async with watching(tmp_path, [seldom], settle=0.2) as watched:
                server.turn("hang up")
                await asyncio.sleep(0.5)
        assert set(watched.counts()) == {Outcome.OK}

    asyncio.run(scene())


def test_the_end_of_refusals_is_seen_well_within_the_interval(tmp_path: Path) -> None:
    async def scene() -> None:
        with ground() as server:
            seldom = plan(url=server.url, every=0.4)
            async with watching(tmp_path, [seldom], settle=0.05) as watched:
                truth = await asyncio.to_thread(server.dark, "refused", 0.6)
                await asyncio.sleep(0.2)
        back = [one for one in watched.of() if one.outcome is Outcome.OK and one.answered >= truth.ended[0]]
        still = [one for one in watched.of() if one.outcome is Outcome.REFUSED]
        assert back[0].answered - truth.ended[1] < 30 * MILLISECOND
        assert truth.ended[1] - still[-1].sent < 30 * MILLISECOND
        assert len(still) <= 5, "looks in between must not weigh in the counts"

    asyncio.run(scene())


def test_kept_looks_share_a_connection_and_fresh_ones_dont(tmp_path: Path) -> None:
    async def scene() -> None:
        with ground() as server:
            both = [plan(one, url=server.url, every=0.01, connection=one) for one in ("kept", "fresh")]
            async with watching(tmp_path, both, settle=0.2) as watched:
                pass
            connections = server.count("connections")
            requests = server.count("requests")
        looks = {one: len([s for s in watched.of(one) if s.outcome is Outcome.OK]) for one in ("kept", "fresh")}
        assert requests == sum(looks.values())
        assert looks["fresh"] < connections <= looks["fresh"] + 3
        assert not [s for s in watched.samples if s.outcome is Outcome.OK and s.detail not in ("", SEEN_LATE)]

    asyncio.run(scene())


def test_fresh_connections_leave_no_pair_of_ports_waiting(tmp_path: Path) -> None:
    """A connection from a port that waits is not refused but tried again in silence: seen to blur outages by 20 ms."""

    async def scene() -> int:
        with ground() as server:
            async with watching(tmp_path, [plan(url=server.url, every=0.005)], settle=0.2) as watched:
                pass
            assert watched.counts()[Outcome.OK] > 50
            return _waiting(server.port)

    assert asyncio.run(scene()) == 0


def _waiting(port: int) -> int:
    lines = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    ports = [(line[1].partition(":")[2], line[2].partition(":")[2]) for line in lines if line[3] == "06"]
    return len([pair for pair in ports if f"{port:04X}" in pair])
