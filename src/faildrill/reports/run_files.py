"""The end of a run: judged, and reported."""

import sys
import traceback
from pathlib import Path

from faildrill import judging, reports
from faildrill.clock import SystemClock
from faildrill.errors import JournalError, reason
from faildrill.judging.outage_cost import cost
from faildrill.judging.result import Result
from faildrill.locking import damage_ledger
from faildrill.locking.place_key import PlaceKey
from faildrill.record import manifest
from faildrill.record.timeline import FILE, entries, first_of


def conclude(folder: Path) -> Result:
    """Judge the run in a folder, and write its result and its reports there.

    Where its place has a damage budget, the run is charged to it. A report that can't be written never hides the
    verdict: that is said on standard error. Raises WrongUsage when it holds no run, JournalDamaged when its files were
    damaged, NotJudged for a defect.
    """
    result = judging.judge(folder)
    try:
        judging.write(folder, result)
        reports.write(folder, result)
    except OSError as error:
        sys.stderr.write(f"the reports in {folder} are not all written: {reason(error)}\n")
    except Exception:  # noqa: BLE001 - a picture that can't be drawn is no reason to keep the verdict back
        sys.stderr.write(
            f"the reports in {folder} are not all written, because of a defect in faildrill:\n{traceback.format_exc()}"
        )
    _charge(folder, result)
    _seal(folder)
    return result


def _charge(folder: Path, result: Result) -> None:
    """Charge the run what it has cost, where its place has a damage budget; what is not known stays charged in full."""
    first = first_of(entries(folder / FILE))
    if first is None or not first.place.get("damage_budget"):
        return
    seconds = cost(result)
    if seconds is None:
        return
    settled = damage_ledger.Settled(run=result.run, at=damage_ledger.now(), seconds=seconds)
    try:
        damage_ledger.settle(PlaceKey.of(first), settled)
    except (OSError, JournalError) as error:
        sys.stderr.write(f"{folder.name} stays charged all that it could have cost its place: {error}\n")


def _seal(folder: Path) -> None:
    """Seal what the verdict rests on, now that all is written; a run that can't be sealed keeps its verdict."""
    try:
        manifest.seal(folder, SystemClock())
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        sys.stderr.write(f"the run in {folder} is not sealed: {where}{reason(error)}\n")
