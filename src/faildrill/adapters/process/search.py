"""A process of this host, found by what its environment says of it."""

from pathlib import Path
from typing import Final, Self

from pydantic import Field, model_validator

from faildrill.errors import ActionFailed, CannotSee, NotStarted, reason
from faildrill.ports import Kind, Words
from faildrill.ports.target import FilePath, Folder, Program
from faildrill.system import processes, threads
from faildrill.system.processes import Process
from faildrill.toolkit.programs import Argv, Surroundings, unstarted

_ASKING: Final = 5.0
"""Seconds for the service manager to say which process it is."""
_READING: Final = 2.0
"""Seconds for a file that holds a number, and the bytes that it has at the most."""
_LARGEST: Final = 4096


class Named(Kind):
    """Which process: by a file that holds its number, or by the name of its service; and what its command line says."""

    pid_file: FilePath | None = Field(default=None, description="the file that holds its process id")
    service: str | None = Field(
        default=None, pattern=r"^[^\s-]\S*$", description="its systemd service, instead of `pid_file`"
    )
    control: Program = Field(default="systemctl", description="the program that controls services")
    command: Words = Field(description="text that its command line must contain; otherwise it is not touched")
    start: Argv | None = Field(
        default=None, description="the program that starts it and then exits; with `service`, `control` starts it"
    )

    cwd: Folder | None = Field(
        default=None, description="the folder that `start` begins in; default: that of this file"
    )

    @model_validator(mode="after")
    def _is_named_once(self) -> Self:
        if (self.pid_file is None) == (self.service is None):
            raise ValueError("give either `pid_file` or `service`")
        return self

    @property
    def called(self) -> str:
        """What to call it in a sentence."""
        return self.service or Path(self.pid_file or "").name.removesuffix(".pid")

    @property
    def starting(self) -> Argv | None:
        """What starts it."""
        return self.start or ((self.control, "start", self.service) if self.service else None)

    async def find(self) -> Process | None:
        """Return the process as it is now; None when there is none, or one that says something else of itself.

        CannotSee where its number can't be read.
        """
        pid = await self._number()
        candidate = processes.look(pid) if pid else None
        return candidate if candidate and self.command in processes.title(candidate.pid) else None

    async def run_again(self, within: float) -> None:
        """Start it, within float seconds; what is started belongs to the host.

        ActionFailed when nobody knows how, or when it did not work.
        """
        if self.starting is None:
            raise ActionFailed(f"{self.called} is gone, and no `start` says how it is started")
        try:
            ended = await Surroundings(cwd=self.cwd).run(self.starting, within, {})
        except OSError as error:
            raise NotStarted(unstarted(self.starting[0], error)) from error
        if ended.code != 0:
            raise ActionFailed(f"{self.starting[0]} {ended}")

    async def _number(self) -> int:
        """Return the number that it should have now; 0: it has none."""
        if self.pid_file is not None:
            return await _read(self.pid_file)
        try:
            argv = (self.control, "show", "-p", "MainPID", "--value", self.service or "")
            ended = await Surroundings().run(argv, _ASKING, {})
        except OSError as error:
            raise CannotSee(unstarted(self.control, error)) from error
        if ended.code != 0 or not ended.printed.isdecimal():
            raise CannotSee(f"{self.control} does not say which process {self.service} is: it {ended}")
        return int(ended.printed)


async def _read(path: str) -> int:
    try:
        words = (await threads.read(path, _LARGEST, _READING)).decode("ascii").split()
    except FileNotFoundError:
        return 0
    except (OSError, UnicodeDecodeError) as error:
        raise CannotSee(f"{path} can't be read: {reason(error)}") from error
    if not words:
        return 0  # it is being written
    if not words[0].isdecimal():
        raise CannotSee(f"{path} holds no number of a process")
    if len(words) > 1 and words[1].isdecimal():  # behind the one of PostgreSQL stands its data directory
        raise CannotSee(f"{path} holds the numbers of several processes: name a file that holds one")
    return int(words[0])
