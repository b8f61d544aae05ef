"""A network that is cut or made slow for a time opens by itself: the path holds the limit, whoever is killed."""

import asyncio
import os
import signal
import subprocess
import sys
from typing import Any, Literal

import pytest

from faildrill.adapters.postgres.target import Cluster, Database
from faildrill.errors import FaildrillError
from faildrill.kinds.call_context import CallContext
from faildrill.lab.core.facts import Facts
from faildrill.ports import Captured, Observed, Reach
from faildrill.ports.target import Member
from faildrill.toolkit.links import LinkMode
from lab import kinds_here
from lab.conftest import ask, eventually

pytestmark = [pytest.mark.lab, pytest.mark.timeout(120)]
ALONE = """
import asyncio, sys
from lab import kinds_here
from pathlib import Path
from faildrill.adapters.postgres.target import Cluster
from faildrill.loading.environment_file import load_environment
cluster = load_environment(Path(sys.argv[1])).of(Cluster)["payments"]
step = kinds_here.action("patroni.cut_replication", cluster=cluster, how="silent", at_most="4s")

async def story():
    before = await step.capture(kinds_here.given(10.0))
    await step.apply(before, kinds_here.given(10.0))
    print(before["primary"], flush=True)
    await asyncio.sleep(300)

asyncio.run(story())
"""


def link(lab: Facts, name: str) -> dict[str, Any]:
    found: dict[str, Any] = ask(lab, {"op": "status"})["links"][name]
    return found


def test_a_cut_ends_by_itself_though_everybody_of_ours_is_killed(steady_lab: Facts) -> None:
    command = [sys.executable, "-c", ALONE, str(steady_lab.environment)]
    surroundings = {**os.environ, "PYTHONPATH": "tests"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True, env=surroundings) as ours:
        assert ours.stdout is not None
        primary = ours.stdout.readline().decode().strip()
        os.killpg(ours.pid, signal.SIGKILL)
        ours.wait(20)
    assert primary in ("pg1", "pg2")
    eventually(lambda: link(steady_lab, primary)["mode"] == "open", 40.0)
    ask(steady_lab, {"op": "steady", "within": 60}, 65)


def test_a_delay_with_its_jitter_is_seen_and_put_back(steady_lab: Facts) -> None:
    cluster = kinds_here.environment(steady_lab).of(Cluster)["payments"]
    step = kinds_here.action(
        "patroni.cut_replication", cluster=cluster, how="delayed", delay="20ms", jitter="10ms", at_most="10m"
    )

    async def story() -> None:
        before = await kinds_here.done(step)
        told = (await step.confirm(before, kinds_here.given())).because
        assert told.endswith(str(LinkMode("delay", 20, 10)))
        assert link(steady_lab, str(before["primary"])) == {"mode": "delay", "delay_ms": 20, "jitter_ms": 10}
        await kinds_here.put_back(step, before)
        assert link(steady_lab, str(before["primary"]))["mode"] == "open"

    asyncio.run(story())


class SaysSo(CallContext):
    """What reaches a member says that its link is cut, and passes everything on."""

    def reach(self, member: Member) -> Reach:
        """Return one that lies."""
        del member
        return self

    async def link_now(self, member: str) -> LinkMode:
        """Say that it is cut."""
        del member
        return LinkMode("blackhole")

    async def link(self, member: str, doing: LinkMode, at_most: float | None = None) -> None:
        """Do nothing."""

    async def state(self, member: str) -> Literal["running", "stopped", "absent"]:
        """Say that it runs."""
        del member
        return "running"

    async def signal(self, member: str, name: str) -> None:
        """Do nothing."""

    async def start(self, member: str) -> None:
        """Do nothing."""


def test_a_link_that_is_said_to_be_cut_and_passes_everything_on_is_found_out_by_what_is_written(
    steady_lab: Facts,
) -> None:
    place = kinds_here.environment(steady_lab)
    cluster = place.of(Cluster)["payments"]
    step = kinds_here.action("patroni.cut_replication", cluster=cluster)
    write = kinds_here.probe("postgres.write", database=place.of(Database)["payments"])

    async def confirmed(given: CallContext, before: Captured) -> Observed:
        """Confirm while somebody writes."""

        async def writes() -> None:
            while True:
                await kinds_here.once(write)

        writing = asyncio.create_task(writes())
        try:
            return await step.confirm(before, given)
        finally:
            writing.cancel()
            await asyncio.wait({writing})

    async def story() -> None:
        before = await step.capture(kinds_here.given())
        [standby] = [name for name in cluster.members if name != before["primary"]]
        liar = await confirmed(SaysSo("run-of-a-test", 6.0), before)
        assert (liar.holds, f"and yet {standby} has what was written since" in liar.because) == (False, True)
        idle = await step.confirm(before, SaysSo("run-of-a-test", 6.0))
        assert idle.because.endswith("nothing was written meanwhile, so nobody else can tell")
        await step.apply(before, kinds_here.given(10))
        honest = await confirmed(kinds_here.given(6), before)
        assert (honest.holds, honest.word_of) == (True, "")
        assert honest.because.endswith(f"; {standby} gets nothing of what {before['primary']} has written")
        await kinds_here.put_back(step, before)

    asyncio.run(story())


@pytest.mark.parametrize("wrong", [{"for": 0}, {"for": "2"}, {"delay_ms": 5, "jitter_ms": 6}])
def test_a_limit_or_a_jitter_that_is_none_is_refused_and_the_link_stays(
    steady_lab: Facts, wrong: dict[str, object]
) -> None:
    with pytest.raises(FaildrillError, match=r"a limit is a number of seconds|its jitter no more"):
        ask(steady_lab, {"op": "link", "name": "pg1", "mode": "delay", **wrong})
    assert link(steady_lab, "pg1")["mode"] == "open"
