"""What probes say, while they still look, of what only the one who was asked says is put back."""

import asyncio
import itertools
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from faildrill.errors import FaildrillError
from faildrill.record.timeline import Entry, Timeline, UndoNotVerified, UndoVerified
from faildrill.system.threads import aside

if TYPE_CHECKING:
    from faildrill.judging.noticed_undos import NoticedUndo

CHANCE: Final = 1e-3
"""With which probability all that is asked while looks come in may call put back what is not."""
_MORE: Final = 1.25
"""So many times as many looks from one asking to the next, about: each costs a part of the chance."""
_FIRST: Final = 0.2
"""Seconds of looks after which it is asked first."""
_LAST: Final = 60.0
"""Seconds that the last asking may take."""


class OutsideView:
    """Asks the probes of a run again and again whether they noticed that steps were put back."""

    def __init__(
        self, folder: Path, timeline: Timeline, known: Sequence[Entry] = (), skip: asyncio.Event | None = None
    ) -> None:
        self._folder = folder
        self._timeline = timeline
        self._known = known
        """What was written before this writer of the timeline came."""
        self._skip = skip
        """Ends an asking without an answer; None: nobody does."""
        self._asked = 0
        self._next = _FIRST
        self._found: list[NoticedUndo] = []

    @property
    def is_needed(self) -> bool:
        """Whether some step is put back on the word of the one who was asked alone."""
        written = itertools.chain(self._known, self._timeline.written)
        return any(isinstance(entry.what, UndoVerified) and entry.what.word_of for entry in written)

    async def wants(self, waited: float, most: float) -> bool:
        """Tell whether it is worth to look on, after so many seconds of looks; at most for `most`.

        What no probe has noticed is looked for as long as it should take; what probes say is not put back, for `most`:
        traffic may settle late.
        """
        if waited >= most or not self.is_needed:
            return False
        if waited >= self._next or not self._asked:
            self._asked += 1
            # Farther and farther apart: a look more changes little when there are thousands, and each asking costs a
            # part.
            self._next = waited * _MORE + _FIRST
            # 1/(1·2) + 1/(2·3) + … = 1: however often it is asked, all askings together stay within CHANCE.
            self._found = await self._ask(CHANCE / (self._asked * (self._asked + 1)), most - waited)
        open_ones = [undo for undo in self._found if not undo.seen_by]
        return any(waited < (most if undo.against else min(undo.patience, most)) for undo in open_ones)

    async def contradicted(self) -> list[str]:
        """Record each step that probes say is not put back, and return their ids. It is open again, for `recover`."""
        against = [undo for undo in await self._ask(CHANCE, _LAST) if undo.against] if self.is_needed else []
        for undo in against:
            because = f"{undo.word_of} says that it is as before, and probes say that it is not: {undo.against}"
            self._timeline.note(UndoNotVerified(step=undo.step, because=because))
        return [undo.step for undo in against]

    async def _ask(self, level: float, within: float) -> "list[NoticedUndo]":
        """Weigh all looks so far, aside, as very many take seconds; empty when it is skipped or takes too long."""
        asking = asyncio.ensure_future(aside(lambda: self._weighed(level)))
        racing: list[asyncio.Future[Any]] = [asking]
        if self._skip:
            racing.append(asyncio.ensure_future(self._skip.wait()))
        try:
            await asyncio.wait(racing, timeout=within, return_when=asyncio.FIRST_COMPLETED)
            return asking.result() if asking.done() else []
        finally:
            for task in racing:
                task.cancel()

    def _weighed(self, level: float) -> "list[NoticedUndo]":
        """Weigh all looks so far; empty where they can't be read, which judging tells, or where weighing breaks."""
        try:
            from faildrill.judging.evidence import so_far  # noqa: PLC0415 - few runs ask, and it takes long to import
            from faildrill.judging.noticed_undos import noticed_undos  # noqa: PLC0415 - the same

            return noticed_undos(so_far(self._folder), level)
        except (FaildrillError, OSError):
            return []
        except Exception:  # noqa: BLE001 - it only advises: no defect of it keeps a run from its end
            sys.stderr.write(
                "probes can't be asked whether all is put back, because of a defect in faildrill:\n"
                f"{traceback.format_exc()}"
            )
            return []
