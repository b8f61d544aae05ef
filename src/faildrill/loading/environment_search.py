"""Where the environment that a command line or a drill names is."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from faildrill.errors import InvalidFile, Mistake, WrongUsage
from faildrill.kinds import did_you_mean
from faildrill.loading.environment_file import load_environment
from faildrill.loading.names import NAME_RULE, is_name
from faildrill.model.environment import Environment

FOLDER: Final = Path("drills", "environments")
"""Where environment files are, seen from where the command is given."""
Elsewhere = Callable[[str], Path | None]
"""Knows environments that no folder here lists, e.g. a lab that is up."""


def nowhere(_name: str) -> Path | None:
    """Know no environment."""
    return None


def find_environment(given: str, beside: Path | None = None, elsewhere: Elsewhere = nowhere) -> Path:
    """Return the file of an environment: a path, or a name that is no path.

    A name is looked for in `environments/` beside the drill, in `drills/environments/`, then elsewhere.
    Raises WrongUsage, with what was perhaps meant, when there is none.
    """
    if os.sep in given or given.endswith((".yaml", ".yml")):
        return Path(given)
    if not is_name(given):
        raise WrongUsage(f"no environment can be called that: {NAME_RULE}")
    folders = [*([beside.parent / "environments"] if beside else []), FOLDER]
    for folder in folders:
        path = folder / f"{given}.yaml"
        if path.is_file():
            return path
    declared = elsewhere(given)
    if declared is not None:
        return declared
    known = sorted({path.stem for folder in folders if folder.is_dir() for path in folder.glob("*.yaml")})
    looked = " and ".join(f"{folder}/" for folder in dict.fromkeys(folders))
    raise WrongUsage(f"no environment is called {given!r}{did_you_mean(given, known)} (looked in {looked})")


def named_environment(given: str, beside: Path | None = None, elsewhere: Elsewhere = nowhere) -> Environment:
    """Find and load an environment; one that was asked for by name must also say that it is called so."""
    path = find_environment(given, beside, elsewhere)
    environment = load_environment(path)
    if is_name(given) and path != Path(given) and environment.name != given:
        raise InvalidFile(str(path), [Mistake(1, 1, f"is called {environment.name!r} inside; rename one of the two")])
    return environment
