"""Heavy libraries, loaded when they are first used: a command that checks a file never pays for them.

A kind's module imports its library at its top, where one expects it. The command line only reads the parameters of
most kinds, so it puts an empty module in the library's place first, which fills itself when something of it is
used. The runner does so with NumPy, which expectations import and only judging uses. Otherwise the processes of a run
do without this: what they import they use, and it must not cost time in a look.

`importlib.util.LazyLoader` is the same idea, but before Python 3.13 the statement `import aiohttp` itself counts as a
use there.
"""

import contextlib
import gc
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any, Final

HEAVY: Final = ("aiohttp", "asyncpg", "boto3", "numpy")
"""What takes long to import (40 to 300 ms) and most commands never use."""


class _Unloaded(ModuleType):
    """Stands for a module until something is asked of it that only the loaded one has."""

    __spec__: ModuleSpec

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the module holds
        assert self.__spec__.loader  # noqa: S101 - `lazily` has seen to it
        self.__class__ = ModuleType  # type: ignore[assignment] # from here on it is the module itself
        self.__path__ = self.__spec__.submodule_search_locations or []
        self.__spec__.loader.exec_module(self)
        return getattr(self, name)


def lazily(names: Sequence[str] = HEAVY) -> None:
    """Load these packages when they are first used; one that is not installed is missed where it is imported.

    For the start of a process, while it has one thread.
    """
    for name in names:
        spec = None if name in sys.modules else find_spec(name)
        if spec is None or spec.loader is None:
            continue
        module = module_from_spec(spec)
        del module.__path__  # importing a part of the package asks for it, which loads the package first
        module.__class__ = _Unloaded
        sys.modules[name] = module


@contextlib.contextmanager
def without_collecting() -> Iterator[None]:
    """Import within this: what is imported is no garbage, and is not searched for any, now or later."""
    # Importing makes very many objects that live as long as the process: each collection would go through all of
    # them.
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def without_plugins() -> None:
    """Have pydantic look for no plugins in this process, which is ours alone.

    Looking reads the metadata of every package that is installed (10 ms, each process of a run); and a plugin that was
    found would be called with all that people write and all that steps are given. It is pydantic's own switch, and
    the processes that belong to the run inherit it; what a step starts is given an environment of its own.
    """
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
