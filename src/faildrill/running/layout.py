"""Lay a run out on disk and start its sentinel. Everything that the run needs is in its timeline's first event."""

import contextlib
import os
import re
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path

from faildrill import __version__
from faildrill.clock import Clock, boot_id
from faildrill.locking.declared_facts import proven
from faildrill.model.drill import Drill
from faildrill.model.environment import Environment
from faildrill.record import chain, second_copy
from faildrill.record.timeline import FILE, FORMAT, RunStarted, Timeline
from faildrill.restoring.fence import MARK, WATCHES
from faildrill.system import python, search_path, who
from faildrill.system.atomic_file import sync


@dataclass(frozen=True)
class Started:
    """A run that has begun: its folder, and its sentinel."""

    folder: Path
    sentinel: subprocess.Popen[bytes]


def lay_out(
    drill: Drill, environment: Environment, reports: Path, clock: Clock, *, leave_applied: bool = False
) -> Path:
    """Make the folder of a new run with the first event of its timeline, and return it; it survives a power loss."""
    reports.mkdir(parents=True, exist_ok=True)
    stamp = re.sub(r"[-:]|\.\d+", "", clock.wall())
    folder = reports / f"{stamp}-{drill.name}-{secrets.token_hex(3)}"
    lay_out_as(folder, drill, environment, clock, leave_applied=leave_applied)
    return folder


def lay_out_as(
    folder: Path, drill: Drill, environment: Environment, clock: Clock, *, leave_applied: bool = False
) -> None:
    """Make a folder for a new run, whose name is the run's id, with the first event of its timeline in it."""
    folder.mkdir(mode=0o700)  # what a run saw and did is its owner's, whatever the umask is
    sync(folder.parent)
    sync(folder.parent.parent)
    place = proven(environment)
    first = RunStarted(
        run=folder.name,
        drill=drill.model_dump(mode="json"),
        environment=environment.name,
        place=environment.model_dump(mode="json"),
        identity=place.identity,
        facts=list(place.facts),
        boot=boot_id(),
        version=__version__,
        host=who.machine(),
        user=who.user(),
        leave_applied=leave_applied,
        path=search_path.current(),
        format=FORMAT,
    )
    timeline = Timeline.create(folder, clock, second=second_copy.make(folder.name))
    timeline.record(first)
    timeline.close()
    _enter(folder, first, clock)


def _enter(folder: Path, first: RunStarted, clock: Clock) -> None:
    """Enter a run into the chain of its history; one that can't be entered is run all the same, and lacks there."""
    begun = chain.Begun(
        run=chain.name_of(folder),
        drill=str(first.drill["name"]),
        environment=first.environment,
        start=chain.start_digest(folder / FILE),
    )
    with contextlib.suppress(OSError):
        chain.append(chain.home(folder), begun, clock)


def start(folder: Path) -> Started:
    """Start the sentinel of a run that is laid out. It ends the run when the caller is gone."""
    (folder / "sentinel.log").touch(0o600)
    with (folder / "sentinel.log").open("ab") as log:
        sentinel = subprocess.Popen(
            python.module("faildrill.running.sentinel", str(folder)),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
            env={name: value for name, value in os.environ.items() if name != MARK} | {WATCHES: folder.name},
        )
    return Started(folder, sentinel)
