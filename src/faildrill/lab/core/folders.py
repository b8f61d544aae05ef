"""Where a lab keeps its things, by its name; nothing here creates any of it."""

import hashlib
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from faildrill.errors import WrongUsage
from faildrill.system import state_folder

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,30}[a-z0-9])?")
DEFAULT: Final = "lab"
"""The lab that is meant when none is named."""
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./-]+")
"""What every part takes in the path of a socket, unquoted."""
_LONGEST_RUN_PATH: Final = 72
"""Bytes: a socket's path may have 107, and PostgreSQL and HAProxy add their own names to it."""


@dataclass(frozen=True)
class Place:
    """The files and folders of one lab."""

    name: str
    folder: Path

    @property
    def lock(self) -> Path:
        """Held by the lab's supervisor for as long as it lives."""
        return self.folder.with_name(f"{self.name}.lock")

    @property
    def facts(self) -> Path:
        """What others need to know of it; written when it is ready."""
        return self.folder / "lab.json"

    @property
    def environment(self) -> Path:
        """The environment file that drills use."""
        return self.folder / "environment.yaml"

    @property
    def logs(self) -> Path:
        """One log a node, and the supervisor's."""
        return self.folder / "logs"

    @property
    def passwords(self) -> Path:
        """One file a database role."""
        return self.folder / "passwords"

    @property
    def run(self) -> Path:
        """The folder of the sockets, short enough for a socket's path: its own, or one in the temporary folder.

        A link in the lab's folder remembers which, whatever TMPDIR says later.
        """
        inside = self.folder / "run"
        if inside.is_symlink():
            return inside.readlink()
        fits = len(os.fsencode(inside)) <= _LONGEST_RUN_PATH and _PLAIN.fullmatch(str(inside)) is not None
        return inside if fits else self.short_run

    @property
    def short_run(self) -> Path:
        """A short folder that only this lab of this user would use."""
        digest = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"faildrill-{os.geteuid()}-{digest}"

    @property
    def control(self) -> Path:
        """The supervisor's control socket."""
        return self.run / "control.sock"

    def command(self, verb: str) -> str:
        """Return what a person types to do `verb` with this lab."""
        return f"faildrill lab {verb}" + ("" if self.name == DEFAULT else f" --name {self.name}")


def place(name: str, root: Path | None = None) -> Place:
    """Return the place of the lab of that name; raises WrongUsage for what is no name of a lab."""
    if not _NAME.fullmatch(name):
        raise WrongUsage(
            f"{name[:40]!r} can't be the name of a lab: use at most 32 small letters, digits, '-' and '_', "
            "beginning and ending with a letter or a digit"
        )
    return Place(name, (root or state_folder.where()) / "labs" / name)


def every_place(root: Path | None = None) -> list[Place]:
    """Return the place of every lab that has left a folder or a lock, by name."""
    labs = (root or state_folder.where()) / "labs"
    names = {path.name.removesuffix(".lock") for path in labs.iterdir()} if labs.is_dir() else set()
    return [place(name, root) for name in sorted(names) if _NAME.fullmatch(name)]
