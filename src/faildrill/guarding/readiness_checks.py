"""Look at all that a drill will need of an environment and of this machine, before there is a drill."""

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from faildrill import __version__, durations
from faildrill.acting.call import call, words
from faildrill.errors import ActionError, CannotSee, NoStateFolder
from faildrill.guarding import reach_proofs
from faildrill.guarding.objections import Patient, answers
from faildrill.kinds import build, names
from faildrill.kinds.call_context import CallContext
from faildrill.locking.declared_facts import proven
from faildrill.locking.dirty_marks import marks
from faildrill.model.drill import ProbePlan
from faildrill.model.environment import Environment
from faildrill.ports import NO_RUN, Checked, Examines, Opens, Probe, Seen, causes
from faildrill.ports.target import KindUse, Member, Target
from faildrill.record.samples import Outcome
from faildrill.system import processes, state_folder

WITHIN: Final = 5.0
"""Seconds for one look."""
AT_ONCE: Final = 4
"""Targets that are looked at at once: each silent name or server costs its time, and they cost it together."""
TO_RUN: Final = "; its owner must run: "
"""What probes of databases put before the statements that would let them in."""
ROOM: Final = 256 << 20
"""Bytes that must be free where runs and state are written."""


async def examine(environment: Environment, reports: Path) -> AsyncIterator[Checked]:
    """Look at everything, whatever the others say; changes nothing but makes the state folder."""
    for checked in machine(environment, reports):
        yield checked
    turns = asyncio.Semaphore(AT_ONCE)
    for of_one_use in await asyncio.gather(*(_in_turn(turns, use) for use in _checks(environment))):
        for checked in of_one_use:
            yield checked
    async for checked in _members(environment):
        yield checked
    async for checked in _probes(environment):
        yield checked
    async for answer in answers(environment, "doctor"):
        remedy = "see `faildrill plan` and docs/guards.md" if answer.objection else ""
        yield Checked(f"guard {answer.guard}", answer.objection is None, answer.objection or "agrees", remedy)


def machine(environment: Environment, reports: Path) -> Iterator[Checked]:
    """Look at this machine: versions, disk, what runs have left."""
    python = ".".join(str(part) for part in sys.version_info[:3])
    yield Checked("faildrill", ok=True, told=f"{__version__} on Python {python}, Linux {os.uname().release}")
    yield _fencing()
    yield _room("reports", reports)
    yield _state()
    left = ", ".join(mark.run for mark in marks(proven(environment)))
    remedy = "faildrill recover" if left else ""
    yield Checked("nothing is left on", not left, f"not put back: {left}" if left else "no run left anything", remedy)


def _fencing() -> Checked:
    """Look whether the kernel offers what fencing a dead run needs."""
    what = "fencing"
    try:
        os.close(os.pidfd_open(os.getpid()))
        processes.environment(os.getpid())
        processes.children(os.getpid())
    except (OSError, AttributeError) as error:
        remedy = "a dead run's processes can't all be found here: use Linux 5.4 or newer with /proc mounted"
        return Checked(what, ok=False, told=f"{error}", remedy=remedy)
    return Checked(what, ok=True, told="what a dead run leaves running can be found and ended")


def _state() -> Checked:
    """Look whether a run could keep its state here, as `run` does before it begins."""
    try:
        state_folder.check()
        return _room("state", state_folder.folder())
    except NoStateFolder as error:
        because, _, remedy = str(error).partition("; ")
        return Checked("room for state", ok=False, told=because, remedy=remedy)


def _room(what: str, folder: Path) -> Checked:
    there = next(existing for existing in (folder.absolute(), *folder.absolute().parents) if existing.exists())
    free = shutil.disk_usage(there).free
    if not os.access(there, os.W_OK):
        return Checked(
            f"room for {what}", ok=False, told=f"{there} can't be written", remedy="give this user the right"
        )
    remedy = f"free some space on {there}, or name another folder" if free < ROOM else ""
    return Checked(f"room for {what}", free >= ROOM, f"{free >> 20:,} MiB free at {there}", remedy)


def _checks(environment: Environment) -> Iterator[KindUse]:
    """Yield every check that there is for every target."""
    for kind in names("check"):
        for target in environment.section(kind.partition(".")[0]).values():
            yield KindUse(kind=kind, params={"target": target.model_dump(mode="json")})


async def _in_turn(turns: asyncio.Semaphore, use: KindUse) -> list[Checked]:
    async with turns:
        return await _examined(use)


async def _examined(use: KindUse) -> list[Checked]:
    check: Examines = build(use, "check")
    within = check.patience if isinstance(check, Patient) else WITHIN
    try:
        return await call(check.examine(CallContext("doctor", timeout=within)), within * 1.5)
    except (ActionError, CannotSee) as error:
        return [Checked(use.kind, ok=False, told=words(error), remedy="see that the target is up and reachable")]


async def _members(environment: Environment) -> AsyncIterator[Checked]:
    """Look whether every member can be reached to put it back: signalled, started, seen."""
    for target in environment.declared:
        for member in target.nodes.values():
            yield await _reached(f"{target.name}/{member.name} reach", member)
        if target.unproven is None and any(member.reach for member in target.nodes.values()):
            yield await _led(target)


async def _led(target: Target) -> Checked:
    """Look whether what acts on a target leads to the addresses that are declared for it."""
    proofs = await reach_proofs.ask([target], "doctor", WITHIN)
    what = f"{target.name} reach leads to its addresses"
    if wrong := [*proofs.differs, *proofs.silent]:
        remedy = "correct the `reach` or the address: what is signalled must be what answers"
        return Checked(what, ok=False, told="; ".join(wrong), remedy=remedy)
    remedy = "" if proofs.proved else "start one of its members"
    return Checked(what, bool(proofs.proved), ", ".join(proofs.proved) or "no member is up", remedy)


async def _reached(what: str, member: Member) -> Checked:
    given = CallContext("doctor", timeout=WITHIN)
    try:
        state = await call(given.reach(member).state(member.name), WITHIN)
    except (ActionError, CannotSee) as error:
        remedy = "without it nothing can be done to it, nor put back; give it a `reach` that answers"
        return Checked(what, ok=False, told=words(error), remedy=remedy)
    return Checked(what, state == "running", f"is {state}", "" if state == "running" else "start it")


async def _probes(environment: Environment) -> AsyncIterator[Checked]:
    """Look once with every probe of the environment."""
    for plan in environment.probes:
        yield await looked(f"probe {plan.name}", plan)


async def _seen(probe: Probe, given: CallContext) -> Seen:
    if isinstance(probe, Opens):
        await call(probe.open(given), WITHIN)
    try:
        return await call(probe.look(given), given.timeout)
    finally:
        if isinstance(probe, Opens):
            await call(probe.close(), WITHIN)


async def looked(what: str, plan: ProbePlan) -> Checked:
    """Look once with a probe, as a drill would: one that writes, writes once."""
    try:
        with tempfile.TemporaryDirectory(prefix="faildrill-") as folder:
            given = CallContext(NO_RUN, plan.timeout, plan.every, name=plan.name, folder=Path(folder))
            look = await _seen(build(plan.use, "probe"), given)
    except (ActionError, CannotSee, ValidationError) as error:
        remedy = causes.what_to_do(str(error)) or f"a look may take {durations.show(plan.timeout)}"
        return Checked(what, ok=False, told=words(error), remedy=remedy)
    outcome = look.outcome.in_words(words(look.detail))
    if look.outcome is Outcome.OK:
        return Checked(what, ok=True, told=outcome)
    _, told_how, remedy = words(look.detail).partition(TO_RUN)
    known = causes.what_to_do(outcome) or "no drill starts before every probe is good"
    remedy = f"its owner must run: {remedy}" if told_how else known
    return Checked(what, ok=False, told=outcome.partition(TO_RUN)[0], remedy=remedy)
