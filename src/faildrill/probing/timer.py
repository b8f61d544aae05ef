"""An alarm at an exact moment, as a file descriptor that an event loop can wait for.

The timers of asyncio and libuv know milliseconds; a timerfd knows nanoseconds. Python has it from 3.13 on; before,
the C library is asked.
"""

import os
import sys
import time
from typing import Final

from faildrill.clock import NANOSECONDS

_ABSOLUTE: Final = 1
"""TFD_TIMER_ABSTIME: the time given is a moment of CLOCK_MONOTONIC, not a length."""
_FLAGS: Final = os.O_NONBLOCK | os.O_CLOEXEC
"""TFD_NONBLOCK and TFD_CLOEXEC are the same bits."""

if sys.version_info >= (3, 13):

    def _create() -> int:
        return os.timerfd_create(time.CLOCK_MONOTONIC, flags=_FLAGS)

    def _set(descriptor: int, at_ns: int) -> None:
        os.timerfd_settime_ns(descriptor, flags=_ABSOLUTE, initial=at_ns)

else:
    import contextlib
    import ctypes

    class _Setting(ctypes.Structure):
        """`struct itimerspec`: an interval (0: once) and a moment, each in seconds and nanoseconds."""

        _fields_ = (
            ("every_s", ctypes.c_long),
            ("every_ns", ctypes.c_long),
            ("s", ctypes.c_long),
            ("ns", ctypes.c_long),
        )

    def _library() -> ctypes.CDLL:
        # By its own name, not of all that is loaded: a library that fakes the time of a process (libfaketime) stands
        # before it there, and takes our moments for those of the wall clock.
        with contextlib.suppress(OSError):
            return ctypes.CDLL("libc.so.6", use_errno=True)
        return ctypes.CDLL(None, use_errno=True)

    _C: Final = _library()

    def _create() -> int:
        descriptor: int = _C.timerfd_create(time.CLOCK_MONOTONIC, _FLAGS)
        return _checked(descriptor)

    _SETTIME: Final = _C.timerfd_settime
    _SETTING: Final = _Setting(0, 0, 0, 0)
    _AT_SETTING: Final = ctypes.byref(_SETTING)

    def _set(descriptor: int, at_ns: int) -> None:
        _SETTING.s, _SETTING.ns = divmod(at_ns, NANOSECONDS)
        _checked(_SETTIME(descriptor, _ABSOLUTE, _AT_SETTING, None))

    def _checked(result: int) -> int:
        if result < 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error))
        return result


class Alarm:
    """A file descriptor that becomes readable at the moment it is set to, and stays so until it is set again."""

    def __init__(self) -> None:
        self._descriptor = _create()

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._descriptor

    def set(self, at_ns: int) -> None:
        """Ring at this moment of CLOCK_MONOTONIC, at once when it has passed; what rang before is forgotten."""
        # timerfd_create(2): a moment of zero would disarm the timer instead of ringing at once.
        _set(self._descriptor, max(at_ns, 1))

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._descriptor)
