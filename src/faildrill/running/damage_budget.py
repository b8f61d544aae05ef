"""The damage budget of a place: what drills may cost it in outage, reserved before a run."""

from dataclasses import dataclass

from faildrill import durations
from faildrill.errors import JournalError
from faildrill.locking import damage_ledger
from faildrill.locking.damage_ledger import Reserved
from faildrill.locking.declared_facts import proven
from faildrill.model.drill import Drill
from faildrill.model.environment import DamageBudget, Environment
from faildrill.running.longest_course import WARM_UP_PATIENCE, longest


def estimate(drill: Drill) -> float:
    """Return the seconds from its first step to its end that a drill may take, by its own limits."""
    return longest(drill) - drill.warm_up - WARM_UP_PATIENCE


@dataclass(frozen=True)
class Standing:
    """What is left of the damage budget of a place, and what a drill would take of it now. Float seconds."""

    allowed: float
    charged: float
    """At the most, by the drills of the last seven days."""
    wanted: float
    """By the longest that the drill may take."""
    objection: str | None
    """Why it could not be run now."""

    @property
    def told(self) -> str:
        """In a sentence."""
        shown = (durations.show(spent) for spent in (self.charged, self.allowed, self.wanted))
        charged, allowed, wanted = shown
        return f"{charged} of {allowed} in seven days are charged; this drill reserves {wanted}"


def standing(environment: Environment, drill: Drill) -> Standing | None:
    """Return how a budget stands, of a drill in the costliest of its ways; None where the place has none.

    JournalError or OSError where nobody can tell: no drill is begun there then.
    """
    if environment.damage_budget is None:
        return None
    allowed, now = environment.damage_budget.outage, damage_ledger.now()
    wanted = max(estimate(way) for way in [drill.taking(way) for way in drill.ways] or [drill])
    counting = damage_ledger.charges(proven(environment), now)
    objection = damage_ledger.too_much(counting, Reserved(run="", at=now, seconds=wanted), allowed)
    return Standing(allowed, sum(charge.seconds for charge in counting), wanted, objection)


def reserve(budget: DamageBudget, environment: Environment, drill: Drill, run: str) -> str | None:
    """Reserve what a run may cost its place; return why that can't be. Nothing that can't be written down is run."""
    wanted = Reserved(run=run, at=damage_ledger.now(), seconds=estimate(drill))
    try:
        return damage_ledger.reserve(proven(environment), wanted, budget.outage)
    except (JournalError, OSError) as error:
        return f"what drills have cost this place can't be kept: {error}"
