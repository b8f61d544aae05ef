"""`faildrill recover`: put back what runs that died left behind, and give them the verdict that they lack."""

import os
import sys
import traceback
from pathlib import Path
from typing import Final

import click

from faildrill.cli.options import seconds
from faildrill.clock import SystemClock
from faildrill.errors import FaildrillError, JournalDamaged, NotJudged, WrongUsage
from faildrill.guarding.holding import Holder, all_marks, hold, holders, is_held, marks
from faildrill.guarding.keys import Proven
from faildrill.recovering.salvaging import is_altered, salvage
from faildrill.system import resolver, who
from faildrill.system.exit_codes import ExitCode
from faildrill.timeline import FILE, NotSteady, RunEnded, UndoNotVerified, UndoVerified

_SEVERITY: Final = (ExitCode.PASSED, ExitCode.WRONG_USAGE, ExitCode.ERROR, ExitCode.UNSAFE)
"""How the recovery of one run can end, the worst last."""
_RESULT: Final = "result.json"


@click.command()
@click.argument("run", required=False, type=click.Path(path_type=Path))
@click.option("--unproven", is_flag=True, help="The place is the same, though nothing of it answers what it is.")
@click.option(
    "--within", callback=seconds, help="How long each undo may take, e.g. 5m, where what the drill gives is not enough."
)
def recover(run: Path | None, *, unproven: bool, within: float | None) -> None:
    """Put back what a run left behind: the one in the folder RUN, or all that this machine knows of.

    A run whose processes all died before they could judge it is judged and reported, too. Safe to repeat, also after it
    was killed. Each run's end is told on a line of its own. Exits 0 when every place was seen put back and steady, else
    6; a run that can't be judged is told, and makes no place unsafe. 2: the folder that was named is no run to recover.
    """
    dirty = [Path(one.folder) for some in all_marks().values() for one in some]
    folders = [run] if run else [*dict.fromkeys([*dirty, *_unjudged()])]
    if not folders:
        click.echo("nothing to recover: no environment of this machine is dirty")
    ends = [_end(folder, unproven=unproven, within=within) for folder in folders]
    sys.exit(max(ends, key=_SEVERITY.index, default=ExitCode.PASSED))


def _end(folder: Path, *, unproven: bool, within: float | None) -> ExitCode:
    """Put one run back, and tell its end on a line of its own: what goes wrong with it hides no other one."""
    try:
        return ExitCode.PASSED if _recover(folder, unproven=unproven, within=within) else ExitCode.UNSAFE
    except FaildrillError as error:
        click.echo(f"{folder}: NOT recovered: {error}", err=True)
        code = ExitCode.WRONG_USAGE
    except Exception:  # noqa: BLE001 - a defect is told where it is, and the other runs are put back all the same
        click.echo(f"{folder}: NOT recovered, by a defect: {traceback.format_exc()}", err=True)
        code = ExitCode.ERROR
    is_dirty = any(Path(one.folder) == folder.resolve() for some in all_marks().values() for one in some)
    return ExitCode.UNSAFE if is_dirty else code


def _recover(folder: Path, *, unproven: bool, within: float | None) -> bool:
    from faildrill.recovering.lacking import lacking  # noqa: PLC0415 - loads kinds
    from faildrill.recovering.recover import recover as put_back  # noqa: PLC0415 - the same
    from faildrill.recovering.recover import started  # noqa: PLC0415 - the same

    if not folder.is_dir():
        raise WrongUsage(f"{folder} is no folder of a run; `faildrill status` lists the runs that are not put back")
    first = started(folder)
    place = Proven.of(first)
    is_put_back = _is_over(folder) and not any(one.run == first.run for one in marks(place))
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
        click.echo(f"recovering {folder} …")
        for line in lacking(folder):
            click.echo(f"  a secret is missing, and what needs it can't be put back or seen: {line}")
        clean = resolver.run(put_back(folder, "recover", unproven=unproven, within=within))
    finally:
        for lock in locks:
            os.close(lock)
    judged = "" if was_judged else f"; judged: {_judged(folder)}"
    click.echo(f"{folder}: {'put back, and seen steady' if clean else 'NOT put back'}{judged}")
    for line in [] if clean else _missing(folder):
        click.echo(f"  {line}")
    return clean


def _judged(folder: Path) -> str:
    """Judge a run and report it; return its verdict, or why nobody can judge it: that says nothing about the place."""
    from faildrill.cli.runs import conclude  # noqa: PLC0415 - loads the reports

    try:
        return conclude(folder).verdict
    except (JournalDamaged, NotJudged, WrongUsage) as error:
        return f"it can't be judged: {error}"


def _unjudged() -> list[Path]:
    """List the runs without a verdict though nobody is at them any more, of those that were the last of their place."""
    last = [Path(one.folder) for identity, one in holders().items() if not is_held(identity)]
    found = [one for one in last if _is_over(one) and not (one / _RESULT).exists()]
    return [one for one in found if not is_altered(one / FILE)]  # such a one can't be judged


def _is_over(folder: Path) -> bool:
    return any(isinstance(entry.what, RunEnded) for entry in salvage(folder / FILE))


def _missing(folder: Path) -> list[str]:
    """Say what is not as it was, by the last look at it."""
    found: dict[str, str] = {}
    for entry in salvage(folder / FILE):
        match entry.what:
            case UndoNotVerified(step=step, because=because):
                found[f"step {step}"] = because
            case UndoVerified(step=step):
                found.pop(f"step {step}", None)
            case NotSteady(probes=probes):
                found |= {f"probe {name}": trouble for name, trouble in probes.items()}
            case _:
                pass
    lines = [f"{what}: {because}" for what, because in found.items()]
    return [*lines, "mend that by hand, or give the undos more time (--within 5m), then run `faildrill recover` again"]
