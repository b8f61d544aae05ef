"""What breaks while a run is weighed, made an error that says so: no defect of one run hides another one's verdict."""

import contextlib
from collections.abc import Iterator

from faildrill.errors import FaildrillError, NotJudged, WrongUsage, reason


@contextlib.contextmanager
def told(what: str) -> Iterator[None]:
    """Weigh something within this.

    Raises WrongUsage where a file of it can't be read, NotJudged for every defect, of ours or of somebody else's kind;
    our own errors go through as they are.
    """
    try:
        yield
    except FaildrillError:
        raise
    except OSError as error:
        raise WrongUsage(f"{what} can't be read: {reason(error)}") from error
    except Exception as error:
        where = f"{type(error).__name__}: {error} ({_place(error)})"
        raise NotJudged(
            f"{what} can't be judged, because of a defect in faildrill: {where}; please report it with the run's folder"
        ) from error


def _place(error: Exception) -> str:
    """Name the module and the line that raised an error: the same words on every machine."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return f"{traceback.tb_frame.f_globals.get('__name__', '?')}:{traceback.tb_lineno}" if traceback else "?"
