"""The shapes a kind can have: probe, action, guard, reach. What the engine asks of an adapter, and nothing more.

A kind is one class whose fields are its parameters; its docstring is its documentation. The class derives from
`Kind` and fits one of the Protocols below. What it may also offer is a Protocol of its own.
"""

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Final, Literal, NamedTuple, Protocol, runtime_checkable

from pydantic import JsonValue

from faildrill.ports.abort_condition import Aborts as Aborts
from faildrill.ports.abort_condition import Rate as Rate
from faildrill.ports.abort_condition import Watcher as Watcher
from faildrill.ports.parameters import Duration as Duration
from faildrill.ports.parameters import ProbeMark as ProbeMark
from faildrill.ports.parameters import ProbeName as ProbeName
from faildrill.ports.parameters import StepMark as StepMark
from faildrill.ports.parameters import StepName as StepName
from faildrill.ports.parameters import Words as Words
from faildrill.ports.reach import ITS_REACH as ITS_REACH
from faildrill.ports.reach import CountsStarts as CountsStarts
from faildrill.ports.reach import Leads as Leads
from faildrill.ports.reach import Reach as Reach
from faildrill.ports.reach import SignalsFor as SignalsFor
from faildrill.ports.reach import Told as Told
from faildrill.ports.target import Kind as Kind
from faildrill.ports.target import Member
from faildrill.record.samples import Outcome

Captured = dict[str, JsonValue]
"""A state to go back to, as data."""


class Seen(NamedTuple):
    """What one look saw. Times are monotonic ns; None leaves them to the prober (before and after the call)."""

    outcome: Outcome
    who: str = ""
    """Who answered, where the answer tells: a server, a node; several are joined by commas, sorted."""
    detail: str = ""
    """What was seen, in a few words that repeat from look to look (no ids, no times: names are interned)."""
    sent: int | None = None
    answered: int | None = None
    wait: float = 0.0
    """With THROTTLED: the seconds for which the answer asks to send nothing more."""


_SENT_AGAIN: ContextVar[Callable[[int], None]] = ContextVar("sent_again")


def sent_again(at: int) -> None:
    """Tell that what a look will prove was sent at this moment (monotonic ns), not when the look began.

    For a look that asks once more because the first time proved nothing. Its silence is dated to this moment then, also
    when it is cut off at its deadline, which stays as it was.
    """
    tell = _SENT_AGAIN.get(None)
    if tell is not None:
        tell(at)


def hear_sent_again(tell: Callable[[int], None]) -> None:
    """Hear of it, from whatever the present task calls from now on: for the prober, once a look."""
    _SENT_AGAIN.set(tell)


class Observed(NamedTuple):
    """What an observation of an effect found, and why."""

    holds: bool
    because: str
    evidence: Captured = {}  # noqa: RUF012 - a NamedTuple's default, never written to
    word_of: str = ""
    """Whose word alone it is, where only the one who was asked can tell: a probe of the drill must have noticed it too.

    So it is of an effect, and of what was put back. It is the first part of the names of kinds that ask the same one,
    such as `haproxy`: their probes are no other witness.
    """
    moves: Sequence[str] = ()
    """Whose share of the answers it changes, as answers name them: these are looked at first then."""
    empties: bool = False
    """These get no request any more: one look that they answer is one too many."""


class Given(Protocol):
    """What the engine gives to a kind when it calls it."""

    @property
    def run(self) -> str:
        """The id of the run."""
        ...

    @property
    def every(self) -> float:
        """For a probe: the seconds between its looks; otherwise 0."""
        ...

    @property
    def timeout(self) -> float:
        """The seconds that the call may take: a look, an apply, an undo."""
        ...

    @property
    def in_flight(self) -> int:
        """For a probe: how many looks may be under way at once; otherwise 1."""
        ...

    @property
    def name(self) -> str:
        """For a probe: its name in the drill; otherwise empty."""
        ...

    @property
    def folder(self) -> Path | None:
        """For a probe in a run: the run's folder, where it may keep a record of its own; otherwise None."""
        ...

    def reach(self, member: Member) -> Reach:
        """Return how to reach a member; ActionRefused when its environment gives no way."""
        ...


@runtime_checkable
class Probe(Protocol):
    """Something looked at again and again, at a fixed rate."""

    async def look(self, given: Given) -> Seen:
        """Look once. A failure of what is looked at is a `Seen`, never an exception.

        Cancelled at the deadline; looks overlap, up to `given.in_flight`.
        """
        ...


@runtime_checkable
class Opens(Protocol):
    """A probe that keeps something standing between looks."""

    async def open(self, given: Given) -> None:
        """Prepare; called once before the first look. Must not fail because the target is down."""
        ...

    async def close(self) -> None:
        """Let go of everything; called once after the last look."""
        ...


@runtime_checkable
class Edges(Protocol):
    """A probe that learns of a change between looks: a persistent connection that is reset."""

    def on_edge(self, given: Given, tell: "TellEdge") -> None:
        """Call `tell(seen)` whenever something is proven between looks; called once, before the first look."""
        ...


@runtime_checkable
class ReadsBack(Protocol):
    """A probe that keeps a record of its own, and can compare it with what the target holds."""

    async def read_back(self, given: Given) -> Captured:
        """Read what is there, once, when everything is put back and nobody looks any more; return it in short.

        What was read is kept in `given.folder`, beside the record. Raises CannotSee.
        """
        ...


class TellEdge(Protocol):
    """Takes what was proven between two looks."""

    def __call__(self, seen: Seen) -> None:
        """Record it; `seen.sent` and `seen.answered` must be given."""
        ...


@runtime_checkable
class Action(Protocol):
    """What a step does, and how it is put back."""

    async def capture(self, given: Given) -> Captured:
        """Read the state to go back to, changing nothing; it is on disk before `apply`.

        Raises ActionRefused when the action would make no sense now, CannotSee when the state can't be read.
        """
        ...

    async def apply(self, before: Captured, given: Given) -> Captured:
        """Do it, once, and return what later steps may use. Never retried.

        Raises ActionRefused (provably nothing changed), ActionFailed, or OutcomeUnknown (sent, answer open).
        """
        ...

    async def undo(self, before: Captured, given: Given) -> None:
        """Put `before` back. Idempotent: also right when `apply` never took effect or was put back already."""
        ...


@runtime_checkable
class Confirms(Protocol):
    """An action that knows how its effect looks; without it, a captured state that changed is the effect."""

    async def confirm(self, before: Captured, given: Given) -> Observed:
        """Look whether the effect is there; asked again until it is, or the step's time is over."""
        ...


@runtime_checkable
class Restores(Protocol):
    """An action that knows when it is put back; without it, the captured state must be the same as before."""

    async def restored(self, before: Captured, given: Given) -> Observed:
        """Look whether the state from before is there again; asked until it is, or the time is over."""
        ...


@runtime_checkable
class Hears(Protocol):
    """What the engine gives to an action may also take news of what it does, for the timeline."""

    def tell(self, told: str, at: int, *, began: bool = False) -> None:
        """Record what happened at a moment, in monotonic ns; `began` where that was the beginning of the effect."""
        ...


@runtime_checkable
class Foresees(Protocol):
    """An action that can tell, before anything is touched, whether it could be done at all."""

    async def objection(self, given: Given) -> str | None:
        """Return why it could not be done, or None; changes nothing and reaches no target."""
        ...


class Preview(NamedTuple):
    """What an action would do now, for `plan`: nothing is changed to find out."""

    touches: list[str]
    """The members that it would touch, e.g. `payments/pg1`."""
    effect: str
    undo: str
    spares: list[str] = []  # noqa: RUF012 - a NamedTuple's default, never written to
    """The healthy members of the same target that go on, e.g. `payments/pg2`: those that it leaves alone, and those
    that it touches but does not take down. Of steps that are done at once nobody takes the last of them."""


@runtime_checkable
class Previews(Protocol):
    """An action that can tell what it would touch now."""

    async def preview(self, given: Given) -> Preview:
        """Resolve what would be touched, by looking only."""
        ...


@runtime_checkable
class Guard(Protocol):
    """A reason not to start."""

    async def objection(self, given: Given) -> str | None:
        """Return why the drill must not start, or None. What can't be read or parsed is an objection."""
        ...


@runtime_checkable
class Proves(Protocol):
    """A guard that reads from the targets what they are."""

    def facts(self) -> list[str]:
        """Return what it proves, in words that are the same for the same place, whoever declares it and however."""
        ...

    async def ask_again(self, given: Given) -> Told:
        """Ask once more, and tell those who say something else from those who say nothing, e.g. as they are down."""
        ...


@runtime_checkable
class ActsThrough(Protocol):
    """An action that acts through something that it was given an address or a file of, beside a `reach`.

    An API, a process's number, a configuration file: it can see whether that leads to what was declared.
    """

    async def acts_through(self, given: Given) -> Told:
        """Look, and change nothing: before anything is touched, and again before it is put back.

        Nothing is told of what is down altogether; what can't be looked at is silent.
        """
        ...


THIS_HOST: Final = "this host"
"""What acts through no target, acts on: the host that faildrill runs on."""


@runtime_checkable
class ActsOn(Protocol):
    """A kind that acts on something besides the targets that it is given, and can name it."""

    def acts_on(self) -> list[str]:
        """Name it: `THIS_HOST`, or `at(HOST:PORT)`. Of a kind without this, and without a target, nobody knows."""
        ...


@runtime_checkable
class Covers(Protocol):
    """An identity guard that proves something besides the targets that it is given."""

    def covers(self) -> list[str]:
        """Name it, in the words of `ActsOn`."""
        ...


def at(address: str) -> str:
    """Return the name of what listens at HOST:PORT, for `ActsOn` and `Covers`."""
    return f"what listens at {address.lower()}"


class Checked(NamedTuple):
    """One thing that a drill will need, looked at beforehand."""

    what: str
    ok: bool
    told: str
    """What was seen."""
    remedy: str = ""
    """What to do about it, where it isn't as it should be."""


@runtime_checkable
class NeedsRights(Protocol):
    """An action that can ask beforehand whether it may do what it does, for `faildrill doctor DRILL`."""

    async def rights(self, given: Given) -> list[Checked]:
        """Ask, and change nothing. Raises CannotSee, or an ActionError, where that can't be told."""
        ...


@runtime_checkable
class Examines(Protocol):
    """Looks at a target as a drill will, for `faildrill doctor`; its one field `target` is the target."""

    async def examine(self, given: Given) -> list[Checked]:
        """Look, and change nothing; what can't be reached is told, never raised."""
        ...


@runtime_checkable
class Limits(Protocol):
    """An action whose fault may carry its own time limit at the target, so that it ends without us."""

    def limit(self) -> float | None:
        """Return the seconds after which the target ends it by itself, None when it doesn't."""
        ...


@runtime_checkable
class Lock(Protocol):
    """Keeps other hosts from drilling the same place at the same time; ends with the process that holds it."""

    async def take(self, keys: Sequence[str], holder: str, given: Given) -> str | None:
        """Take it under every key and return None, or return who holds one. CannotSee when that can't be told."""
        ...

    async def lost(self) -> str:
        """Return why it is no longer held, as soon as that is known; never returns while it is."""
        ...

    async def release(self) -> None:
        """Give it back; does nothing where it was never taken, or is lost."""
        ...


ASKS_EVERY_NODE: Final = "asks_every_node"
"""A probe class with a true class variable of this name asks each node itself who writes: it can see two at once."""
WriterBy = Literal["nodes", "users"]
TELLS_WRITER: Final = "tells_writer"
"""A probe class may have a class variable of this name, a WriterBy: who answers its looks is who takes writes, by what
the `nodes` or their manager say of it, or as the one that took a write by the path that `users` take."""
TELLS_LEAD: Final = "tells_lead"
"""A probe class with a true class variable of this name says `unlocked` in its detail while nobody holds the lead."""
ONLY_GROWS: Final = "only_grows"
"""A probe class with a true class variable of this name tells a number that never goes back as who answered: what was
there and back between two looks shows in the later one."""
NEEDS_HEIR: Final = "needs_heir"
"""An action class with a true class variable of this name takes a leader away: a drill that begins with it is refused
where its preview is, as nobody could follow."""
TELLS_DEAD_SERVERS: Final = "tells_dead_servers"
"""A probe class with a true class variable of this name names in its detail the servers that the load balancer of its
parameter `backend` has found dead."""
NO_RUN: Final = "doctor"
"""What `Given.run` says where nothing is run: a probe looks then, and tidies away nothing of any run."""
BLOCKING: Final = "blocking"
"""A probe class with a true class variable of this name looks through a blocking SDK: it gets another process."""
