"""Options for the whole suite: `--soak` runs tests that count with their full figures, and prints them."""

import gc
import itertools
import os
import platform
import signal
import time
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import hypothesis
import pytest

_FIGURES: pytest.StashKey[list[str]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="run with the full figures of the promises")


def pytest_configure(config: pytest.Config) -> None:
    # Started in the background by a shell, the tests would ignore SIGINT, and so would all that they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.stash[_FIGURES] = []
    # On a machine that others use a moment's time proves nothing; and what fails in one run of the tests fails in each.
    patient = hypothesis.settings(deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
    hypothesis.settings.register_profile("soak", patient)
    hypothesis.settings.register_profile("usual", patient, derandomize=True)
    hypothesis.settings.load_profile("soak" if config.getoption("--soak") else "usual")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Search for no garbage while modules are imported, nor ever again among what they brought: it stays to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Begin each test with the usual umask: servers that run as somebody else read what a test wrote."""
    os.umask(0o022)


@pytest.fixture(scope="session")
def _states(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Name folders that aren't there yet: most tests write no state, and a folder for each of them costs much."""
    folder = tmp_path_factory.mktemp("states")
    return (folder / str(number) for number in itertools.count())


@pytest.fixture
def own_state(_states: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a test and all that it starts state of their own: what labs are up here is none of their business."""
    monkeypatch.setenv("FAILDRILL_STATE", str(next(_states)))


@pytest.fixture
def many(request: pytest.FixtureRequest) -> Callable[[int, int], int]:
    """Chooses how many: the first number in every run of the tests, the second one with `--soak`."""
    is_soaking = bool(request.config.getoption("--soak"))
    return lambda usually, soaking: soaking if is_soaking else usually


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Takes a measured figure, to be printed at the end."""
    start = time.monotonic()

    def take(text: str) -> None:
        request.config.stash[_FIGURES].append(f"{text} ({time.monotonic() - start:.1f} s)")

    return take


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.stash[_FIGURES]:
        terminalreporter.section("figures")
        terminalreporter.write_line(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {_machine()}")
        for line in config.stash[_FIGURES]:
            terminalreporter.write_line(line)


def _machine() -> str:
    memory = Path("/proc/meminfo").read_text(encoding="ascii").split()[1]
    cores = sum(1 for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if line.startswith("proc"))
    gigabytes = round(int(memory) / 1024 / 1024)
    return f"{cores} cores, {gigabytes} GiB, Linux {platform.release()}, Python {platform.python_version()}"
