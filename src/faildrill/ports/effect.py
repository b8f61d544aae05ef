"""What an action says of its effect: whether it is an event or a state, whether it still lasts, and who ended it."""

from typing import Final, Literal, NamedTuple, Protocol, runtime_checkable

from faildrill.ports import Captured, Given, Observed

Effect = Literal["event", "state"]
EFFECT_IS: Final = "effect_is"
"""An action class has a class variable of this name, or a property where its parameters decide: what its effect is. An
*event* has happened, whatever comes after it: a process died, another node leads. A *state* is there until it is put
back: a server is out, a process hangs; it is looked at again until then, and one that others have ended proves nothing.
One that doesn't say is a state."""
LOOKS_COST: Final = "looks_cost"
"""An action class with a true class variable of this name is looked at again only right before it is put back."""
ENDING: Final = "ending"
"""An action class may have a class variable of this name: the float seconds beyond its time that it takes to end what
it started. It has all of its time, and is cut short only after these."""

PLANNED: Final = "planned"
"""An action class with a true class variable of this name does what operators do on purpose, in an orderly way, such as
a switchover or a drain; one that doesn't say is something that happens to a system."""
ACTS_LATE: Final = "acts_late"
"""An action class has a class variable of this name: the float seconds for which what it asked for may still be done
after nobody waits for it any more, as the target, or whatever reaches it, ends it by then. 0: it is done at once or not
at all. Until they are over a step whose outcome stayed open is not put back. Where that hangs on how the target is set,
what `capture` returns has the seconds under the same name; the longer time counts."""


@runtime_checkable
class Lasts(Protocol):
    """An action whose effect, a state, is told otherwise later on than right after it was made."""

    async def lasts(self, before: Captured, given: Given) -> Observed:
        """Look whether the state is still there; raises CannotSee, and never takes a failed look for an answer."""
        ...


@runtime_checkable
class Suspects(Protocol):
    """An action that can tell who or what ended its effect, a state, before it was put back."""

    async def suspect(self, before: Captured, given: Given) -> str:
        """Say in a few words who or what it was, by what can be seen now; the empty string where nobody can tell."""
        ...


class Found(NamedTuple):
    """What is there in the place of an effect, compared with what the action made of it and with what was before."""

    whose: Literal["ours", "before", "others"]
    """`ours` also where each part of it is either ours or as before: a step that was done by half."""
    now: str
    """What is there."""
    expected: str
    """What the action had made of it."""
    remedy: str
    """The command by which a person puts back what was before."""


def compared(now: object, ours: object, former: object, remedy: str) -> Found:
    """Compare one thing: what it is now, what the action made of it, and what it was."""
    whose: Literal["ours", "before", "others"] = "before" if now == former else "ours" if now == ours else "others"
    return Found(whose, str(now), str(ours), remedy)


def compared_state(state: str, ours: str, where: str) -> Found:
    """Compare the state of a member that ran: `ours` is the one that the action has brought it into.

    One that has died since is started again. One that somebody else holds is his, and is let go on by nobody but him.
    """
    is_theirs = state == "stopped" != ours
    whose: Literal["ours", "before", "others"] = "before" if state == "running" else "others" if is_theirs else "ours"
    remedy = f"send SIGCONT to all of {where} where it is stopped; start it where it is down"
    return Found(whose, f"{where} is {state}", f"{where} is {ours}", remedy)


def compared_together(*parts: Found) -> Found:
    """Compare several things that one action changes: somebody else's where one of them is."""
    whose = {part.whose for part in parts}
    ours: Literal["ours", "before"] = "before" if whose == {"before"} else "ours"
    now, expected, remedy = ("; ".join(dict.fromkeys(words)) for words in list(zip(*parts, strict=True))[1:])
    return Found("others" if "others" in whose else ours, now, expected, remedy)


@runtime_checkable
class Compares(Protocol):
    """An action that would write the state from before over what is there, and looks first whose that is."""

    async def found(self, before: Captured, given: Given) -> Found:
        """Look what is there right before it is put back; raises CannotSee."""
        ...


@runtime_checkable
class Pictures(Protocol):
    """An action on some of several: it tells of all of them, so that what is done to another one is seen."""

    async def picture(self, given: Given) -> dict[str, str]:
        """Tell by name, the same for every action on the place, what was asked of each; raises CannotSee."""
        ...

    def own(self, before: Captured) -> list[str]:
        """Name those that this action changes."""
        ...


@runtime_checkable
class Counts(Protocol):
    """An action whose target, or what reaches it, counts how often it was done and put back, whoever did it."""

    async def count(self, before: Captured, given: Given) -> int | None:
        """Return a number that is one more each time; None where nobody counts there. Raises CannotSee."""
        ...
