"""What somebody wrote into report.md by hand: set aside before the file is written anew, and never overwritten."""

import hashlib
import re
from pathlib import Path
from typing import Final

from faildrill.system import bounded_read

_MARK: Final = "\n[//]: # (written by faildrill, sha256 {})\n"
"""A comment of Markdown: no reader shows it."""
_MARKED: Final = re.compile(rb"\n\[//\]: # \(written by faildrill, sha256 ([0-9a-f]{64})\)\n\Z")
_LARGEST: Final = 1 << 26


def marked(text: str) -> bytes:
    """Return a text with a mark by which it is known later that nobody changed it."""
    content = text.encode()
    return content + _MARK.format(hashlib.sha256(content).hexdigest()).encode()


def set_aside(path: Path) -> Path | None:
    """Give a file that is not as it was written another name, beside it; return that, or None where it is.

    One that bears no mark may hold somebody's words, too. OSError where it can't be read or renamed: then it must not
    be written.
    """
    try:
        content = bounded_read.read(path, _LARGEST)
    except FileNotFoundError:
        return None
    mark = _MARKED.search(content)
    if mark is not None and hashlib.sha256(content[: mark.start()]).hexdigest().encode() == mark[1]:
        return None
    number = len(kept(path)) + 1
    while True:
        aside = path.with_name(f"{path.stem}.edited-{number}{path.suffix}")
        try:
            aside.hardlink_to(path)  # which fails where one of that name is there; a rename would take its place
        except FileExistsError:
            number += 1
        except FileNotFoundError:  # somebody else has set it aside just now
            return None
        else:
            path.unlink(missing_ok=True)
            return aside


def kept(path: Path) -> list[str]:
    """Name the files that were set aside, the first one first."""
    names = [edited.name for edited in path.parent.glob(f"{path.stem}.edited-*{path.suffix}")]
    return sorted(names, key=lambda one: (len(one), one))
