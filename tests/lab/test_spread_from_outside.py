"""`http.spread` and `access_log.spread` beside a real HAProxy, which they see from the outside or by its log."""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from faildrill.adapters.access_log.spread import Spread as LogSpread
from faildrill.adapters.http.spread import Spread as HttpSpread
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Seen
from faildrill.record.samples import Outcome
from faildrill.record.spread_counts import load, path_of
from lab.haproxies import Balancer, balancer

pytestmark = [pytest.mark.lab, pytest.mark.timeout(60)]
EQUAL = {"s1": 1, "s2": 1, "s3": 1}
LOGGED = "log global\n    option httplog"


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder whose name is short enough for a socket's path."""
    with tempfile.TemporaryDirectory(prefix="fd-") as folder:
        yield Path(folder)


def http_spread(of: Balancer, **more: object) -> HttpSpread:
    given = {"url": f"http://127.0.0.1:{of.port}/", "weights": EQUAL, "settle": "0ms", **more}
    return HttpSpread.model_validate(given)


def log_spread(of: Balancer, **more: object) -> LogSpread:
    given = {"path": str(of.log), "format": "haproxy", "backend": "payments", "weights": EQUAL, "settle": "0ms", **more}
    return LogSpread.model_validate(given)


async def looks(probe: HttpSpread, times: int, folder: Path) -> list[Seen]:
    given = CallContext("run", 5.0, 0.05, name="spread", folder=folder)
    await probe.open(given)
    try:
        return [await probe.look(given) for _ in range(times)]
    finally:
        await probe.close()


@pytest.mark.parametrize("how", [{}, {"who_header": "none", "who_field": "by"}], ids=["header", "field"])
def test_answers_tell_who_gave_them_and_a_skew_shows(how: dict[str, str], place: Path) -> None:
    with balancer(place) as of:
        seen = asyncio.run(looks(http_spread(of, **how), 90, place))
        assert {one.outcome for one in seen[:49]} == {Outcome.BROKEN}
        assert {one.outcome for one in seen[49:]} == {Outcome.OK}
        asyncio.run(of.tell("set server payments/s1 weight 250"))
        last = asyncio.run(looks(http_spread(of, **how), 120, place))[-1]
        assert (last.outcome, last.who) == (Outcome.WRONG, "s1")
    kept = load(path_of(place, "spread"))
    assert len(kept) == 210
    assert all(0 < one < 5 for some in kept for one in some.seconds.values())


def test_a_server_that_drains_is_starved_unless_haproxy_is_asked_for_its_state(place: Path) -> None:
    with balancer(place) as of:
        asyncio.run(of.tell("set server payments/s3 state drain"))
        assert asyncio.run(looks(http_spread(of), 120, place))[-1].outcome is Outcome.WRONG
        asking = http_spread(of, load_balancer=of.target, backend="payments")
        assert asyncio.run(looks(asking, 120, place))[-1].outcome is Outcome.OK


def test_an_answer_without_a_name_proves_nothing(place: Path) -> None:
    with balancer(place) as of:
        [seen] = asyncio.run(looks(http_spread(of, who_header="none"), 1, place))
    assert (seen.outcome, seen.detail) == (Outcome.BROKEN, "no answer that tells who gave it")


async def logged(probe: LogSpread, of: Balancer, times: int, header: str = "") -> Seen:
    """Look at a log to which requests were added, and wait until it holds them."""
    before = len(of.log.read_text().splitlines())
    await of.ask(times, header=header)
    for _ in range(500):
        if len(of.log.read_text().splitlines()) >= before + times:
            break
        await asyncio.sleep(0.01)
    return await probe.look(CallContext("run", 5.0, 0.5, name="spread", folder=of.folder))


def test_a_log_tells_of_a_skew_and_clients_that_are_bound_are_none(place: Path) -> None:
    async def scene(of: Balancer) -> None:
        probe = log_spread(of)
        await probe.open(CallContext("run", 5.0))
        try:
            assert (await logged(probe, of, 90)).outcome is Outcome.OK
            assert (await logged(probe, of, 300, "Cookie: SRV=s2\r\n")).outcome is Outcome.OK
            await of.tell("set server payments/s1 weight 250")
            seen = await logged(probe, of, 120)
            assert (seen.outcome, seen.who) == (Outcome.WRONG, "s1")
        finally:
            await probe.close()

    sticky = "balance roundrobin\n    cookie SRV insert indirect"
    with balancer(place, log=LOGGED, backend=sticky) as of:
        asyncio.run(scene(of))
    assert load(path_of(place, "spread"))[0].counts == {"s1": 30, "s2": 30, "s3": 30}


def test_a_log_with_states_asked_for_knows_who_drains(place: Path) -> None:
    async def scene(of: Balancer) -> None:
        probe = log_spread(of, load_balancer=of.target)
        try:
            await of.tell("set server payments/s3 state drain")
            await probe.open(CallContext("run", 5.0))
            assert (await logged(probe, of, 120)).outcome is Outcome.OK
        finally:
            await probe.close()

    with balancer(place, log=LOGGED) as of:
        asyncio.run(scene(of))


def test_a_log_that_is_not_there_is_seen_once_it_is(place: Path) -> None:
    probe = log_spread(Balancer(place))

    async def scene() -> list[Seen]:
        given = CallContext("run", 5.0)
        await probe.open(given)
        first = await probe.look(given)
        (place / "access.log").write_text("nothing of note\n")
        second = await probe.look(given)
        await probe.close()
        return [first, second]

    first, second = asyncio.run(scene())
    assert first.detail == "the log can't be read: No such file or directory"
    assert second.detail.startswith("too few requests")


def test_what_can_not_be_is_refused_before_it_looks(place: Path) -> None:
    of = Balancer(place, 1)
    wrongs: list[dict[str, object]] = [{"weights": {}}, {"backend": "payments"}, {"load_balancer": of.target}]
    for wrong in wrongs:
        with pytest.raises(ValidationError):
            http_spread(of, **wrong)
    wrongs = [{"weights": {}}, {"format": "nginx", "log_format": "$status"}]
    wrongs.append({"load_balancer": of.target, "backend": None})
    for wrong in wrongs:
        with pytest.raises(ValidationError):
            log_spread(of, **wrong)
