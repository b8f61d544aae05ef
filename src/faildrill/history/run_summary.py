"""What the history keeps of a run: read from its folder alone, and never more than that says."""

from typing import Final

import msgspec

from faildrill.history.comparability import Conditions
from faildrill.judging.result import Verdict

BASELINE: Final = "baseline.json"
"""In a run's folder: a person's word that from this run on another length is the usual one."""


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """A person's word that what changed by this run is explained."""

    by: str
    at: str
    because: str


class Dated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What decides whether a run may be removed; no more is read of each of a hundred thousand runs."""

    folder: str
    """From the folder of the reports."""
    drill: str
    way: str = ""
    environment: str
    started: str
    verdict: Verdict
    has_notes: bool = False
    """Whether a person has written something into its review."""
    baseline: Baseline | None = None


class RunSummary(Dated, frozen=True, kw_only=True, omit_defaults=True):
    """One run, as the history knows it; times are float seconds."""

    run: str
    identity: str
    because: str
    runbook: str = ""
    runbook_digest: str = ""
    """Of its text when the drill was run; empty where nobody read it."""
    version: str
    probe: str = ""
    """What stands for the users; empty where nobody looked at it."""
    at_least: float = 0.0
    at_most: float | None = None
    """None: its end was not seen, or was not its own."""
    was_put_back: bool = False
    """Whether something was put back, and all of it was seen to be."""
    unmeasured: str = ""
    """Why its outage counts in no trend; empty where it does."""
    actions: list[str] = []
    """The kinds of its actions, in their order."""
    conditions: Conditions = {}
    satisfies: list[str] = []
    """Labels of what it is evidence for, as its drill said then."""

    @property
    def day(self) -> str:
        """The date on which it was run, UTC."""
        return self.started[:10]


class Unread(Exception):
    """A folder that holds a run which can't be told of; says why, and what to do."""
