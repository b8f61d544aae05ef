"""Drills as tests of pytest: drill files are collected, and their findings are what a failed test says.

Off unless asked for, by `--drills` or `drills = true` in the settings of pytest. It is imported in every session of
pytest where faildrill is installed, so all that costs anything is imported when the first drill is collected.
"""

import contextlib
import fcntl
import io
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from _pytest._code.code import ExceptionInfo, TerminalRepr

    from faildrill.judging.result import Result
    from faildrill.model.drill import Drill
    from faildrill.model.environment import Environment

_DRILL: Final = re.compile(rb"^drill[ \t]*:", re.MULTILINE)
"""What nearly every drill file has, and no other YAML file that lies beside it; also one with mistakes in it."""
_LARGEST: Final = 1 << 20
_REPORTS: Final = "reports"
RunDrill = Callable[..., "Result"]
"""What the fixture `run_drill` gives: `run_drill(drill, env=None)`."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what is said of drills on the command line and in the settings of pytest."""
    group = parser.getgroup("drills", "drills of faildrill")
    group.addoption("--drills", action="store_true", help="collect drill files (*.yaml with `drill:`) as tests")
    group.addoption("--drill-env", metavar="NAME|FILE", help="where to drill; default: what each drill names")
    group.addoption("--drill-reports", metavar="FOLDER", help="where the folders of runs are (reports)")
    group.addoption("--drill-refused", choices=["fail", "skip"], help="what a REFUSED drill is (fail)")
    parser.addini("drills", "collect drill files as tests", type="bool", default=False)
    parser.addini("drill_env", "where to drill", default="")
    parser.addini("drill_reports", "where the folders of runs are", default=_REPORTS)
    parser.addini("drill_refused", "what a REFUSED drill is: fail or skip", default="fail")


@dataclass
class _Session:
    """What the drills of one session of pytest share."""

    env: str | None
    reports: Path
    refused: str
    places: dict[tuple[str, Path], "Environment"] = field(default_factory=dict)
    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def place(self, named: str, drill: Path) -> "Environment":
        """Return the environment of that name or path; a lab is started where it is none that is up."""
        from faildrill.cli.environment_choice import environment

        key = (named, drill.parent)
        if key not in self.places:
            self.places[key] = self.stack.enter_context(environment(named, drill, start_lab=True, tell=False))
        return self.places[key]


_SESSION: Final = pytest.StashKey[_Session]()


def _said(config: pytest.Config, name: str) -> str:
    return config.getoption(name) or str(config.getini(name))


def pytest_configure(config: pytest.Config) -> None:
    """Take in what was said."""
    config.stash[_SESSION] = _Session(
        _said(config, "drill_env") or None,
        config.rootpath / _said(config, "drill_reports"),
        _said(config, "drill_refused"),
    )
    config.addinivalue_line("markers", "drill: a drill of faildrill")
    config.addinivalue_line("markers", "xdist_group(name): tests that xdist gives to one worker")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Take down the labs that were started for this session."""
    if _SESSION in config.stash:
        config.stash[_SESSION].stack.close()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "DrillFile | None":
    """Collect a file that holds a drill."""
    is_asked = parent.config.getoption("drills") or parent.config.getini("drills")
    if file_path.suffix not in (".yaml", ".yml") or not is_asked:
        return None
    return DrillFile.from_parent(parent, path=file_path) if _holds_drill(file_path) else None


def _holds_drill(file: Path) -> bool:
    """Tell whether a file holds a drill, or what may be one and can't be read: collecting it says why.

    A drill that is passed over without a word would look like one that passed.
    """
    try:
        content = file.read_bytes() if file.stat().st_size <= _LARGEST else b""
    except FileNotFoundError:
        return False
    except OSError:
        return True
    if _DRILL.search(content):
        return True
    # UTF-16, as some editors save it, has a zero byte beside each letter.
    return b"drill" in content.replace(b"\0", b"") and _is_key(file, is_text=b"\0" not in content)


def _is_key(file: Path, *, is_text: bool) -> bool:
    """Tell whether `drill` is a key of a file that has the word somewhere: quoted, indented, after a mark of order."""
    from faildrill.errors import InvalidFile
    from faildrill.loading.yaml.composer import read
    from faildrill.loading.yaml.mistakes import Mistakes

    try:
        return not is_text or "drill" in read(file, Mistakes(str(file))).entries
    except InvalidFile:
        return False


class DrillFile(pytest.File):
    """A file that holds a drill."""

    def collect(self) -> "Iterator[DrillItem]":
        """Give the drill, or each of its ways; CollectError with every mistake in the file."""
        from faildrill.errors import FaildrillError
        from faildrill.loading import load_drill

        try:
            drill = load_drill(self.path, None).drill
        except FaildrillError as error:
            raise self.CollectError(str(error)) from error
        for way in [named.name for named in drill.ways] or [""]:
            item = DrillItem.from_parent(self, name=f"{drill.name}[{way}]" if way else drill.name)
            item.declare(drill, way)
            yield item


class DrillFailed(Exception):
    """A drill that did not pass; it carries what the report says."""


class DrillItem(pytest.Item):
    """One drill, or one way of it."""

    _way = ""
    _env = ""
    _ended: BaseException | None = None

    def declare(self, drill: "Drill", way: str) -> None:
        """Take in what the drill says of itself; its tags are markers, and `-m` chooses by them."""
        self._way = way
        self._env = self.config.stash[_SESSION].env or drill.environment
        for mark in ("drill", *drill.tags):
            self.config.addinivalue_line("markers", f"{mark}: a tag of drills")
            self.add_marker(mark)
        self.add_marker(pytest.mark.xdist_group(_place_of(self._env, self.path)))

    def runtest(self) -> None:
        """Run the drill; a second time only its outcome is told again: what FAILED is never tried until it passes."""
        if self._ended is not None:
            raise self._ended
        try:
            self._run()
        except BaseException as error:
            self._ended = error
            raise

    def _run(self) -> None:
        from faildrill.judging.result import Verdict

        session = self.config.stash[_SESSION]
        result, folder = _run(session, self.path, self._env, self._way)
        self._tell(result, folder)
        if result.verdict is Verdict.REFUSED and session.refused == "skip":
            pytest.skip(f"REFUSED: {result.because}")
        if result.verdict is not Verdict.PASSED:
            raise DrillFailed(f"{result.verdict.value}: {result.because}\n\n{_summary(result, folder)}")

    def _tell(self, result: "Result", folder: Path) -> None:
        """Put the verdict, and what is proven of the outages, beside the test in the file of `--junitxml`."""
        properties = {"verdict": result.verdict.value, "run": str(folder), "because": result.because}
        outage = result.headline.outage if result.headline is not None else None
        if outage is not None:
            properties["outage.at_least"] = f"{outage.length.at_least:.6f}"
            properties["outage.at_most"] = "" if outage.length.at_most is None else f"{outage.length.at_most:.6f}"
        self.user_properties += [(f"faildrill.{name}", value) for name, value in properties.items()]

    def repr_failure(
        self,
        excinfo: "ExceptionInfo[BaseException]",
        style: Any = None,  # noqa: ANN401 - pytest's signature
    ) -> "str | TerminalRepr":
        """Return the findings of a drill that did not pass, and of anything else what pytest makes of it."""
        from faildrill.errors import FaildrillError

        if isinstance(excinfo.value, DrillFailed | FaildrillError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Say which file it is of, and what it is called."""
        return self.path, None, f"drill {self.name}"


def _place_of(named: str, drill: Path) -> str:
    """Return what the place of an environment is known by: what it proves to be, or its name where it isn't up yet."""
    from faildrill import loading
    from faildrill.cli.environment_choice import lab_that_is_up
    from faildrill.errors import FaildrillError

    try:
        return loading.named_environment(named, drill, lab_that_is_up).proven_identity
    except FaildrillError:
        return named


def _run(session: _Session, path: Path, env: str, way: str = "") -> "tuple[Result, Path]":
    """Run the drill in a file to its result.

    KeyboardInterrupt where Ctrl-C ended it, and the end of the session where another signal did: all is put back then.
    """
    from faildrill.cli.live_display import show
    from faildrill.cli.one_run import Signals, drive
    from faildrill.clock import SystemClock
    from faildrill.loading import load_drill
    from faildrill.running.layout import lay_out
    from faildrill.system import state_folder

    state_folder.check()
    place = session.place(env, path)
    drill = load_drill(path, place).drill
    drill = next((drill.taking(declared) for declared in drill.ways if declared.name == way), drill)
    signals = Signals()
    with _turn(place):
        folder = lay_out(drill, place, session.reports, SystemClock())
        result = drive(folder, place, lambda done: show(folder, done, mode="plain", out=sys.stdout), signals)
    if signals.got is signal.SIGINT:
        raise KeyboardInterrupt
    if signals.got is not None:
        pytest.exit(f"ended by {signals.got.name}; the drill under way was put back, see {folder}")
    if result is None:
        raise DrillFailed(f"the run was not judged, see {folder}")
    return result, folder


@contextlib.contextmanager
def _turn(place: "Environment") -> Iterator[None]:
    """Wait, as a worker of xdist, until no other one drills this place: two at once, and the second is REFUSED."""
    from faildrill.locking.declared_facts import proven
    from faildrill.system import state_folder

    with contextlib.ExitStack() as stack:
        for key in proven(place).keys if "PYTEST_XDIST_WORKER" in os.environ else ():
            folder = state_folder.folder() / "turns"
            folder.mkdir(mode=0o700, exist_ok=True)
            file = stack.enter_context((folder / key).open("ab"))
            state_folder.lock(file.fileno(), fcntl.LOCK_EX)
        yield


def _summary(result: "Result", folder: Path) -> str:
    from faildrill.reports import terminal

    text = io.StringIO()
    terminal.summary(result, folder, text)
    return text.getvalue().strip("\n")


@pytest.fixture(scope="session")
def drill_lab(pytestconfig: pytest.Config) -> "Environment":
    """Give the lab: the one that is up, or one that is started for this session and taken down at its end."""
    return pytestconfig.stash[_SESSION].place("lab", Path())


@pytest.fixture
def run_drill(pytestconfig: pytest.Config, tmp_path: Path) -> RunDrill:
    """Give a function that runs a drill and returns its result, whatever the verdict is.

    `run_drill(drill, env=None)`: the drill is the path of its file, or what stands in one as a dict; `env` is a name, a
    file, or an environment, and without it what the drill names.
    """

    def run(drill: "Path | str | Mapping[str, object]", env: "str | Path | Environment | None" = None) -> "Result":
        session = pytestconfig.stash[_SESSION]
        path = _written(drill, tmp_path) if isinstance(drill, Mapping) else Path(drill)
        result, _ = _run(session, path, _named(session, env, path))
        return result

    return run


def _written(drill: Mapping[str, object], folder: Path) -> Path:
    """Write what stands in a drill file, as JSON, which is YAML."""
    path = folder / "drill.yaml"
    path.write_text(json.dumps(dict(drill)), encoding="utf-8")
    return path


def _named(session: _Session, env: "str | Path | Environment | None", path: Path) -> str:
    """Return the name or path of an environment; one that is given as such is known by its name from then on."""
    from faildrill.loading import load_drill
    from faildrill.model.environment import Environment

    if isinstance(env, Environment):
        session.places[env.name, path.parent] = env
        return env.name
    if env is not None:
        return str(env)
    return session.env or load_drill(path, None).drill.environment
