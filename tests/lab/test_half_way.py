"""One request of several is lost, or refused: what is left is a state that the undo knows, on real servers."""

import asyncio
from pathlib import Path
from typing import Final

import pytest

from lab.liar_stands import log, stand_of
from lab.test_liars import fronts as fronts
from lab.test_liars import mariadb_lab as mariadb_lab
from lab.test_liars import redis_lab as redis_lab
from support.liars.lies import HALF_WAY, PASSED, Lie

pytestmark = pytest.mark.timeout(240)
REQUESTS: Final[dict[str, tuple[int, int]]] = {
    "mariadb.promote": (9, 9),
    "redis.failover": (1, 3),
    "patroni.switchover": (1, 1),
    "patroni.failover": (1, 1),
    "patroni.configure": (1, 1),
    "haproxy.weights": (1, 1),
}
"""How many changing requests a step makes, and its undo."""
ALWAYS: Final = {
    ("mariadb.promote", "apply", 4, "lost after"),
    ("patroni.configure", "undo", 1, "lost before"),
}
"""Those that are walked in every run of the tests."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Walk the whole table with `--soak`."""
    cells = [
        (kind, phase, number, how)
        for kind, numbers in REQUESTS.items()
        for phase, most in zip(("apply", "undo"), numbers, strict=True)
        for number in range(1, most + 1)
        for how in HALF_WAY
    ]
    is_soaking = metafunc.config.getoption("--soak")
    chosen = [one for one in cells if is_soaking or one in ALWAYS]
    ids = [f"{kind} {phase}: request {number} {how}" for kind, phase, number, how in chosen]
    table = [(kind, phase == "undo", lost(how, number)) for kind, phase, number, how in chosen]
    metafunc.parametrize(("kind", "undoing", "lie"), table, ids=ids)


def lost(how: str, number: int) -> Lie:
    return Lie(how, PASSED, about=number, **HALF_WAY[how])


def test_each_half_way_state_is_put_back_by_one_undo(
    kind: str, undoing: bool, lie: Lie, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    cell = asyncio.run(stand_of(kind, request).half_way(lie, undoing=undoing, folder=tmp_path))
    log(cell, request)
    assert cell.wrong == [], "\n".join(cell.wrong)
