"""Every action among liars, on real servers: nothing false is said, left on unsaid, done twice, or done to others."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from faildrill.drill import Step
from faildrill.targets import KindUse
from lab.haproxies import Balancer, balancer
from support.liars import haproxy
from support.liars.between import Liar, between
from support.liars.course import go
from support.liars.lies import LIES, Lie

HOLD = 1.8
TARGET = {"backend": "payments"}
STEPS: dict[str, dict[str, Any]] = {
    "haproxy.drain": {**TARGET, "server": "s1"},
    "haproxy.maintenance": {**TARGET, "server": "s1"},
    "haproxy.weights": {**TARGET, "set": {"s1": 70}},
}
OTHERS = {
    "haproxy.drain": "set server payments/s1 state maint",
    "haproxy.maintenance": "set server payments/s1 state ready; set server payments/s1 state drain",
    "haproxy.weights": "set server payments/s1 weight 30",
}
READY = "; ".join(
    f"set server payments/{one} {what}" for one in ("s1", "s2", "s3") for what in ("state ready", "weight 1")
)
NOT_HELD = {"another operator first", "another operator right before the undo"}
"""HAProxy has no compare-and-set: between the look and the request another one's is written over (docs/safety.md)."""


@pytest.fixture(scope="module")
def fronts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Balancer, Balancer]]:
    folders = [tmp_path_factory.mktemp(name) for name in ("a", "b")]
    with balancer(folders[0]) as first, balancer(folders[1]) as second:
        yield first, second
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


async def told_wrong(kind: str, lie: Lie, fronts: tuple[Balancer, Balancer], folder: Path) -> list[str]:
    """Have one step done among liars, and list what is wrong about what was said and done."""
    real, another = (Path(one.target.haproxy_socket) for one in fronts)
    for socket in (real, another):
        await haproxy.told(socket, READY)
    await asyncio.sleep(0.1)
    before = [await haproxy.servers(one) for one in (real, another)]
    meddled: list[dict[str, tuple[str, str]]] = []

    async def meddle() -> None:
        await haproxy.told(real, OTHERS[kind])
        meddled.append(await haproxy.servers(real))

    path = folder / "liar.sock"
    (folder / "run").mkdir()
    target = fronts[0].target.model_copy(update={"haproxy_socket": str(path)}).model_dump(mode="json")
    use = KindUse(kind=kind, params={"load_balancer": target, **STEPS[kind]})
    step = Step(id="it", name="it", use=use, within=2.0, undo_within=4.0)
    liar = Liar(lie, haproxy.WIRE, real, another, meddle)
    async with between(liar, path):
        went = await go(step, folder / "run", HOLD)
    after = [await haproxy.servers(one) for one in (real, another)]
    wrong = [] if went.verdict in lie.right else [f"it is {went.verdict}"]
    if went.verdict != "UNSAFE" and after != before and not (meddled and after[0] == meddled[-1]):
        wrong.append(f"clean with {after}")
    if meddled and after[0] != meddled[-1]:
        wrong.append(f"the other operator's {meddled[-1]} is {after[0]}")
    first, *others = liar.asked
    if first in others or len(others) > 1 + bool(lie.late):  # what comes late is put back again
        wrong.append(f"asked {liar.asked}")
    return [*wrong, str(liar.asked), went.story] if wrong else []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Walk the whole table with `--soak`; else each lie with one kind, another one for each."""
    if "lie" in metafunc.fixturenames:
        lies = [one for one in LIES if one.name not in NOT_HELD]
        table = [(kind, lie) for kind in STEPS for lie in lies]
        part = [(kind, lie) for number, lie in enumerate(lies) for kind in [list(STEPS)[number % len(STEPS)]]]
        cells = table if metafunc.config.getoption("--soak") else part
        metafunc.parametrize(("kind", "lie"), cells, ids=[f"{kind}: {lie.name}" for kind, lie in cells])


def test_among_liars_nothing_false_is_said_and_nobodys_work_undone(
    kind: str, lie: Lie, fronts: tuple[Balancer, Balancer], tmp_path: Path
) -> None:
    wrong = asyncio.run(told_wrong(kind, lie, fronts, tmp_path))
    assert wrong == [], "\n".join(wrong)
