"""Clean up after a run whose runner is gone: fence, put back what is open, see it steady, finish its timeline."""

import asyncio
import contextlib
import itertools
import os
import signal
from pathlib import Path
from typing import Final, Literal

import msgspec

from faildrill.acting.undo import open_intents, put_off, undo_all
from faildrill.clock import boot_id, seconds
from faildrill.errors import FaildrillError
from faildrill.guarding.known_secrets import keep_secret
from faildrill.guarding.same_place import TYPED, Trust, since
from faildrill.locking.dirty_marks import clear
from faildrill.locking.place_key import PlaceKey
from faildrill.locking.shared_lock import kept_away
from faildrill.model.drill import Drill
from faildrill.model.environment import Environment
from faildrill.probing.health import SampleWatch
from faildrill.record.samples import Files
from faildrill.record.timeline import (
    FILE,
    Entry,
    Intended,
    NotSteady,
    PhaseStarted,
    ProberEnded,
    ProberStarted,
    RunEnded,
    RunnerDied,
    RunStarted,
    Timeline,
    WarmedUp,
    first_of,
    start_in,
)
from faildrill.restoring.fence import carries, fence, keepers, probers
from faildrill.restoring.ground import Ground
from faildrill.restoring.ledger_readback import read_back
from faildrill.restoring.look_around import look_around
from faildrill.restoring.outside_view import OutsideView
from faildrill.restoring.put_back import OpenRun
from faildrill.restoring.salvage import go_on, home, is_altered, remembered
from faildrill.restoring.steadiness import Patience
from faildrill.restoring.steadiness import steady as watch_until_steady
from faildrill.system import processes, search_path

By = Literal["sentinel", "recover"]
FOUND_GONE: Final = "was found gone by `faildrill recover`"
_PATIENCE: Final = 15.0
"""Seconds that a prober has to end its looks in flight; then it is killed."""


def started(folder: Path) -> RunStarted:
    """Return the first event of a run; WrongUsage when the folder holds none."""
    return start_in(folder, remembered(folder))


async def recover(
    folder: Path, by: By, ground: Ground | None = None, *, unproven: bool = False, within: float | None = None
) -> bool:
    """Put a run back whose runner is gone, and tell whether all of it was seen put back and steady.

    The caller holds the environment's lock. Can be killed at any point and called again: what was seen put back
    is not touched twice. Of a timeline that was altered everything that can still be read is put back, but then
    nobody can tell whether that is all: it is never clean, and its mark stays. `unproven`: a person says that the place
    is the same, though nothing of it answers. `within`: a person gives every undo so many seconds.
    """
    folder = home(folder)
    recovery = _Recovery(folder, by, ground or Ground(), unproven=unproven)
    recovery.within = within
    if recovery.place is None:
        return await recovery.run()
    if recovery.keepers:  # the dead runner's lock is still held: nobody could come in between
        try:
            return await recovery.run()
        finally:
            recovery.let_go()
    async with kept_away(recovery.place, folder.name):
        return await recovery.run()


class _Recovery:
    """One cleaning up."""

    def __init__(self, folder: Path, by: By, ground: Ground, *, unproven: bool) -> None:
        self._folder = folder
        self._by = by
        self._ground = ground
        self._unproven = unproven
        self.within: float | None = None
        """Float seconds that every undo may take; None: what its drill says."""
        self._known = remembered(folder)
        self._first = first_of(self._known)
        self._run = self._first.run if self._first else folder.name
        self._is_whole = self._first is not None and not is_altered(folder / FILE)

    @property
    def place(self) -> Environment | None:
        """The environment, None where nobody knows any more which it was."""
        return Environment.model_validate(self._first.place) if self._first else None

    @property
    def keepers(self) -> list[int]:
        """The processes that still hold the run's lock between hosts; those of a run without a sentinel let go."""
        return keepers(self._known, self._run) if self._by == "sentinel" else []

    def let_go(self) -> None:
        """Have the lock between hosts let go of."""
        for pid in self.keepers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    async def run(self) -> bool:
        """Fence, put back, see it steady, and tell whether it is clean.

        Programs are looked for on the PATH of whoever ran the drill: cron or sudo have another one.
        """
        with search_path.searched(self._first.path if self._first else ""):
            return await self._clean()

    async def _clean(self) -> bool:
        run = self._run
        if self._first is not None:
            keep_secret(Drill.model_validate(self._first.drill), Environment.model_validate(self._first.place))
        spared = [*probers(self._known, run), *self.keepers] if self._by == "sentinel" else []
        swept = fence(run, None, spared)
        timeline = go_on(self._folder, self._ground.clock, self._ground.disk)
        if self._by == "recover":
            timeline.note(RunnerDied(how=FOUND_GONE, boot=boot_id()))
        if self._by == "recover" or any(swept):
            timeline.note(swept.event)
        timeline.note(PhaseStarted(phase="undoing"))
        intents = [self._given(intent) for intent in put_off(open_intents(self._known), self._known)]

        async def undo(them: list[Intended]) -> list[str]:
            return await undo_all(them, timeline, run, self._by, self._known)

        async def steady(grace: float) -> bool:
            return not self._touched() or await self._steady(timeline, grace)

        async def unasked(grace: float) -> bool:
            del grace
            await self._end_looking(timeline)
            return False

        # Where nothing is open nothing is undone, so nothing needs to prove what it is.
        trust = self._trust() if intents and self.place else TYPED
        of = OpenRun(run, self.place, timeline, trust, self._view(timeline))
        dirty, is_steady = await of.put_back(intents, undo, steady, unasked)
        timeline.note(RunEnded(by=self._by))
        timeline.close()
        is_clean = not dirty and is_steady and not swept.left and self._is_whole
        # The timeline is closed and whole by now: a mark that is off while its end is not on disk would hide an open
        # run.
        if is_clean and self._first:
            clear(PlaceKey.of(self._first), run)
        await self._look_around(is_steady=is_steady)
        return is_clean

    async def _look_around(self, *, is_steady: bool) -> None:
        """Read once more what is set around the drill, where it had touched anything and all is steady."""
        place = self.place if is_steady and self._touched() else None
        if place is not None:
            await look_around(self._folder, self._run, place, self._ground.clock, "after")

    def _given(self, intent: Intended) -> Intended:
        return intent if self.within is None else msgspec.structs.replace(intent, undo_within=self.within)

    def _trust(self) -> Trust:
        """Count from when the run itself, or its sentinel, was last there; an earlier `recover` proves nothing."""
        if self._unproven:
            return TYPED
        its_own = [*itertools.takewhile(lambda entry: not _is_found_gone(entry), self._known)]
        # CLOCK_MONOTONIC begins anew with each boot: times of another one can't be subtracted from ours.
        boots = [entry.what.boot for entry in its_own if isinstance(entry.what, RunStarted | RunnerDied)]
        left = max(entry.at for entry in its_own)
        return since(boots[-1] == boot_id(), seconds(self._ground.clock.now_ns() - left))

    async def _end_looking(self, timeline: Timeline) -> None:
        for prober in self._looking():
            await _end(prober, timeline)

    def _view(self, timeline: Timeline) -> OutsideView:
        return OutsideView(self._folder, timeline, self._known)

    def _touched(self) -> bool:
        return any(isinstance(entry.what, Intended) for entry in self._known)

    async def _steady(self, timeline: Timeline, grace: float) -> bool:
        """Watch until every probe is good again: with the probers of the run that still look, or with new ones."""
        timeline.note(PhaseStarted(phase="steadying"))
        if self._first is None:
            timeline.note(
                NotSteady(
                    probes={"all": "the probes are not known, because the first event of the timeline is lost"},
                    waited=0.0,
                )
            )
            return False
        drill = Drill.model_validate(self._first.drill)
        place = Environment.model_validate(self._first.place)
        named = {plan.name for plan in drill.probes}
        watching = SampleWatch((*drill.probes, *(plan for plan in place.probes if plan.name not in named)))
        looking = self._looking()
        watching.limit(next((entry.what.slow for entry in self._known if isinstance(entry.what, WarmedUp)), {}))
        read_end, write_end = os.pipe()
        fresh = self._ground.probers(self._folder, self._run, read_end, len(_generations(self._known)))
        try:
            if self._can_follow(looking, set(watching.views)):
                for prober in looking:
                    watching.follow(Files(self._folder, prober.samples))
            else:
                plans = tuple(view.plan for view in watching.views.values())
                await fresh.start(plans, watching, timeline)
            patience = Patience(grace=grace, pace=self._ground.pace, view=self._view(timeline))
            return await watch_until_steady(watching, self._ground.clock, timeline, drill, patience)
        except (FaildrillError, OSError) as error:
            timeline.note(NotSteady(probes={"all": f"could not be watched: {error}"}, waited=0.0))
            return False
        finally:
            await fresh.stop(timeline)
            await self._end_looking(timeline)
            os.close(read_end)
            os.close(write_end)
            await read_back((view.plan for view in watching.views.values()), self._run, self._folder)

    def _can_follow(self, looking: list[ProberStarted], names: set[str]) -> bool:
        """Tell whether those that still look do so at all of the probes, and into files that are there."""
        looked_at = {name for prober in looking for name in prober.probes}
        return looked_at == names and all(Files(self._folder, prober.samples).samples.exists() for prober in looking)

    def _looking(self) -> list[ProberStarted]:
        """List the probers of the run that still look."""
        started = [entry.what for entry in self._known if isinstance(entry.what, ProberStarted)]
        return [prober for prober in started if carries(prober.pid, self._run)]


def _is_found_gone(entry: Entry) -> bool:
    return isinstance(entry.what, RunnerDied) and entry.what.how == FOUND_GONE


def _generations(known: list[Entry]) -> set[str]:
    return {entry.what.samples for entry in known if isinstance(entry.what, ProberStarted)}


async def _end(prober: ProberStarted, timeline: Timeline) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(prober.pid, signal.SIGTERM)
    try:
        async with asyncio.timeout(_PATIENCE):
            while processes.look(prober.pid):  # noqa: ASYNC110 - it is no child of ours: there is no event to await
                await asyncio.sleep(0.02)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            os.kill(prober.pid, signal.SIGKILL)
    timeline.note(ProberEnded(pid=prober.pid, asked=True))
