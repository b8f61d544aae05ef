"""P18: a secret that kinds let out wherever they can is in nothing that a run writes, prints or keeps."""

import base64
import os
import shutil
import subprocess
import sysconfig
import venv
from pathlib import Path
from urllib.parse import quote

import pytest

from faildrill.record.timeline import FILE, ApplyFailed, Applying, entries

CANARY = "c4n&ry/ö'\"7 Zq%"
"""Needs an escape in a URL, in JSON and in Python."""
PASSED, WRONG, REFUSED, INCONCLUSIVE, UNSAFE = 0, 1, 3, 4, 6

DRILL = """
drill: leaking
environment: place
warm_up: 200ms
probes:
  pay: {{leaking.look: {{secret: "env:CANARY"}}, every: 50ms}}
steps:
  - name: leak
    {step}
    within: 5s
    undo_within: 3s
expect:
  - steady_again: {{within: 10s}}
"""
PLACE = """
environment: place
drillable: true
identity:
  - leaking.refuses: {{secret: "{known}", objects: {objects}}}
{more}
"""
BROKEN = 'probes: {broken: {leaking.broken: {secret: "env:CANARY"}, every: 50ms}}'


def written_as(value: str) -> list[bytes]:
    """Every way in which a value may be found."""
    raw = value.encode()
    encoded = [base64.b64encode(b"user:" + raw)[8:-4], raw.hex().encode()]
    escaped = [quote(value, safe="").encode(), ascii(value)[1:-1].encode(), b"c4n&ry"]
    return [raw, *encoded, *escaped]


def _python_with_the_kinds(folder: Path) -> Path:
    """Install the leaking kinds beside all that is installed here: a prober inherits no PYTHONPATH."""
    venv.create(folder, symlinks=True)
    [packages] = folder.glob("lib/python3*/site-packages")
    here = sysconfig.get_paths()["purelib"]
    (packages / "here.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    shutil.copy(Path(__file__).with_name("leaking.py"), packages / "leaking.py")
    info = packages / "leaking-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: leaking\nVersion: 1.0\n")
    names = {"look": "Look", "broken": "Broken", "act": "Act", "echo": "Echo", "refuses": "Refuses", "board": "Board"}
    points = "".join(f"leaking.{name} = leaking:{one}\n" for name, one in names.items())
    (info / "entry_points.txt").write_text(f"[faildrill.kinds]\n{points}")
    return folder / "bin" / "python"


class Place:
    """A folder with a leaking drill in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "here"
        self.folder.mkdir()
        self.step = "act"
        self.known = "env:CANARY"
        """What the step and the identity refer to; the probe refers to the canary always."""
        self._python = _python_with_the_kinds(folder / "python")

    def run(self, *words: str, captures: str = "false", objects: str = "false", more: str = "") -> int:
        """Run a command on the drill, keeping what it prints."""
        more_of_it = f", captures: {captures}" if self.step == "act" else ""
        step = f'leaking.{self.step}: {{secret: "{self.known}"{more_of_it}}}'
        (self.folder / "drill.yaml").write_text(DRILL.format(step=step))
        (self.folder / "place.yaml").write_text(PLACE.format(objects=objects, more=more, known=self.known))
        return self.call(words[0], "drill.yaml", "--env", "place.yaml", *words[1:], CANARY=CANARY)

    def call(self, *words: str, **variables: str) -> int:
        """Call faildrill with these variables, keeping what it prints."""
        here = {"FAILDRILL_STATE": str(self.folder / "state"), **variables}
        with (self.folder / "printed").open("wb") as printed:
            return subprocess.run(
                [str(self._python), "-m", "faildrill", *words],
                env=os.environ | here,
                cwd=self.folder,
                stdout=printed,
                stderr=printed,
                timeout=90,
                check=False,
            ).returncode

    @property
    def timeline(self) -> Path:
        """The timeline of the one run."""
        [found] = self.folder.glob(f"reports/*/{FILE}")
        return found

    def leaks(self) -> dict[str, list[bytes]]:
        """By file, what of the canary is in it."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        found = {}
        for path in files:
            content = path.read_bytes()
            if hits := [one for one in written_as(CANARY) if one in content]:
                found[str(path.relative_to(self.folder))] = hits
        return found


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_run_whose_kinds_leak_everywhere_writes_and_prints_no_secret(place: Place) -> None:
    assert place.run("run") == PASSED
    logs = b"".join(path.read_bytes() for path in place.folder.rglob("*.log"))
    assert b"on stderr: " in logs  # it did leak, and what leaked was kept
    assert "•••" in place.timeline.read_text()
    assert place.leaks() == {}


def test_a_guard_that_leaks_in_its_objection_refuses_without_the_secret(place: Place) -> None:
    assert place.run("run", objects="true") == REFUSED
    assert "no: •••" in place.timeline.read_text()
    assert place.leaks() == {}


def test_a_probe_that_breaks_with_the_secret_cut_in_two_shows_none_of_it(place: Place) -> None:
    assert place.run("run", more=BROKEN) == REFUSED
    assert b"RuntimeError: xxxx" in b"".join(path.read_bytes() for path in place.folder.rglob("*.names"))
    assert place.leaks() == {}


def test_a_state_to_go_back_to_with_a_secret_in_it_is_not_written_down_and_nothing_is_done(place: Place) -> None:
    assert place.run("run", captures="true") == INCONCLUSIVE
    events = [entry.what for entry in entries(place.timeline)]
    assert ["hold a secret" in one.because for one in events if isinstance(one, ApplyFailed)] == [True]
    assert not [one for one in events if isinstance(one, Applying)]
    assert place.leaks() == {}


@pytest.mark.parametrize("objects", ["false", "true"])
def test_plan_prints_no_secret(place: Place, objects: str) -> None:
    assert place.run("plan", objects=objects) == (REFUSED if objects == "true" else 0)
    assert "•••" in (place.folder / "printed").read_text()
    assert place.leaks() == {}


@pytest.mark.parametrize("output", ["text", "json"])
def test_doctor_prints_no_secret(place: Place, output: str) -> None:
    assert place.run("doctor", "-o", output, objects="true") == WRONG
    assert "•••" in (place.folder / "printed").read_text()
    assert place.leaks() == {}


def test_audit_prints_and_writes_no_secret(place: Place) -> None:
    settings = 'settings: {board: {leaking.board: {secret: "env:CANARY"}}}'
    (place.folder / "place.yaml").write_text(PLACE.format(objects="false", more=settings, known="env:CANARY"))
    files = [word for name in ("json", "junit", "sarif") for word in (f"--{name}", name)]
    assert place.call("audit", "place.yaml", *files, CANARY=CANARY) == INCONCLUSIVE
    assert all("•••" in (place.folder / name).read_text() for name in ("printed", "json", "sarif"))
    assert place.leaks() == {}


def test_recover_says_which_secret_it_lacks_and_how_to_give_it(place: Place) -> None:
    assert place.run("run", "--leave-applied") == UNSAFE
    assert place.call("recover") == UNSAFE
    printed = (place.folder / "printed").read_text()
    said = "a secret is missing, and what needs it can't be put back or seen: env:CANARY: the variable is not set"
    assert printed.index(said) < printed.index("NOT put back")
    assert printed.count("a secret is missing") == 1  # though four kinds refer to it
    assert place.call("recover", CANARY=CANARY) == PASSED
    assert place.leaks() == {}


@pytest.fixture
def told(place: Place) -> Place:
    """A place in which only a probe has the secret, and a step is told it by its target."""
    (place.folder / "other").write_text("another-secret")
    place.step, place.known = "echo", f"file:{place.folder / 'other'}"
    return place


def test_what_a_step_is_told_is_clean_of_a_secret_that_only_a_probe_has_resolved(told: Place) -> None:
    assert told.run("run", "--leave-applied") == UNSAFE
    assert "the target said: •••" in told.timeline.read_text()
    assert told.leaks() == {}

    told.call("recover", CANARY=CANARY)
    assert "undo: •••" in told.timeline.read_text()
    assert told.leaks() == {}
