"""Build the control plane from its Go module, once; it is kept, whole or not at all, under the hash of its recipe."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from faildrill.errors import FaildrillError
from faildrill.lab.kubernetes import programs

Tell = Callable[[str], None]
_TELL_EVERY: Final = 10.0
"""Seconds between two words on how far it is."""
_TAIL: Final = 12
"""Lines of what Go said that are shown when it failed."""
_OLD: Final = "{{if .Stale}}{{.ImportPath}}{{end}}"
"""What `go list` is to print: a line for each package that is not compiled yet."""
_TAKES: Final = "some ten minutes on two cores, 3 GB of memory and 5 GB of disk, once"
"""What whoever starts it should know before."""


def build(tell: Tell) -> Path:
    """Return the folder of the program, which is built now unless it is there; `tell` is told how far it is.

    Who comes while another builds waits for it. Raises FaildrillError without a Go that is new enough, and with the
    end of what Go said where it fails.
    """
    go, toolchain = _go()
    made = programs.kept() / f"{programs.recipe()}-{toolchain}"
    made.parent.mkdir(parents=True, exist_ok=True)
    with _alone(made.with_name(f"{made.name}.lock"), tell) as lock:
        if not (made / programs.BUILT).is_file():
            tell(f"building Kubernetes {programs.version()} and etcd with {toolchain}: it takes {_TAKES}")
            draft = made.with_name(f"{made.name}.draft")  # one that a killed builder left is begun anew
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir()
            _run(go, draft / programs.BUILT, lock, tell)
            draft.rename(made)
    return made


def _go() -> tuple[str, str]:
    """Return the program of Go and its version; FaildrillError where there is none that will do."""
    least, go = programs.least_go(), shutil.which("go")
    needs = f"building the control plane of lab-kubernetes needs Go {least} or newer"
    if go is None:
        raise FaildrillError(f"{needs}, and there is no `go` on PATH: install it, {programs.INSTEAD}")
    asked = subprocess.run([go, "env", "GOVERSION"], env=_environment(), check=False, capture_output=True, text=True)
    version = asked.stdout.strip().partition(" ")[0]
    if _numbers(version) < _numbers(least):
        said = f"is {version}" if version else "does not say which it is"
        raise FaildrillError(f"{needs}, and {go} {said}: install a newer one, {programs.INSTEAD}")
    return go, version


def _numbers(version: str) -> list[int]:
    """Return `go1.26.8` and `1.26` as numbers that can be compared."""
    first = version.removeprefix("go").partition("-")[0].split("rc")[0].split(".")
    return [int(part) for part in first if part.isdigit()]


def _environment() -> dict[str, str]:
    """Return Go's environment: that of whoever builds, who knows their proxies; no other toolchain is fetched."""
    return {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", "GOTOOLCHAIN": "local"}


@contextlib.contextmanager
def _alone(path: Path, tell: Tell) -> Iterator[int]:
    """Hold the lock of a build, which Go inherits: it is free when neither the builder nor its Go is left."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("it is being built already: waiting for that")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()


def _run(go: str, made: Path, lock: int, tell: Tell) -> None:
    """Build, and tell on the way how many packages are done."""
    link = f"-s -w -X k8s.io/component-base/version.gitVersion={programs.version()}"
    flags = ["-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags", link]
    progress = _Progress(tell)
    progress.packages = _ask([go, "list", *flags, "-deps", "-f", _OLD, "."], lock, progress).count("\n")
    _ask([go, "build", *flags, "-v", "-o", str(made), "."], lock, progress)
    tell(f"built in {progress.seconds():.0f} s")


def _ask(argv: list[str], lock: int, progress: "_Progress") -> str:
    """Run Go, and return what it prints; FaildrillError with the end of what it said where it fails.

    It does not outlive us for long: it ends at the first word that nobody hears.
    """
    with tempfile.TemporaryFile("w+") as printed:
        with subprocess.Popen(
            argv,
            cwd=programs.MODULE,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=(lock,),
        ) as process:
            for line in process.stderr or ():
                progress.hear(line.rstrip())
        if process.returncode:
            said = "\n".join(f"    {line}" for line in progress.said)
            raise FaildrillError(f"the control plane could not be built: `go {argv[1]}` failed\n{said}")
        printed.seek(0)
        return printed.read()


class _Progress:
    """What Go has said so far: the modules that it fetched, the packages that it compiled, and anything else."""

    def __init__(self, tell: Tell) -> None:
        self.packages = 0
        """How many there are to compile."""
        self.said: deque[str] = deque(maxlen=_TAIL)
        self._tell = tell
        self._began = self._told = time.monotonic()
        self._fetched = self._compiled = 0

    def seconds(self) -> float:
        """Return for how many float seconds it has been going on."""
        return time.monotonic() - self._began

    def hear(self, line: str) -> None:
        """Count a line, and tell now and then how far it is."""
        if line.startswith("go: downloading "):
            self._fetched += 1
        elif line and " " not in line:
            self._compiled += 1
        else:
            self.said.append(line)
        if time.monotonic() - self._told >= _TELL_EVERY:
            self._told = time.monotonic()
            compiled = f"{self._compiled} of {self.packages} packages compiled"
            self._tell(f"{self.seconds():6.0f} s  {compiled if self.packages else f'{self._fetched} modules fetched'}")
