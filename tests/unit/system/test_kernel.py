"""What the kernel tells, where Python's own call tells something else."""

import signal
import subprocess
import sys
import time

import pytest

from faildrill.system.kernel import wait_for_signal

_WAITS = """
import signal
from faildrill.system.kernel import wait_for_signal

watched = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
signal.pthread_sigmask(signal.SIG_BLOCK, watched)
print("waits", flush=True)
print(*[wait_for_signal(watched, 0.5) for _ in range(3)], flush=True)
"""


@pytest.mark.parametrize("sent", [None, signal.SIGTERM])
def test_who_is_stopped_and_continued_is_told_what_was_sent_and_nothing_else(sent: signal.Signals | None) -> None:
    with subprocess.Popen([sys.executable, "-c", _WAITS], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waits\n"
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.7)  # longer than it waits
        if sent is not None:
            process.send_signal(sent)
        process.send_signal(signal.SIGCONT)
        told = process.stdout.readline().split()
        assert [one for one in told if one != "None"] == ([] if sent is None else [str(int(sent))])


def test_a_signal_that_is_there_is_taken_at_once() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
    try:
        signal.raise_signal(signal.SIGUSR2)
        began = time.monotonic()
        assert wait_for_signal({signal.SIGUSR2}, 5) == signal.SIGUSR2
        assert wait_for_signal({signal.SIGUSR2}, 0) is None
        assert time.monotonic() - began < 1
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def test_what_is_no_signal_is_refused() -> None:
    with pytest.raises(OSError, match="sigaddset"):
        wait_for_signal({1000}, 0)
