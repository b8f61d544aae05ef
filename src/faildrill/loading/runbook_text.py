"""The runbook that a drill cites: the file that is meant, and a digest by which a changed text is known."""

import hashlib
from pathlib import Path

from faildrill.system import bounded_read


def is_file(cited: str) -> bool:
    """Tell whether what a drill cites is a file, and not nothing or an address elsewhere, which nobody here reads."""
    return bool(cited) and "://" not in cited


def digest(cited: str, drill_file: Path) -> str:
    """Return a digest of the text of the runbook that a drill file cites; empty where nobody here can read it.

    A file is looked for from the drill's folder, then from the folders above it up to the one with the repository.
    Another way of ending lines is the same text.
    """
    if not is_file(cited):
        return ""
    for folder in _folders(drill_file.absolute().parent):
        try:
            content = bounded_read.read(folder / cited)
        except FileNotFoundError:
            continue
        except (OSError, ValueError):
            return ""
        return hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()
    return ""


def _folders(first: Path) -> list[Path]:
    folders = []
    for folder in (first, *first.parents):
        folders.append(folder)
        if (folder / ".git").exists():
            return folders
    return folders[:2]  # of no repository: the drill's folder, and the one that it is in
