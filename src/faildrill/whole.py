"""Files that others read while they are written: there as they were before, or with all that is new."""

import os
from pathlib import Path


def write(path: Path, content: bytes) -> Path:
    """Leave a file whole or not at all, and return its path. OSError when it can't be written."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(0o600)
    draft.write_bytes(content)
    return draft.replace(path)
