"""`python -m faildrill.reports FOLDER`: judge the run in a folder and report it, for the sentinel that watched over it.

What `faildrill report FOLDER` does, without the command line. Exits with 0 when there is a result, with 2 when there
can't be one.
"""

import sys
from pathlib import Path
from typing import Final

from faildrill import redacting
from faildrill.errors import FaildrillError
from faildrill.lazily import without_plugins
from faildrill.reports.concluding import conclude

UNUSABLE: Final = 2


def main(folder: Path) -> int:
    """Judge and report, and return the exit code."""
    try:
        conclude(folder)
    except FaildrillError as error:
        sys.stderr.write(f"{error}\n")
        return UNUSABLE
    return 0


if __name__ == "__main__":
    sys.stderr = redacting.Stream(sys.stderr)
    without_plugins()
    sys.exit(main(Path(sys.argv[1])))
