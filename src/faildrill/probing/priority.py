"""Being let in front of others: what makes a look punctual on a machine that is busy.

A prober needs little of a processor, but it needs it at the moment when a look is due. Where it may, it takes the
lowest real-time priority; where it may not, the niceness it can get. docs/probing.md
has what each was seen to be worth.
"""

import contextlib
import os
import resource
import signal
from pathlib import Path
from types import FrameType
from typing import Final

NICENESS: Final = -10
"""Halfway to the highest there is; setting it fails where RLIMIT_NICE grants less (`man 2 getrlimit`)."""
AUTOGROUP: Final = Path("/proc/self/autogroup")
"""Where the kernel groups by session, niceness only counts within a group; this is that of the group itself."""
LONGEST_BURST: Final = 200_000
"""Microseconds of a processor without a pause, after which the real-time priority is given back."""


def hurry() -> None:
    """Be let in front of others, as far as this process may. Processes and threads that it starts are not."""
    try:
        # sched(7): SCHED_RR at its lowest priority is before every ordinary process; RESET_ON_FORK keeps programs
        # that a probe starts from inheriting it.
        os.sched_setscheduler(
            0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(os.sched_get_priority_min(os.SCHED_RR))
        )
    except OSError:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
            # sched(7), "The autogroup feature": with it niceness counts only within the session, which is this
            # prober's alone.
            AUTOGROUP.write_text(str(NICENESS), encoding="ascii")
    else:
        signal.signal(signal.SIGXCPU, _calm_down)
        # getrlimit(2): microseconds without a blocking call; beyond the soft limit SIGXCPU comes, beyond the hard one
        # SIGKILL.
        resource.setrlimit(resource.RLIMIT_RTTIME, (LONGEST_BURST, resource.getrlimit(resource.RLIMIT_RTTIME)[1]))


def _calm_down(number: int, frame: FrameType | None) -> None:
    del number, frame
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
