"""Programs of the user's: run to their end or to a deadline, in surroundings that their kind names."""

import asyncio
import os
import signal
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final, NamedTuple

from pydantic import AfterValidator, Field

from faildrill.errors import reason
from faildrill.ports import Kind
from faildrill.ports.target import Folder, MaybePathMark, is_default_folder
from faildrill.secrets import HIDDEN, SecretReference
from faildrill.system import outlet
from faildrill.toolkit.deadlines import SHARE

GRACE: Final = 1.0
"""Seconds between SIGTERM and SIGKILL, at the most; less where the call's time is short."""
_INHERITED: Final = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE")
"""Variables that most programs can't do without; nothing else of ours is theirs, secrets least of all."""
_KEPT: Final = 4096
"""Bytes of output that are kept: the last ones."""
_PIECE: Final = 1 << 16
"""Bytes that are read at once: what a pipe of Linux holds (`man 7 pipe`)."""
_READS: Final = 32
"""Pieces that are read at the end, at the most: twice what a pipe holds, as somebody may go on writing."""


def _names_a_program(argv: tuple[str, ...]) -> tuple[str, ...]:
    if not argv[0].strip():
        raise ValueError("its first word names a program, and is empty")
    return argv


Argv = Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_names_a_program), MaybePathMark()]


class Ended(NamedTuple):
    """How a program ended."""

    code: int | None
    """Its exit code, negative for a signal; None when it was ended at its deadline."""
    printed: str
    """The end of what it wrote to stdout, with secrets hidden."""
    complained: str = ""
    """The same of stderr."""

    @property
    def said(self) -> str:
        """The end of all that it wrote: to stdout, then to stderr."""
        return "\n".join(filter(None, (self.printed, self.complained)))[-_KEPT:]

    def __str__(self) -> str:
        """Tell it in words for a sentence."""
        if self.code is None:
            how = "did not end in time, and was ended"
        else:
            how = f"ended with {self.code}" if self.code >= 0 else f"was ended by signal {-self.code}"
        return f"{how}; it said: {self.said}" if self.said else how


class Surroundings(Kind):
    """A kind that runs programs: where they run, and what they find there."""

    env: dict[str, str] = Field(default={}, description="variables besides PATH, HOME, USER, LANG, TZ, TMPDIR")
    secrets: dict[str, SecretReference] = Field(default={}, description="variables whose values are secret")
    cwd: Folder | None = Field(default=None, description="the folder that it is started in; default: that of this file")

    async def run(self, argv: Argv, within: float, marks: Mapping[str, str]) -> Ended:
        """Run a program to its end, or end it, with all of its process group, after `within` seconds.

        OSError when it can't be started. Cancelled, it ends the program first. What it leaves running lives on: its
        pipes are read for as long as it writes, also when this process is gone.
        """
        hidden = {name: reference.resolve().reveal() for name, reference in self.secrets.items()}
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        printed, complained = _Output(), _Output()
        with printed as stdout, complained as stderr:
            try:
                process = await asyncio.create_subprocess_exec(
                    *argv,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=stdout,
                    stderr=stderr,
                    env={**inherited, **self.env, **hidden, **marks},
                    cwd=self._folder(argv),
                    # A group of its own, so that a signal to it reaches all that the program started, and none of
                    # ours.
                    start_new_session=True,
                )
                code = await _end_of(process, within)
            finally:
                await outlet.keep([pipe.reading for pipe in (printed, complained) if pipe.is_held()])
        return Ended(code, *(output.text(hidden.values()) for output in (printed, complained)))

    def _folder(self, argv: Argv) -> str | None:
        """Return where a program begins: at the root where the folder of the file is gone, and none of it is named.

        So an undo outlives the checkout that its drill was run from.
        """
        names_a_path = any("/" in word and "://" not in word and not word.startswith(("/", "-")) for word in argv)
        # A folder that was named must be there; the default one only says where the drill's file lay.
        is_gone = is_default_folder(self.cwd) and not Path(str(self.cwd)).is_dir()
        return "/" if is_gone and not names_a_path else self.cwd


def unstarted(program: str, error: OSError) -> str:
    """Say of a program that it can't be started, and why: an error of another file, its folder say, names that."""
    other = f"{error.filename}: " if error.filename not in (None, program) else ""
    away = "" if program.startswith("/") or "/" not in program else f", looked for from {Path.cwd()}"
    return f"{program} can't be started: {other}{reason(error)}{away}"


async def _end_of(process: asyncio.subprocess.Process, within: float) -> int | None:
    """Wait for a program; at the deadline, or when cancelled, end all of its process group."""
    try:
        async with asyncio.timeout(within):
            return await process.wait()
    except TimeoutError:
        _signal(process, signal.SIGTERM)
        with suppress(TimeoutError):
            # What is left of the call's time after its share, halved: the other half is for SIGKILL and for telling
            # of it.
            async with asyncio.timeout(min(GRACE, within * (1 - SHARE) / 2)):
                await process.wait()
        return None
    finally:
        if process.returncode is None:
            _signal(process, signal.SIGKILL)
            await process.wait()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


class _Output:
    """The last bytes that a program, and what it leaves running, writes until they are no longer wanted.

    A pipe of our own: asyncio's would make waiting for a program wait for what it left running, too.
    """

    def __init__(self) -> None:
        self.tail = bytearray()
        self.reading, self._writing = os.pipe()
        os.set_blocking(self.reading, False)

    def __enter__(self) -> int:
        asyncio.get_running_loop().add_reader(self.reading, self._came)
        return self._writing

    def is_held(self) -> bool:
        """Take what was written by now, and no more; tell whether somebody else holds the end that is written to."""
        asyncio.get_running_loop().remove_reader(self.reading)
        # Our own copy first: as long as any is open the pipe has no end, and nobody could tell who holds it.
        os.close(self._writing)
        try:
            for _ in range(_READS):
                if not self._read():
                    return False
        except BlockingIOError:
            pass
        return True

    def text(self, hidden: Collection[str]) -> str:
        """Return the last 4 KiB as text, with secrets hidden."""
        text = self.tail.decode(errors="replace").strip()
        for value in filter(None, hidden):
            text = text.replace(value, HIDDEN)
        return text[-_KEPT:]

    def __exit__(self, *_: object) -> None:
        os.close(self.reading)

    def _came(self) -> None:
        with suppress(BlockingIOError):
            self._read()

    def _read(self) -> bool:
        """Take a piece; False where all is read, and nobody writes any more."""
        piece = os.read(self.reading, _PIECE)
        self.tail.extend(piece)
        # Twice what is shown: a secret that is hidden may make the text shorter, and a character may be cut in its
        # middle.
        del self.tail[: -2 * _KEPT]
        return bool(piece)
