"""The loop of a watch: audit now and then, look with probes all the time, tell people, until it is asked to end."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from faildrill.acting.call import call, words
from faildrill.auditing import Audit, Grade, audit
from faildrill.errors import ActionError, CannotSee
from faildrill.kinds import build
from faildrill.kinds.call_context import CallContext
from faildrill.model.drill import ProbePlan
from faildrill.model.environment import Environment
from faildrill.ports import Opens, Probe
from faildrill.ports.notice import Counts, Notice, Tells
from faildrill.record.samples import Outcome
from faildrill.watching.alarms import Alarms, Condition

_TOLD: Final = (Grade.SEVERE, Grade.WARNING, Grade.UNREAD)
_TRIES: Final = 10
"""How often a notice that nobody took is sent again, once a tick."""
_TICK: Final = 0.5
_CLOSING: Final = 5.0


Say = Callable[[str], None]


class Manner(NamedTuple):
    """How a watch goes about it; times are float seconds."""

    every: float = 30.0
    """Between two audits."""
    after: float = 5.0
    """For how long something must be bad before people are told."""
    calm: float = 60.0
    """For how long it must be good before they are told that it is over."""
    objective: float | None = None
    """Within which a dead server must be noticed, where no standard says it."""


class _Pending(NamedTuple):
    notice: Notice
    way: Tells
    tries: int


class Watch:
    """Watches one environment; changes nothing there."""

    def __init__(
        self,
        environment: Environment,
        manner: Manner,
        ways: Sequence[Tells],
        counts: Counts,
        say: Callable[[str], None],
    ) -> None:
        """Begin; `ways` are how people are told, `say` takes a line for the log."""
        self._environment = environment
        self._manner = manner
        self._ways = ways
        self._counts = counts
        self._say = say
        self._alarms = Alarms(environment.name, manner.after, manner.calm)
        self._audited: set[str] = set()
        self._counted: set[str] = set()
        self._pending: list[_Pending] = []

    async def run(self, ending: asyncio.Event) -> None:
        """Watch until `ending` is set; what was found by then and not told is lost with the process."""
        probes = [asyncio.create_task(self._probe(plan)) for plan in self._environment.watched]
        tasks = [*probes, asyncio.create_task(self._audits()), asyncio.create_task(self._telling())]
        waiting = asyncio.create_task(ending.wait())
        done, _ = await asyncio.wait([*tasks, waiting], return_when=asyncio.FIRST_COMPLETED)
        for task in (*tasks, waiting):
            task.cancel()
        await asyncio.gather(*tasks, waiting, return_exceptions=True)
        for task in done - {waiting}:
            task.result()  # a loop that ends by itself is a defect of ours, and is not hidden

    async def _audits(self) -> None:
        while self._environment.settings:
            audited = await audit(self._environment, self._manner.objective)
            self._heed(audited)
            await asyncio.sleep(self._manner.every)
        await asyncio.Event().wait()  # nothing to audit; the first task that ends would end the watch

    def _heed(self, found: Audit) -> None:
        """Take in an audit: every remark that counts is a condition; what was found before and is not now is over."""
        now = time.monotonic()
        bad = {
            f"{remark.source} {'.'.join(remark.path[1:]) or remark.rule} ({remark.rule})": remark
            for remark in found.remarks
            if remark.grade in _TOLD
        }
        unread = {remark.source for remark in found.remarks if remark.grade is Grade.UNREAD}
        for audited in found.audited:
            self._counts.looked(f"settings {audited.name}", read=bool(audited.source))
        # what could not be read this time has not become good by that
        gone = [key for key in self._audited - set(bad) if key.split(" ", 1)[0] not in unread]
        self._alarms.absent(gone, now)
        self._alarms.see(
            [
                Condition(key, bad=True, told=f"{remark}. {remark.why}", step=remark.remedy)
                for key, remark in bad.items()
            ],
            now,
        )
        self._audited = (self._audited - set(gone)) | set(bad)

    async def _probe(self, plan: ProbePlan) -> None:
        """Look with one probe at its rate, for as long as the watch goes on."""
        probe: Probe = build(plan.use, "probe")
        given = CallContext("watch", timeout=plan.timeout, every=plan.every, name=plan.name)
        opened = False
        try:
            while True:
                began = time.monotonic()
                try:
                    if isinstance(probe, Opens) and not opened:
                        await call(probe.open(given), plan.timeout)
                        opened = True
                    look = await call(probe.look(given), plan.timeout)
                    self._heed_look(plan, look.outcome, look.detail or look.who)
                except (ActionError, CannotSee) as error:
                    self._heed_look(plan, Outcome.BROKEN, words(error), unread=True)
                # A look that took longer than its turn is followed at once; those that it held up are not made up for.
                await asyncio.sleep(max(0.0, plan.every - (time.monotonic() - began)))
        finally:
            if isinstance(probe, Opens) and opened:
                await asyncio.wait_for(probe.close(), _CLOSING)

    def _heed_look(self, plan: ProbePlan, outcome: Outcome, detail: str, *, unread: bool = False) -> None:
        """Take in a look; one that could not tell (too few requests, say) leaves things as they were."""
        broken = outcome is Outcome.BROKEN
        self._counts.looked(f"probe {plan.name}", read=not broken)
        if broken and not unread:
            return
        evidence = f"{plan.name}: {detail or outcome.in_words()}"
        name = self._environment.name
        step = f"faildrill audit {name}; before any failover: faildrill warrant {name} --for DATABASE"
        condition = Condition(f"probe {plan.name}", outcome is not Outcome.OK, evidence, step)
        self._alarms.see([condition], time.monotonic())

    async def _telling(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            for notice in self._alarms.notices(time.monotonic()):
                self._say(f"{notice.sort}: {notice.title}\n{notice.body}")
                self._pending += [_Pending(notice, way, 0) for way in self._ways]
            self._count()
            await self._send()

    def _count(self) -> None:
        """Tell the machines every condition, and of those that are over that they are."""
        states = list(self._alarms.states())
        for key in self._counted - {key for key, *_ in states}:
            self._counts.condition(key, bad=False, alerting=False, flaps=0)
        for key, bad, alerting, flaps in states:
            self._counts.condition(key, bad=bad, alerting=alerting, flaps=flaps)
        self._counted = {key for key, *_ in states}

    async def _send(self) -> None:
        """Send what is pending, each to its way; what was not taken is tried again later, and dropped in the end."""
        pending, self._pending = self._pending, []
        answers = await asyncio.gather(*(sending.way.tell(sending.notice) for sending in pending))
        for sending, wrong in zip(pending, answers, strict=True):
            self._counts.told(taken=not wrong)
            if not wrong:
                continue
            last = sending.tries + 1 >= _TRIES
            self._say(f"a notice was not taken ({wrong}){': given up' if last else ''}: {sending.notice.title}")
            if not last:
                self._pending.append(sending._replace(tries=sending.tries + 1))
