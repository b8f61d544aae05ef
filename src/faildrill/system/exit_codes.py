"""What the exit code of a command means: the one place where the numbers are."""

import enum
from collections.abc import Callable, Iterable
from typing import Final


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


_BY_WEIGHT: Final = (
    ExitCode.PASSED,
    ExitCode.INCONCLUSIVE,
    ExitCode.FAILED,
    ExitCode.REFUSED,
    ExitCode.ABORTED,
    ExitCode.WRONG_USAGE,
    ExitCode.ERROR,
    ExitCode.UNSAFE,
)
"""From what is well to what is worst."""


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the code that wins where several apply: UNSAFE over all; PASSED where there is none."""
    return max(codes, key=_BY_WEIGHT.index, default=ExitCode.PASSED)


def unless_unsafe(code: ExitCode, is_unsafe: Callable[[], object]) -> ExitCode:
    """Return the code; UNSAFE where something may not be put back, or where asking for that raises OSError.

    All other codes promise that everything was put back.
    """
    try:
        return ExitCode.UNSAFE if is_unsafe() else code
    except OSError:
        return ExitCode.UNSAFE
