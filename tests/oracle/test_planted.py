"""Each fault that is put into the algebra of proofs is heard by the oracle."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from oracle.planted import FAULTS, HEARD_WITHIN


@pytest.fixture(scope="module")
def heard() -> dict[str, str | None]:
    tests = str(Path(__file__).parents[1])
    told = subprocess.run(
        [sys.executable, "-m", "oracle.planted"], cwd=tests, capture_output=True, text=True, check=False
    )
    found = dict(json.loads(line) for line in told.stdout.splitlines())
    assert found.keys() == FAULTS.keys(), told.stderr
    return found


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_is_put_in_is_heard(fault: str, heard: dict[str, str | None]) -> None:
    assert heard[fault], f"nobody heard it in {HEARD_WITHIN} histories"
