"""What the exit code of a command means: the one place where the numbers are."""

import enum


class ExitCode(enum.IntEnum):
    """How a command of faildrill ended; those of a run are its verdict."""

    PASSED = 0
    FAILED = 1
    """A drill failed, or a look at something found it wanting; never a crash of ours."""
    WRONG_USAGE = 2
    """A wrong command line or a wrong file: nothing was touched."""
    REFUSED = 3
    INCONCLUSIVE = 4
    ABORTED = 5
    UNSAFE = 6
    """An environment is marked as not put back. This wins over whatever else a command has to say."""
    ERROR = 7
    """faildrill itself broke, and nothing of what it did is left: where something may be, it is UNSAFE."""
