import subprocess
import sys

SPINNING = """
import os, time
from faildrill.probing.priority import hurry
hurry()
child = os.fork()
if not child:
    os._exit(os.sched_getscheduler(0))
policies = [os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])]
end = time.process_time() + 0.6
while time.process_time() < end:
    pass
print(*policies, os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK, os.SCHED_RR, os.SCHED_OTHER)
"""


def test_urgency_is_not_passed_on_and_ends_when_a_probe_computes() -> None:
    said = subprocess.run([sys.executable, "-c", SPINNING], capture_output=True, text=True, check=True).stdout
    first, child, last, realtime, usual = (int(one) for one in said.split())
    assert first in (realtime, usual), "real-time where it is allowed"
    assert child == usual
    assert last == usual
