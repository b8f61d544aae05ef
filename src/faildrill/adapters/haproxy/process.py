"""Which HAProxy it is that answers: a socket, a name or an address may lead to another one at the next look."""

import time
from collections.abc import Mapping
from typing import Final, NamedTuple

from pydantic import JsonValue

COMMAND: Final = "show info"
"""What makes a worker tell who it is."""
_END: Final = "\n\n"
"""What a whole answer ends with."""


class Process(NamedTuple):
    """A worker: the process that answers."""

    pid: str
    started: float
    """Seconds since the epoch, by this host's clock."""
    node: str = ""

    @classmethod
    def read(cls, answer: str) -> "Process | None":
        """Read it out of an answer that holds that of `show info`; None where it doesn't say, or was cut short."""
        if not answer.endswith(_END):
            return None
        fields = dict(line.partition(": ")[::2] for line in answer.splitlines())
        pid, uptime = fields.get("Pid", "").strip(), fields.get("Uptime_sec", "").strip()
        if not pid or not uptime.isdecimal():
            return None
        # Whole seconds, rounded down: it may have been started up to a second earlier than this says.
        return cls(pid, time.time() - int(uptime), fields.get("node", "").strip())

    def captured(self) -> dict[str, JsonValue]:
        """Return it as data, with the moment."""
        return {"process": self.pid, "node": self.node, "at": time.time()}

    def differs(self, before: Mapping[str, JsonValue]) -> str:
        """Say that this is another one than was captured, which ran already then; the empty string where it isn't.

        One that was started since is what a reload or a restart has made of it: it has its state from its file. HAProxy
        tells its uptime in whole seconds, rounded down, so one that was started since never seems older.
        """
        pid, node = str(before.get("process", "")), str(before.get("node", ""))
        if not pid or "at" not in before or (self.pid, self.node) == (pid, node):
            return ""  # it did not say who it was, or an earlier version has not asked
        if self.node == node and self.started >= float(str(before["at"])):
            return ""
        return f"it leads to two: process {_named(pid, node)} was looked at first, and now {self} answers"

    def __str__(self) -> str:
        """Name it."""
        return f"process {_named(self.pid, self.node)}"


def _named(pid: str, node: str) -> str:
    return f"{pid} on {node}" if node else pid
