"""What judging yields: findings, one verdict, and the figures that a report prints. Plain data, a published schema.

All of it is a pure function of the timeline and the samples. Times within a run are float seconds since its first
event; bounds are [at least, at most].
"""

import enum
from collections.abc import Iterable
from typing import Literal

import msgspec

from faildrill.system.exit_codes import ExitCode, worst

FORMAT = 1
"""Version of result.json."""
Level = Literal["info", "good", "bad"]
"""Whether what a line tells is good news."""


class Verdict(enum.StrEnum):
    """The one word for a run. PASSED needs all to hold."""

    UNSAFE = "UNSAFE"
    ERROR = "ERROR"
    ABORTED = "ABORTED"
    REFUSED = "REFUSED"
    FAILED = "FAILED"
    INCONCLUSIVE = "INCONCLUSIVE"
    PASSED = "PASSED"

    @property
    def conclusive(self) -> bool:
        """Whether it says something of what was drilled: that it held, or that it did not."""
        return self in (Verdict.PASSED, Verdict.FAILED)

    @property
    def exit_code(self) -> int:
        """The exit code of `faildrill run` for it."""
        return ExitCode[self.value].value

    @classmethod
    def worst(cls, verdicts: Iterable["Verdict"]) -> "Verdict":
        """Return the one that wins where several apply, as the exit codes do; PASSED where there is none."""
        return cls(worst(ExitCode[verdict.value] for verdict in verdicts).name)


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Data of a result."""


class Finding(Record, frozen=True, kw_only=True):
    """One claim, weighed."""

    kind: str
    """The expectation's kind, or `step`, `undo`, `guard`, `run` for what the engine itself weighs."""
    claim: str
    """What was expected, as a sentence: `payments are never down for more than 30 s`."""
    verdict: Verdict
    """What this finding alone would make of the run."""
    because: str
    """Why, with the numbers."""
    advice: str = ""
    """What to do next, where there is something: how fast to probe to decide, what to look at."""
    evidence: list[str] = []
    """References: `timeline:17` an entry's number, `sample:pay:1042` a probe's sample by its number."""


class Bounds(Record, frozen=True, kw_only=True):
    """What is proven of a length of time, in seconds: it lasted at least, and at most."""

    at_least: float
    at_most: float | None
    """None: not over when the looking ended."""
    likely: float | None = None
    """The likeliest length within the bounds, where there is one; no proof, and no verdict rests on it."""


class Outage(Record, frozen=True, kw_only=True):
    """One stretch in which a probe proved its service dark."""

    probe: str
    length: Bounds
    last_good: float | None
    """When the last good look before it was sent: the outage began after that."""
    first_dark: float
    """The first moment proven dark."""
    last_dark: float
    """The last moment proven dark."""
    first_good: float | None
    """The first answer after it: the outage was over by then. None: it was not."""
    looks: dict[str, int]
    """How its looks ended, by outcome in lower case; `slow` for good answers that came too late."""
    stretches: int = 1
    """Of how many dark stretches it is made: life was proven between them, for less than the hold time."""
    phases: dict[str, float] = {}
    """Seconds from its cause to: `first_dark`, `detected`, `new_writer`, `first_good`, `stable`, where known."""
    cause: str = ""
    """The id of the step that it followed, done or put back; empty where nothing was done before it."""
    followed: Literal["fault", "putting back", ""] = ""
    """Whether that was before anything was put back (a failover), or from then on (a failback)."""


class Writes(Record, frozen=True, kw_only=True):
    """What became of the writes of one ledger, by the worst of the nodes that take writes."""

    probe: str
    was_read: bool = True
    """False: no node that takes writes was read back, so that nobody can tell."""
    acknowledged: int = 0
    lost: int = 0
    """Acknowledged, and not there."""
    duplicated: int = 0
    """There more than once."""
    phantom: int = 0
    """Rejected, and there."""


class Headline(Record, frozen=True, kw_only=True):
    """What a run is remembered by: every page tells these figures, and no other ones, as what users went through."""

    probe: str
    """What stands for the users."""
    outage: Outage | None = None
    """The longest that followed the fault, before anything was put back; None: none was seen."""
    allowed: float | None = None
    """Seconds that the drill allows it, the strictest of its limits."""
    failback_probe: str
    failback: Outage | None = None
    """The longest from when something was first put back; None: none was seen."""
    failback_allowed: float | None = None
    was_put_back: bool = False
    unproven: float = 0.0
    """Seconds for which an outage could have hidden between the looks from the fault on, until it was put back."""
    failback_unproven: float = 0.0
    """The same, from then on."""
    writes: list[Writes] = []


class ProbeFigures(Record, frozen=True, kw_only=True):
    """One probe over the whole run."""

    probe: str
    kind: str
    every: float
    slow: float | None
    looks: int
    outcomes: dict[str, int]
    skipped: int
    broken: int
    open: int = 0
    """Requests that met a connection which the server was ending: neither good nor dark, or asked again on another."""
    throttled: int = 0
    """Looks that were turned away for the prober's own rate: they prove nothing of the service."""
    late_after: float | None = None
    """Seconds that an answer may take until it is late: late, not dark."""
    late: int = 0
    """Good answers that came later than that, and not so late that it counts as dark."""
    damaged: int
    outages: list[Outage]
    """In order; a service counts as recovered when it was good for `hold`, so flapping is one outage."""
    outages_left_out: int = 0
    """How many more there are, shorter than those listed."""
    hold: float = 0.0
    """Seconds that it must be good to count as recovered."""
    unproven: float = 0.0
    """The longest time for which no look proves it alive: a longer outage can't hide between the looks."""
    answer_times: dict[str, float]
    """Percentiles of answered - due over good looks, in seconds: `p50`, `p90`, `p99`, `p99.9`, `max`."""
    lateness: dict[str, float]
    """Percentiles of sent - due: how punctual the prober itself was."""


class StepFigures(Record, frozen=True, kw_only=True):
    """One step, as it went."""

    id: str
    name: str
    kind: str
    started: float | None
    ended: float | None
    outcome: Literal[
        "done", "refused", "failed", "unknown", "not confirmed", "not reached", "met", "not met", "not asked"
    ]
    because: str = ""
    undo: Literal["verified", "not witnessed", "not verified", "failed", "left", "not needed", ""] = ""
    """`not witnessed`: only the one who was asked says that it is put back."""
    undo_because: str = ""
    undo_started: float | None = None
    undo_ended: float | None = None
    in_effect: Bounds | None = None
    """For how long its effect, a state, was seen; None of an event, and where nobody looked again."""
    in_effect_how: Literal["", "lasted", "own limit", "own step", "gone", "can't be told"] = ""
    """How that ended: `lasted` until it was put back, or what ended it before; `gone` where it was nothing of ours."""
    in_effect_because: str = ""
    left_by: Literal["drill", "person", ""] = ""
    """Who wanted it to stay applied, where it was left."""


class Moment(Record, frozen=True, kw_only=True):
    """One line of the story of the run, for people."""

    at: float
    wall: str
    text: str
    entry: int
    """The number of the timeline's entry behind it."""
    level: Level = "info"
    evidence: str = ""
    """What the line is taken from: `timeline:17`, or `sample:pay:1042` for what a probe saw."""


class Result(Record, frozen=True, kw_only=True):
    """A run, judged."""

    format: int = FORMAT
    run: str
    drill: str
    about: str
    environment: str
    identity: str
    owner: str
    runbook: str
    version: str
    host: str
    user: str
    started: str
    """Wall clock of the first event, UTC."""
    ended: str
    duration: float
    verdict: Verdict
    because: str
    """The deciding finding in one sentence, with what to do next where there is something."""
    conclusive: bool
    """True where the verdict says something of what was drilled: PASSED or FAILED."""
    exit_code: int
    findings: list[Finding]
    decided_by: int = 0
    """The number, from 0, of the finding that stands for the verdict: the first of its causes in time."""
    headline: Headline | None = None
    """None: nobody looked at what stands for the users."""
    probes: list[ProbeFigures]
    steps: list[StepFigures]
    moments: list[Moment]
    phases: dict[str, list[float]]
    """By phase of the run, its start and end."""
    whole: bool
    """False when the timeline has no end or a torn tail."""
