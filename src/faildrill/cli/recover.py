"""`faildrill recover`: put back what runs that died left behind, and give them the verdict that they lack."""

import os
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Final

import click

from faildrill.cli.settle import settled
from faildrill.cli.time_options import seconds
from faildrill.clock import SystemClock
from faildrill.errors import FaildrillError, JournalDamaged, NoStateFolder, NotJudged, WrongUsage
from faildrill.locking.dirty_marks import all_marks, is_marked
from faildrill.locking.machine_lock import Holder, hold, holders, is_held
from faildrill.locking.place_key import PlaceKey
from faildrill.record import second_copy
from faildrill.record.timeline import FILE, RunEnded, UndoFailed, Undone, UndoVerified
from faildrill.restoring.salvage import home, is_altered, remembered, unseen
from faildrill.system import resolver, who
from faildrill.system.exit_codes import ExitCode, unless_unsafe, worst

_RESULT: Final = "result.json"
_JUST_LAID_OUT: Final = 3600.0
"""Seconds for which nobody need be at a run that is laid out."""
_START_IT: Final = "see that the undo's program is there and can be started, then run `faildrill recover` again"
_WHAT_NOW: Final = "put that back, or give the undos more time (--within 5m), then run `faildrill recover` again"


@click.command()
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.option("--unproven", is_flag=True, help="The place is the same, though nothing of it answers what it is.")
@click.option(
    "--within", callback=seconds, help="How long each undo may take, e.g. 5m, where what the drill gives is not enough."
)
@click.option(
    "--settle",
    metavar="WHY",
    help="End the mark of RUN on your word: all is put back as far as possible, and what can't be seen put back is "
    "settled, with your reason on record.",
)
def recover(run: Path | None, *, unproven: bool, within: float | None, settle: str | None) -> None:
    """Put back what a run left behind: the one in the folder RUN, or all that this machine knows of.

    What is needed for that is kept in the state folder, too: also a run whose folder is gone is put back. A run whose
    processes all died before they could judge it is judged and reported. Safe to repeat, also after it was killed.
    Each run's end is told on a line of its own. Exits 0 when every place was seen put back and steady, else 6; a run
    that can't be judged is told, and makes no place unsafe. 2: the folder that was named is no run to recover.
    """
    if settle is not None:
        if run is None or not settle.strip():
            raise WrongUsage("to settle, name the run and say why: faildrill recover --settle WHY RUN")
        settled(run, settle.strip(), lambda: _recover(run, unproven=unproven, within=within))
        return
    dirty = [Path(mark.folder) for some in all_marks().values() for mark in some]
    folders = [run] if run else [*dict.fromkeys([*dirty, *_unjudged(or_none=bool(dirty))])]
    if not folders:
        click.echo("nothing to recover: no environment of this machine is dirty")
    ends = [_end(folder, unproven=unproven, within=within) for folder in folders]
    with suppress(NoStateFolder):  # told already: by each run that it keeps from being put back
        _forget_ended()
    sys.exit(worst(ends))


def _end(folder: Path, *, unproven: bool, within: float | None) -> ExitCode:
    """Put one run back, and tell its end on a line of its own: what goes wrong with it hides no other one."""
    try:
        return ExitCode.PASSED if _recover(folder, unproven=unproven, within=within) else ExitCode.UNSAFE
    except FaildrillError as error:
        click.echo(f"{folder}: NOT recovered: {error}", err=True)
        code = ExitCode.WRONG_USAGE
    except Exception:  # noqa: BLE001 - a defect is told where it is, and the other runs are put back all the same
        click.echo(f"{folder}: NOT recovered, because of a defect in faildrill: {traceback.format_exc()}", err=True)
        code = ExitCode.ERROR
    return unless_unsafe(code, lambda: _is_dirty(folder))


def _is_dirty(folder: Path) -> bool:
    """Tell whether a run is marked anywhere on this machine, whatever its place was proven to be."""
    return any(mark.run == folder.name for some in all_marks().values() for mark in some)


def _recover(named: Path, *, unproven: bool, within: float | None) -> bool:
    from faildrill.restoring.recovery import started

    folder = home(named)
    if not remembered(folder):
        return _lost(named)
    if folder != named:
        click.echo(f"{named} is gone, or takes nothing any more: the copy in {folder} is used")
    first = started(folder)
    place = PlaceKey.of(first)
    is_put_back = _is_over(folder) and not is_marked(place, first.run)
    was_judged = (folder / _RESULT).exists()
    if is_put_back and was_judged:
        click.echo(f"nothing to recover: {folder} ended with everything put back")
        return True
    now, user = SystemClock().wall(), who.user()
    locks = hold(place, Holder(first.run, str(folder.resolve()), os.getpid(), user, now, place.identity, who.here()))
    try:
        if is_put_back:
            judged = _judged(folder)
            click.echo(f"nothing to recover: {folder} ended with everything put back; it had no verdict yet: {judged}")
            return True
        clean = _see_put_back(folder, unproven=unproven, within=within)
    finally:
        for lock in locks:
            os.close(lock)
    judged = "" if was_judged else f"; judged: {_judged(folder)}"
    click.echo(f"{folder}: {'put back, and seen steady' if clean else 'NOT put back'}{judged}")
    if clean and folder == named:
        second_copy.forget(folder.name)
    for line in [] if clean else [*unseen(remembered(folder)), *_by_hand(folder), _what_now(folder)]:
        click.echo(f"  {line}")
    return clean


def _see_put_back(folder: Path, *, unproven: bool, within: float | None) -> bool:
    from faildrill.restoring import recovery
    from faildrill.restoring.required_secrets import lacking

    click.echo(f"recovering {folder} …")
    for line in lacking(folder):
        click.echo(f"  a secret is missing, and what needs it can't be put back or seen: {line}")
    return resolver.run(recovery.recover(folder, "recover", unproven=unproven, within=within))


def _what_now(folder: Path) -> str:
    """Say what to do: no time helps an undo whose program can't be started."""
    unstarted: dict[str, bool] = {}
    for entry in remembered(folder):
        match entry.what:
            case UndoFailed(step=step, is_unstarted=is_unstarted):
                unstarted[step] = is_unstarted
            case Undone(step=step) | UndoVerified(step=step):
                unstarted.pop(step, None)
            case _:
                pass
    return _START_IT if any(unstarted.values()) else _WHAT_NOW


def _by_hand(folder: Path) -> list[str]:
    """Say how a person puts back what is still open, where its kind knows."""
    from faildrill.acting.comparison import remedies
    from faildrill.acting.undo import open_intents

    intents = [intent for intent in open_intents(remembered(folder)) if intent.undo != "none"]
    by_step = resolver.run(remedies(intents, folder.name))
    return [f"step {step}: to put it back yourself: {remedy}" for step, remedy in by_step.items()]


def _lost(folder: Path) -> bool:
    """Tell what to do about a run of which nothing is left but its mark; WrongUsage where there is no mark, either."""
    if not _is_dirty(folder):
        raise WrongUsage(f"{folder} is no folder of a run; `faildrill status` lists the runs that are not put back")
    click.echo(f"{folder} is gone, and so is its copy in the state folder: nobody knows what is to be put back")
    click.echo(f"  look at the place; when all is well there: faildrill recover --settle WHY {folder}")
    return False


def _forget_ended() -> None:
    """Remove the copies of runs that nobody is at any more and that have left nothing behind, nor a result in them."""
    busy = {holder.run for identity, holder in holders().items() if is_held(identity)}
    dirty = {mark.run for some in all_marks().values() for mark in some}
    for copy in second_copy.runs():
        is_old = time.time() - copy.stat().st_mtime > _JUST_LAID_OUT
        if is_old and copy.name not in busy | dirty and not (copy / _RESULT).exists():
            second_copy.forget(copy.name)


def _judged(folder: Path) -> str:
    """Judge a run and report it; return its verdict, or why nobody can judge it: that says nothing about the place."""
    from faildrill.reports.run_files import conclude

    try:
        return conclude(folder).verdict
    except (JournalDamaged, NotJudged, WrongUsage) as error:
        return f"it can't be judged: {error}"


def _unjudged(*, or_none: bool) -> list[Path]:
    """List the runs without a verdict though nobody is at them any more, of those that were the last of their place.

    NoStateFolder where nobody can tell who is at them; `or_none`: then there are none.
    """
    try:
        last = [Path(holder.folder) for identity, holder in holders().items() if not is_held(identity)]
    except NoStateFolder:
        if not or_none:
            raise
        return []
    over = [folder for folder in last if _is_over(folder) and not (folder / _RESULT).exists()]
    return [folder for folder in over if not is_altered(folder / FILE)]  # such a one can't be judged


def _is_over(folder: Path) -> bool:
    return any(isinstance(entry.what, RunEnded) for entry in remembered(folder))
