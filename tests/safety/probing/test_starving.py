"""No thing that looks share makes one late, or dark: names, threads, descriptors."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from faildrill.system.resolver import FREELY

MILLISECOND = 1_000_000


def starved(scene: str, folder: Path) -> dict[str, Any]:
    """Play a scene of `starving.py`; skipped where there are no namespaces."""
    own = ["unshare", "--mount", "--net", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]
    program = Path(__file__).with_name("starving.py")
    paths = os.pathsep.join(str(Path(__file__).parents[up]) for up in (2, 3))
    argv = [*own, sys.executable, str(program), scene, str(folder)]
    environment = {**os.environ, "PYTHONPATH": paths}
    ran = subprocess.run(argv, capture_output=True, text=True, timeout=100, check=False, env=environment)
    if "Operation not permitted" in ran.stderr or "unshare" in ran.stderr:
        pytest.skip("this machine makes no namespaces")
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def test_a_silent_resolver_is_dark_for_its_own_names_and_for_nobody_else(tmp_path: Path) -> None:
    found = starved("names", tmp_path)
    counts = found["counts"]
    for other in ("file", "address"):  # a busy machine leaves looks out, which is no darkness
        assert counts[other].pop("OK") > 9 * counts[other].pop("SKIPPED", 0)
        assert not counts[other]
    assert counts["dns"]["TIMED_OUT"] > 5
    assert found["first bad after"] < 500 * MILLISECOND
    assert found["first good after"] < 1000 * MILLISECOND, "nobody waits for threads that are stuck"
    assert found["threads"] < 10 * FREELY


def test_without_a_descriptor_left_a_name_was_not_asked_for(tmp_path: Path) -> None:
    assert starved("descriptors", tmp_path)["said"] == "NotAsked: Too many open files"


def test_without_a_thread_left_a_name_was_not_asked_for(tmp_path: Path) -> None:
    assert starved("threads", tmp_path)["said"] == "NotAsked: no thread is left to ask for a name"
