"""The programs that these labs need: of the system's packages, as no wheel brings them."""

import shutil
from pathlib import Path

from faildrill.errors import FaildrillError


def program(name: str, package: str) -> Path:
    """Return where a program is; FaildrillError that says what to install when it isn't there."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if path is None:
        raise FaildrillError(f"this lab needs {name}, which is not installed: apt-get install {package}")
    return Path(path)
