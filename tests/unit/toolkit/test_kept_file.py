"""A file that is given another text keeps who may read it, and nobody else may."""

import asyncio
import os
import struct
from pathlib import Path
from typing import Final

import pytest

from faildrill.toolkit import kept_file

_ACCESS: Final = "system.posix_acl_access"
_DEFAULT: Final = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHi", *one) for one in ((1, 7, -1), (2, 4, 65534), (4, 0, -1), (16, 4, -1), (32, 0, -1))
)
"""acl(5) as the kernel has it: version 2, then tag, rights and id; `nobody` may read what is made in the folder."""


def test_a_default_access_list_of_the_folder_lets_nobody_else_read_it(tmp_path: Path) -> None:
    path = tmp_path / "payments.conf"
    path.write_text("former")
    path.chmod(0o640)
    try:
        os.setxattr(tmp_path, "system.posix_acl_default", _DEFAULT)
    except OSError:
        pytest.skip("no access lists on this file system")
    before = path.stat().st_mode
    asyncio.run(kept_file.write(path, b"another"))
    assert path.read_text() == "another"
    assert _ACCESS not in os.listxattr(path)
    assert path.stat().st_mode == before
    (tmp_path / "new").touch()
    assert _ACCESS in os.listxattr(tmp_path / "new")
