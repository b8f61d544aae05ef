"""Where a kind stands when it is told lies: the real servers behind the liar, and the truth about them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faildrill.drill import Step
from faildrill.targets import KindUse
from support.liars.between import Liar, Where, Wire, between
from support.liars.course import go
from support.liars.lies import Lie

Look = Callable[[], Awaitable[Any]]


@dataclass(frozen=True)
class Stand:
    """One kind of action on real servers."""

    kind: str
    wire: Wire
    real: Where
    another: Where
    params: Callable[[str], dict[str, Any]]
    """Its parameters, by the path or the port of the liar."""
    reset: Look
    truth: Look
    """What was asked of everything, past every liar; as it is when a step is over it must be as before."""
    meddle: Look
    """Makes something else of what the step has changed, as another operator does."""
    undo_within: float = 4.0

    async def wrong(self, lie: Lie, folder: Path, hold: float) -> list[str]:
        """Have the step done among liars, and list what is wrong about what was said and done."""
        await self.reset()
        before = await self.truth()
        meddled: list[Any] = []

        async def meddle() -> None:
            await self.meddle()
            meddled.append(await self.truth())

        liar = Liar(lie, self.wire, self.real, self.another, meddle)
        path = folder / "liar.sock"
        async with between(liar, path):
            use = KindUse(kind=self.kind, params=self.params(str(path)))
            step = Step(id="it", name="it", use=use, within=2.0, undo_within=self.undo_within)
            went = await go(step, folder / "run", hold)
        after = await self.truth()
        wrong = [] if went.verdict in lie.right else [f"it is {went.verdict}"]
        if went.verdict != "UNSAFE" and after != before and not (meddled and after == meddled[-1]):
            wrong.append(f"clean with {after}")
        if meddled and after != meddled[-1]:
            wrong.append(f"the other operator's {meddled[-1]} is {after}")
        first, *others = liar.asked
        if first in others or len(others) > 1 + bool(lie.late):  # what comes late is put back again
            wrong.append(f"asked {liar.asked}")
        return [*wrong, str(liar.asked), went.story] if wrong else []
