"""What actions on a server's configuration file on this host share: read, written whole, tested, loaded, put back."""

import hashlib
import os
import time
from abc import abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, Final, Literal

from pydantic import Field, JsonValue

from faildrill.errors import ActionFailed, ActionRefused, CannotSee, OutcomeUnknown, reason
from faildrill.ports import Captured, Given, Kind, Observed, Preview
from faildrill.ports.effect import Effect, Found
from faildrill.system import processes, threads
from faildrill.toolkit import kept_file
from faildrill.toolkit.deadlines import SHARE
from faildrill.toolkit.programs import Argv, Surroundings, unstarted

_NOT_RUN: Final = (126, 127)
"""How a shell says that it could not start a program: no word of the server about its files."""
GRAIN: Final = 2 / processes.TICKS
"""Seconds by which the start of a process may seem too early."""
_SIGN: Final = "# put here by faildrill"
"""Ends the line that is put in, so that a person who finds it knows whose it is."""


def started(pid: int) -> float | None:
    """Return when a process of this host was started, in seconds after boot; None where it can't be seen here."""
    try:
        return processes.read(pid).started
    except OSError:
        return None


async def state_of(path: Path) -> os.stat_result:
    """Return what a file's system says of it, in its own time: one that hangs holds up nothing else. OSError."""
    return await threads.of_file(path, lambda: path.resolve().stat())


def digest(text: str) -> str:
    """Return what tells a text from every other one, without a word of it."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


class OfFile(Kind):
    """A configuration file of a server on this host."""

    @property
    @abstractmethod
    def _server(self) -> str:
        """The name of the server, in a sentence."""

    @property
    @abstractmethod
    def _path(self) -> Path:
        """The file that is changed."""

    @property
    @abstractmethod
    def _tests(self) -> Argv:
        """The server's own test of its files: ends with 0 where it accepts them."""

    async def _text(self) -> str:
        """Read the file, every byte of it: what is no UTF-8 comes back as it was when it is written."""
        try:
            content = await threads.read(self._path)
        except OSError as error:
            raise CannotSee(f"{self._path} can't be read: {reason(error)}") from error
        return content.decode("utf-8", "surrogateescape")

    async def _state(self) -> os.stat_result:
        """Return what its file system says of the file; CannotSee where it doesn't."""
        try:
            return await state_of(self._path)
        except OSError as error:
            raise CannotSee(f"{self._path} can't be looked at: {reason(error)}") from error

    async def _write(self, text: str, kept: os.stat_result | None = None) -> None:
        """Put a text in the file's place, with the times that it had where they are given.

        ActionFailed, with the file as it was, where that can't be done; OutcomeUnknown where its file system hangs.
        """
        times = (kept.st_atime_ns, kept.st_mtime_ns) if kept else None
        try:
            await kept_file.write(self._path, text.encode("utf-8", "surrogateescape"), times)
        except TimeoutError as error:
            raise OutcomeUnknown(f"{self._path}: {reason(error)}") from error
        except OSError as error:
            raise ActionFailed(f"{self._path} can't be written: {error}") from error

    async def _exchange(self, former: str, text: str, kept: os.stat_result | None = None) -> None:
        """Write a text over another one; ActionFailed, with the file as it is, where somebody has changed it since."""
        if await self._text() != former:
            raise ActionFailed(f"{self._path} has been changed by somebody else meanwhile: it is left as it is")
        await self._write(text, kept)

    async def _take_back(self, changed: str, text: str, kept: os.stat_result) -> None:
        """Write what was there before a change that was never loaded, with the time that it had: it is what runs."""
        await self._exchange(changed, text, kept)

    async def _refuse_changed(self, text: str, before: Captured) -> None:
        """Raise ActionRefused where the file, or the server, is not what it was when it was looked at."""
        if another := await self._another(before):
            raise ActionRefused(f"{another}: nothing is touched")
        if digest(text) != before["text"]:
            raise ActionRefused(f"{self._path} has been changed since it was looked at: it is left as it is")

    @abstractmethod
    async def _others(self, within: float) -> list[Path]:
        """List the other files that the server loads with this one; CannotSee where that can't be told."""

    @abstractmethod
    async def _since(self) -> float | None:
        """Return when what runs was started, in seconds after boot; None where it can't be seen here."""

    async def _another(self, before: Captured) -> str:
        """Say that what runs is another server than was looked at, and ran already then; the empty string: it isn't."""
        return ""

    async def _beside(self, before: Captured, within: float) -> list[Path]:
        """List the same; as they were when it was captured, where the files are not good now."""
        try:
            return await self._others(within)
        except CannotSee:
            known = before.get("beside", [])
            return [Path(str(path)) for path in known] if isinstance(known, list) else []

    async def _refuse_unloaded(self, within: float) -> list[JsonValue]:
        """Raise ActionRefused where a file was written since what runs was started, this one or one beside it.

        Returns those beside it.

        Loading it for a drill would make somebody's edit live, which nobody has loaded yet.
        """
        others = await self._others(within)
        if newer := await _written_since([self._path, *others], await self._since()):
            raise ActionRefused(
                f"{newer} was written after {self._server} loaded it, so what runs may not be what it says: "
                f"have {self._server} load it first, or take the edit back"
            )
        return [str(path) for path in others]

    async def _edited(self, text: str, before: Captured, within: float) -> str:
        """Tell, right before a load, what it would load beside this text and what runs; the empty string: nothing."""
        if another := await self._another(before):
            return another
        others = await self._beside(before, within)
        since = await self._since()
        if await self._text() != text:
            return f"{self._path} has been changed by somebody else meanwhile"
        newer = await _written_since(others, since)
        return f"{newer} has been changed by somebody else, who has not loaded it" if newer else ""

    async def _unloaded_beside(self, before: Captured, within: float) -> list[str]:
        """Name files beside this one that somebody has changed and not loaded: loading this one would load them.

        And tell where what would load them is another server.
        """
        another = await self._another(before)
        newer = await _written_since(await self._beside(before, within), await self._since())
        return [*([another] if another else []), *([f"{newer} has been changed, and is not loaded"] if newer else [])]

    async def _tested(self, within: float) -> str:
        """Have the server test its files; return what it says against them, the empty string when nothing."""
        program = self._tests[0]
        try:
            ended = await Surroundings().run(self._tests, within, {})
        except OSError as error:
            raise CannotSee(unstarted(program, error)) from error
        if ended.code is None:
            raise CannotSee(f"{program} did not test its files in time")
        # Below 0: ended by a signal (out of memory, a time limit), so it said nothing of the files.
        if ended.code < 0 or ended.code in _NOT_RUN:
            raise CannotSee(f"{program} did not test its files: it {ended}")
        return (ended.said or f"it ended with {ended.code}") if ended.code else ""

    async def _refuse_bad(self, given: Given) -> None:
        """Raise ActionRefused when the files are not good as they are."""
        if complaint := await self._tested(given.timeout * SHARE):
            raise ActionRefused(f"{self._server}'s files are not good as they are: {complaint}")

    @abstractmethod
    def _unchanged(self, text: str, before: Captured) -> str:
        """Return a text of the file without what this has changed in it."""

    async def _write_back(self, before: Captured, given: Given) -> None:
        """Write what was before; ActionFailed where it can't be loaded then, and nothing else with it.

        So it is, with nothing touched, where somebody has changed anything else in the file: loading would load it.
        """
        if another := await self._another(before):
            raise ActionFailed(f"{another}: nothing is touched")
        now = await self._text()
        text = self._unchanged(now, before)
        if "text" in before and digest(text) != before["text"]:
            raise ActionFailed(f"{self._path} has been changed by somebody else: it is left as it is, and not loaded")
        if text != now:
            await self._exchange(now, text)
        if complaint := await self._tested(given.timeout * SHARE / 2):
            raise ActionFailed(f"{self._server} refuses its files, so they are not loaded: {complaint}")
        if edited := await self._edited(text, before, given.timeout * SHARE / 2):
            raise ActionFailed(f"{edited}, so nothing is loaded")


class OfBrokenFile(OfFile):
    """A mistake is put into the file, and the server told to load it, as somebody does who edits on the host."""

    effect_is: ClassVar[Effect] = "state"
    acts_late: ClassVar[float] = 5.0
    """A server that is loading its files loads what is there once more when it has done."""

    mistake: str = Field(
        default="this_line_is_a_mistake",
        pattern=r"^[^\r\n]*\S[^\r\n]*$",
        description="the line that is added at the end of the file; the server must refuse it",
    )

    @abstractmethod
    async def _running(self, given: Given) -> Captured:
        """Read who serves now; CannotSee where nobody does."""

    @abstractmethod
    async def _load(self, before: Captured, given: Given) -> None:
        """Have the server load its files, whatever it says of them."""

    @abstractmethod
    async def _went_on(self, before: Captured, given: Given) -> Observed:
        """Tell whether the server was told to load the mistake, and goes on as it did before."""

    @abstractmethod
    async def _loaded(self, before: Captured, given: Given) -> Observed:
        """Tell whether what the file holds now is what the server runs with."""

    async def capture(self, given: Given) -> Captured:
        """See that the files are good, and who serves."""
        await self._refuse_bad(given)
        if self._line in await self._text():
            raise ActionRefused(f"{self._path} has the line already: take it out first")
        return {"good": True, "text": digest(await self._text()), **await self._running(given)}

    async def apply(self, before: Captured, given: Given) -> Captured:
        """Break the file, and have it loaded; what the server accepts is no mistake, and is taken out unloaded."""
        # The time is read before the change: it is what tells later whether what runs is what the file says.
        text, kept = await self._text(), await self._state()
        await self._refuse_changed(text, before)
        await self._exchange(text, text + self._line)
        try:
            complaint = await self._tested(given.timeout * SHARE / 2)
        except CannotSee as error:
            await self._take_back(text + self._line, text, kept)
            raise ActionRefused(f"{self._path} is as it was: {error}") from error
        if not complaint:
            await self._take_back(text + self._line, text, kept)
            raise ActionRefused(f"{self._server} accepts {self.mistake!r}: it is no mistake; the file is as it was")
        if edited := await self._edited(text + self._line, before, given.timeout * SHARE / 4):
            await self._take_back(text + self._line, text, kept)
            raise ActionRefused(f"{edited}, so nothing was loaded; {self._path} is as it was")
        await self._load(before, given)
        return {"file": str(self._path), "said": complaint}

    async def confirm(self, before: Captured, given: Given) -> Observed:
        """See that the server refuses the file, was told to load it, and goes on."""
        complaint = await self._tested(given.timeout * SHARE)
        if not complaint:
            return Observed(holds=False, because=f"{self._server} accepts its files")
        observed = await self._went_on(before, given)
        return Observed(observed.holds, f"{observed.because}; {self._server} says: {complaint}", observed.evidence)

    async def found(self, before: Captured, given: Given) -> Found:
        """Compare the file with what it was, and with that and the line; and what was set beside it."""
        text = await self._text()
        without = text.removesuffix(self._line)
        known = "text" not in before or digest(without) == before["text"]
        troubles = [] if known else [f"{self._path} has been changed otherwise"]
        troubles += await self._set_by_others(before, given)
        troubles += await self._unloaded_beside(before, given.timeout * SHARE)
        is_before = text == without and not troubles
        whose: Literal["ours", "before", "others"] = "before" if is_before else "others" if troubles else "ours"
        remedy = f"take the line {self.mistake!r} out of {self._path}, test it, and have {self._server} load it"
        return Found(
            whose, "; ".join(troubles) or f"as this has made {self._path}", "one line more than before", remedy
        )

    async def _set_by_others(self, before: Captured, given: Given) -> list[str]:
        """Tell what somebody has set in the running server, which loading the files would write over."""
        return []

    async def undo(self, before: Captured, given: Given) -> None:
        """Take the line out, test, and load where that was not loaded yet."""
        await self._write_back(before, given)
        if not (await self._loaded(before, given)).holds:
            await self._load(before, given)

    def _unchanged(self, text: str, before: Captured) -> str:
        return text.replace(self._line, "")

    async def restored(self, before: Captured, given: Given) -> Observed:
        """See that the line is gone, and that the files are good and loaded."""
        if self._line in await self._text():
            return Observed(holds=False, because=f"{self._path} has the line {self.mistake!r}")
        if complaint := await self._tested(given.timeout * SHARE):
            return Observed(holds=False, because=complaint)
        return await self._loaded(before, given)

    async def preview(self, given: Given) -> Preview:
        """Tell what would be written."""
        await self._text()
        effect = f"{self._path} gets the line {self.mistake!r}, and {self._server} is told to load it"
        return Preview([self._touched], effect, "take it out, and load")

    @property
    def _touched(self) -> str:
        return f"{self._server.lower()}/{self._path.name}"

    @property
    def _line(self) -> str:
        """What is put at the file's end: with a break of its own before it, so that taking it out leaves every byte."""
        return f"\n{self.mistake}  {_SIGN}\n"


async def _written_since(paths: Iterable[Path], since: float | None) -> str:
    """Name the first file whose content, or place, was changed since float seconds after boot; else an empty string.

    A file that is moved there, or copied with its times, is as old as it was; when it came, its inode tells (ctime).
    """
    if since is None:
        return ""
    ahead = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    for path in paths:
        try:
            state = await state_of(path)
        except OSError as error:
            raise CannotSee(f"when {path} was written is unknown: {reason(error)}") from error
        if max(state.st_mtime, state.st_ctime) - ahead > since + GRAIN:
            return str(path)
    return ""
