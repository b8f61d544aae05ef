"""`nginx.settings`: what is set at an NGINX, from its configuration."""

import asyncio
import re
from collections.abc import Sequence
from typing import Final, Self

from pydantic import Field, ValidationError, model_validator

from faildrill.adapters.nginx import includes
from faildrill.adapters.nginx.directives import Read
from faildrill.adapters.nginx.passes import Block
from faildrill.errors import CannotSee, reason
from faildrill.ports import Given, Kind
from faildrill.ports.target import FilePath, Program
from faildrill.standards import Aside, Difference, Settings, SettingsRead, Unread
from faildrill.system import bounded_output
from faildrill.system.threads import aside, read
from faildrill.toolkit.deadlines import SHARE

_WARNS: Final = re.compile(r"^nginx: \[warn\] (.*)$", re.MULTILINE)
_MOST: Final = 20


class Upstreams(Kind):
    """Reads NGINX's upstreams and what passes requests to them, from its files or from the output of `nginx -T`.

    NGINX without its commercial API does not tell what is in force, so this is what the next reload will take. With
    `binary`, `nginx -T` is run here, which also checks the files. `dump` is a file with its output, for example fetched
    from the host. `file` is the main configuration file on this machine. NGINX's health checks are reported as
    `passive`: it takes a server out after `max_fails` requests of users failed within `fail_timeout`.

        settings:
          edge: {nginx.settings: {file: /etc/nginx/nginx.conf}}
    """

    file: FilePath | None = Field(default=None, description="the main configuration file, on this machine")
    dump: FilePath | None = Field(default=None, description="a file with the output of `nginx -T`")
    binary: Program | None = Field(default=None, description="the program that prints its configuration, e.g. nginx")

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if sum(source is not None for source in (self.file, self.dump, self.binary)) != 1:
            raise ValueError("name one source: `file`, `dump` or `binary`")
        return self

    async def settings(self, given: Given) -> SettingsRead:
        """Read the configuration."""
        source = self.file or self.dump or f"{self.binary} -T"
        try:
            async with asyncio.timeout(given.timeout):
                blocks, missing, warned = await self._blocks(given.timeout * SHARE)
            found = Read(blocks)
            live = Settings.model_validate({"backends": found.backends})
        except (OSError, ValueError, ValidationError) as error:
            because = reason(error)
            raise CannotSee(f"{source} can't be read: {because}") from error
        why = "NGINX says so itself when it checks its files"
        asides = (*found.asides, *(Aside(f"nginx -T warns: {warning}", why) for warning in warned))
        unread = (*missing, *found.unread)
        return SettingsRead(
            f"NGINX's configuration {source}",
            live,
            unread=unread,
            asides=asides,
            spelled=found.spelled,
            any_case=True,
        )

    def remedy(self, difference: Difference) -> str:
        """Return what to do: NGINX is changed by its file only."""
        return f"correct {self.file or 'the file'}, check it with `nginx -t`, and reload: `nginx -s reload`"

    async def _blocks(self, within: float) -> tuple[list[Block], list[Unread], list[str]]:
        """Return the directives, what of them is missing, and what NGINX warns of."""
        if self.file is not None:
            blocks, missing = await aside(lambda: includes.read(self.file or ""))
            return blocks, missing, []
        if self.binary:
            text, warned = await _printed((self.binary, "-T"), within)
            return includes.from_dump(text), [], warned
        dump = await read(self.dump or "", includes.LARGEST)
        return includes.from_dump(dump.decode(errors="replace")), [], []


async def printed(argv: Sequence[str], within: float) -> str:
    """Return what `nginx -T` prints; ValueError where it refuses, or does not end within float seconds."""
    return (await _printed(argv, within))[0]


async def _printed(argv: Sequence[str], within: float) -> tuple[str, list[str]]:
    """Return what `nginx -T` prints, and what it warns of; ValueError as above."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, errors = await bounded_output.communicate(process, within)
    except TimeoutError:
        raise ValueError("`nginx -T` did not end in time") from None
    except OSError as error:
        raise ValueError(f"`nginx -T`: {reason(error)}") from error
    if process.returncode != 0:
        raise ValueError(f"`nginx -T` refuses it: {errors.decode(errors='replace').strip()[-300:]}")
    return out.decode(errors="replace"), _WARNS.findall(errors.decode(errors="replace"))[:_MOST]
