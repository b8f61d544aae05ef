"""A brain split on the lab, from the command line: seen by who asks the database, unseen by who asks Patroni."""

import asyncio
from pathlib import Path

import pytest

from faildrill.adapters.postgres.target import Cluster
from faildrill.lab.core.facts import Facts
from lab.conftest import ask
from lab.drilling import Ran, run
from lab.kinds_here import environment, once, probe

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]

HANGING = """\
drill: patroni-hangs-on-the-primary
about: Patroni hangs, PostgreSQL goes on; without a watchdog nobody stops the old primary when another one leads.
environment: lab
probes:
  writers: {{postgres.writers: {{cluster: payments}}, every: 200ms, timeout: 2s}}
  writer:  {{patroni.writer: {{cluster: payments}}, every: 200ms, timeout: 2s}}
steps:
  - name: hang Patroni on the primary
    command.run: {{argv: [kill, -STOP, "{pid}"], undo_argv: [kill, -CONT, "{pid}"],
                  verify_argv: [awk, '/^State:/ {{print "in_effect:", ($2 == "T" ? "true" : "false")}}',
                                /proc/{pid}/status]}}
    within: 5s
  - name: the standby leads
    wait: {{until: "writer saw {standby}", within: 60s}}
  - wait: 2s
expect:
  - writers: {{of: writers, at_most: 1}}
  - writers: {{of: writer, at_most: 1}}
  - steady_again: {{within: 60s}}
"""


def patroni_of(lab: Facts, node: str) -> int:
    """Return the id of the Patroni that runs a node."""
    pids: list[int] = ask(lab, {"op": "status"})["nodes"][node]["pids"]
    return next(pid for pid in sorted(pids) if b"patroni.yml" in Path(f"/proc/{pid}/cmdline").read_bytes())


def test_an_old_primary_that_keeps_accepting_is_a_second_writer_though_patroni_proves_none(
    steady_lab: Facts, tmp_path: Path
) -> None:
    cluster = environment(steady_lab).of(Cluster)["payments"]
    primary = asyncio.run(once(probe("patroni.writer", cluster=cluster))).who
    standby = next(name for name in cluster.members if name != primary)
    path = tmp_path / "drill.yaml"
    path.write_text(HANGING.format(pid=patroni_of(steady_lab, primary), standby=standby))
    ran = run(path, tmp_path)
    assert ran.code == 1, ran.said
    broken, held = [one for one in ran.result["findings"] if one["kind"] == "writers"]
    assert broken["verdict"] == "FAILED"
    assert broken["because"].startswith("writers saw pg1,pg2 at once")
    assert held["verdict"] != "FAILED"  # what Patroni tells proves nothing here: on the old primary it is asleep
    assert_restored(ran)


def assert_restored(ran: Ran) -> None:
    """See that the drill put the brain together again by itself."""
    assert all(one["verdict"] == "PASSED" for one in ran.result["findings"] if one["kind"] in ("undo", "steady"))
