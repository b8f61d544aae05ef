"""The few calls to the kernel that Python has no name for (before 3.12, or at all).

Standard library only: the sentinel of a run and the init of every node of a lab start with it.
"""

import ctypes
import errno
import os
from collections.abc import Iterable

_PR_SET_PDEATHSIG = 1
"""From linux/prctl.h, as Python has no names for them; `man 2 prctl`."""
_PR_SET_CHILD_SUBREAPER = 36
_CLONE_NEWUSER = 0x10000000
"""From linux/sched.h; `os.unshare` came with Python 3.12."""
_SIGNAL_SET = 128
"""Bytes of a `sigset_t`, in glibc and in musl."""
_NANOSECONDS = 1_000_000_000
_libc = ctypes.CDLL(None, use_errno=True)
"""The C library that this Python is linked to, whatever its file is called (musl, glibc)."""


class _Span(ctypes.Structure):
    """`struct timespec`."""

    _fields_ = (("s", ctypes.c_long), ("ns", ctypes.c_long))


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def become_subreaper() -> None:
    """From now on orphaned descendants become children of this process, not of the system's init."""
    _check(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl(PR_SET_CHILD_SUBREAPER)")


def die_with_parent(signal_number: int) -> None:
    """Have the kernel send this process the signal when the thread that started it ends."""
    _check(_libc.prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0), "prctl(PR_SET_PDEATHSIG)")


def enter_user_namespace(uid: int, gid: int) -> None:
    """Move this process into a user namespace of its own, in which it is user `uid`, without any new right.

    Raises OSError where the system does not permit it.
    """
    # Asked before unshare(2): within the new namespace every id is the overflow id (65534) until it is mapped.
    outside_uid, outside_gid = os.geteuid(), os.getegid()
    _check(_libc.unshare(_CLONE_NEWUSER), "unshare(CLONE_NEWUSER)")
    for name, text in (
        # user_namespaces(7): who has no rights outside may write `gid_map` only after `setgroups` was denied.
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {outside_uid} 1"),
        ("gid_map", f"{gid} {outside_gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:  # noqa: PTH123 - no pathlib in an init
            file.write(text)


def wait_for_signal(numbers: Iterable[int], seconds: float) -> int | None:
    """Take one of these blocked signals as soon as there is one; None: none came in that time, or it was interrupted.

    CPython's own `signal.sigtimedwait` can tell a signal that nobody sent: it reads what the kernel has not written
    where it is interrupted (as who is stopped and continued is) and its time is over by then.
    """
    watched, span = ctypes.create_string_buffer(_SIGNAL_SET), _Span(*divmod(int(seconds * _NANOSECONDS), _NANOSECONDS))
    _check(_libc.sigemptyset(watched), "sigemptyset")
    for number in numbers:
        _check(_libc.sigaddset(watched, number), "sigaddset")
    taken: int = _libc.sigtimedwait(watched, None, ctypes.byref(span))
    if taken >= 0:
        return taken
    if ctypes.get_errno() not in {errno.EAGAIN, errno.EINTR}:
        _check(taken, "sigtimedwait")
    return None
