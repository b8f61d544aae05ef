"""A place of small files, each of which stands for a service: for tests of the runner, of a drill, of a kind."""

from pathlib import Path

from faildrill.kinds.call_context import CallContext
from faildrill.ports import Given
from faildrill.ports.target import KindUse
from faildrill.system import atomic_file


def given(timeout: float = 5.0, every: float = 0.0, run: str = "run-1") -> Given:
    """Return what the engine gives to a kind when it calls it: float seconds for the call, and between looks."""
    return CallContext(run, timeout, every)


class FakePlace:
    """The services of a folder; each is up until a fault, or `become`, says otherwise.

    What was done to them is read from the same folder, in whichever process it was done.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def look_at(self, name: str) -> KindUse:
        """Return a probe of a service, as a drill file would write it: `build(use, "probe")` makes one."""
        return self._use("simulated.service", name)

    def take_down(self, name: str, **how: object) -> KindUse:
        """Return an action that takes a service down; `faildrill explain simulated.fault` says `how` it misbehaves."""
        return self._use("simulated.fault", name, **how)

    def become(self, name: str, state: str) -> None:
        """Change a service behind everybody's back, as the world does."""
        atomic_file.write(self.folder / f"{name}.state", state.encode())

    def state(self, name: str) -> str:
        """Return what a service is now: `up`, `down`, or what somebody has made of it."""
        path = self.folder / f"{name}.state"
        return path.read_text(encoding="utf-8") if path.exists() else "up"

    def deeds(self, name: str) -> list[str]:
        """Return what was really done to a service, in order."""
        return self._lines(f"{name}.log")

    def story(self, name: str) -> list[str]:
        """Return what was asked of a service and what was done to it, in order."""
        return self._lines(f"{name}.story")

    def _use(self, kind: str, name: str, **how: object) -> KindUse:
        return KindUse.model_validate({"kind": kind, "params": {"folder": str(self.folder), "name": name, **how}})

    def _lines(self, file: str) -> list[str]:
        path = self.folder / file
        return path.read_text(encoding="utf-8").split() if path.exists() else []
