"""The damage budget of a place: what drills may cost it in outage, reserved before a run."""

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


def reserve(budget: DamageBudget, environment: Environment, drill: Drill, run: str) -> str | None:
    """Reserve what a run may cost its place; return why that can't be. Nothing that can't be written down is run."""
    wanted = Reserved(run=run, at=damage_ledger.now(), seconds=estimate(drill))
    try:
        return damage_ledger.reserve(proven(environment), wanted, budget.outage)
    except (JournalError, OSError) as error:
        return f"what drills have cost this place can't be kept: {error}"
