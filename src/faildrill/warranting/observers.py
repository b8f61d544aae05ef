"""All observers of a database are asked at once; one that hangs holds up nobody for longer than the whole may take."""

import asyncio
from typing import Final

from faildrill.acting.call import call, words
from faildrill.errors import ActionError, CannotSee, WrongUsage
from faildrill.kinds import build, did_you_mean
from faildrill.kinds.call_context import CallContext
from faildrill.model.environment import Environment
from faildrill.ports.target import KindUse
from faildrill.ports.witness import Says, Testifies, Testimony

WITHIN: Final = 5.0
"""Seconds for all observers together, where nobody says."""


def observers(environment: Environment, database: str) -> tuple[KindUse, ...]:
    """Return who is asked about a database; WrongUsage when the environment names nobody."""
    witnesses = environment.warrants.get(database)
    if witnesses is None:
        there = did_you_mean(database, sorted(environment.warrants)) if environment.warrants else "; it lists none"
        raise WrongUsage(
            f"{environment.name} lists no observers of {database!r} under `warrants`{there}; e.g.\n"
            f"  warrants:\n    {database}:\n      - postgres.testimony: {{cluster: payments}}\n"
            "      - patroni.testimony: {cluster: payments}"
        )
    return witnesses


async def hear(uses: tuple[KindUse, ...], within: float = WITHIN) -> list[Testimony]:
    """Ask all observers at once, for `within` seconds at the most; what went wrong with one is what it said."""
    heard = await asyncio.gather(*(_one(use, within) for use in uses))
    return [testimony for some in heard for testimony in some]


async def _one(use: KindUse, within: float) -> list[Testimony]:
    witness: Testifies = build(use, "witness")
    try:
        return await call(witness.testify(CallContext("warrant", timeout=within)), within)
    except (ActionError, CannotSee) as error:
        return [Testimony(use.kind, Says.NOTHING, words(error))]
