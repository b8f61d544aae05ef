"""The events of a run, one class each: what a line of the timeline can say."""

from typing import Any, Final, Literal

import msgspec

FORMAT: Final = 3
"""Version of the timeline's format; a reader refuses a newer one."""

Phase = Literal["guarding", "warming up", "acting", "undoing", "steadying", "judging"]
Json = Any
"""A JSON value; the declared shapes of kinds are checked where they are loaded."""


class Event(msgspec.Struct, frozen=True, tag_field="event", kw_only=True, omit_defaults=True):
    """One thing that happened."""


class RunStarted(Event, frozen=True, tag="run.started", kw_only=True):
    """The first event: all that is needed to judge the run tomorrow, on another machine."""

    run: str
    drill: dict[str, Json]
    """The drill as loaded: every name resolved, secrets as references."""
    environment: str
    place: dict[str, Json]
    """The environment as loaded: its targets, guards and probes; secrets as references."""
    identity: str
    """The environment's proven identity, as a whole."""
    boot: str
    """The boot that the monotonic times of this file belong to."""
    version: str
    host: str
    user: str
    facts: list[str] = []
    """Each fact of that identity by itself: a place with one of them is the same place."""
    leave_applied: bool = False
    """True when the person typed --leave-applied."""
    path: str = ""
    """The PATH on which its programs are looked for, by whoever puts it back, too; empty: not recorded."""
    format: int = 1
    """Of the timeline; one that does not say is of the first. Written by whoever lays a run out."""


class PhaseStarted(Event, frozen=True, tag="phase.started", kw_only=True):
    """The run entered a phase."""

    phase: Phase


class GuardAnswered(Event, frozen=True, tag="guard.answered", kw_only=True):
    """One reason not to start was looked at."""

    guard: str
    objection: str | None = None
    """None: no objection."""
    unproven: str = ""
    """What the environment says can't be proven to be what it is, and why, where that is acted on."""


class ProberStarted(Event, frozen=True, tag="prober.started", kw_only=True):
    """A probing process began to look."""

    pid: int
    samples: str
    """The name of its samples file in the run's folder."""
    probes: list[str]


class ProberEnded(Event, frozen=True, tag="prober.ended", kw_only=True):
    """A probing process ended; `asked` tells whether the runner had told it to."""

    pid: int
    asked: bool
    because: str | None = None


class WarmedUp(Event, frozen=True, tag="warm-up.ended", kw_only=True):
    """Every probe was healthy for the warm-up; the slow limits follow from what was seen in it."""

    since: int
    """Monotonic ns from which all probes were good."""
    slow: dict[str, float]
    """By probe, the seconds after which silence counts as dark."""
    late: dict[str, float] = {}
    """By probe, the seconds after which a good answer counts as late."""


class NotHealthy(Event, frozen=True, tag="warm-up.failed", kw_only=True):
    """A probe was not healthy in the warm-up: the drill is refused, nothing was touched."""

    probes: dict[str, str]
    """By probe, what was seen."""


class Intended(Event, frozen=True, tag="step.intended", kw_only=True):
    """Durable before the effect: all that a fresh process needs to put the step back."""

    step: str
    kind: str
    params: dict[str, Json]
    """The action's parameters, targets resolved, secrets as references."""
    before: dict[str, Json]
    """The state to go back to."""
    undo: Literal["own", "named", "none"]
    undo_kind: str | None = None
    undo_params: dict[str, Json] | None = None
    within: float
    """Seconds that the action may take."""
    undo_within: float
    """Seconds that putting it back may take; seeing it put back comes on top."""
    picture: dict[str, str] = {}
    """By name, what was asked of all that it is one of, where its action can tell: exactly its own are to change."""


class Applying(Event, frozen=True, tag="step.applying", kw_only=True):
    """The call that changes something is about to be made, once."""

    step: str


class Applied(Event, frozen=True, tag="step.applied", kw_only=True):
    """The call returned."""

    step: str
    answer: dict[str, Json]


class Happened(Event, frozen=True, tag="step.happened", kw_only=True):
    """An action told of something that it did or saw being done, perhaps a moment ago."""

    step: str
    at: int
    """Monotonic ns at which it happened; this entry was written when it was heard."""
    told: str
    began: bool = False
    """This is when the effect began: an outage counts from here, not from the call."""


class ApplyFailed(Event, frozen=True, tag="step.failed", kw_only=True):
    """The call was refused, broke, or its outcome is unknown and to be settled by observing."""

    step: str
    how: Literal["refused", "failed", "unknown", "late"]
    because: str
    elsewhere: bool = False
    """It was taken by something else than what was looked at: it is not put back, and the environment is dirty."""


class Confirmed(Event, frozen=True, tag="step.confirmed", kw_only=True):
    """The effect of the step was seen."""

    step: str
    because: str
    evidence: dict[str, Json] = {}
    word_of: str = ""
    """Whose word alone that is; the empty string where somebody else has told it as well."""
    moves: list[str] = []
    """Whose share of the answers it changes, where that is known."""
    empties: bool = False
    """These get no request any more."""


class NotConfirmed(Event, frozen=True, tag="step.not-confirmed", kw_only=True):
    """The effect of the step was not seen in time."""

    step: str
    because: str


class EffectSeen(Event, frozen=True, tag="effect.seen", kw_only=True):
    """The effect of a step, a state, was seen to be still there, or there again."""

    step: str
    at: int
    """Monotonic ns at which the last look that saw it was sent."""
    looks: int = 1
    """How many looks saw it since it was told of before."""


class EffectGone(Event, frozen=True, tag="effect.gone", kw_only=True):
    """The effect of a step, a state, was seen to be gone before it was put back, by two looks."""

    step: str
    last: int
    """Monotonic ns at which the last look that saw it was sent; 0 when none did since it took effect."""
    gone: int
    """Monotonic ns by which it was gone: when the first look that did not see it was answered."""
    because: str
    suspect: str = ""
    """Who or what ended it, where that can be told."""
    limit: float | None = None
    """Seconds after which the target ends it by itself, where it does."""


class EffectUntold(Event, frozen=True, tag="effect.untold", kw_only=True):
    """Right before it was put back nobody could tell whether the effect of a step, a state, was still there."""

    step: str
    because: str


class WaitStarted(Event, frozen=True, tag="wait.started", kw_only=True):
    """A step that only waits began."""

    step: str
    until: str
    within: float
    who: str | None = None
    """Of whom, where it waits for somebody to be seen or not: as it was when the wait began."""


class WaitEnded(Event, frozen=True, tag="wait.ended", kw_only=True):
    """A wait was met, or ran out (`met` is false)."""

    step: str
    met: bool
    because: str
    asked: bool = True
    """False: what it was to wait for could not be told, so nothing was waited for."""


class LockKept(Event, frozen=True, tag="lock.kept", kw_only=True):
    """The lock between hosts is held by a process of the run that outlives its runner."""

    pid: int


class PlaceAsked(Event, frozen=True, tag="place.asked", kw_only=True):
    """Right before a step, or before anything is put back, the place was asked again what it is."""

    proved: list[str]
    differs: list[str]
    """Who says that it is something else: nothing is touched then."""
    silent: list[str]
    """Who could not be asked: the drill may have taken it down."""
    because: str = ""
    """Why nothing is touched, or what was gone by where nobody answered."""


class Undoing(Event, frozen=True, tag="undo.started", kw_only=True):
    """Durable before the undo of a step is called; `by` is who undoes."""

    step: str
    by: Literal["runner", "sentinel", "recover"]


class Undone(Event, frozen=True, tag="undo.returned", kw_only=True):
    """The undo of a step returned; it is not believed before it is seen."""

    step: str


class UndoFailed(Event, frozen=True, tag="undo.failed", kw_only=True):
    """The undo of a step broke or ran out of time; the others are still tried."""

    step: str
    because: str
    is_unstarted: bool = False
    """True where its program can't be started, so that more time would change nothing."""


class UndoVerified(Event, frozen=True, tag="undo.verified", kw_only=True):
    """The state from before the step was seen again."""

    step: str
    because: str
    times: int = 1
    """How often it was put back by whoever was asked to once, where that is counted."""
    word_of: str = ""
    """Whose word alone that is; the empty string where somebody else has told it as well."""
    uncompared: bool = False
    """Whether nobody could see, right before, what it was put back over."""
    unseen: str = ""
    """Why nobody could; the empty string in runs of before it was recorded."""


class UndoNotVerified(Event, frozen=True, tag="undo.not-verified", kw_only=True):
    """The state from before the step was not seen again: the environment is dirty."""

    step: str
    because: str


class LeftApplied(Event, frozen=True, tag="undo.left", kw_only=True):
    """The step stays as it is, because the drill or the person said so in so many words."""

    step: str
    by: Literal["drill", "person"]
    because: str


class SteadyAgain(Event, frozen=True, tag="steady.seen", kw_only=True):
    """After the last undo every probe was good again and stayed so for the hold time."""

    since: int
    """Monotonic ns from which all probes were good."""
    after: float
    """Seconds from the last undo until then."""


class NotSteady(Event, frozen=True, tag="steady.not-seen", kw_only=True):
    """Not every probe was good again before the runner stopped waiting."""

    probes: dict[str, str]
    waited: float


class AbortAsked(Event, frozen=True, tag="abort.asked", kw_only=True):
    """A person, a condition or a signal ends the run; everything is put back."""

    by: Literal["person", "condition", "signal", "sentinel"]
    because: str


class RunnerDied(Event, frozen=True, tag="runner.died", kw_only=True):
    """The runner died or was stopped; whoever saw it fences, then cleans up."""

    how: str
    boot: str
    """The boot that the times from here on belong to."""


class Fenced(Event, frozen=True, tag="fenced", kw_only=True):
    """Nothing of the run acts any more but what puts it back: these processes were ended."""

    processes: list[str]
    left: list[str] = []
    """These would not end, or may not be ended by us: they may still act, so nothing counts as put back."""


class RunnerBroke(Event, frozen=True, tag="runner.broke", kw_only=True):
    """The runner itself broke: a defect of ours, with its traceback."""

    error: str
    traceback: str


class Settled(Event, frozen=True, tag="run.settled", kw_only=True):
    """A person took the word for it that nothing is left of the run: not seen put back, and not dirty any more."""

    by: str
    because: str
    """The person's words."""
    seen: list[str]
    """What was found when it was asked for the last time."""


class RunEnded(Event, frozen=True, tag="run.ended", kw_only=True):
    """The last event of a whole timeline."""

    by: Literal["runner", "sentinel", "recover"]


AnyEvent = (
    RunStarted
    | PhaseStarted
    | GuardAnswered
    | ProberStarted
    | ProberEnded
    | WarmedUp
    | NotHealthy
    | Intended
    | Applying
    | Applied
    | Happened
    | ApplyFailed
    | Confirmed
    | NotConfirmed
    | EffectSeen
    | EffectGone
    | EffectUntold
    | WaitStarted
    | WaitEnded
    | PlaceAsked
    | LockKept
    | Undoing
    | Undone
    | UndoFailed
    | UndoVerified
    | UndoNotVerified
    | LeftApplied
    | SteadyAgain
    | NotSteady
    | AbortAsked
    | RunnerDied
    | Fenced
    | RunnerBroke
    | RunEnded
    | Settled
)
