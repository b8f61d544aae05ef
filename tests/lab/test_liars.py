"""Every action among liars, on real servers: nothing false is said, left on unsaid, done twice, or done to others."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from faildrill.adapters.groups import Group
from faildrill.lab.facts import Facts
from lab.conftest import ask
from lab.haproxies import Balancer, balancer
from lab.kinds_here import environment
from support.liars import haproxy, supervisor
from support.liars.lies import LIES, Lie
from support.liars.stands import Stand

pytestmark = pytest.mark.timeout(120)
HOLD = 1.8
STEPS: dict[str, tuple[dict[str, Any], str]] = {
    "haproxy.drain": ({"server": "s1"}, "set server payments/s1 state maint"),
    "haproxy.maintenance": (
        {"server": "s1"},
        "set server payments/s1 state ready; set server payments/s1 state drain",
    ),
    "haproxy.weights": ({"set": {"s1": 70}}, "set server payments/s1 weight 30"),
}
"""By kind, its parameters, and what another operator tells HAProxy meanwhile."""
REACHED = {"member.kill": "KILL", "member.stop": "STOP"}
READY = "; ".join(
    f"set server payments/{one} {what}" for one in ("s1", "s2", "s3") for what in ("state ready", "weight 1")
)
NO_COMPARE_AND_SET = {"another operator first", "another operator right before the undo"}
"""Between the look and the request another one's is written over (docs/safety.md)."""
ITSELF_THE_WITNESS = {"says yes and that it is so, and does nothing"}
"""HAProxy alone knows what was set through its socket (docs/safety.md)."""
ONE_OPERATOR = {one.name for one in LIES if one.operator != "nobody" or one.behind != "ours"}
"""A reach is one process, and what it does to a member is a signal: there is nothing to write over."""
NOT_HELD = dict.fromkeys(STEPS, NO_COMPARE_AND_SET | ITSELF_THE_WITNESS) | dict.fromkeys(REACHED, ONE_OPERATOR)


@pytest.fixture(scope="module")
def fronts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Balancer, Balancer]]:
    with balancer(tmp_path_factory.mktemp("a")) as first, balancer(tmp_path_factory.mktemp("b")) as second:
        yield first, second


@pytest.fixture
def stand(kind: str, request: pytest.FixtureRequest) -> Stand:
    if kind in REACHED:
        return of_member(kind, request.getfixturevalue("steady_lab"))
    return of_haproxy(kind, request.getfixturevalue("fronts"))


def of_haproxy(kind: str, fronts: tuple[Balancer, Balancer]) -> Stand:
    real, another = (Path(one.target.haproxy_socket) for one in fronts)
    own, theirs = STEPS[kind]

    async def reset() -> None:
        for socket in (real, another):
            await haproxy.told(socket, READY)
        await asyncio.sleep(0.1)

    def params(path: str) -> dict[str, Any]:
        target = fronts[0].target.model_copy(update={"haproxy_socket": path})
        return {"load_balancer": target.model_dump(mode="json"), "backend": "payments", **own}

    async def truth() -> list[Any]:
        return [await haproxy.servers(one) for one in (real, another)]

    return Stand(kind, haproxy.WIRE, real, another, params, reset, truth, lambda: haproxy.told(real, theirs))


def of_member(kind: str, lab: Facts) -> Stand:
    group = environment(lab).of(Group)["payment-servers"]

    def params(path: str) -> dict[str, Any]:
        target = group.model_dump(mode="json")
        for one in target["members"].values():
            one["reach"]["params"]["socket"] = path
        return {"group": target, "member": "pay1"}

    async def truth() -> dict[str, str]:
        nodes = (await asyncio.to_thread(ask, lab, {"op": "status"}))["nodes"]
        return {name: nodes[name]["state"] for name in group.members}

    async def reset() -> None:
        return

    return Stand(kind, supervisor.WIRE, Path(lab.control), Path(lab.control), params, reset, truth, reset, 15.0)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Walk the whole table with `--soak`; else each lie with one kind, another one for each."""
    kinds = [*STEPS, *REACHED]
    table = [(kind, lie) for lie in LIES for kind in kinds if lie.name not in NOT_HELD[kind]]
    part = []
    for number, lie in enumerate(LIES):
        held = [kind for kind in kinds if lie.name not in NOT_HELD[kind]]
        part += [(held[number % len(held)], lie)] if held else []
    cells = table if metafunc.config.getoption("--soak") else part
    metafunc.parametrize(("kind", "lie"), cells, ids=[f"{kind}: {lie.name}" for kind, lie in cells])


def test_among_liars_nothing_false_is_said_and_nobodys_work_is_undone(stand: Stand, lie: Lie, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    wrong = asyncio.run(stand.wrong(lie, tmp_path, HOLD))
    assert wrong == [], "\n".join(wrong)
