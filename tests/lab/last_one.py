"""Takes down every lab that the tests of a folder left up, once whoever started this program is gone.

Waits for the end of its standard input, which only the tests' process holds open: also one that was killed.
"""

import sys
from pathlib import Path

from faildrill.lab.core import teardown

if __name__ == "__main__":
    sys.stdin.read()
    for folder in Path(sys.argv[1]).glob("**/labs/*/"):
        teardown.down(folder.name, root=folder.parent.parent)
