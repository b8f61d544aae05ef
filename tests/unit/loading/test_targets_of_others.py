"""Sections of an environment that another package brings: read, limited and refused as our own are."""

import os
import subprocess
import sys
from typing import Final

import pytest

KINDS: Final = '''
from typing import ClassVar

from faildrill.ports.target import Address, Member, Target


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
RING: Final = "rings: {a: {token: abc, members: {n1: {host: '127.0.0.1:1'}, n2: {host: '127.0.0.1:2'}}}}"
VALID: Final = (RING, f"{RING}\nblast_radius: {{rings: {{a: 1}}}}")
WRONG: Final = (
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
)
Said = dict[str, list[str]]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Said:
    """Install somebody else's package, and return what `validate` says of environment files, by their text."""
    folder = tmp_path_factory.mktemp("theirs")
    (folder / "theirs.py").write_text(KINDS, encoding="utf-8")
    info = folder / "their_rings-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-rings\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(POINTS, encoding="utf-8")
    files = {text: f"place-{number}.yaml" for number, text in enumerate((*VALID, *(text for text, _ in WRONG)))}
    for text, name in files.items():
        (folder / name).write_text(f"environment: place\n{text}\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "faildrill", "validate", *files.values()],
        env=os.environ | {"PYTHONPATH": str(folder), "FAILDRILL_STATE": str(folder / "state")},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = (done.stdout + done.stderr).splitlines()
    return {
        text: [line.removeprefix(f"{name}:") for line in lines if line.startswith(f"{name}:")]
        for text, name in files.items()
    }


@pytest.mark.parametrize("text", VALID, ids=["alone", "limited by its blast radius"])
def test_a_section_of_another_package_is_read(text: str, said: Said) -> None:
    assert said[text][-1] == " valid"


@pytest.mark.parametrize(("text", "mistake"), WRONG)
def test_what_is_wrong_in_one_is_told_at_its_place(text: str, mistake: str, said: Said) -> None:
    assert any(line.startswith(mistake) for line in said[text]), said[text]
