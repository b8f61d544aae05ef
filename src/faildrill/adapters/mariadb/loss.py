"""`mariadb.lose_writer`: the server that takes writes dies, or hangs."""

from contextlib import suppress
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from faildrill.adapters.mariadb.changes import follow, hand_over, refuse_silent, writer_now
from faildrill.adapters.mariadb.grants import refuse_a_writer_past_read_only
from faildrill.adapters.mariadb.nodes import OfMariaDB
from faildrill.adapters.mariadb.statements import Errand
from faildrill.adapters.mariadb.succession import LATE, Sight
from faildrill.adapters.mariadb.target import MariaDB
from faildrill.errors import ActionFailed, OutcomeUnknown
from faildrill.ports import Captured, Duration, Given
from faildrill.toolkit.deadlines import SHARE, patience
from faildrill.toolkit.leader_store import LossOrHang
from faildrill.toolkit.listeners import greets
from faildrill.toolkit.time_limits import AtMost


class LoseWriter(LossOrHang[Sight], OfMariaDB):
    """Takes away the MariaDB server that takes writes: it is `killed`, or `hung`.

    Which server that is, is looked up when the step begins. It is refused, with nothing touched, unless exactly one
    server takes writes and a replica could take over now, and if the application's `user` can write in spite of
    `read_only`, because it would then write to the server that comes back.

    Nobody takes over by itself: a `mariadb.promote` step, a playbook or your own tool does. Later steps may use
    `${steps.ID.writer}`.

    It is put back when the server runs and follows whichever server takes writes by then. If none does, the server that
    has most takes writes, because one that comes back may lack what a replica has. A hung server is killed first if
    another one takes writes by then: continued, it would take writes beside it. For the same reason its configuration
    must say `read_only = 1`.

        steps:
          - name: kill the writer
            mariadb.lose_writer: {mariadb: payments, how: killed}
            within: 10s
    """

    OUTPUTS: ClassVar[tuple[str, ...]] = ("writer",)

    mariadb: MariaDB = Field(description="the servers whose writer is taken away")
    how: Literal["killed", "hung"] = Field(default="killed", description="killed or hung")
    late_at_most: Duration = Field(default=LATE, ge=0, description="by how much the replica to take over may be behind")
    at_most: AtMost = None

    @model_validator(mode="after")
    def _is_safe_to_end(self) -> Self:
        if self.how == "hung" and self.at_most is not None:
            raise ValueError("one that hung and goes on by itself writes beside the one promoted: leave `at_most` out")
        return self

    async def undo(self, before: Captured, given: Given) -> None:
        """Start it, or let it go on where nobody else takes writes; have it follow, or who has most take writes."""
        lost = self._taken(before)
        reach = self._reach(lost, given)
        errand = Errand.within(self.mariadb, given.run, given.timeout * SHARE)
        if await reach.state(lost) == "stopped":
            other = writer_now(await self._once(patience(given)), lost)
            await reach.signal(lost, "CONT" if other is None else "KILL")
        with suppress(OutcomeUnknown):  # whether it was started is seen by whether it answers
            await reach.start(lost)
        sight = await self._answering(lost, given)
        other = writer_now(sight, lost)
        if other is not None and (sight.leader is None or sight.why_not(lost)):
            await follow(errand, lost, other)
        elif not sight.leading:
            to = sight.richest(first=lost)
            refuse_silent(sight, self.mariadb.name, frozenset({to}))
            await hand_over(errand, sight, to)

    async def _objects(self, name: str, given: Given) -> None:
        await refuse_a_writer_past_read_only(self.mariadb, name, patience(given))

    async def _answers(self, address: str, within: float) -> bool:
        return await greets(address, within)

    def _told(self, where: str) -> tuple[str, str]:
        signal = "SIGKILL" if self.how == "killed" else "SIGSTOP"
        return f"{signal} to all of {where}, which takes writes now", f"{where} runs, and follows"

    async def _answering(self, name: str, given: Given) -> Sight:
        """Look until a server answers; ActionFailed when it doesn't in time."""
        sight = await self._until(lambda sight: not sight.nodes[name].silent, given.timeout / 2)
        if sight is None:
            raise ActionFailed(f"{self._where(name)} was started, and does not answer")
        return sight
