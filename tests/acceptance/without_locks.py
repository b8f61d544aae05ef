"""Run a program where no file takes a lock: `without_locks.py ERRNO PROGRAM ARGUMENT…`.

A filter of the kernel (seccomp) has flock(2) and record locks answer what a file system without locks answers: NFS
without lockd says ENOLCK, others EOPNOTSUPP or ENOSYS. It holds for all that the program starts.
"""

import ctypes
import errno
import fcntl
import os
import platform
import struct
import sys
from typing import Final

PR_SET_NO_NEW_PRIVS: Final = 38
PR_SET_SECCOMP: Final = 22
SECCOMP_MODE_FILTER: Final = 2
RETURN_ERROR: Final = 0x00050000
ALLOW: Final = 0x7FFF0000
LOAD, IF_EQUAL, RETURN = 0x20, 0x15, 0x06
CALLS: Final = {"x86_64": (73, 72), "aarch64": (32, 25)}
"""The numbers of flock(2) and fcntl(2), by machine."""
SECOND_ARGUMENT: Final = 24
"""Where in what the filter sees a call's second argument is."""


def main() -> None:
    """Set the filter, and become the program; exits 77 where the kernel takes no filter."""
    if platform.machine() not in CALLS:
        sys.exit(77)
    flock, control = CALLS[platform.machine()]
    answer = RETURN_ERROR | getattr(errno, sys.argv[1])
    program = b"".join(
        struct.pack("HBBI", *one)
        for one in (
            (LOAD, 0, 0, 0),
            (IF_EQUAL, 5, 0, flock),
            (IF_EQUAL, 0, 3, control),
            (LOAD, 0, 0, SECOND_ARGUMENT),
            (IF_EQUAL, 2, 0, fcntl.F_SETLK),
            (IF_EQUAL, 1, 0, fcntl.F_SETLKW),
            (RETURN, 0, 0, ALLOW),
            (RETURN, 0, 0, answer),
        )
    )
    code = ctypes.create_string_buffer(program)
    size = struct.calcsize("HBBI")
    filtered = struct.pack("HxxxxxxP", len(program) // size, ctypes.addressof(code))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filtered, 0, 0):
        sys.exit(77)
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - it is to become it


if __name__ == "__main__":
    main()
