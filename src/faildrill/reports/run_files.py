"""The end of a run: judged, and reported."""

import sys
import traceback
from pathlib import Path

from faildrill import judging, reports
from faildrill.errors import reason
from faildrill.judging.result import Result


def conclude(folder: Path) -> Result:
    """Judge the run in a folder, and write its result and its reports there.

    A report that can't be written never hides the verdict: that is said on standard error. Raises WrongUsage when it
    holds no run, JournalDamaged when its files were damaged, NotJudged for a defect.
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
    return result
