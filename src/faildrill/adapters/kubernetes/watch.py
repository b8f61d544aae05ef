"""A watch between looks: each change is told as soon as the API server tells it, and what it may have missed as a gap.

A look is a consistent read, so whatever a watch loses makes no state wrong. It takes away what is known of the time
between two looks, and of that time both ends are told. A watch that broke off goes on from the last version that it
was told, and then nothing is missed. It begins anew, and a gap is told, where the server no longer has that version
(410), where the number of an object's changes has jumped, and where looks saw for three intervals what it doesn't tell.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from faildrill.adapters.kubernetes.client import Api, Untold, Where
from faildrill.adapters.kubernetes.objects import Listed, Meta
from faildrill.adapters.kubernetes.outcomes import Status
from faildrill.adapters.kubernetes.target import Kubernetes
from faildrill.errors import CannotSee
from faildrill.ports import causes

SILENT: Final = 3
"""Looks in a row that saw what a watch has not told, after which it counts as lost."""
_WITHIN: Final = 5.0
"""Seconds for a list, and for a watch to begin."""
_SOONEST, _LATEST = 0.25, 5.0
"""Seconds until a watch that broke off is asked for again: twice as many each time that it does so at once."""
_LOOKS: Final = 64
"""Looks that are remembered: an event is later than the last of them that had not seen it."""
_EXPIRED: Final = 410


class _Object(Protocol):
    @property
    def metadata(self) -> Meta: ...


T = TypeVar("T", bound=_Object)
T_contra = TypeVar("T_contra", bound=_Object, contravariant=True)


class Hears(Protocol[T_contra]):
    """Whoever is told."""

    def changed(self, objects: Iterable[T_contra], since: int, at: int) -> None:
        """Hear what is there after a change that was made between the two (monotonic ns)."""

    def missed(self, why: str, since: int, at: int) -> None:
        """Hear that changes between the two may have been missed, and why."""


class Watched(NamedTuple, Generic[T]):
    """What is watched."""

    where: Where
    sort: type[T]
    listed: type[Listed[T]]
    query: Mapping[str, str]


class _Event(msgspec.Struct, frozen=True):
    type: str = ""
    object: msgspec.Raw = msgspec.Raw(b"{}")


class Watch(Generic[T]):
    """Follows objects until it is closed."""

    def __init__(self, target: Kubernetes, run: str, what: Watched[T], hears: Hears[T]) -> None:
        self._target, self._run, self._what, self._hears = target, run, what, hears
        self._objects: dict[str, T] = {}
        self._version = ""
        """Of the last event; empty before the first list."""
        self._trouble = ""
        """Why the watch is not one at present; empty while it is."""
        self._began = time.monotonic_ns()
        self._looks: deque[tuple[int, int]] = deque(maxlen=_LOOKS)
        """The version that each look saw, and when it was sent."""
        self._behind = 0
        self._listening: asyncio.Timeout | None = None
        self._task = asyncio.get_running_loop().create_task(self._follow())

    async def close(self) -> None:
        """End it; tell what it may have missed, where it was lost."""
        self._task.cancel()
        await asyncio.wait([self._task])
        if self._trouble:
            self._hears.missed(self._trouble, self._since(_number(self._version)), time.monotonic_ns())

    def looked(self, found: Listed[T], sent: int) -> None:
        """Take what a look saw that was sent at this moment (monotonic ns)."""
        self._looks.append((_number(found.metadata.resource_version), sent))
        is_behind = bool(self._version) and not self._trouble and self._is_behind(found)
        self._behind = self._behind + 1 if is_behind else 0
        if self._behind >= SILENT and self._listening is not None:
            self._behind = 0
            self._listening.reschedule(asyncio.get_running_loop().time())

    def _is_behind(self, found: Listed[T]) -> bool:
        """Tell whether a look has seen a change that the watch has not told."""
        there = {one.metadata.uid: _number(one.metadata.resource_version) for one in found.items or ()}
        told = {uid: _number(one.metadata.resource_version) for uid, one in self._objects.items()}
        is_newer = any(version > told.get(uid, 0) for uid, version in there.items())
        is_gone = _number(found.metadata.resource_version) > _number(self._version) and bool(set(told) - set(there))
        return is_newer or is_gone

    async def _follow(self) -> None:
        """Watch for ever, whatever the API server answers or doesn't."""
        pause = _SOONEST
        while True:
            began = time.monotonic()
            try:
                async with Api.open(self._target, self._run, _WITHIN) as api:
                    await self._begin(api)
                    while True:
                        await self._listen(api)
            except CannotSee as error:
                self._trouble = error.words if isinstance(error, Untold) else str(error)
                wait = error.wait if isinstance(error, Untold) else 0.0
            pause = min(2 * pause, _LATEST) if time.monotonic() - began < pause else _SOONEST
            await asyncio.sleep(max(pause, wait))

    async def _begin(self, api: Api) -> None:
        """List where there is no version to go on from."""
        if self._version:
            return
        sent = time.monotonic_ns()
        found = await api.read(self._what.where, self._what.listed, _WITHIN, self._what.query)
        answered = time.monotonic_ns()
        if found is None:
            raise Untold(f"{self._what.where.path} is not there", "HTTP 404")
        if self._trouble:
            self._hears.missed(self._trouble, self._since(0), answered)
            self._trouble = ""
        self._looks.append((_number(found.metadata.resource_version), sent))
        self._objects = {one.metadata.uid: one for one in found.items or ()}
        self._version = found.metadata.resource_version
        self._hears.changed(self._objects.values(), sent, answered)

    async def _listen(self, api: Api) -> None:
        """Hear events from the last version on, until the server ends that; Untold where it breaks off."""
        query = {**self._what.query, "watch": "true", "allowWatchBookmarks": "true", "resourceVersion": self._version}
        try:
            async with (
                asyncio.timeout(None) as self._listening,
                aclosing(api.lines(self._what.where, query, _WITHIN)) as lines,
            ):
                async for line in lines:
                    self._trouble = ""
                    if line:
                        self._take(line)
        except TimeoutError:
            self._lose("silent while looks saw changes")
            raise Untold("the watch was silent", self._trouble) from None
        except Untold as error:
            if error.words == f"HTTP {_EXPIRED}":
                self._lose(error.words)
            raise
        finally:
            self._listening = None

    def _lose(self, why: str) -> None:
        """Begin anew: what was missed since the last version won't be told."""
        self._trouble = why
        self._began, self._version = self._since(_number(self._version)), ""

    def _take(self, line: bytes) -> None:
        heard = time.monotonic_ns()
        try:
            event = msgspec.json.decode(line, type=_Event)
            if event.type == "ERROR":
                status = msgspec.json.decode(event.object, type=Status)
                raise Untold(f"the watch ended: {status.message}", f"HTTP {status.code}")
            one = msgspec.json.decode(event.object, type=self._what.sort)
        except msgspec.MsgspecError as error:
            raise Untold("the watch sent what is no event", causes.GARBAGE) from error
        if event.type == "BOOKMARK":
            self._version = one.metadata.resource_version or self._version
            return
        self._hear(event.type, one, heard)

    def _hear(self, how: str, one: T, heard: int) -> None:
        known, meta = self._objects.get(one.metadata.uid), one.metadata
        version = _number(meta.resource_version)
        if version and version <= _number(self._version):
            return  # told once more
        since = self._since(version)
        if known is not None and (meta.generation or 0) > (known.metadata.generation or 0) + 1:
            self._hears.missed("changes were left out", since, heard)
        self._version = meta.resource_version
        if how == "DELETED":
            self._objects.pop(meta.uid, None)
        else:
            self._objects[meta.uid] = one
        self._hears.changed(self._objects.values(), since, heard)

    def _since(self, version: int) -> int:
        """Return when the last look was sent that was of before a version; 0 is that of what nobody has told."""
        if not version:
            return self._began
        return max((sent for seen, sent in self._looks if seen < version), default=self._began)


def _number(version: str) -> int:
    """Return a version as the number that it is (KEP-5504: they can be compared); 0 where it is none."""
    return int(version) if version.isascii() and version.isdigit() else 0
