"""Where a kind stands when it is told lies: the real servers behind the liars, and the truth about them."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from faildrill.acting.call import call, observe
from faildrill.acting.sight import effect, restored
from faildrill.errors import ActionError
from faildrill.kinds import build
from faildrill.kinds.call_context import CallContext
from faildrill.model.drill import Step
from faildrill.ports import Action
from faildrill.ports.target import KindUse
from support.liars.between import Liar, Where, Wire, between
from support.liars.course import Went, go
from support.liars.lies import DIRTY, HONEST, OPEN, Answer, Lie

Look = Callable[[], Awaitable[Any]]


async def nothing() -> None:
    """Do nothing: it is as it should be, or there is nobody else."""


class Cell(NamedTuple):
    """One cell of the table as it went: what was said, what is true, and what of that is wrong."""

    verdict: str
    before: object
    after: object
    asked: int
    """How many changing requests were made."""
    wrong: list[str]

    def told(self) -> dict[str, str]:
        """Return it for a log of all cells: `--junitxml=FILE` keeps it with each test."""
        truth = "as before" if self.after == self.before else f"{self.after}, it was {self.before}"
        told = {"verdict": self.verdict, "truth": truth, "asked": str(self.asked)}
        return {**told, "wrong": self.wrong[0]} if self.wrong else told


@dataclass(frozen=True)
class Stand:
    """One kind of action on real servers."""

    kind: str
    wire: Wire
    ways: Mapping[str, tuple[Where, Where]]
    """By name, each way over which it acts: where it leads to, and another place to which it may lead."""
    params: Callable[[Mapping[str, Where]], dict[str, Any]]
    """Its parameters, by where the liars listen instead."""
    truth: Look
    """What was asked of everything, past every liar; as it is when a step is over it must be as before."""
    reset: Look = nothing
    meddle: Look = nothing
    """Makes something else of what the step has changed, as another operator does."""
    within: float = 2.0
    undo_within: float = 4.0
    hold: float = 1.8
    asks: int = 2
    """How many changing requests it makes at the most, its undo included."""
    alike: int = 1
    """How many of them may be the same."""
    gives_up: bool = False
    """It makes several requests, and no further one where it is open what came of one."""
    fails_on: Collection[Answer] = ()
    """Answers on which what asks fails itself, and says so: what has failed proves nothing, whatever it has done."""
    refuses_a_second: bool = False
    """What is real refuses the same request right afterwards, and that is the answer heard: it does it, and says no."""
    serves: Callable[[], AbstractAsyncContextManager[None]] = contextlib.nullcontext
    """Serves what is real, where a test does that itself."""

    async def walked(self, lie: Lie, folder: Path) -> Cell:
        """Have the step done among liars, and tell what is wrong about what was said and done."""
        async with self.serves():
            return await self._walked(lie, folder)

    async def half_way(self, lie: Lie, *, undoing: bool, folder: Path) -> Cell:
        """Have one request of the step, or of its undo, lost or refused; tell what one undo more does not put back."""
        await self.reset()
        before, asked = await self.truth(), list[bytes]()
        liars: list[Liar] = []
        async with self.serves(), self._between(HONEST, folder, nothing, asked, liars) as found:
            step: Action = build(KindUse(kind=self.kind, params=self.params(found)), "action")
            given = CallContext("half-way", self.undo_within)
            was = await step.capture(given)
            if undoing:
                await step.apply(was, given)
                seen = await observe(lambda: effect(step, was, given), _in(self.within))
                assert seen.holds, seen.because
            asked.clear()
            for one in liars:
                one.lie = lie
            with contextlib.suppress(ActionError, TimeoutError):
                await call((step.undo if undoing else step.apply)(was, given), self.undo_within)
            made = len(asked)
            for one in liars:
                one.lie = HONEST
            told = ""
            try:
                await call(step.undo(was, given), self.undo_within)
            except ActionError as error:
                told = f"the undo: {error}"
            seen = await observe(lambda: restored(step, was, given), _in(self.undo_within))
        after = await self.truth()
        wrong = [] if seen.holds else [f"not put back: {seen.because}"]
        wrong += [f"clean with {after}, it was {before}"] if seen.holds and after != before else []
        wrong += [f"there is no request {lie.about}: {made} were made"] if made < lie.about else []
        story = [*wrong, told, *map(repr, asked)] if wrong else []
        return Cell("clean" if seen.holds else "not put back", before, after, len(asked), story)

    async def _walked(self, lie: Lie, folder: Path) -> Cell:
        await self.reset()
        before = await self.truth()
        meddled: list[Any] = []

        came = asyncio.Event()

        async def meddle() -> None:
            await self.meddle()
            meddled.append(await self.truth())
            came.set()

        async def held() -> None:
            await asyncio.sleep(self.hold)
            if lie.operator == "in mid-step":  # on a busy machine he takes his time
                await came.wait()

        asked: list[bytes] = []
        went = await self._went(lie, folder, meddle, held, asked)
        after = await self.truth()
        right = {*lie.right, *(["PASSED"] if 0 < lie.late < self.within else [])}  # it came in time
        right |= OPEN if self.gives_up and lie.answer != "honest" and lie.about == 1 else set()
        right |= OPEN if lie.answer in self.fails_on else set()
        right |= DIRTY if self.refuses_a_second and lie.times > 1 else set()
        wrong = [] if went.verdict in right else [f"it is {went.verdict}"]
        if went.verdict != "UNSAFE" and after != before and not (meddled and after == meddled[-1]):
            wrong.append(f"clean with {after}, it was {before}")
        if meddled and after != meddled[-1]:
            wrong.append(f"the other operator's {meddled[-1]} is {after}")
        most, comes_late = max(Counter(asked).values(), default=0), bool(lie.late)  # which is put back again
        if most > self.alike + comes_late or len(asked) > self.asks + comes_late:
            wrong.append("asked more than once")
        story = [*wrong, *map(repr, asked), went.story] if wrong else []
        return Cell(went.verdict, before, after, len(asked), story)

    async def _went(self, lie: Lie, folder: Path, meddle: Look, held: Look, asked: list[bytes]) -> Went:
        async with self._between(lie, folder, meddle, asked, []) as found:
            use = KindUse(kind=self.kind, params=self.params(found))
            step = Step(id="it", name="it", use=use, within=self.within, undo_within=self.undo_within)
            before = await self.truth()

            async def notices() -> bool:
                return bool(await self.truth() != before)

            return await go(step, folder / "run", held, notices)

    @contextlib.asynccontextmanager
    async def _between(
        self, lie: Lie, folder: Path, meddle: Look, asked: list[bytes], liars: list[Liar]
    ) -> AsyncIterator[dict[str, Where]]:
        """Put a liar into every way; gives where they listen."""
        async with contextlib.AsyncExitStack() as stack:
            found: dict[str, Where] = {}
            for name, (real, another) in self.ways.items():
                path = folder / f"{name}.sock" if isinstance(real, Path) else None
                liars.append(Liar(lie, self.wire, real, another, meddle, asked))
                port = await stack.enter_async_context(between(liars[-1], path))
                found[name] = port if path is None else path
            yield found


def _in(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds
