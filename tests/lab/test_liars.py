"""Every action among liars, on real servers: nothing false is said, left on unsaid, done twice, or done to others."""

import asyncio
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from faildrill.kinds.table import ACTIONS
from faildrill.lab.core.facts import Facts
from lab.haproxies import Balancer, balancer
from lab.liar_stands import HANGS, MAKERS, REACHED, SERVERS, log, stand_of
from lab.stores import lab_of
from support.liars.lies import LIES, Lie

pytestmark = pytest.mark.timeout(240)
SEED: Final = 14
PART: Final = 10
"""So many cells are walked in every run of the tests: they take a minute."""
QUICK: Final = (*SERVERS, "command.run", "patroni.configure")
"""Kinds of which a cell takes some seconds; a store takes a minute to hand over and back."""
NO_COMPARE_AND_SET: Final = {"another operator first", "another operator right before the undo"}
"""Between the look and the request another one's is written over (docs/safety.md)."""
ITSELF_THE_WITNESS: Final = {one.name for one in LIES if one.reads == "as it was told"}
"""All ways are behind the liar here: there is no other one who could be asked past him (docs/safety.md)."""
ALL_STALE: Final = {"reads are stale"}
"""Nodes and Sentinels alike tell the state from before, for ever: there is nobody else to ask (docs/safety.md)."""
ONE_OPERATOR: Final = {one.name for one in LIES if one.operator != "nobody" or one.behind != "ours"}
"""Behind its address is one place only, here, and what it was told is nothing that somebody could write over."""
IN_MID_STEP: Final = {one.name for one in LIES if one.operator == "in mid-step"}
"""Between a step and its undo: a reach tells what somebody has made of a member, or of a link."""
BEHIND: Final = {one.name for one in LIES if one.behind != "ours"}
"""Behind its address is one place only, here."""
TO_ANOTHER: Final = {one.name for one in LIES if one.to != "ours"}
"""There is no other one to whom the same request could be made."""
ABOUT_ITS_UNDO: Final = {one.name for one in LIES if one.about > 1}
"""The second request of several is not its undo: test_half_way.py walks each of them."""
NOT_HELD: Final[Mapping[str, set[str]]] = {
    **dict.fromkeys(SERVERS, NO_COMPARE_AND_SET),
    **dict.fromkeys(REACHED, ONE_OPERATOR - IN_MID_STEP),
    **dict.fromkeys(HANGS, ONE_OPERATOR),
    "command.run": ONE_OPERATOR | TO_ANOTHER | ITSELF_THE_WITNESS,
    "patroni.configure": BEHIND | TO_ANOTHER | NO_COMPARE_AND_SET | ITSELF_THE_WITNESS,
    **dict.fromkeys(("patroni.switchover", "patroni.failover"), ONE_OPERATOR | TO_ANOTHER | ITSELF_THE_WITNESS),
    "mariadb.promote": ONE_OPERATOR | TO_ANOTHER | ITSELF_THE_WITNESS | ABOUT_ITS_UNDO,
    "redis.failover": ONE_OPERATOR | TO_ANOTHER | ITSELF_THE_WITNESS | ALL_STALE,
}
_FILES: Final = (
    "what is asked is a file, the server's own test and a signal: who meddles with these is in test_nginx.py"
)
_KERNEL: Final = (
    "the kernel is asked, of one process by its number and start: others' doings are in "
    "unit/adapters/process/test_processes.py"
)
NO_ROW: Final[Mapping[str, str]] = {
    "nginx.upstream": _FILES,
    "nginx.broken_file": _FILES,
    "haproxy.broken_file": "the same, in test_haproxy_breaking.py",
    "aws.aurora_failover": "an API of AWS that lies is in safety/aws/test_aurora_failover.py",
    "kubernetes.evict": "an API server that lies is in safety/kubernetes/test_removal.py",
    "kubernetes.delete_pods": "the same",
    "kubernetes.restart": "the same, in test_workload_changes.py",
    "kubernetes.scale": "the same, in test_workload_changes.py",
    "kubernetes.cordon": "the same, in test_node_changes.py",
    "kubernetes.drain": "the same, in test_node_changes.py",
    "kubernetes.taint": "the same, in test_node_changes.py",
    "process.kill": _KERNEL,
    "process.stop": _KERNEL,
    "ansible.playbook": "what it has done is told by the verification that its author has written, and nobody else",
    "simulated.fault": "is its own world, whose lies are those of tests/safety/test_simulation.py",
    "simulated.member_fault": "the same",
}
"""The kinds that have no row, each with the reason."""


@pytest.fixture(scope="module")
def fronts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Balancer, Balancer]]:
    with balancer(tmp_path_factory.mktemp("a")) as first, balancer(tmp_path_factory.mktemp("b")) as second:
        yield first, second


@pytest.fixture(scope="module")
def mariadb_lab(state_folder: Path) -> Iterator[Facts]:
    needs = {"mariadbd": "mariadb-server", "mariadb-install-db": "mariadb-server"}
    with lab_of("mariadb", needs, state_folder) as facts:
        yield facts


@pytest.fixture(scope="module")
def redis_lab(state_folder: Path) -> Iterator[Facts]:
    with lab_of("redis", {"redis-server": "redis-server", "redis-sentinel": "redis-sentinel"}, state_folder) as facts:
        yield facts


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Walk the whole table with `--soak`; else a part of it, always the same."""
    if "lie" not in metafunc.fixturenames:
        return
    table = [(kind, lie) for kind in MAKERS for lie in LIES if lie.name not in NOT_HELD[kind]]
    quick = [(kind, lie) for kind, lie in table if kind in QUICK and lie.answer != "silence"]
    part = random.Random(SEED).sample(quick, PART)  # noqa: S311 - always the same
    cells = table if metafunc.config.getoption("--soak") else part
    metafunc.parametrize(("kind", "lie"), cells, ids=[f"{kind}: {lie.name}" for kind, lie in cells])


def test_every_kind_of_action_is_in_the_table_or_is_listed_with_its_reason() -> None:
    assert set(ACTIONS) - set(MAKERS) == set(NO_ROW)


def test_among_liars_nothing_false_is_said_and_nobodys_work_is_undone(
    kind: str, lie: Lie, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    cell = asyncio.run(stand_of(kind, request).walked(lie, tmp_path))
    log(cell, request)
    assert cell.wrong == [], "\n".join(cell.wrong)
