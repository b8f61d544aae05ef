"""The prober's life: open every probe, look until told to stop, close."""

import asyncio
import contextlib
import gc
import os
import signal
import stat
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import uvloop
from pydantic import ValidationError

from faildrill.errors import FaildrillError
from faildrill.kinds import build
from faildrill.kinds.call_context import CallContext
from faildrill.model.drill import ProbePlan
from faildrill.ports import Given, Opens, Probe, Seen
from faildrill.probing import prober_plan
from faildrill.probing.agenda import Agenda
from faildrill.probing.backoff import most_in_flight
from faildrill.probing.paced_probe import PacedProbe
from faildrill.probing.priority import hurry
from faildrill.probing.prober_plan import is_blocking
from faildrill.probing.recorder import RecordingThread
from faildrill.record.samples import Files, Outcome, Recorder
from faildrill.system.resolver import ResolvesApart

OPEN_WITHIN: Final = 5.0
"""Seconds that a probe's `open` may take; it looks without having been opened after that."""
CLOSE_WITHIN: Final = 1.0
"""Seconds that a probe's `close` may take."""
HEAD_START: Final = 5_000_000
"""Nanoseconds between getting ready and the first look."""
STDIN: Final = 0
"""The lifeline: its end says that runner and sentinel are gone."""


class Loop(ResolvesApart, uvloop.Loop):  # type: ignore[misc] # uvloop is untyped
    """The event loop of a prober."""


class Unbuilt:
    """A probe that could not be made: every look says why."""

    def __init__(self, why: str) -> None:
        self._why = why

    async def look(self, given: Given) -> Seen:
        """Say why there is nothing to see."""
        del given
        return Seen(Outcome.BROKEN, detail=self._why)


def main(folder: Path, name: str) -> int:
    """Look until told to stop; return the exit code."""
    # A prober ends when it is told to, not when a terminal or a login ends: the end of the outage must be on record.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    plan = prober_plan.read(folder, name)
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(_live(Files(folder, name), plan))
    return 0


async def _live(files: Files, plan: prober_plan.ProberPlan) -> None:
    loop = asyncio.get_running_loop()
    stop_asked = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop_asked.set)
    _watch_lifeline(loop, stop_asked)
    agenda = Agenda()
    recording = RecordingThread(Recorder(files), loop)
    looking = [_looking(probe, plan.run, files.folder, agenda, recording) for probe in plan.probes]
    await asyncio.gather(*(_open(probe) for probe in looking))
    gc.collect()
    # What is there now lives until the end; a collection in mid-run would hold looks up for as long as it goes
    # through it.
    gc.freeze()
    if not any(is_blocking(type(probe.probe)) or probe.plan.by == "load" for probe in looking):
        hurry()
    _start(looking, agenda)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    # Looks first, then probes, then the recorder: each may still have something for the one after it.
    await stop_asked.wait()
    await asyncio.gather(*(probe.stop() for probe in looking))
    await asyncio.gather(*(_close(probe) for probe in looking))
    agenda.close(loop)
    recording.close()


def _watch_lifeline(loop: asyncio.AbstractEventLoop, told: asyncio.Event) -> None:
    """Be told when the last writer of stdin is gone; anything but a pipe, a socket or a terminal says nothing."""
    mode = os.fstat(STDIN).st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(STDIN):
        loop.add_reader(STDIN, _read_lifeline, loop, told)


def _read_lifeline(loop: asyncio.AbstractEventLoop, told: asyncio.Event) -> None:
    try:
        gone = not os.read(STDIN, 4096)
    except OSError:
        gone = True
    if gone:
        loop.remove_reader(STDIN)
        told.set()


def _looking(plan: ProbePlan, run: str, folder: Path, agenda: Agenda, recording: RecordingThread) -> PacedProbe:
    given = CallContext(
        run=run,
        timeout=plan.timeout,
        every=plan.every,
        in_flight=plan.in_flight or most_in_flight(plan.every, plan.timeout),
        name=plan.name,
        folder=folder,
    )
    return PacedProbe(plan, _built(plan), given, agenda, recording)


def _built(plan: ProbePlan) -> Probe:
    try:
        probe: Probe = build(plan.use, "probe")
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return Unbuilt(f"{plan.use.kind}: {where}: {first['msg']}")
    except FaildrillError as error:
        return Unbuilt(str(error))
    return probe


async def _open(looking: PacedProbe) -> None:
    if isinstance(looking.probe, Opens):
        try:
            await asyncio.wait_for(looking.probe.open(looking.given), OPEN_WITHIN)
        except Exception as error:  # noqa: BLE001 - a probe that can't be opened shows in its looks; the log says why
            _log(looking, "could not be opened", error)


async def _close(looking: PacedProbe) -> None:
    if isinstance(looking.probe, Opens):
        try:
            await asyncio.wait_for(looking.probe.close(), CLOSE_WITHIN)
        except Exception as error:  # noqa: BLE001 - the process ends, and with it what could not be closed
            _log(looking, "could not be closed", error)


def _log(looking: PacedProbe, what: str, error: Exception) -> None:
    with contextlib.suppress(OSError):
        sys.stderr.write(f"{looking.plan.name}: {what}: {type(error).__name__}: {error}\n")
        sys.stderr.flush()


def _start(looking: Sequence[PacedProbe], agenda: Agenda) -> None:
    """Start all probes, each shifted by a part of its interval so that they don't all look at the same moment."""
    first = time.monotonic_ns() + HEAD_START
    for number, probe in enumerate(looking):
        probe.start(first + int(probe.plan.every * 1e9) * number // len(looking))
    agenda.start(asyncio.get_running_loop())
