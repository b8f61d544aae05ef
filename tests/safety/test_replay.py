"""P23: the files of a run, judged on another path, as somebody else, in another time zone, give the same bytes."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from faildrill.record.timeline import Confirmed
from support.places import Place, ended, recorded

RESULT = "result.json"


def run_of(place: Place, shape: str) -> Path:
    """Run a drill to an end of some shape, judged by its sentinel; return its folder."""
    place.fault("pay", within=1.0, **({"apply": "lies"} if shape == "no effect" else {}))
    place.wait(60 if shape in ("stopped", "killed") else 0.3)
    started = place.start()
    with ended(started):
        if shape in ("stopped", "killed"):
            recorded(started.folder, Confirmed)
            started.sentinel.terminate()
        started.sentinel.wait(60)
    return started.folder


@pytest.mark.parametrize("shape", ["passed", "stopped", "no effect"])
def test_a_verdict_replays_from_the_files_alone(
    shape: str, ground: Path, figure: Callable[[str], None], many: Callable[[int, int], int]
) -> None:
    if shape == "no effect" and not many(0, 1):
        pytest.skip("the other two are enough every time: runs with --soak")
    for number in range(many(1, 20)):
        run = run_of(Place(ground / f"{number}"), shape)
        before = (run / RESULT).read_bytes()
        there = ground / f"{number}" / "somewhere" / "else" / run.name
        shutil.copytree(run, there)
        shutil.rmtree(ground / f"{number}" / "reports")
        shutil.rmtree(ground / "state")  # nothing but the files of the run is left
        (there / RESULT).unlink()
        elsewhere = {"TZ": "Pacific/Chatham", "LANG": "C", "HOME": str(there.parent), "PATH": os.environ["PATH"]}
        command = [sys.executable, "-m", "faildrill", "judge", str(there)]
        subprocess.run(command, env=elsewhere, cwd=there.parent, stdout=subprocess.DEVNULL, check=False, timeout=60)
        assert (there / RESULT).read_bytes() == before
    figure(f"P23 a run that {shape}: judged elsewhere byte by byte the same, {many(1, 20)} times")
