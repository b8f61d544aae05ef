"""`faildrill abort`: ask a run that is under way to stop, and say what came of it."""

import sys
from pathlib import Path
from typing import Final, NoReturn

import click
import msgspec

from faildrill import durations
from faildrill.errors import WrongUsage, reason
from faildrill.locking.abort_request import Asked, Sentinel, leave_word, sentinel_of, under_way
from faildrill.locking.dirty_marks import is_marked
from faildrill.locking.machine_lock import Holder, recalled
from faildrill.system import who
from faildrill.system.exit_codes import ExitCode

_RESULT: Final = "result.json"


@click.command()
@click.argument("run", required=False)
@click.option("--why", default="", help="Kept in the run's timeline and its report.")
@click.option("--within", default="10m", show_default=True, help="How long to wait for the end of the run.")
def abort(run: str | None, why: str, within: str) -> None:
    """Ask a run of this machine to stop; everything is put back. Waits, and says what came of it.

    RUN is its folder or its id; it may be left out when one run is under way. Exits 0 when all was put back, 6 when
    something was not or the run is not over in time, 2 when no such run is under way.
    """
    try:
        patience = durations.parse(within)
    except ValueError as error:
        raise WrongUsage(f"--within: {error}") from error
    identity, holder = _chosen(run)
    sentinel = sentinel_of(holder)
    if sentinel is None:
        raise WrongUsage(f"run {holder.run} has just ended by itself")
    try:
        _ask(sentinel, holder, why)
        over = sentinel.gone(patience)
    finally:
        sentinel.close()
    _conclude(identity, holder, None if over else within)


def _chosen(run: str | None) -> tuple[str, Holder]:
    """Return which run is meant, among those under way; WrongUsage says which there are."""
    known = under_way()
    name = Path(run).resolve().name if run else None
    runs = [place for place in known.items() if name is None or name in (place[1].run, place[1].run.rpartition("-")[2])]
    if len(runs) == 1:
        return runs[0]
    there = ", ".join(sorted(holder.run for holder in known.values())) or "none"
    which = f"no run {run!r} is under way on this machine" if run else "which run?"
    raise WrongUsage(f"{which}; under way: {there}. A run that died is put back by `faildrill recover`")


def _ask(sentinel: Sentinel, holder: Holder, why: str) -> None:
    try:
        leave_word(Path(holder.folder), Asked(who.user(), why))
    except OSError as error:
        click.echo(f"the reason can't be kept ({reason(error)}); aborting all the same", err=True)
    sentinel.end()
    click.echo(f"asked {holder} to stop and put everything back …")


def _conclude(identity: str, holder: Holder, waited: str | None) -> NoReturn:
    is_dirty = is_marked(recalled(identity), holder.run)
    if waited is not None:
        click.echo(f"not over after {waited}: it may still be putting back; look at it, and abort again to hurry it")
        sys.exit(ExitCode.UNSAFE)
    click.echo(f"{_verdict(Path(holder.folder))}; see {holder.folder}")
    if is_dirty:
        click.echo(f"NOT everything is put back; run: faildrill recover {holder.folder}", err=True)
        sys.exit(ExitCode.UNSAFE)
    click.echo("nothing of it is left: everything it touched was put back")
    sys.exit(ExitCode.PASSED)


def _verdict(folder: Path) -> str:
    try:
        result = msgspec.json.decode((folder / _RESULT).read_bytes(), type=dict)
        return f"the run is over: {result['verdict']}"
    except (OSError, msgspec.MsgspecError, KeyError):
        return "the run is over, and was not judged"
