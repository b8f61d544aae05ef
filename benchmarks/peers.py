"""The others, each in an environment of its own, pinned: installed here, or left out with a plain word."""

import os
import shutil
import subprocess
import sys
import venv
from functools import cache
from pathlib import Path
from typing import Final

PINNED: Final = {"chaos": "chaostoolkit==1.19.0", "locust": "locust==2.47.0"}
SYSTEM: Final = {"wrk": "wrk", "hey": "hey"}
"""Programs of the system, by the name of Debian's package: used where they are, never installed by us."""
BROUGHT: Final = ("vegeta", "k6", "wrk2")
"""Programs that no package registry has: used where they are on PATH, or in the folder that FOLDER names."""
FOLDER: Final = "FAILDRILL_PEERS"
WHERE: Final = Path(sys.prefix) / "benchmarks"
WITHIN: Final = 300


@cache
def peer(program: str) -> str | None:
    """Return the path of a program, installed if need be; None where it can't be had, which is said on stderr."""
    if program in SYSTEM:
        found = shutil.which(program)
        if found is None:
            _without(program, f"install it with: apt-get install {SYSTEM[program]}")
        return found
    if program in BROUGHT:
        found = shutil.which(program, path=os.environ.get(FOLDER)) or shutil.which(program)
        if found is None:
            _without(program, f"it is not on PATH, nor in a folder that {FOLDER} names")
        return found
    folder = WHERE / program
    path = folder / "bin" / program
    if not path.exists():
        try:
            venv.create(folder, with_pip=True, clear=True)
            pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", PINNED[program]]
            subprocess.run(pip, check=True, timeout=WITHIN, capture_output=True)
        except (OSError, subprocess.SubprocessError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            _without(program, f"pip could not install {PINNED[program]}: {error}")
            return None
    return str(path)


def _without(program: str, why: str) -> None:
    sys.stderr.write(f"without {program}: {why}\n")


def skipped(*programs: str) -> str:
    """Name those that could not be had, as a sentence; empty when all are there."""
    missing = [program for program in programs if peer(program) is None]
    return f"Not measured, as not installed here: {', '.join(missing)}.\n" if missing else ""
