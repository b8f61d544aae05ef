"""Sections of an environment that another package brings: read, limited and refused as our own are."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

KINDS: Final = '''
from typing import ClassVar

from faildrill.targets import Address, Member, Target


class Node(Member):
    host: Address


class Ring(Target):
    """A ring of nodes."""

    section: ClassVar[str] = "rings"

    token: str
    members: dict[str, Node]


class Other(Target):
    """Names another section than it is listed under."""

    section: ClassVar[str] = "others"


class NoKind:
    section = "nokinds"
'''
POINTS: Final = """\
[faildrill.kinds]
rings = theirs:Ring
misnamed = theirs:Other
nokinds = theirs:NoKind
gone = nowhere:Gone
"""
Validated = Callable[[str], str]


@pytest.fixture
def validated(tmp_path: Path) -> Validated:
    """Install somebody else's package, and return what `validate` says of an environment file."""
    (tmp_path / "theirs.py").write_text(KINDS, encoding="utf-8")
    info = tmp_path / "their_rings-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-rings\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(POINTS, encoding="utf-8")

    def validate(text: str) -> str:
        path = tmp_path / "place.yaml"
        path.write_text(f"environment: place\n{text}\n", encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-P", "-m", "faildrill", "validate", "place.yaml"],
            env=os.environ | {"PYTHONPATH": str(tmp_path), "FAILDRILL_STATE": str(tmp_path / "state")},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + done.stderr

    return validate


RING: Final = "rings: {a: {token: abc, members: {n1: {host: '127.0.0.1:1'}, n2: {host: '127.0.0.1:2'}}}}"


def test_a_section_of_another_package_is_read(validated: Validated) -> None:
    assert "place.yaml: valid" in validated(RING)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "rings: {a: {tokn: abc, members: {n1: {host: '127.0.0.1:1'}}}}",
            "2:13: unknown key 'tokn'; did you mean 'token'?",
        ),
        ("rings: {a: {token: abc, members: {n1: {host: here}}}}", "2:46: an address is HOST:PORT"),
        ("rngs: {}\nreaches: {}", "2:1: unknown key 'rngs'; did you mean 'rings'?"),
        ("misnamed: {}", "2:1: theirs:Other (of their-rings) says that its `section` is 'others', and is listed as"),
        ("nokinds: {}", "2:1: theirs:NoKind (of their-rings) is not a kind: it must derive from faildrill.ports.Kind"),
        ("gone: {}", "2:1: nowhere:Gone (of their-rings) can't be imported (No module named 'nowhere')"),
        (f"{RING}\nblast_radius: {{rings: {{b: 1}}}}", "3:24: no 'b' among the rings; there is a"),
        (f"{RING}\nblast_radius: {{rings: {{a: -1}}}}", "3:27: must be at least 0"),
    ],
)
def test_what_is_wrong_in_one_is_told_at_its_place(validated: Validated, text: str, said: str) -> None:
    assert f"place.yaml:{said}" in validated(text)


def test_a_blast_radius_limits_what_has_members(validated: Validated) -> None:
    assert "place.yaml: valid" in validated(f"{RING}\nblast_radius: {{rings: {{a: 1}}}}")
