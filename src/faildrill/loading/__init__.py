"""A file into a drill: strict, every mistake at its place, all of them at once.

`load_drill` and `load_environment` are the way in; `complete` and `fill_in` put in place what is known only while
the drill runs.
"""

from faildrill.loading.drill_file import Loaded, load_drill
from faildrill.loading.environment_file import LoadedEnvironment, load_environment, read_environment
from faildrill.loading.environment_search import find_environment, named_environment
from faildrill.model.references import complete, fill_in

__all__ = [
    "Loaded",
    "LoadedEnvironment",
    "complete",
    "fill_in",
    "find_environment",
    "load_drill",
    "load_environment",
    "named_environment",
    "read_environment",
]
