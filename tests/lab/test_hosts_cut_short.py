"""P4 on hosts: a run that is cut short in the middle of a playbook, in any way, does nothing afterwards."""

import contextlib
import json
import os
import random
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Final

import pytest

from faildrill.lab.hosts.plan import HOSTS
from faildrill.locking.dirty_marks import all_marks
from faildrill.record.timeline import FILE, AbortAsked, AnyEvent, Applying, entries
from lab.conftest import eventually
from lab.drilling import folder_of, started
from lab.hosts_lab import PLAYS, needs_ssh

pytestmark = [pytest.mark.lab, pytest.mark.timeout(400), pytest.mark.usefixtures("hosts_lab"), needs_ssh]
FURTHEST: Final = 10.0
"""Seconds that the effect on a host may be ahead."""
DRILL: Final = """
drill: cut-short
environment: lab-hosts
warm_up: 200ms
probes:
  door: {{tcp.connect: {{address: "{door}"}}, every: 50ms}}
steps:
  - name: leave markers
    ansible.playbook:
      hosts:  staging
      apply:  {plays}/apply.yml
      undo:   {plays}/undo.yml
      verify: {plays}/verify.yml
      vars:   {vars}
    within: {within:.1f}s
    undo_within: 3m
expect:
  - steady_again: {{within: 60s}}
"""
ABORTS: Final = "abort_when: [outage: {of: door, longer_than: 300ms}]"
PASSED, REFUSED, INCONCLUSIVE, ABORTED = 0, 3, 4, 5
ENDS: Final = {"cancel": ABORTED, "deadline": INCONCLUSIVE, "abort": ABORTED, "kill": ABORTED}


class Door:
    """What the drill's probe connects to; while it is shut, the drill's condition to abort holds."""

    def __init__(self) -> None:
        self._at: tuple[str, int] = ("127.0.0.1", 0)
        self.open()
        self.address = "{}:{}".format(*self._at)

    def open(self) -> None:
        """Accept whoever comes, at the same address as ever."""
        self._listening = socket.create_server(self._at, backlog=256)
        self._at = self._listening.getsockname()
        Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def shut(self) -> None:
        """Refuse from now on."""
        self._listening.shutdown(socket.SHUT_RDWR)  # `close` alone would wait for who accepts
        self._listening.close()

    @staticmethod
    def _accept(listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                listening.accept()[0].close()


@pytest.fixture
def door() -> Iterator[Door]:
    one = Door()
    yield one
    one.shut()


def drill(folder: Path, door: Door, dice: random.Random, within: float, ending: str) -> Path:
    """Write a drill whose faults are somewhere ahead, some of them waited for here and some on their hosts."""
    ahead = {host: round(dice.uniform(0, FURTHEST), 2) for host in HOSTS}
    variables = {"marker": str(folder / "marker"), "ahead": ahead, "here": dice.sample(HOSTS, 2)}
    path = folder / "cut-short.yaml"
    plays = (PLAYS / "markers").absolute()
    text = DRILL.format(door=door.address, plays=plays, vars=json.dumps(variables), within=within)
    path.write_text(text + ending)
    return path


def kill(folder: Path) -> None:
    """Kill the runner of a run with SIGKILL."""
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            line = (path / "cmdline").read_bytes()
            if b"faildrill.running.runner" in line and str(folder).encode() in line:
                os.kill(int(path.name), signal.SIGKILL)


def cut(how: str, folder: Path, door: Door, dice: random.Random, lead: float) -> int | None:
    """Run a drill and cut it short in the middle of its play; returns how many faults were ahead of it then.

    None when the play had not begun: nothing was tried.

    `lead` is how many float seconds this machine needs before the first task of a play, for those cut by a deadline.
    """
    within = lead + dice.uniform(2, 9) if how == "deadline" else 120.0
    path = drill(folder, door, dice, within, ABORTS if how == "abort" else "")
    with started(path, folder, "lab-hosts") as process:
        recorded = folder_of(folder)
        eventually(lambda: process.poll() is not None or _has(recorded, Applying), within=90.0)
        time.sleep(0 if how == "deadline" else dice.uniform(0.5, 6))
        there = len(list(folder.glob("marker.*")))
        if how == "abort":
            door.shut()
            eventually(lambda: process.poll() is not None or _has(recorded, AbortAsked), within=90.0)
            door.open()
        elif how == "kill":
            kill(recorded)
        elif how == "cancel":
            process.send_signal(signal.SIGINT)
        while how == "deadline" and process.poll() is None:
            there = max(there, len(list(folder.glob("marker.*"))))
            time.sleep(0.1)
        said, _ = process.communicate(timeout=250)
    # Refused: the machine was too slow to warm up. Passed: all that was ahead had come before the deadline.
    assert process.returncode in (ENDS[how], REFUSED, *([PASSED] if how == "deadline" else [])), said
    assert all_marks() == {}
    if process.returncode == PASSED:
        return 0
    return len(HOSTS) - there if _has(recorded, Applying) else None


def _has(recorded: Path, event: type[AnyEvent]) -> bool:
    return any(isinstance(one.what, event) for one in entries(recorded / FILE))


@pytest.mark.timeout(14400)  # with `--soak` it takes some twenty minutes each
@pytest.mark.parametrize("how", ENDS)
def test_nothing_of_a_playbook_acts_after_its_run_was_cut_short(
    how: str, door: Door, tmp_path: Path, many: Callable[[int, int], int], figure: Callable[[str], None]
) -> None:
    if how in ("cancel", "abort") and many(0, 1) == 0:
        pytest.skip("a play that is cancelled is tried in test_hosts.py, too: in whole runs with --soak")
    dice = random.Random(f"P4 {how}")  # noqa: S311 - times, no secrets
    faults, runs, lead, wanted = 0, 0, 4.0, many(1, 200)
    while faults < wanted:
        folder = tmp_path / f"run{runs}"
        folder.mkdir()
        ahead = cut(how, folder, door, dice, lead)
        lead += 3.0 if ahead is None else -0.5
        faults += ahead or 0
        runs += 1
        assert list(tmp_path.glob("run*/marker.*")) == []
    time.sleep(FURTHEST + 1)
    assert list(tmp_path.glob("run*/marker.*")) == []
    figure(f"P4, plays cut short by {how}: 0 late effects in {faults} faults of {runs} runs")
