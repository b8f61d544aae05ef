"""P17: the wall clock is set while a drill runs; what is told of an outage does not change."""

import os
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
import pytest

from faildrill.judging.result import Result
from faildrill.record.timeline import FILE, entries
from support.places import Place, until

EVERY: Final = 0.02
OUT_FOR: Final = 0.5
STEPS: Final = ["-1h", "+1h", "+1", "-1", "+1d", "-1d"]
LIBRARY: Final = "/usr/lib/*/faketime/libfaketime.so.1"
DRILL: Final = """
drill: stepped
environment: here
warm_up: 300ms
probes:
  pay: {{simulated.service: {{folder: "{folder}", name: pay}}, every: 20ms}}
steps:
  - name: take another one down
    simulated.fault: {{folder: "{folder}", name: other}}
  - wait: 3s
expect:
  - outage: {{of: pay, at_most: 10s}}
"""
ENVIRONMENT: Final = """
environment: here
drillable: true
identity: [{{simulated.word: {{about: "{folder}"}}}}]
"""


def python_under(library: Path, clock: Path, folder: Path) -> Path:
    """Make a Python of which every process, whatever it starts, reads its wall clock shifted by what a file says."""
    venv.create(folder, symlinks=True)
    [packages] = folder.glob("lib/python3*/site-packages")
    for number, path in enumerate(one for one in sys.path if one):
        (packages / f"{number}.pth").write_text(f"import site; site.addsitedir({path!r})\n")
    wrapper, real = folder / "bin" / "python", Path(sys.executable).resolve()
    wrapper.unlink()
    shifted = f"LD_PRELOAD={library} FAKETIME_TIMESTAMP_FILE={clock} FAKETIME_NO_CACHE=1"
    script = f'#!/bin/bash\nexport {shifted} FAKETIME_DONT_FAKE_MONOTONIC=1\nexec -a "$0" {real} "$@"\n'
    wrapper.write_text(script)
    wrapper.chmod(0o755)
    return wrapper


@pytest.fixture
def library() -> Path:
    found = next(iter(Path("/").glob(LIBRARY.lstrip("/"))), None)
    if found is None or not shutil.which("bash"):
        pytest.skip("libfaketime is not installed (Debian: faketime), so no clock can be set for one process only")
    if sys.version_info >= (3, 13):
        pytest.skip("libfaketime takes the moments of Python's own timerfd for some of the wall clock")
    return found


def stepped(place: Place, python: Path, clock: Path, by: str) -> tuple[Path, tuple[float, float]]:
    """Run a drill, set the clock amid an outage; return the run, and how long that was at least and at most."""
    clock.write_text("+0\n")
    words = ["-m", "faildrill", "run", "drill.yaml", "--env", "here.yaml", "--quiet"]
    with subprocess.Popen([str(python), *words], cwd=place.folder.parent, stdout=subprocess.DEVNULL) as run:
        until(lambda: place.deeds("other") == ["apply"])
        time.sleep(0.3)
        down = [time.monotonic()]
        place.become("pay", "down")
        down.append(time.monotonic())
        time.sleep(OUT_FOR / 2)
        clock.write_text(f"{by}\n")
        time.sleep(OUT_FOR / 2)
        up = [time.monotonic()]
        place.become("pay", "up")
        up.append(time.monotonic())
        assert run.wait(60) == 0
    [folder] = (place.folder.parent / "reports").glob("*/")
    return folder, (up[0] - down[1], up[1] - down[0])


def test_a_wall_clock_that_is_set_in_an_outage_changes_nothing_of_its_length(
    ground: Path, library: Path, many: Callable[[int, int], int], figure: Callable[[str], None]
) -> None:
    worst = 0.0
    steps = STEPS[:: many(6, 1)]
    for number, by in enumerate(steps):
        place = Place(ground / f"{number}")
        folder = place.folder.parent
        (folder / "drill.yaml").write_text(DRILL.format(folder=place.folder))
        (folder / "here.yaml").write_text(ENVIRONMENT.format(folder=place.folder))
        python = python_under(library, folder / "clock", folder / "python")
        run, (shortest, longest) = stepped(place, python, folder / "clock", by)
        result = msgspec.json.decode((run / "result.json").read_bytes(), type=Result)
        [outage] = next(one for one in result.probes if one.probe == "pay").outages
        ahead = [datetime.fromisoformat(one.wall).timestamp() - one.at / 1e9 for one in entries(run / FILE)]
        assert abs(ahead[-1] - ahead[0]) > 0.5, f"the clock was not set by {by}"
        at_most = outage.length.at_most or 0.0
        assert (outage.length.at_least <= longest, shortest <= at_most) == (True, True)
        worst = max(worst, longest - outage.length.at_least, at_most - shortest)
    figure(f"P17 clock set by {', '.join(steps)} in an outage: told with an error of {worst * 1000:.0f} ms at most")
    assert worst <= many(150, 1) * EVERY + 0.02  # a busy machine makes looks late, and the bounds wider: never wrong


def test_the_library_really_sets_the_wall_clock_and_leaves_the_other_alone(ground: Path, library: Path) -> None:
    clock = ground / "clock"
    clock.write_text("+1d\n")
    python = python_under(library, clock, ground / "python")
    told = "import time, sys, subprocess; print(time.time(), time.monotonic()); assert sys.executable == sys.argv[1]"
    said = subprocess.run([str(python), "-c", told, str(python)], capture_output=True, text=True, check=True).stdout
    wall, monotonic = (float(one) for one in said.split())
    assert abs(wall - time.time() - 86400) < 60
    assert abs(monotonic - time.monotonic()) < 60
    assert os.environ.get("LD_PRELOAD") is None
