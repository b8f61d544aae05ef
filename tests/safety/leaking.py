"""Kinds that let their secret out wherever they can: somebody else's package, installed for a test."""

import asyncio
import base64
import logging
import os
import sys
import warnings
from typing import ClassVar
from urllib.parse import quote

from faildrill.errors import ActionFailed
from faildrill.ports import Captured, Checked, Given, Kind, Observed, Preview, Seen, Told
from faildrill.record.samples import Outcome
from faildrill.secrets import Reference
from faildrill.standards import Settings, SettingsRead
from faildrill.standards.settings import Backend, Server


class _Leaks(Kind):
    """Knows a secret."""

    secret: Reference

    def said(self) -> str:
        """Tell it, in every way that it may be written."""
        value = self.secret.resolve().reveal()
        basic = base64.b64encode(f"user:{value}".encode()).decode()
        return f"{value} https://u:{quote(value, safe='')}@host Basic {basic} {value!r} {value.encode().hex()}"

    def shout(self) -> None:
        """Write it to what every process has."""
        sys.stderr.write(f"on stderr: {self.said()}\n")
        logging.getLogger("leaking").error("in a log: %s", self.said())
        warnings.warn(f"in a warning: {self.said()}", stacklevel=1)
        asyncio.get_running_loop().call_exception_handler({"message": f"in the loop: {self.said()}"})


class Look(_Leaks):
    """Leaks in what it sees, and in what breaks it."""

    async def look(self, given: Given) -> Seen:
        """Leak in the details, in who answered, and every third time in an error."""
        del given
        self.shout()
        return Seen(Outcome.OK, f"server {self.secret.resolve().reveal()}", self.said())


class Broken(_Leaks):
    """Leaks in what breaks it."""

    async def look(self, given: Given) -> Seen:
        """Break, with the secret in the first 120 characters and cut by them."""
        raise RuntimeError("x" * 100 + self.said()) if given.run else AssertionError


class Act(_Leaks):
    """Leaks in its answer, its effect, its errors, and what it captures where it is told to."""

    captures: bool = False
    done: ClassVar[list[str]] = []

    async def capture(self, given: Given) -> Captured:
        """Capture the secret itself, if told to."""
        del given
        self.shout()
        return {"state": [self.said()]} if self.captures else {"n": len(self.done)}

    async def apply(self, before: Captured, given: Given) -> Captured:
        """Answer with the secret as key and as value."""
        del before, given
        self.done.append("apply")
        return {self.said(): {"deep": [self.said()]}}

    async def confirm(self, before: Captured, given: Given) -> Observed:
        """See the effect, and say too much about it."""
        del before, given
        return Observed(holds=True, because="x" * 1900 + self.said() * 3, evidence={"dsn": self.said()})

    async def undo(self, before: Captured, given: Given) -> None:
        """Break with the secret in the traceback."""
        del before, given
        try:
            raise ValueError(self.said())  # noqa: TRY301 - its traceback is what may leak
        except ValueError as error:
            raise ActionFailed(f"undo: {self.said()}") from error

    async def restored(self, before: Captured, given: Given) -> Observed:
        """See it put back."""
        del before, given
        return Observed(holds=True, because=f"back: {self.said()}")

    async def rights(self, given: Given) -> list[Checked]:
        """Miss one, and say too much of it."""
        del given
        return [Checked("right", ok=False, told=self.said(), remedy=self.said())]

    async def preview(self, given: Given) -> Preview:
        """Say too much."""
        del given
        return Preview([self.said()], self.said(), self.said())


class Echo(_Leaks):
    """Is told by its target what only a probe was to know, and says so wherever it can."""

    def said(self) -> str:
        """Tell what the target holds, without ever having resolved it."""
        return os.environ.get("CANARY", "nobody told us")

    async def capture(self, given: Given) -> Captured:
        """Capture something else."""
        del given
        self.shout()
        return {"n": 1}

    async def apply(self, before: Captured, given: Given) -> Captured:
        """Break, and show the target's answer."""
        del before, given
        raise ActionFailed(f"the target said: {self.said()}")

    async def undo(self, before: Captured, given: Given) -> None:
        """Break in the same way."""
        del before, given
        raise ActionFailed(f"undo: {self.said()}")


class Refuses(_Leaks):
    """Objects, with the secret in the objection."""

    objects: bool = False

    async def objection(self, given: Given) -> str | None:
        """Say too much."""
        del given
        self.shout()
        return f"no: {self.said()}" if self.objects else None

    def facts(self) -> list[str]:
        """Prove what it was given."""
        return [self.model_dump_json()]

    async def ask_again(self, given: Given) -> Told:
        """Say too much of what it proves."""
        del given
        self.shout()
        return Told(proved=[self.said()])


class Board(_Leaks):
    """Reads settings that hold the secret: a server is called by it, and weighs nothing."""

    async def settings(self, given: Given) -> SettingsRead:
        """Tell it as who was asked, and in what was read."""
        del given
        backend = Backend(servers={self.said(): Server(weight=1), "other": Server(weight=200)}, algorithm="roundrobin")
        return SettingsRead(self.said(), Settings(backends={self.said(): backend}))
