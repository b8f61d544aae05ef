"""faildrill: the drill runner that tells the truth about failovers."""

import os
import resource
import sys

__version__ = "0.1.0"


def _would_be_cut_off() -> bool:
    """Tell whether a compiled module may not find room: CPython 3.11 keeps what is cut off, and then never imports it.

    So it is with a limit of the size of files (`ulimit -f`), and on a disk that is nearly full.
    """
    if resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY:
        return True
    room = os.statvfs(sys.pycache_prefix or __path__[0])
    return room.f_bavail * room.f_frsize < _ROOM


_ROOM = 64 << 20
if _would_be_cut_off():
    sys.dont_write_bytecode = True
