"""What a process was told of signals by whoever started it, and must not keep.

A disposition of "ignored" and the mask of blocked signals outlive exec(2). Standard library only: the sentinel of a run
begins with it.
"""

import signal
from typing import Final

HEARD: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)
"""Those by which a run is stopped, and the one that tells that a child ended."""


def hear() -> None:
    """From now on hear that children end and that we are stopped; what whoever started us ignores on purpose stays so.

    Supervisors that wait for signals block them, and some of them ignore SIGCHLD: children end unseen then, and how is
    never known (wait(2), ECHILD). Ignoring SIGHUP and SIGINT is how nohup(1) and shells ask not to be stopped.
    """
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HEARD)
