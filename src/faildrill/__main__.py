"""`python -m faildrill`: the command line, without the folder one stands in among the places that modules come from."""

import os
import sys

if not sys.flags.safe_path and not __file__.startswith(os.path.join(sys.path[0], "")):  # noqa: PTH118 - pathlib is not imported yet, and may lie there
    del sys.path[0]

from faildrill.cli.main import main

main()
