"""Build kinds on the lab's own targets, and watch them as an engine would."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Protocol

from pydantic import JsonValue

from faildrill.acting.comparison import counted
from faildrill.kinds import build
from faildrill.kinds.call_context import CallContext
from faildrill.lab.core.facts import Facts
from faildrill.loading.environment_file import load_environment
from faildrill.model.environment import Environment
from faildrill.ports import Action, Captured, Confirms, Guard, Observed, Opens, Previews, Probe, Restores, Seen
from faildrill.ports.effect import Compares
from faildrill.ports.target import KindUse, Target

OPEN_AT_ONCE = 4


def environment(lab: Facts) -> Environment:
    """Load the environment file that the lab wrote."""
    return load_environment(lab.environment)


class Whole(Action, Confirms, Restores, Previews, Compares, Protocol):
    """An action that offers all that an action may."""


def probe(name: str, **params: Target | JsonValue) -> Probe:
    """Build a probe; its targets are given whole."""
    built: Probe = build(_use(name, params), "probe")
    return built


def action(name: str, **params: Target | JsonValue) -> Whole:
    """Build an action."""
    built: Whole = build(_use(name, params), "action")
    return built


def guard(name: str, **params: Target | JsonValue) -> Guard:
    """Build a guard."""
    built: Guard = build(_use(name, params), "guard")
    return built


def _use(name: str, params: Mapping[str, Target | JsonValue]) -> KindUse:
    data = {key: one.model_dump(mode="json") if isinstance(one, Target) else one for key, one in params.items()}
    return KindUse(kind=name, params=data)


def given(seconds: float = 2.0) -> CallContext:
    """Give what an engine gives."""
    return CallContext("run-of-a-test", seconds, 0.1, OPEN_AT_ONCE)


async def look(what: Probe, seconds: float = 2.0) -> Seen | None:
    """Look once, as a prober does: None when it was cut off at its deadline."""
    try:
        async with asyncio.timeout(seconds):
            return await what.look(given(seconds))
    except TimeoutError:
        return None


@asynccontextmanager
async def opened(what: Probe, seconds: float = 2.0, supplies: CallContext | None = None) -> AsyncIterator[Probe]:
    """Give a probe that was opened, and close it afterwards."""
    if isinstance(what, Opens):
        await what.open(supplies or given(seconds))
    try:
        yield what
    finally:
        if isinstance(what, Opens):
            await what.close()


async def once(what: Probe, seconds: float = 2.0) -> Seen:
    """Open, look once, close."""
    async with opened(what, seconds):
        seen = await look(what, seconds)
    assert seen is not None, "the look was cut off at its deadline"
    return seen


async def holds(observing: Callable[[], Awaitable[Observed]], within: float = 60.0) -> Observed:
    """Observe until it holds."""
    deadline = time.monotonic() + within
    while True:
        seen = await observing()
        if seen.holds:
            return seen
        assert time.monotonic() < deadline, f"not seen within {within} s: {seen.because}"
        await asyncio.sleep(0.2)


async def saw(what: Probe, wanted: Callable[[Seen], bool], within: float = 60.0) -> Seen:
    """Look until something is seen."""
    deadline = time.monotonic() + within
    while True:
        seen = await look(what)
        if seen is not None and wanted(seen):
            return seen
        assert time.monotonic() < deadline, f"not seen within {within} s: {seen}"
        await asyncio.sleep(0.05)


async def done(what: Whole, seconds: float = 30.0) -> Captured:
    """Capture, apply and see the effect; return what was captured."""
    before = await what.capture(given(seconds))
    await what.apply(before, given(seconds))
    await holds(lambda: what.confirm(before, given()), seconds)
    return before


async def put_back(what: Whole, before: Captured, seconds: float = 60.0) -> Observed:
    """Undo and see it undone, once where anybody counts."""
    former = await counted(what, before, given(), seconds)
    await what.undo(before, given(seconds))
    seen = await holds(lambda: what.restored(before, given()), seconds)
    assert (await counted(what, before, given(), seconds)).since(former) == (1, "")
    return seen
