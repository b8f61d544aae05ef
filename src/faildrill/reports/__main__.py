"""`python -m faildrill.reports FOLDER`: judge the run in a folder and report it, for the sentinel that watched over it.

What `faildrill report FOLDER` does, without the command line. Exits with 0 when there is a result, with 2 when there
can't be one.
"""

import os
import sys
from pathlib import Path

from faildrill.errors import FaildrillError
from faildrill.system import redaction
from faildrill.system.exit_codes import ExitCode
from faildrill.system.lazy_imports import without_collecting, without_plugins


def main(folder: Path) -> int:
    """Judge and report, and return the exit code."""
    with without_collecting():
        from faildrill.reports.run_files import conclude  # noqa: PLC0415 - all that is imported here

    try:
        conclude(folder)
    except FaildrillError as error:
        sys.stderr.write(f"{error}\n")
        return ExitCode.WRONG_USAGE
    return ExitCode.PASSED


if __name__ == "__main__":
    sys.stderr = redaction.Stream(sys.stderr)
    without_plugins()
    code = main(Path(sys.argv[1]))
    sys.stderr.flush()
    os._exit(code)  # all is written; taking apart what was imported would only take time
