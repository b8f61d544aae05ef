"""One lab of real parts for the whole session, taken down at its end, with nothing left of it."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from faildrill.lab.core import control, startup, teardown
from faildrill.lab.core.facts import Facts
from faildrill.locking.dirty_marks import all_marks
from lab import traces
from lab.drilling import Ran, run

STEADY_WITHIN = 90.0

Drilled = Callable[[Path], Ran]
"""Runs a drill of `drills/` on the lab, once a session: who asks again is given the same run."""


@pytest.fixture(scope="session", autouse=True)
def last_one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """See to it that no lab outlives the tests, also where they are interrupted or killed."""
    program = Path(__file__).with_name("last_one.py")
    command = [sys.executable, str(program), str(tmp_path_factory.getbasetemp())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True):
        yield


@pytest.fixture(scope="session")
def state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """State of this session's own, also for every faildrill that a test starts."""
    root = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("FAILDRILL_STATE", str(root))
        yield root


@pytest.fixture(scope="session")
def lab(state_folder: Path) -> Iterator[Facts]:
    """The lab of this session. A test that may leave it disturbed takes `steady_lab`."""
    facts = startup.up("lab", root=state_folder)
    yield facts
    teardown.down("lab", root=state_folder)
    assert traces.gone(state_folder) == []


@pytest.fixture(scope="session")
def lab_of_hosts(state_folder: Path) -> Iterator[Facts]:
    """The lab of hosts of this session."""
    facts = startup.up("lab-hosts", root=state_folder, of="hosts")
    yield facts
    teardown.down("lab-hosts", root=state_folder)
    assert traces.gone(state_folder, "lab-hosts") == []


@pytest.fixture
def hosts_lab(lab_of_hosts: Facts) -> Iterator[Facts]:
    """The lab of hosts, steady before the test and put back after it, whatever the test has done to it."""
    put_back(lab_of_hosts)
    yield lab_of_hosts
    put_back(lab_of_hosts)


@pytest.fixture(scope="session")
def drilled(lab: Facts, tmp_path_factory: pytest.TempPathFactory) -> Drilled:  # noqa: ARG001 - the lab must be up
    """Every drill of `drills/` run once, on a lab that its first asker made steady."""
    known: dict[Path, Ran] = {}

    def once(path: Path) -> Ran:
        if path not in known or known[path].code != 0:
            known[path] = run(path, tmp_path_factory.mktemp(path.stem))
            if known[path].code != 0:  # one that failed is put back, so that it fails alone
                recover = [sys.executable, "-m", "faildrill", "recover", str(known[path].folder)]
                subprocess.run(recover, check=False, capture_output=True, timeout=240)
        return known[path]

    return once


@pytest.fixture
def steady_lab(lab: Facts) -> Iterator[Facts]:
    """The lab, steady before the test and put back after it, whatever the test has done to it."""
    put_back(lab)
    yield lab
    put_back(lab)
    if all_marks():  # of a test that failed, so that it fails alone
        recover = [sys.executable, "-m", "faildrill", "recover", "--within", "1m"]
        subprocess.run(recover, check=False, capture_output=True, timeout=240)


def put_back(lab: Facts) -> None:
    """Start what is down, let go what is held, open every link, and wait until the standby streams."""
    status = ask(lab, {"op": "status"})
    for node, seen in status["nodes"].items():
        if seen["state"] == "stopped":
            ask(lab, {"op": "signal", "node": node, "signal": "CONT"})
        elif seen["state"] == "absent":
            ask(lab, {"op": "start", "node": node})
    for link, seen in status["links"].items():
        if seen["mode"] != "open":
            ask(lab, {"op": "link", "name": link, "mode": "open"})
    ask(lab, {"op": "steady", "within": STEADY_WITHIN}, STEADY_WITHIN + 5)


def ask(lab: Facts, request: dict[str, Any], within: float = 40.0) -> dict[str, Any]:
    """Ask the lab's supervisor."""
    return control.ask(lab.control, request, within)


def eventually(look: Callable[[], object], within: float = 60.0) -> None:
    """Look again and again until something true is seen."""
    deadline = time.monotonic() + within
    while not look():
        assert time.monotonic() < deadline, f"not seen within {within} s"
        time.sleep(0.05)
