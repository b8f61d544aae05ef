"""`mariadb.lose_writer`: the server that takes writes dies, or hangs."""

from typing import ClassVar, Literal, Self

import tenacity
from pydantic import Field, model_validator

from faildrill.adapters.leader_store import in_full
from faildrill.adapters.mariadb.grants import refuse_a_writer_past_read_only
from faildrill.adapters.mariadb.nodes import SHARE, patience, sighted, weighed
from faildrill.adapters.mariadb.statements import Errand
from faildrill.adapters.mariadb.succession import LATE, Sight
from faildrill.adapters.mariadb.target import MariaDB
from faildrill.adapters.mariadb.telling import follow, hand_over, writer_now
from faildrill.effect_traits import Effect
from faildrill.errors import ActionFailed, ActionRefused
from faildrill.ports import Captured, Duration, Given, Kind, Observed, Preview, Reach
from faildrill.toolkit.sockets import greets, is_dark, is_held
from faildrill.toolkit.time_limits import AtMost, refuse_unheld, send


class LoseWriter(Kind):
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

    needs_heir: ClassVar[bool] = True

    mariadb: MariaDB = Field(description="the servers whose writer is taken away")
    how: Literal["killed", "hung"] = Field(default="killed", description="killed or hung")
    late_at_most: Duration = Field(default=LATE, ge=0, description="by how much the replica to take over may be behind")
    at_most: AtMost = None

    @model_validator(mode="after")
    def _is_safe_to_end(self) -> Self:
        if self.how == "hung" and self.at_most is not None:
            raise ValueError("one that hung and goes on by itself writes beside the one promoted: leave `at_most` out")
        return self

    @property
    def effect_is(self) -> Effect:
        """An event where it is killed, a state otherwise."""
        return "event" if self.how == "killed" else "state"

    async def capture(self, given: Given) -> Captured:
        """Look who takes writes, and that somebody else could."""
        sight = await weighed(self.mariadb, patience(given))
        writer = self._victim(sight)
        await refuse_a_writer_past_read_only(self.mariadb, writer, patience(given))
        reach = self._reach(writer, given)
        if await reach.state(writer) != "running":
            raise ActionRefused(f"{self.mariadb.name}/{writer} takes writes but does not run here: another's `reach`")
        refuse_unheld(reach, writer, self.at_most)
        return sight.as_data()

    async def apply(self, before: Captured, given: Given) -> Captured:
        """Do it."""
        writer = str(before["writer"])
        await send(self._reach(writer, given), writer, "KILL" if self.how == "killed" else "STOP", self.at_most)
        return {"writer": writer}

    async def confirm(self, before: Captured, given: Given) -> Observed:
        """See the member in the state that it leads to, and the same at its address: it takes, or greets, nobody."""
        writer = str(before["writer"])
        state = await self._reach(writer, given).state(writer)
        if state != ("stopped" if self.how == "hung" else "absent"):
            return Observed(holds=False, because=f"{writer} is {state}")
        member = self.mariadb.members[writer]
        if self.how == "hung":
            at = f"{member.host}:{member.port}"
            held = await is_held(at) or not await greets(at, patience(given) / 2)
            return Observed(held, f"{writer} is {state}, and {'nobody' if held else 'somebody'} greets at {at}")
        dark = await is_dark(f"{member.host}:{member.port}", patience(given) / 2)
        told = f"nobody takes connections at {member.host}:{member.port}"
        return Observed(dark, f"{writer} is {state}, and {told if dark else told.replace('nobody', 'somebody still')}")

    async def undo(self, before: Captured, given: Given) -> None:
        """Start it, or let it go on where nobody else takes writes; have it follow, or who has most take writes."""
        lost = str(before["writer"])
        reach = self._reach(lost, given)
        errand = Errand.within(self.mariadb, given.run, given.timeout * SHARE)
        if await reach.state(lost) == "stopped":
            other = writer_now(await self._sight(given), lost)
            await reach.signal(lost, "CONT" if other is None else "KILL")
        await reach.start(lost)
        sight = await self._answering(lost, given)
        other = writer_now(sight, lost)
        if other is not None and (sight.writer is None or sight.lacks(lost, self.late_at_most)):
            await follow(errand, lost, other)
        elif not sight.writers:
            await hand_over(errand, sight.richest(first=lost))

    async def restored(self, before: Captured, given: Given) -> Observed:
        """See it take writes alone, or follow the one that does, and so all that did before."""
        sight = await self._sight(given)
        lost = sight.lost(before, self.late_at_most)
        name = str(before["writer"])
        does = "takes writes again" if sight.writer == name else f"follows {sight.writer}"
        return Observed(not lost, "; ".join(lost) or f"{name} {does}", sight.as_data())

    async def preview(self, given: Given) -> Preview:
        """Look who would be lost now."""
        sight = await weighed(self.mariadb, patience(given))
        writer = self._victim(sight)
        await refuse_a_writer_past_read_only(self.mariadb, writer, patience(given))
        where = f"{self.mariadb.name}/{writer}"
        spares = [f"{self.mariadb.name}/{name}" for name in sight.candidates(self.late_at_most)]
        effect = f"{'SIGKILL' if self.how == 'killed' else 'SIGSTOP'} to all of {where}, which takes writes now"
        return Preview([where], effect, f"{where} runs, and follows", spares)

    def limit(self) -> float | None:
        """Return after how long the target starts the server again by itself."""
        return self.at_most

    def _reach(self, name: str, given: Given) -> Reach:
        return given.reach(self.mariadb.members[name])

    async def _sight(self, given: Given) -> Sight:
        return await sighted(self.mariadb, patience(given))

    async def _answering(self, name: str, given: Given) -> Sight:
        """Look until a server answers; ActionFailed when it doesn't in time."""
        waiting = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_result(lambda sight: bool(sight.nodes[name].silent)),
            wait=tenacity.wait_fixed(0.25),
            stop=tenacity.stop_before_delay(given.timeout / 2),
        )
        try:
            found: Sight = await waiting(self._sight, given)
        except tenacity.RetryError as error:
            raise ActionFailed(f"{self.mariadb.name}/{name} was started, and does not answer") from error
        return found

    def _victim(self, sight: Sight) -> str:
        name = self.mariadb.name
        if sight.writer is None:
            raise ActionRefused(f"{name} has no single server that takes writes: {in_full(sight.headless())}")
        if because := sight.nobody(self.late_at_most):
            raise ActionRefused(f"{name}/{sight.writer} is the last healthy server, it is not taken: {because}")
        return sight.writer
