"""The PATH on which programs are looked for: that of whoever ran a drill, first, also for whoever puts it back."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_NAME: Final = "PATH"


def current() -> str:
    """Return the PATH, each of its folders from the root: it is to mean the same from any folder."""
    # execvp(3) searches this one, too, where PATH is not set.
    path = os.environ.get(_NAME, os.defpath)
    return os.pathsep.join(str(Path(folder).absolute()) for folder in path.split(os.pathsep))


@contextmanager
def searched(path: str) -> Iterator[None]:
    """Look for programs on another PATH meanwhile, and for those that it has not on one's own."""
    own = os.environ.get(_NAME)
    if path:
        os.environ[_NAME] = os.pathsep.join(dict.fromkeys([*path.split(os.pathsep), *current().split(os.pathsep)]))
    try:
        yield
    finally:
        if own is not None:
            os.environ[_NAME] = own
        elif path:
            del os.environ[_NAME]
