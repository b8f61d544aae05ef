"""A simulated board of settings, so that what is left around a drill can be planted and told."""

import asyncio

from pydantic import Field, ValidationError

from faildrill.errors import CannotSee
from faildrill.ports import Duration, Given, Kind
from faildrill.standards import Settings, SettingsRead
from faildrill.system import bounded_read


class Board(Kind):
    """Reads settings from a file of a simulated place, as JSON; for tests.

    board: {simulated.settings: {folder: /tmp/place}}
    """

    folder: str = Field(description="the folder of the simulated place")
    delay: Duration = Field(default=0.0, description="for how long nothing comes")

    async def settings(self, given: Given) -> SettingsRead:
        """Read the file `settings.json`."""
        await asyncio.sleep(self.delay)
        try:
            content = await asyncio.to_thread(bounded_read.read, f"{self.folder}/settings.json")
            return SettingsRead("a simulated board", Settings.model_validate_json(content))
        except (OSError, ValidationError) as error:
            raise CannotSee(f"the board can't be read: {error}") from error
