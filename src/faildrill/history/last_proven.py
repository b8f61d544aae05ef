"""What was last proven: which drill, in which way and where, by which run, and until when that counts."""

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from faildrill.history.run_comparison import runbook_change
from faildrill.history.run_summary import RunSummary
from faildrill.judging.result import Verdict
from faildrill.kinds import find
from faildrill.loading.needed_targets import needs
from faildrill.model.drill import Drill, actions
from faildrill.ports.effect import PLANNED

Series = tuple[str, str, str]
LastOf = Callable[[Series, Verdict | None, str], RunSummary | None]
_BROKEN: Final = (Verdict.FAILED, Verdict.UNSAFE)
"""Verdicts that say of what was proven before that it no longer holds."""


class State(enum.StrEnum):
    """What is known of a cell, the most urgent first."""

    BROKEN = "broken"
    NEVER = "never proven"
    CHANGED = "changed since"
    STALE = "stale"
    PROVEN = "proven"


@dataclass(frozen=True)
class Wanted:
    """What is to be proven: a drill, in one of its ways, in an environment."""

    file: str
    drill: str
    environment: str
    way: str
    components: tuple[str, ...]
    """The targets that it names."""
    sort: str
    """`planned` or `unplanned`, and `negative` where nothing may fail over."""
    actions: tuple[str, ...]
    """The kinds of its actions, in their order."""
    runbook: str = ""
    """What it cites."""
    runbook_digest: str = ""
    """Of the text of it now; empty where nobody can read it."""

    @property
    def series(self) -> Series:
        """What its runs are known by."""
        return self.drill, self.environment, self.way

    @property
    def name(self) -> str:
        """The drill, its way where it has one, and where it is run."""
        return f"{self.drill}{f' ({self.way})' if self.way else ''} in {self.environment}"


@dataclass(frozen=True)
class Cell:
    """Something to be proven, and what is known of it."""

    wanted: Wanted
    state: State
    because: str
    proven: RunSummary | None = None
    """The last run that PASSED."""
    expires: str = ""
    """When that no longer counts: a date, UTC; empty where nothing was proven."""

    @property
    def back(self) -> str:
        """Whether the way back was proven, too."""
        return "" if self.proven is None else "there and back" if self.proven.was_put_back else "there"


def wanted(file: str, drill: Drill, environment: str) -> list[Wanted]:
    """Return what a drill is to prove in an environment, a cell a way; the drill as it was loaded by itself."""
    taken = [drill.taking(way) for way in drill.ways] or [drill]
    return [
        Wanted(
            file=file,
            drill=drill.name,
            environment=environment,
            way=drill.way.name if drill.way else "",
            components=tuple(needs(drill)),
            sort=_sort(drill),
            actions=tuple(step.use.kind for step in actions(drill.steps)),
            runbook=drill.runbook,
            runbook_digest=drill.runbook_digest,
        )
        for drill in taken
    ]


def _sort(drill: Drill) -> str:
    kinds = [find(step.use.kind, "action") for step in actions(drill.steps)]
    planned = "planned" if kinds and all(getattr(kind, PLANNED, False) for kind in kinds) else "unplanned"
    is_negative = drill.failover == "needless" or any(use.kind == "never" for use in drill.expect)
    return f"{planned}, negative" if is_negative else planned


def cells(asked: Sequence[Wanted], last: LastOf, within: timedelta, now: datetime) -> list[Cell]:
    """Say of each what is known of it at a moment, where what was proven counts for so long; in the given order.

    `last` gives the last run of a series that began later than it is told, with a verdict where one is asked for.
    """
    return [_cell(wish, last, within, now) for wish in asked]


def _cell(asked: Wanted, last_of: LastOf, within: timedelta, now: datetime) -> Cell:
    proven = last_of(asked.series, Verdict.PASSED, "")
    since = proven.started if proven is not None else ""
    broken = [run for verdict in _BROKEN if (run := last_of(asked.series, verdict, since)) is not None]
    worst = max(broken, key=lambda one: one.started, default=None)
    if worst is not None:
        return Cell(
            asked, State.BROKEN, f"{worst.verdict.value} on {worst.day} by {worst.run}: {worst.because}", proven
        )
    if proven is None:
        last = last_of(asked.series, None, "")
        because = f"the last of its runs was {last.verdict.value} ({last.run})" if last else "it was never run there"
        return Cell(asked, State.NEVER, because)
    end = datetime.fromisoformat(proven.started) + within
    until = end.date().isoformat()
    if tuple(proven.actions) != asked.actions:
        because = f"it does {_kinds(asked.actions)} now, and did {_kinds(proven.actions)} when {proven.run} proved it"
        return Cell(asked, State.CHANGED, because, proven, until)
    if changed := runbook_change(asked.runbook, asked.runbook_digest, proven):
        return Cell(asked, State.CHANGED, changed, proven, until)
    state = State.STALE if end < now else State.PROVEN
    because = f"proven on {proven.day} by {proven.run}, {'expired' if state is State.STALE else 'counts until'} {until}"
    return Cell(asked, state, because, proven, until)


def _kinds(kinds: Sequence[str]) -> str:
    return ", ".join(kinds) or "nothing"


def most_urgent(told: Sequence[Cell]) -> list[Cell]:
    """Return what to drill next, the most urgent first: by state, then what was proven longest ago."""
    order = list(State)
    return sorted(
        told, key=lambda one: (order.index(one.state), one.proven.started if one.proven else "", one.wanted.name)
    )
