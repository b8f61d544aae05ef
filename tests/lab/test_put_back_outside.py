"""A socket that says that a server is ready again and does nothing: real users see it, so the run and `recover` do."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from faildrill import judging
from faildrill.judging.result import Result, Verdict
from faildrill.model.drill import ProbePlan, Step
from faildrill.ports.target import KindUse
from faildrill.record.timeline import FILE as TIMELINE
from faildrill.record.timeline import RunEnded, SteadyAgain, entries
from faildrill.restoring.recovery import recover
from lab.haproxies import Balancer, balancer
from lab.liar_stands import READY
from support.liars import haproxy
from support.liars.between import Liar, between
from support.liars.lies import DIRTY, HONEST, Lie
from support.places import Place, ended

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]
SAYS_SO = Lie("undo: says yes and that it is so", DIRTY, about=2, times=0, answer="yes", reads="as it was told")
STEPS: Final[Mapping[str, dict[str, Any]]] = {
    "haproxy.drain": {"server": "s1"},
    "haproxy.maintenance": {"server": "s1"},
    "haproxy.weights": {"set": {"s1": 70, "s2": 10, "s3": 10}},
}


class Ran(NamedTuple):
    """What was judged, what the servers are in truth, and how long the run went on once it was steady."""

    result: Result
    servers: dict[str, tuple[str, str]]
    longer: float
    folder: Path


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Balancer]:
    with balancer(tmp_path_factory.mktemp("front")) as one:
        yield one


class Fronted(Place):
    """A drill whose step goes through a liar, and whose users don't."""

    def __init__(self, front: Balancer, kind: str, folder: Path) -> None:
        super().__init__(folder)
        self._url = f"http://127.0.0.1:{front.port}/"
        known = {"haproxy_socket": str(folder / "liar.sock"), "unproven": "it is a liar of this test"}
        target = front.target.model_copy(update=known).model_dump(mode="json")
        use = KindUse(kind=kind, params={"load_balancer": target, "backend": "payments", **STEPS[kind]})
        self.warm_up = 1.0
        self.expect = [KindUse(kind="steady_again", params={"within": "5s"})]
        self.steps = [Step(id="it", name="it", use=use, within=5.0, undo_within=5.0)]
        self.wait(2.0)

    def probe(self, name: str, every: float = 0.02) -> ProbePlan:
        """Look as users do."""
        use = KindUse(kind="http.request", params={"url": self._url, "who_header": "X-Server"})
        return ProbePlan(name=name, use=use, every=every, timeout=1.0)


async def ran(front: Balancer, kind: str, folder: Path, lie: Lie, *, and_recover: bool = False) -> Ran:
    real = Path(front.target.haproxy_socket)

    async def nothing() -> None:
        return

    with ExitStack() as stack:
        await haproxy.told(real, READY)
        async with between(Liar(lie, haproxy.WIRE, real, real, nothing), folder / "liar.sock"):
            started = Fronted(front, kind, folder).start()
            stack.enter_context(ended(started))
            await asyncio.to_thread(started.sentinel.wait)
            result = judging.judge(started.folder)
            if and_recover:
                assert await recover(started.folder, "recover")
        told = [(entry.at, entry.what) for entry in entries(started.folder / TIMELINE)]
        over = next(at for at, one in told if isinstance(one, RunEnded))
        steady = next(at for at, one in told if isinstance(one, SteadyAgain))
        return Ran(result, await haproxy.servers(real), (over - steady) / 1e9, started.folder)


def undo(result: Result) -> tuple[Any, str]:
    return next((one.verdict, one.because) for one in result.findings if one.kind == "undo")


@pytest.mark.parametrize("kind", STEPS)
def test_what_users_see_put_back_is_put_back_and_nobody_waits_for_it(
    kind: str, front: Balancer, tmp_path: Path
) -> None:
    done = asyncio.run(ran(front, kind, tmp_path, HONEST))
    verdict, because = undo(done.result)
    assert (done.result.verdict, verdict) == (Verdict.PASSED, Verdict.PASSED), because
    assert "noticed its end: s1 answered" in because
    assert done.longer < 20.0, "it was seen at once, and looked for as long as what is never seen"


@pytest.mark.parametrize("kind", STEPS)
def test_what_is_said_to_be_put_back_and_users_don_t_see_is_unsafe_and_recover_puts_it_back(
    kind: str, front: Balancer, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A run looks on for a minute here, as traffic may settle late."""
    if kind != "haproxy.drain" and not request.config.getoption("--soak"):
        pytest.skip("one of them in every run of the tests")
    done = asyncio.run(ran(front, kind, tmp_path, SAYS_SO, and_recover=True))
    verdict, because = undo(done.result)
    assert (done.result.verdict, verdict) == (Verdict.UNSAFE, Verdict.UNSAFE), because
    assert "haproxy says that it is as before, and probes say that it is not: " in because
    assert set(done.servers.values()) == {("0", "1")}
