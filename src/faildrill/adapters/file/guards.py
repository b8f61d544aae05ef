"""`file.identity`, `file.younger`, `file.absent`, `command.younger` and `command.agrees`: a file or a program says."""

import hashlib
import math
import os
import stat
import time
from datetime import datetime
from pathlib import Path
from typing import Final, Self

from pydantic import Field, model_validator

from faildrill import durations
from faildrill.errors import reason
from faildrill.ports import THIS_HOST, Duration, Given, Kind, Told, Words
from faildrill.ports.target import FilePath
from faildrill.system import bounded_read, redaction, threads
from faildrill.system.threads import aside
from faildrill.toolkit.deadlines import SHARE
from faildrill.toolkit.programs import Argv, Surroundings, unstarted

LARGEST: Final = 1 << 20
"""Bytes of a file that proves what a host is, at the most."""
SKEW: Final = 300.0
"""Seconds that a time may lie ahead of this host's clock before it counts as garbage."""
_SHOWN: Final = 80
_MADE_UP: Final = frozenset({"proc", "sysfs", "cgroup", "cgroup2", "debugfs", "tracefs", "securityfs", "configfs"})
"""File systems whose files have the time at which somebody looks."""


class Identity(Kind):
    """Refuses the drill unless a file on this host holds exactly what was declared.

    Use it where places differ by a file that somebody put on the host that drills them. Blanks and line ends around the
    content don't count. A file that is missing, can't be read, is no plain file or is larger than 1 MiB is an
    objection. Give the content itself, or its SHA-256 if the file is long.

        identity:
          - file.identity: {path: /etc/faildrill/place, content: "staging 3f2a9c41"}
    """

    path: FilePath = Field(description="the file on this host")
    content: Words | None = Field(default=None, description="what it must hold")
    sha256: str | None = Field(
        default=None, pattern="^[0-9a-f]{64}$", description="the SHA-256 of the file, as sha256sum prints it"
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.content is None) == (self.sha256 is None):
            raise ValueError("give either `content` or `sha256`")
        if self.sha256 in (_sha256(""), _sha256("\n")):
            raise ValueError("`sha256` is that of a file without content, which proves nothing")
        return self

    def facts(self) -> list[str]:
        """Return the path with the digest of its content: given as text, with and without a line's end.

        The path is told without links, so that one file is one place under all of its names; and as it was given, as
        versions before told it.
        """
        plain = (self.content or "").strip()
        digests = [self.sha256] if self.sha256 else [_sha256(plain), _sha256(f"{plain}\n")]
        paths = dict.fromkeys((bounded_read.real(self.path), self.path))
        return [f"file {path} {digest}" for path in paths for digest in digests]

    def covers(self) -> list[str]:
        """Name the host that the file is on."""
        return [THIS_HOST]

    async def ask_again(self, given: Given) -> Told:
        """Read the file again; one that isn't there proves nothing, one that holds something else does."""
        differs = await self.objection(given)
        if differs is None:
            return Told(proved=[self.path])
        return Told(differs=[differs]) if await aside(lambda: Path(self.path).exists()) else Told(silent=[differs])

    async def objection(self, given: Given) -> str | None:
        """Read the file, and object to anything that isn't what was declared."""
        try:
            content = await threads.read(self.path, LARGEST)
        except OSError as error:
            return f"{self.path} can't be read ({reason(error)}); this host does not prove what it is"
        if self.sha256 is not None:
            same = hashlib.sha256(content).hexdigest() == self.sha256
        else:
            same = content.strip() == (self.content or "").strip().encode()
        if same:
            return None
        return f"{self.path} does not hold what was declared: this is not the declared host, or the file was changed"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Younger(Kind):
    """Refuses the drill unless a file was changed at most `than` ago, such as the mark of a backup.

    The file's time of last modification counts. It may be empty, as `touch` makes one: only its time is looked at. Of a
    link, what it leads to counts. A file that is missing, that is no regular file (the time of a folder changes when
    something in it is deleted), that the kernel makes up (in `/proc`, `/sys`), or that is dated more than five minutes
    into the future, is an objection.

        guards:
          - file.younger: {path: /var/backups/payments/last-success, than: 24h}
    """

    path: FilePath = Field(description="the file on this host")
    than: Duration = Field(gt=0, description="the oldest that it may be")

    async def objection(self, given: Given) -> str | None:
        """Look at the file's time."""
        try:
            state, made_up = await aside(lambda: _looked_at(self.path))
        except OSError as error:
            return f"{self.path} can't be looked at ({reason(error)})"
        if not stat.S_ISREG(state.st_mode):
            return f"{self.path} is no regular file: name the file whose time tells it"
        if made_up:
            return f"{self.path} is made up by the kernel when it is looked at: its time says nothing"
        return _too_old(self.path, state.st_mtime, self.than)


def _looked_at(path: str) -> tuple[os.stat_result, bool]:
    """Return what is said of a file, and whether its file system is one of the kernel's own."""
    state = Path(path).stat()
    device = f"{os.major(state.st_dev)}:{os.minor(state.st_dev)}"
    mounted = (line.split() for line in Path("/proc/self/mountinfo").read_text(errors="replace").splitlines())
    kinds = {words[words.index("-") + 1] for words in mounted if words[2] == device}  # proc(5)
    return state, bool(kinds & _MADE_UP)


class Absent(Kind):
    """Refuses the drill while a file is there: what a change freeze, or an open incident, leaves as its mark.

    Its first line is told to whoever is refused. A link counts as it is, whatever it leads to: many locks are links
    that lead nowhere. Where nobody can tell whether it is there, that is an objection, and so is a folder that is
    missing: the mark may be on a disk that isn't mounted.

        guards:
          - file.absent: {path: /srv/shared/INCIDENT}
    """

    path: FilePath = Field(description="the file on this host")

    async def objection(self, given: Given) -> str | None:
        """Look for the file."""
        try:
            content = await threads.read(self.path, LARGEST)
        except FileNotFoundError:
            return await aside(self._at_the_name)
        except OSError as error:
            return f"{self.path} can't be looked at ({reason(error)})"
        line = redaction.clean(content.decode(errors="replace").strip().partition("\n")[0].strip())[:_SHOWN]
        return f"{self.path} is there{f': {line}' if line else ''}; drill when it is gone"

    def _at_the_name(self) -> str | None:
        """Object where nothing can be opened, but the name is taken; or where there is no folder that could have it."""
        folder = Path(self.path).parent
        try:
            target = redaction.clean(str(Path(self.path).readlink()))[:_SHOWN]
        except FileNotFoundError:
            return None if folder.is_dir() else f"{folder} is no folder, so nobody can tell"
        except OSError as error:  # no link: somebody has put it there since
            return f"{self.path} can't be looked at ({reason(error)})"
        return f"{self.path} is there: a link to {target}; drill when it is gone"


class CommandAgrees(Surroundings):
    """Refuses the drill unless a program ends with 0: one that asks the incident tool, or the calendar of changes.

    What it prints is told to whoever is refused. One that can't be started, or doesn't end in time, is an objection.

        guards:
          - command.agrees: {argv: [./bin/no-open-incident, --service, payments]}
    """

    argv: Argv = Field(description="the program and its arguments")

    async def objection(self, given: Given) -> str | None:
        """Run the program."""
        try:
            ended = await self.run(self.argv, given.timeout * SHARE, {"FAILDRILL_RUN": given.run})
        except OSError as error:
            return unstarted(self.argv[0], error)
        return None if ended.code == 0 else f"{self.argv[0]} {ended}"


class CommandYounger(Surroundings):
    """Refuses the drill unless the time that a program prints is at most `than` ago: the end of the last backup, say.

    The last line that the program prints must be the time: seconds since 1970, or `2026-11-22T10:30:00+01:00` with its
    zone. A program that fails, does not end in time or prints anything else is an objection.

        guards:
          - command.younger:
              argv: [sh, -c, "pgbackrest info --output=json | jq '.[0].backup[-1].timestamp.stop'"]
              than: 24h
    """

    argv: Argv = Field(description="the program and its arguments")
    than: Duration = Field(gt=0, description="the oldest that the time may be")

    async def objection(self, given: Given) -> str | None:
        """Run the program and read its last line."""
        try:
            ended = await self.run(self.argv, given.timeout * SHARE, {"FAILDRILL_RUN": given.run})
        except OSError as error:
            return unstarted(self.argv[0], error)
        if ended.code != 0:
            return f"{self.argv[0]} {ended}"
        line = ended.printed.rpartition("\n")[2].strip()
        at = _time(line)
        if at is None:
            return f"{self.argv[0]} wrote {redaction.clean(line)[:_SHOWN]!r}, which is no time with its zone"
        return _too_old(f"what {self.argv[0]} tells", at, self.than)


def _time(line: str) -> float | None:
    try:
        at = float(line) if line.replace(".", "", 1).isdecimal() else _instant(line)
    except (ValueError, OverflowError):
        return None
    return at if at is not None and math.isfinite(at) else None


def _instant(line: str) -> float | None:
    at = datetime.fromisoformat(line)
    return None if at.tzinfo is None else at.timestamp()


def _too_old(what: str, at: float, than: float) -> str | None:
    age = time.time() - at
    if age < -SKEW:
        return f"{what} is from the future, by {durations.show(-age)}: a clock is wrong"
    if age <= than:
        return None
    return f"{what} is {durations.show(age)} old, older than {durations.show(than)}; bring it up to date first"
