"""`faildrill status`: what runs on this machine, what is dirty, what is halted."""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from faildrill import durations
from faildrill.errors import JournalError
from faildrill.locking.abort_request import under_way, under_way_elsewhere
from faildrill.locking.damage_ledger import charges, now
from faildrill.locking.dirty_marks import Mark, all_marks
from faildrill.locking.halt_switch import Halt, all_halts
from faildrill.locking.machine_lock import Holder, holders, identities, is_held, recalled
from faildrill.locking.settled_marks import settlements
from faildrill.record.timeline import first_of
from faildrill.reports.wording import count, plain
from faildrill.restoring.fence import carries
from faildrill.restoring.salvage import remembered
from faildrill.system import processes
from faildrill.system.exit_codes import ExitCode

_MOST_SETTLED: Final = 5
RUNNER: Final = b"faildrill.running.runner"


@click.command()
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text")
def status(output: str) -> None:
    """Show what runs on this machine, which environments are dirty, and which are halted.

    Exits 6 when one is dirty, else 3 when one is halted, else 0.
    """
    running, halts = under_way() | under_way_elsewhere(), dict(all_halts())
    dirty = dirty_places(running)
    if output == "json":
        click.echo(json.dumps(_as_json(running, dirty, halts), indent=2))
    else:
        lines = [*_lines(running, dirty, halts)]
        click.echo("\n".join(lines) or "clean: no run has left anything behind on this machine")
        for line in (*_settled(), *_charged()):
            click.echo(line)
    sys.exit(ExitCode.UNSAFE if dirty else ExitCode.REFUSED if halts else ExitCode.PASSED)


def _putting_back(identity: str, one: Mark) -> int | None:
    """Return the process that puts a run back though its sentinel is gone: its runner, or somebody's `recover`."""
    if one.elsewhere or not is_held(identity):
        return None
    holder = holders().get(identity)
    if holder is not None and holder.run == one.run and _words(holder.pid):  # of a dead one there are none
        return holder.pid
    return next((pid for pid in processes.pids() if carries(pid, one.run) and RUNNER in _words(pid)), None)


def _words(pid: int) -> list[bytes]:
    """Return the command line of a process, nothing of one that is gone."""
    try:
        return processes.command_line(pid)[1:]
    except OSError:
        return []


def dirty_places(running: dict[str, Holder]) -> dict[str, list[Mark]]:
    """Return the marks of runs that are over: one that is under way puts back what it touched itself."""
    by_identity: dict[str, list[Mark]] = {}
    for identity, some in all_marks().items():
        holder = running.get(identity)
        left = [mark for mark in some if holder is None or holder.run != mark.run]
        if left:
            by_identity[identity] = left
    return by_identity


def environment_of(folder: str) -> str:
    """Return the name of the environment that a run is of, empty where its timeline can't be read."""
    first = first_of(remembered(Path(folder)))
    return first.environment if first is not None else ""


def _named(identity: str, folder: str) -> str:
    """Name an environment as people do, with its identity, which commands take."""
    name = plain(environment_of(folder), 120)
    return f"{name} ({identity})" if name else identity


def _as_json(running: dict[str, Holder], dirty: dict[str, list[Mark]], halts: dict[str, Halt]) -> dict[str, object]:
    return {
        "running": {
            identity: {**asdict(holder), "environment": environment_of(holder.folder)}
            for identity, holder in running.items()
        },
        "dirty": {identity: [_mark_as_json(identity, mark) for mark in some] for identity, some in dirty.items()},
        "halted": {identity: asdict(halt) for identity, halt in halts.items()},
        "settled": [asdict(settlement) for settlement in settlements()],
        "charged": {identity: _costs(identity) for identity in identities()},
    }


def _costs(identity: str) -> list[dict[str, object]] | str:
    """Return what runs have cost a place, or why nobody can tell."""
    try:
        return [{**asdict(charge), "until": charge.until.isoformat()} for charge in charges(recalled(identity), now())]
    except (JournalError, OSError) as error:
        return str(error)


def _charged() -> Iterator[str]:
    """Tell what drills have cost each place that has a damage budget, in the last seven days."""
    for identity in identities():
        holder = holders().get(identity)
        where = _named(identity, holder.folder) if holder is not None else identity
        try:
            counting = charges(recalled(identity), now())
        except (JournalError, OSError) as error:
            yield f"CHARGED {where}: nobody can tell: {plain(str(error), 400)}"
            continue
        if not counting:
            continue
        outage = f"{durations.show(sum(charge.seconds for charge in counting))} of outage at the most in seven days"
        left = [plain(charge.run) for charge in counting if not charge.is_settled]
        unjudged = f"; charged in full until they are judged: {', '.join(left)}" if left else ""
        yield f"charged {where}: {outage}, by {count(len(counting), 'run')}{unjudged}"


def _mark_as_json(identity: str, one: Mark) -> dict[str, object]:
    who = {"environment": environment_of(one.folder), "put_back_by": _putting_back(identity, one)}
    return {**asdict(one), **who}


def _way_back(one: Mark) -> str:
    """Say how a run is put back; of one that nobody has any more, how its mark is ended."""
    if remembered(Path(one.folder)):
        return f"put it back with: faildrill recover {one.folder}"
    look = "look at the place, and when all is well there"
    return f"nothing is left of the run; {look}: faildrill recover --settle WHY {one.folder}"


def _settled() -> Iterator[str]:
    """Tell of the marks that people ended by their word, the last ones."""
    for settlement in settlements()[-_MOST_SETTLED:]:
        what = f"settled {settlement.at}: {settlement.drill} ({settlement.run})"
        yield f"{what} by {plain(settlement.user, 60)}: {plain(settlement.because, 300)}"


def _lines(running: dict[str, Holder], dirty: dict[str, list[Mark]], halts: dict[str, Halt]) -> Iterator[str]:
    for identity, holder in running.items():
        stop = f"stop it there, on {holder.elsewhere}," if holder.elsewhere else "stop it"
        yield f"running {_named(identity, holder.folder)}: {holder}; {stop} with: faildrill abort {holder.folder}"
    for identity, some in dirty.items():
        for mark in some:
            pid, where = _putting_back(identity, mark), _named(identity, mark.folder)
            if pid is not None:
                yield f"DIRTY {where}: {mark.drill} since {mark.since} is being put back by pid {pid}; wait for it"
                continue
            there = f", by a run on {mark.elsewhere}" if mark.elsewhere else ""
            back = _way_back(mark)
            yield f"DIRTY {where}: {mark.drill} since {mark.since}{there}; {back}"
    for identity, halt in halts.items():
        yield f"HALTED {halt.environment} ({identity}): {halt}; take it back with: faildrill resume {identity}"
