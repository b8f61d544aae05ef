"""Holds the time limit of a stopped process: `python -m faildrill.adapters.process.limit_holder PID START SECONDS`.

It is nobody's child for long: whoever started it may be killed, it lets the process go on when the time is over. Says
`ready` as soon as it holds the limit, and ends when the process does.
"""

import os
import select
import sys

from faildrill.adapters.process import tree
from faildrill.system import processes

PROGRAM = "faildrill.adapters.process.limit_holder"


def main() -> int:
    """Hold one limit; 1 when the process is another one, or gone."""
    pid, start, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return 1
    # Looked at after it was opened: if it is still the one, the descriptor is, too.
    held = processes.look(pid)
    if held is None or held.start != start:
        return 1
    os.write(1, b"ready\n")
    # The pipe is given back: whoever started this reads it to its end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    # pidfd_open(2): it becomes readable when the process ends, so the time is over only where nothing came.
    if not waiting.poll(seconds * 1000):
        tree.go_on(held)
    return 0


if __name__ == "__main__":
    sys.exit(main())
