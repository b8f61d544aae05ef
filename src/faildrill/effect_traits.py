"""What an action says of its effect: whether it is an event or a state, whether it still lasts, and who ended it."""

from typing import Final, Literal, Protocol, runtime_checkable

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

ACTS_LATE: Final = "acts_late"
"""An action class may have a class variable of this name: the float seconds for which what it asked for may still be
done after its call was given up, where the target itself does not end it earlier."""


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
