"""The lies, as data: what happens to what is asked for, what is answered, what is read, and who else is there."""

from dataclasses import dataclass
from typing import Any, Final, Literal

Answer = Literal["honest", "yes", "no", "silence", "half", "garbage", "closed"]
To = Literal["ours", "other", "both"]
Reads = Literal["honest", "stale", "alternating", "as it was told"]
Behind = Literal["ours", "another from the undo on", "one after the other"]
Operator = Literal["nobody", "before the request", "in mid-step", "before the undo"]


@dataclass(frozen=True)
class Lie:
    """One way in which whoever was asked is not honest, not alone, or not who it was."""

    name: str
    right: frozenset[str]
    """The verdicts that tell the truth about it."""
    about: int = 1
    """Which of the changing requests it is about: 1 is the step, 2 its undo; 0: none."""
    times: int = 1
    """How often what was asked for is done."""
    late: float = 0.0
    """Seconds after which it is done."""
    answer: Answer = "honest"
    to: To = "ours"
    reads: Reads = "honest"
    behind: Behind = "ours"
    operator: Operator = "nobody"


PASSED: Final = frozenset({"PASSED"})
OPEN: Final = frozenset({"INCONCLUSIVE"})
DIRTY: Final = frozenset({"UNSAFE"})
LATE: Final = 3.5
"""Seconds: after the step has given up looking (2 s), and after its undo was seen."""

HONEST: Final = Lie("honest", PASSED, about=0)
HALF_WAY: Final[dict[str, dict[str, Any]]] = {
    "lost before": {"times": 0, "answer": "closed"},
    "lost after": {"answer": "closed"},
    "refused": {"times": 0, "answer": "no"},
}
"""What may become of one request of several."""

LIES: Final = (
    HONEST,
    Lie("says yes and does nothing", OPEN, times=0, answer="yes"),
    Lie("says yes and that it is so, and does nothing", OPEN, times=0, answer="yes", reads="as it was told"),
    Lie("says no and does nothing", OPEN, times=0, answer="no"),
    Lie("does it and says no", OPEN | DIRTY, answer="no"),
    Lie("does it and says nothing", PASSED, answer="silence"),
    Lie("does it and closes", PASSED, answer="closed"),
    Lie("does it and says half of it", PASSED, answer="half"),
    Lie("does it and says garbage", PASSED, answer="garbage"),
    Lie("does it late, and says yes", OPEN | DIRTY, late=LATE, answer="yes"),
    Lie("does it late, and says nothing", PASSED | OPEN | DIRTY, late=LATE, answer="silence"),
    Lie("does it twice", PASSED, times=2),
    Lie("does it to another", DIRTY, to="other"),
    Lie("does it to another as well", DIRTY, to="both"),
    Lie("undo: says yes and does nothing", DIRTY, about=2, times=0, answer="yes"),
    Lie("undo: says yes and that it is so, and does nothing", DIRTY, 2, 0, answer="yes", reads="as it was told"),
    Lie("undo: does it and says nothing", PASSED, about=2, answer="silence"),
    Lie("reads are stale", OPEN | DIRTY, reads="stale"),
    Lie("reads are stale now and then", PASSED | OPEN | DIRTY, reads="alternating"),
    Lie("reads are stale now and then, and the undo does nothing", DIRTY, 2, 0, answer="yes", reads="alternating"),
    Lie("another operator first", OPEN, operator="before the request"),
    Lie("another operator in mid-step", DIRTY, operator="in mid-step"),
    Lie("another operator right before the undo", DIRTY, operator="before the undo"),
    Lie("another process from the undo on", DIRTY, behind="another from the undo on"),
    Lie("two processes, one after the other", OPEN | DIRTY, behind="one after the other"),
)
