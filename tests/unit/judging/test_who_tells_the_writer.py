"""Which probes tell who takes writes: their classes say it, and of a kind that is not installed here its name does."""

from pathlib import Path

import pytest

from faildrill import judging
from faildrill.kinds import tells_writer
from faildrill.kinds.table import TABLES
from faildrill.record.samples import Outcome
from unit.judging.runs import END, FAULT, Run, probe, ticks

NODES = ("aws.writer", "mariadb.writers", "patroni.writer", "postgres.writers", "redis.writers")
USERS = ("postgres.write",)
GONE = {"rds.writer": "nodes", "rds.writers": "nodes", "rds.write": "users"}
"""Kinds of packages that are not installed here, of which runs may be left."""
TELLS = dict.fromkeys(NODES, "nodes") | dict.fromkeys(USERS, "users") | GONE


def test_of_all_that_is_shipped_these_tell_the_writer() -> None:
    told = {name: by for name in TABLES["probe"] if (by := tells_writer(name))}
    assert told == dict.fromkeys(NODES, "nodes") | dict.fromkeys(USERS, "users")


def test_of_a_kind_that_is_not_installed_its_name_says_it() -> None:
    assert {name: tells_writer(name) for name in GONE} == GONE
    assert tells_writer("rds.lag") is None


@pytest.mark.parametrize("kind", [*TELLS, "rds.lag", "patroni.redundancy"])
def test_a_run_is_judged_by_whatever_probe_tells_the_writer(tmp_path: Path, kind: str) -> None:
    probes = [probe(), probe("writer", every=0.1, kind=kind)]
    run = Run(expect=[{"outage": {"of": "pay", "at_most": "10s"}}], probes=probes).usual().good()
    run.saw(ticks(FAULT, FAULT + 3), Outcome.REFUSED).good("writer", 0.1, who="pg1")
    run.saw(ticks(FAULT + 2, END, 0.1), Outcome.OK, name="writer", who="pg2")
    result = judging.judge(run.write(tmp_path))
    told = [one.text for one in result.moments if "sees pg2, pg1 before" in one.text]
    assert bool(told) == (TELLS.get(kind) == "nodes")
    assert ("new_writer" in result.probes[0].outages[0].phases) == (kind in TELLS)
