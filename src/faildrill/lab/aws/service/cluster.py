"""One cluster as its service has it: what it refuses, and the course of a failover."""

import asyncio
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from faildrill.errors import FaildrillError, reason
from faildrill.lab.aws import records, zone
from faildrill.lab.aws.records import AVAILABLE, FAILING_OVER, Event, Records, Version
from faildrill.lab.aws.service.instances import FAILURES, Instances
from faildrill.lab.aws.service.settings import Settings
from faildrill.lab.core.truth_log import TruthLog

REBOOTING: Final = "rebooting"
WHOLE: Final = "whole"
COURSES: Final = (WHOLE, "nothing", "abandons", "fails-back", "another")
"""What becomes of a failover that was accepted: all of it; nothing; it is begun and given up; it is followed by one
back; the writer is started again and stays what it was, instead of the target."""
_LOOK_EVERY: Final = 0.5
"""Seconds between two looks at whether the writer runs."""
_STARTED: Final = "Started {cross} AZ failover to DB instance: {target}"
_COMPLETED: Final = "Completed failover to DB instance: {target}"
_AGAIN: Final = "Promoting previous primary again: {target}"
_FAILED: Final = "Cluster failover failed, check the health of your cluster instances and try again."


class Refused(FaildrillError):
    """The service does not do what it is asked, with a code and a message of AWS."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Cluster:
    """The cluster, its records, its names, and the failover that goes on, if one does."""

    def __init__(self, settings: Settings, truth: TruthLog) -> None:
        self.delays = settings.delays
        self._settings = settings
        self._path = Path(settings.records)
        self._truth = truth
        self._instances = Instances(settings)
        self._task: asyncio.Task[None] | None = None
        self._is_new = not self._path.exists()
        self._records = self._first() if self._is_new else records.read(self._path)
        if self._is_new:
            self._records.write(self._path)
            self._lead(settings.first)

    async def failover(self, target: str | None, course: str) -> str:
        """Accept a failover, and return to whom; it goes on after the answer. Refused where AWS refuses."""
        if course not in COURSES:
            raise FaildrillError(f"no such course of a failover: {course!r}; there are {', '.join(COURSES)}")
        chosen = await self._chosen(target)
        self._truth.note("accepted", target=chosen, course=course)
        if course != "nothing":
            self._task = asyncio.create_task(self._attempt(chosen, course))
        return chosen

    def resume(self) -> None:
        """Finish the failover in the midst of which an earlier process of this service has died."""
        if self._records.now.status != AVAILABLE:
            self._task = asyncio.create_task(self._resume())

    async def watch(self) -> None:
        """Fail over without being asked, as Aurora does, once the writer has not run for as long as that takes."""
        fell = math.inf
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            writer = self._records.now.writer
            if not self._is_idle() or self._instances.runs(writer):
                fell = math.inf
                continue
            fell = min(fell, time.monotonic())
            readers = await self._answering()
            if readers and self._is_idle() and time.monotonic() - fell >= self.delays.notices:
                self._truth.note("noticed", instance=writer)
                self._task = asyncio.create_task(self._attempt(readers[0], WHOLE))

    def name_server(self, mode: str) -> None:
        """Set how the name server answers; FaildrillError where there is no such way."""
        if mode not in zone.MODES:
            raise FaildrillError(f"no such mode of the name server: {mode!r}; there are {', '.join(zone.MODES)}")
        path = Path(self._settings.zone)
        replace(zone.read(path), mode=mode).write(path)
        self._truth.note("name server", mode=mode)

    async def _chosen(self, target: str | None) -> str:
        """Return the instance that is to become the writer; Refused where AWS refuses."""
        now, cluster = self._records.now, self._settings.cluster
        if target is not None and target not in now.instances:
            raise Refused("DBInstanceNotFound", f"DBInstance {target} not found.")
        if target == now.writer:
            raise Refused("InvalidDBInstanceState", f"DB instance {target} is already the writer of {cluster}")
        answering = await self._answering()
        if not self._is_idle() or not answering:
            words = f"DB cluster {cluster} has no DB instance that is valid for failover in its state {now.status}"
            raise Refused("InvalidDBClusterStateFault", words)
        if target is not None and target not in answering:
            raise Refused("InvalidDBInstanceState", f"DB instance {target} is not available for failover")
        return target or answering[0]

    async def _answering(self) -> list[str]:
        """Return the readers that answer."""
        now = self._records.now
        readers = [name for name in now.instances if name != now.writer]
        return [name for name in readers if await self._instances.writes(name) is False]

    def _is_idle(self) -> bool:
        return self._task is None or self._task.done()

    async def _attempt(self, target: str, course: str) -> None:
        try:
            await self._move(self._records.now.writer, target, course)
        except FAILURES as error:
            self._failed(error)

    async def _move(self, old: str, target: str, course: str) -> None:
        await asyncio.sleep(self.delays.begins)
        self._change("began", status=FAILING_OVER)
        zones = {self._settings.instances[name].zone for name in (old, target)}
        self._tell(_STARTED.format(cross="cross" if len(zones) > 1 else "same", target=target))
        await asyncio.sleep(self.delays.drops)
        if course == "abandons":
            self._change("abandoned", status=AVAILABLE)
            return
        await self._end(old)
        await asyncio.sleep(self.delays.promotes)
        if course == "another":
            await self._again(old)
            return
        self._truth.note("promoting", instance=target)
        await self._instances.promote(target)
        self._truth.note("promoted", instance=target)
        await self._finish(old, target)
        if course == "fails-back":
            self._tell(_AGAIN.format(target=old))
            await self._move(target, old, WHOLE)

    async def _end(self, old: str) -> None:
        self._truth.note("dropping", instance=old)
        await self._instances.end(old)
        self._change("dropped", instance=old, instances=self._statuses(**{old: REBOOTING}))

    async def _finish(self, old: str, target: str) -> None:
        """Tell of a new writer, here and there, while the old one comes back as a reader."""
        returning = asyncio.create_task(self._return(old, target))
        await asyncio.sleep(self.delays.api)
        self._change("writer in the API", writer=target)
        await asyncio.sleep(self.delays.event)
        self._tell(_COMPLETED.format(target=target))
        await asyncio.sleep(self.delays.dns)
        self._lead(target)
        for _ in range(int(self.delays.flaps)):
            for name in (old, target):
                await asyncio.sleep(self.delays.flap)
                self._lead(name)
        await returning
        await asyncio.sleep(self.delays.available)
        self._change("available", status=AVAILABLE)

    async def _return(self, old: str, writer: str) -> None:
        """Have the old writer back: rewound, and a reader."""
        await asyncio.sleep(self.delays.reader)
        await self._instances.start(old, writer)
        self._change("reader back", instance=old, instances=self._statuses(**{old: AVAILABLE}))

    async def _again(self, writer: str) -> None:
        """Have the writer back as what it was."""
        await self._instances.start(writer, writer)
        self._tell(_COMPLETED.format(target=writer))
        self._change("available", status=AVAILABLE, instances=self._statuses(**{writer: AVAILABLE}))

    async def _resume(self) -> None:
        """Find out who takes writes, see that somebody does, and go on from there."""
        self._truth.note("resumed")
        try:
            names = list(self._settings.instances)
            answers = {name: await self._instances.writes(name) for name in names}
            target = next((name for name in names if answers[name]), None)
            if target is None:
                target = next((name for name in names if answers[name] is False), self._settings.first)
                await self._instances.promote(target)
            old = next(name for name in names if name != target)
            await self._finish(old, target)
        except FAILURES as error:
            self._failed(error)

    def _failed(self, error: BaseException) -> None:
        self._tell(_FAILED)
        self._change("failed", status=AVAILABLE, because=reason(error))

    def _lead(self, writer: str) -> None:
        """Have the name of the cluster lead to an instance, and the readers' name to another one."""
        settings = self._settings
        addresses = {name: one.address for name, one in settings.instances.items()}
        reader = next(address for name, address in addresses.items() if name != writer)
        names = {one.name: one.address for one in settings.instances.values()}
        names |= {settings.endpoint: addresses[writer], settings.reader_endpoint: reader}
        path = Path(settings.zone)
        mode = zone.read(path).mode if path.exists() else zone.MODES[0]
        zone.Zone(names, settings.ttl, mode).write(path)
        self._truth.note("writer in DNS", instance=writer)

    def _change(self, what: str, *, because: str = "", instance: str = "", **facts: Any) -> None:
        self._records.change(self._path, **facts)
        more = {"because": because, "instance": instance or facts.get("writer", "")}
        self._truth.note(what, **{name: value for name, value in more.items() if value})

    def _tell(self, message: str) -> None:
        self._records.tell(self._path, Event(time.time(), self._settings.cluster, "db-cluster", ["failover"], message))
        self._truth.note("event", message=message)

    def _statuses(self, **changed: str) -> dict[str, str]:
        return self._records.now.instances | changed

    def _first(self) -> Records:
        names = self._settings.instances
        return Records([Version(time.time(), self._settings.first, AVAILABLE, dict.fromkeys(names, AVAILABLE))])
