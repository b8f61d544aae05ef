"""A simulated place: files in a folder that stand for services, with actions that misbehave as they are told.

For testing the runner itself, and for trying a drill's shape out without any target. A service is up until its file
says otherwise; every effect is written to a log beside it, so that a test can count what was really done.
"""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Literal

from pydantic import Field

from faildrill.errors import ActionFailed, ActionRefused, CannotSee, OutcomeUnknown
from faildrill.ports import Captured, Duration, Given, Kind, Seen
from faildrill.samples import Outcome

_LATER = """
import sys, time
from pathlib import Path
time.sleep(float(sys.argv[3]))
folder, name = Path(sys.argv[1]), sys.argv[2]
(folder / f"{name}.state").write_text("down")
with (folder / f"{name}.log").open("a") as log:
    log.write("late\\n")
"""


class _Place(Kind):
    """Where a simulated service is."""

    folder: str = Field(description="the folder of the simulated place")
    name: str = Field(description="the simulated service", pattern=r"^[a-z0-9-]+$")

    def state(self) -> str:
        """Return what the service is: up where nothing was done to it."""
        path = Path(self.folder) / f"{self.name}.state"
        return path.read_text(encoding="utf-8") if path.exists() else "up"

    def become(self, state: str, deed: str) -> None:
        """Change the service, and write down that it was done."""
        Path(self.folder, f"{self.name}.state").write_text(state, encoding="utf-8")
        self.note(deed)

    def note(self, deed: str) -> None:
        """Write down what was done."""
        with Path(self.folder, f"{self.name}.log").open("a", encoding="utf-8") as log:
            log.write(f"{deed}\n")


class Service(_Place):
    """Look at a simulated service: good while it is up, refused while it is down.

    pay: {simulated.service: {folder: /tmp/place, name: pay}, every: 20ms}
    """

    async def look(self, given: Given) -> Seen:  # noqa: ARG002 - the port's signature
        """Read the service's file."""
        state = self.state()
        return Seen(Outcome.OK, state) if state == "up" else Seen(Outcome.REFUSED, "", state)


class Fault(_Place):
    """Take a simulated service down, or misbehave in a chosen way.

    simulated.fault: {folder: /tmp/place, name: pay, apply: lies}
    """

    apply_how: Literal["works", "refuses", "fails", "lies", "hangs", "answers late", "acts late", "crashes"] = Field(
        default="works",
        alias="apply",
        description="`lies` says it did and does nothing; `answers late` does it and then leaves the outcome open; "
        "`acts late` leaves a process behind that does it after `delay`",
    )
    undo_how: Literal["works", "fails", "lies", "hangs"] = Field(default="works", alias="undo")
    delay: Duration = 0.0

    async def capture(self, given: Given) -> Captured:  # noqa: ARG002 - the port's signature
        """Read the service's state; refused where it is down already."""
        if not Path(self.folder).is_dir():  # noqa: ASYNC240 - a local file, by design
            raise CannotSee(f"{self.folder} is no folder")
        return {"state": self.state()}

    async def apply(self, before: Captured, given: Given) -> Captured:  # noqa: ARG002 - the port's signature
        """Take it down, or do what `apply` says."""
        await asyncio.sleep(0 if self.apply_how == "acts late" else self.delay)
        match self.apply_how:
            case "refuses":
                raise ActionRefused("the simulated target refuses")
            case "fails":
                raise ActionFailed("the simulated target broke")
            case "crashes":
                raise RuntimeError("a defect in the adapter")
            case "lies":
                return {"was": "up"}
            case "acts late":
                self._leave_a_process()
                return {"was": "up"}
        self.become("down", "apply")
        if self.apply_how == "hangs":
            await asyncio.Event().wait()
        if self.apply_how == "answers late":
            raise OutcomeUnknown("503 after it was sent")
        return {"was": "up"}

    def _leave_a_process(self) -> None:
        subprocess.Popen(
            [sys.executable, "-c", _LATER, self.folder, self.name, str(self.delay)], start_new_session=True
        )

    async def undo(self, before: Captured, given: Given) -> None:  # noqa: ARG002 - the port's signature
        """Bring it up again, or do what `undo` says."""
        match self.undo_how:
            case "fails":
                raise ActionFailed("the simulated undo broke")
            case "lies":
                return
            case "hangs":
                await asyncio.Event().wait()
        self.become(str(before["state"]), "undo")


class Word(Kind):
    """Object, or agree: a guard that does as it is told.

    simulated.word: {objection: not today}
    """

    objection_: str | None = Field(default=None, alias="objection")
    defect: bool = False
    about: str = Field(default="", description="tells one simulated place from another")

    async def objection(self, given: Given) -> str | None:  # noqa: ARG002 - the port's signature
        """Return the objection it was given."""
        if self.defect:
            raise RuntimeError("a defect in the guard")
        return self.objection_
