"""The prober: `python -m faildrill.probing FOLDER NAME` looks at what `FOLDER/NAME.plan.json` says, until told to end.

It says `ready` on stdout when it looks. SIGTERM, or the end of its stdin, ends it: looks under way are waited for,
and it exits with 0. It changes nothing but `NAME.samples` and `NAME.names`.
"""

import os
import sys
from pathlib import Path

from faildrill.probing.prober import main
from faildrill.system import redaction
from faildrill.system.lazy_imports import without_plugins

if __name__ == "__main__":
    sys.stderr = redaction.Stream(sys.stderr)
    without_plugins()
    code = main(Path(sys.argv[1]), sys.argv[2])
    sys.stderr.flush()
    os._exit(code)  # all is written; taking apart what was imported would only keep the runner waiting
