"""Real drills on the lab, killed in every phase: nothing stays on, the timeline reads, and it never says PASSED."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from itertools import cycle, product
from pathlib import Path

import pytest

from faildrill.lab.core.facts import Facts
from faildrill.locking.dirty_marks import all_marks
from faildrill.record.timeline import (
    FILE,
    AnyEvent,
    Applied,
    Applying,
    Confirmed,
    Intended,
    Undoing,
    Undone,
    UndoVerified,
    WaitEnded,
    WaitStarted,
    WarmedUp,
    entries,
)
from lab.conftest import STEADY_WITHIN, ask
from lab.drilling import folder_of, started
from lab.test_drills import until

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

DRILLS = ("payment-server-crash", "postgres-switchover", "postgres-primary-crash")
MOMENTS = (WarmedUp, Intended, Applying, Applied, Confirmed, WaitStarted, WaitEnded, Undoing, Undone, UndoVerified)
VICTIMS = (("runner",), ("sentinel",), ("sentinel", "runner"))
KILLS = [(*one, who) for one, who in zip(product(DRILLS, MOMENTS), cycle(VICTIMS), strict=False)]
"""Every phase of each drill, the victims in turn: as ten phases are no multiple of three, each phase meets all."""


@pytest.mark.parametrize(
    ("drill", "moment", "victims"),
    KILLS,
    ids=[f"{drill}-{moment.__name__}-{'+'.join(who)}" for drill, moment, who in KILLS],
)
def test_a_drill_killed_in_any_phase_leaves_nothing_on(
    drill: str,
    moment: type[AnyEvent],
    victims: tuple[str, ...],
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    if not request.config.getoption("--soak"):
        pytest.skip("30 kills in the middle of real drills: runs with --soak")
    lab: Facts = request.getfixturevalue("steady_lab")
    with started(Path(f"drills/{drill}.yaml"), tmp_path) as process:
        folder = folder_of(tmp_path)
        until(folder, moment)
        for victim in victims:
            kill(victim, folder)
        said, _ = process.communicate(timeout=200)
    assert process.returncode != 0, said
    command = [sys.executable, "-m", "faildrill"]
    recover = subprocess.run([*command, "recover"], capture_output=True, text=True, check=False)
    assert all_marks() == {}, said + recover.stdout + recover.stderr
    assert [entry.n for entry in entries(folder / FILE)]
    verdict = json.loads((folder / "result.json").read_bytes())["verdict"]  # by `recover` where nobody else was left
    assert verdict == "ABORTED", said + recover.stdout
    nodes = ask(lab, {"op": "status"})
    assert {name: seen["state"] for name, seen in nodes["nodes"].items() if seen["state"] != "running"} == {}
    assert {name: seen["mode"] for name, seen in nodes["links"].items() if seen["mode"] != "open"} == {}
    ask(lab, {"op": "steady", "within": STEADY_WITHIN}, STEADY_WITHIN + 5)


def kill(who: str, folder: Path) -> None:
    """Kill a process of a run with SIGKILL, by its command line."""
    for path in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            line = (path / "cmdline").read_bytes()
            if f"faildrill.running.{who}".encode() in line and str(folder).encode() in line:
                os.kill(int(path.name), signal.SIGKILL)
