"""Whether what acts on the members of a target leads to the addresses that were declared for them."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Final

from faildrill.acting.call import ask as asked
from faildrill.acting.call import words
from faildrill.errors import ActionError, CannotSee
from faildrill.guarding.coverage import Deed
from faildrill.kinds import build
from faildrill.kinds.call_context import CallContext
from faildrill.ports import ActsThrough, Leads, Told
from faildrill.ports.target import Member, Target

WITHIN = 10.0
"""Seconds in which a reach must tell where it leads."""
LOOKS: Final = 3
"""Looks that must agree before a place is taken for another one, and the seconds between them."""
APART: Final = 0.4


async def objection(target: Target, run: str) -> str | None:
    """Return how the reaches of a target don't lead to its members, as far as they must before anything is touched.

    A member that is down, and whose address is dark, proves nothing; at least one must be seen to be led to.
    """
    proofs = await ask([target], run, WITHIN)
    if wrong := [*proofs.differs, *proofs.silent]:
        return "; ".join(wrong)
    if not proofs.proved and any(member.reach for member in target.nodes.values()):
        return f"no member of {target.name} is up, so whether its `reach` leads to it can't be seen: start it first"
    return None


async def agreed(asking: Callable[[], Awaitable[Told]]) -> Told:
    """Ask what a place is; where it differs ask again, and take it for another place when all looks say so.

    A process that is just being started again, or a file that is just written, is another one for a moment.
    """
    proofs = await asking()
    for _ in range(LOOKS - 1):
        if not proofs.differs:
            break
        await asyncio.sleep(APART)
        proofs = await asking()
    return proofs


async def through(deed: Deed, run: str, within: float = WITHIN) -> Told | None:
    """Ask an action what it acts through, and where that leads; None where it acts through nothing of its own.

    One that is complete only when it is due asks then, before it acts.
    """
    if deed.shape != "action" or deed.late:
        return None
    action = build(deed.use, "action")
    if not isinstance(action, ActsThrough):
        return None

    async def ask() -> Told:
        try:
            proofs = await asked(action.acts_through(CallContext(run, timeout=within)), within)
        except (ActionError, CannotSee) as error:
            return Told(silent=[f"what {deed.use.kind} acts through is unknown: {words(error)}"])
        return _checked(proofs, f"what {deed.use.kind} acts through")

    return await agreed(ask)


async def ask(targets: Iterable[Target], run: str, within: float) -> Told:
    """Ask the reach of every member of these targets where it leads; members that nothing reaches are left out."""
    members = [(target.name, member) for target in targets for member in target.nodes.values() if member.reach]
    answers = await asyncio.gather(*(agreed(partial(_led, target, member, run, within)) for target, member in members))
    return Told(*([line for answer in answers for line in answer[part]] for part in range(3)))


async def _led(target: str, member: Member, run: str, within: float) -> Told:
    name = f"{target}/{member.name}"
    try:
        reach = CallContext(run, timeout=within).reach(member)
        if not isinstance(reach, Leads):
            kind = member.reach.kind if member.reach else ""
            because = f"{kind} can't tell whether it leads to {', '.join(member.addresses) or 'it'}"
            return Told(silent=[f"{name}: {because}; give the target another `reach`, or say `unproven: REASON` of it"])
        proofs = await asked(reach.leads(member.name, member.addresses), within)
    except (ActionError, CannotSee) as error:
        return Told(silent=[f"{name}: where its reach leads is unknown: {words(error)}"])
    checked = _checked(proofs, f"{member.name}: where its reach leads")
    return Told(*([f"{target}/{line}" for line in part] for part in checked))


def _checked(told: object, what: str) -> Told:
    """Return what somebody else's kind told, in words that can be written down; what is no such thing tells nothing."""
    if not isinstance(told, Told):
        return Told(silent=[f"{what} is unknown: its answer is {type(told).__name__}, no `Told`"])
    return Told(*([words(line) for line in part] for part in told))
