"""`haproxy.spread` beside a real HAProxy: a skew is seen, and nothing else that moves requests is one."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from faildrill.adapters.haproxy.spread import Spread
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Seen
from faildrill.record.samples import Outcome
from faildrill.record.spread_counts import load, path_of
from faildrill.standards import Standard
from lab.haproxies import Balancer, balancer

pytestmark = [pytest.mark.lab, pytest.mark.timeout(60)]
EQUAL = {"s1": 1, "s2": 1, "s3": 1}
CHECKED = "check inter 100ms rise 1 fall 1"
MANY = 900
"""Enough requests to prove an even spread even."""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder whose name is short enough for a socket's path."""
    with tempfile.TemporaryDirectory(prefix="fd-") as folder:
        yield Path(folder)


def spread(of: Balancer, **more: object) -> Spread:
    given = {"load_balancer": of.target, "backend": "payments", "weights": EQUAL, "settle": "0ms", **more}
    return Spread.model_validate(given)


async def looked(probe: Spread, given: CallContext, *after: Awaitable[object]) -> Seen:
    """Look, let something happen, and look again."""
    await probe.look(given)
    for one in after:
        await one
    return await probe.look(given)


def play(of: Balancer, scene: Callable[[Spread, CallContext], Awaitable[None]], **more: object) -> None:
    async def whole() -> None:
        probe = spread(of, **more)
        try:
            await scene(probe, CallContext("run", 5.0, 0.5, name="spread", folder=of.folder))
        finally:
            await probe.close()

    asyncio.run(whole())


def test_weights_set_wrong_at_run_time_are_seen_and_so_is_their_correction(place: Path) -> None:
    async def scene(probe: Spread, given: CallContext) -> None:
        assert (await looked(probe, given, of.ask(MANY))).outcome is Outcome.OK
        await of.tell("set server payments/s1 weight 70", *(f"set server payments/s{one} weight 10" for one in (2, 3)))
        seen = await looked(probe, given, of.ask(90))
        assert (seen.outcome, seen.who) == (Outcome.WRONG, "s1")
        assert seen.detail.startswith("s1 80% (due 33%)")
        await of.tell(*(f"set server payments/s{one} weight 1" for one in (1, 2, 3)))
        assert (await looked(probe, given, of.ask(MANY))).outcome is Outcome.OK

    with balancer(place) as of:
        play(of, scene)
        kept = load(path_of(place, "spread"))
        assert [one.skewed for one in kept if one.counts] == [False, True, False]
        assert kept[-1].counts == {"s1": 300, "s2": 300, "s3": 300}


@pytest.mark.parametrize("server", ["", CHECKED], ids=["unchecked", "checked"])
def test_a_server_that_was_given_no_weight_but_was_not_drained_is_starved(server: str, place: Path) -> None:
    async def scene(probe: Spread, given: CallContext) -> None:
        await of.tell("set server payments/s3 weight 0")
        seen = await looked(probe, given, of.ask(300))
        assert seen.outcome is Outcome.WRONG
        assert "s3 0% (due 33%)" in seen.detail

    with balancer(place, server=server) as of:
        play(of, scene)


@pytest.mark.parametrize("server", ["", CHECKED], ids=["unchecked", "checked"])
@pytest.mark.parametrize("state", ["drain", "maint"])
def test_a_server_that_drains_or_is_taken_out_is_no_skew(state: str, server: str, place: Path) -> None:
    async def scene(probe: Spread, given: CallContext) -> None:
        assert (await looked(probe, given, of.ask(MANY))).outcome is Outcome.OK
        await of.tell(f"set server payments/s3 state {state}")
        assert (await looked(probe, given, of.ask(MANY))).outcome is Outcome.OK
        await of.tell("set server payments/s3 state ready")
        assert (await looked(probe, given, of.ask(MANY))).outcome is Outcome.OK

    with balancer(place, server=server) as of:
        play(of, scene)


def test_sticky_clients_are_no_skew(place: Path) -> None:
    async def scene(probe: Spread, given: CallContext) -> None:
        sticky = of.ask(MANY, header="Cookie: SRV=s2\r\n", kept=True)
        assert (await looked(probe, given, of.ask(120), sticky)).outcome is Outcome.OK

    with balancer(place, backend="balance roundrobin\n    cookie SRV insert indirect") as of:
        play(of, scene)
        assert load(path_of(place, "spread"))[-1].counts == {"s1": 40, "s2": 40, "s3": 40}


def test_requests_that_a_rule_gives_to_a_server_are_no_skew(place: Path) -> None:
    async def scene(probe: Spread, given: CallContext) -> None:
        assigned = of.ask(MANY, header="X-To: s2\r\n")
        assert (await looked(probe, given, of.ask(120), assigned)).outcome is Outcome.OK

    with balancer(place, backend="balance roundrobin\n    use-server s2 if { req.hdr(X-To) s2 }") as of:
        play(of, scene)
        assert load(path_of(place, "spread"))[-1].counts == {"s1": 40, "s2": 40, "s3": 40}


@pytest.mark.parametrize("mode", ["http", "tcp"])
def test_a_connection_that_is_kept_is_no_skew(mode: str, place: Path) -> None:
    """In HTTP every request on it is balanced, in TCP it is one choice however much goes over it."""

    async def scene(probe: Spread, given: CallContext) -> None:
        seen = await looked(probe, given, of.ask(MANY, kept=True), of.ask(60))
        assert seen.outcome is Outcome.OK

    with balancer(place, mode=mode) as of:
        play(of, scene)


def test_a_backup_is_due_nothing(place: Path) -> None:
    async def scene(probe: Spread, given: CallContext) -> None:
        assert (await looked(probe, given, of.ask(MANY))).outcome is Outcome.OK

    with balancer(place, more=f"server s4 unix@{place}/s4.sock backup") as of:
        play(of, scene, weights={**EQUAL, "s4": 1})


def test_a_new_member_that_starts_slowly_is_no_skew(place: Path) -> None:
    async def scene(probe: Spread, given: CallContext) -> None:
        await of.tell("set server payments/s3 state maint")
        assert (await looked(probe, given, of.ask(MANY))).outcome is Outcome.OK
        await of.tell("set server payments/s3 state ready")
        for _ in range(8):
            await asyncio.sleep(0.25)
            assert (await looked(probe, given, of.ask(300))).outcome is Outcome.OK
        got = load(path_of(place, "spread"))[-1]
        assert 0 < got.due["s3"] < 0.5 * got.due["s1"]
        assert got.counts["s3"] < got.counts["s1"] / 2

    with balancer(place, server="weight 100 slowstart 20s check inter 100ms rise 1") as of:
        play(of, scene, weights={"s1": 100, "s2": 100, "s3": 100})


def test_counters_that_begin_anew_are_begun_anew(place: Path) -> None:
    async def scene(probe: Spread, given: CallContext) -> None:
        assert (await looked(probe, given, of.ask(MANY))).outcome is Outcome.OK
        await of.tell("clear counters all")
        seen = await probe.look(given)
        assert (seen.outcome, seen.detail) == (Outcome.BROKEN, "the counters have just begun")
        assert (await looked(probe, given, of.ask(MANY))).outcome is Outcome.OK

    with balancer(place) as of:
        play(of, scene)


def test_without_requests_it_proves_nothing_and_without_a_haproxy_it_is_refused(place: Path) -> None:
    async def scene(probe: Spread, given: CallContext) -> None:
        seen = await looked(probe, given, of.ask(10))
        assert (seen.outcome, seen.detail) == (Outcome.BROKEN, "too few requests to tell: 50 are the fewest")

    with balancer(place) as of:
        play(of, scene)
    gone = spread(Balancer(place / "none"))
    assert asyncio.run(gone.look(CallContext("run", 5.0))).outcome is Outcome.REFUSED


def test_the_weights_are_those_of_the_standard_or_of_the_file_where_nobody_says(place: Path) -> None:
    every = {"backends": {"payments": {"servers": {"s1": {"weight": 6}, "s2": {"weight": 1}, "s3": {"weight": 1}}}}}
    standard = Standard.model_validate({"name": "payments", **every})

    async def scene(probe: Spread, given: CallContext) -> None:
        seen = await looked(probe, given, of.ask(MANY))
        assert seen.outcome is (Outcome.WRONG if probe.standard else Outcome.OK)

    with balancer(place) as of:
        play(of, scene, weights={}, standard=standard)
        play(of, scene, weights={})


def test_what_can_not_be_is_refused_before_it_looks(place: Path) -> None:
    for wrong in ({"backend": "other"}, {"weights": {"s9": 1}}, {"tolerance": 25}, {"tolerance": "0%"}):
        with pytest.raises(ValidationError):
            spread(Balancer(place), **wrong)
