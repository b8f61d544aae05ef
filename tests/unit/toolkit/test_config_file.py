"""A configuration file is changed in its own time, and by nobody but its own draft."""

import asyncio
import os
import threading
from pathlib import Path

import pytest

from faildrill.errors import CannotSee, OutcomeUnknown
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Captured, Given, Observed
from faildrill.toolkit.config_file import OfBrokenFile
from faildrill.toolkit.programs import Argv
from support.hanging_files import hanging_as
from support.places import until

TEXT = "all: good\n"


class Plain(OfBrokenFile):
    """A server that has one file, and refuses a mistake in it."""

    path: str

    @property
    def _server(self) -> str:
        return "Plain"

    @property
    def _path(self) -> Path:
        return Path(self.path)

    @property
    def _tests(self) -> Argv:
        return "/bin/sh", "-c", f"! grep mistake {self.path}"

    async def _others(self, within: float) -> list[Path]:
        del within
        return []

    async def _since(self) -> float | None:
        return None

    async def _running(self, given: Given) -> Captured:
        del given
        return {}

    async def _load(self, before: Captured, given: Given) -> None:
        """Load nothing."""

    async def _went_on(self, before: Captured, given: Given) -> Observed:
        del before, given
        return Observed(holds=True, because="it goes on")

    async def _loaded(self, before: Captured, given: Given) -> Observed:
        del before, given
        return Observed(holds=True, because="it is loaded")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "plain.conf"
    path.write_text(TEXT, encoding="utf-8")
    return path


def draft(file: Path) -> Path:
    return file.with_name(f".{file.name}.faildrill")


@pytest.mark.timeout(10)
@pytest.mark.parametrize("left", ["pipe", "link"])
def test_what_somebody_has_put_under_the_drafts_name_is_neither_waited_for_nor_written_through(
    file: Path, left: str
) -> None:
    elsewhere = file.with_name("elsewhere")
    elsewhere.write_text("", encoding="utf-8")
    if left == "pipe":
        os.mkfifo(draft(file))
    else:
        draft(file).symlink_to(elsewhere)

    async def story() -> None:
        step, given = Plain(path=str(file)), CallContext("run", timeout=5.0)
        await step.apply(await step.capture(given), given)

    asyncio.run(story())
    assert "mistake" in file.read_text(encoding="utf-8")
    assert elsewhere.read_text(encoding="utf-8") == ""
    assert not draft(file).is_symlink()
    assert not draft(file).exists()


def test_a_write_that_hangs_is_left_open_holds_up_nothing_and_does_not_come_later(file: Path) -> None:
    beats, earlier = 0, {*threading.enumerate()}

    async def beat() -> None:
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep(0.01)

    async def story() -> None:
        step, given = Plain(path=str(file)), CallContext("run", timeout=10.0)
        before = await step.capture(given)
        beating = asyncio.create_task(beat())
        with pytest.raises(OutcomeUnknown, match=r"it can't be written within 2 s: does its file system hang\?"):
            await step.apply(before, given)
        assert beats > 50
        with pytest.raises(CannotSee, match=r"does its file system hang\?"):
            await step.restored(before, given)  # something of ours may still write it: nobody says what it holds
        beating.cancel()

    with hanging_as(file.parent, draft(file).name):
        asyncio.run(story())
    until(lambda: not {*threading.enumerate()} - earlier)
    assert not draft(file).exists()
    assert file.read_text(encoding="utf-8") == TEXT
