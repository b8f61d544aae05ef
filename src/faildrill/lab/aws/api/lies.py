"""How the API lies, as data: per operation, before or after the effect, for so many calls or until it is taken back."""

import threading
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from faildrill.errors import FaildrillError
from faildrill.lab.aws.service.cluster import COURSES, WHOLE

ON_THE_WIRE: Final = (
    "500",  # an answer of that status, with an error of AWS in it
    "503",
    "throttled",  # 400 and Throttling, as RDS says it
    "html",  # 200 and a login page
    "reset",  # the connection, without an answer
    "closed",  # the same, in order
    "silent",  # until the client goes away
    "dripping",  # a byte a second
    "half",  # of the answer, and then closed
    "endless",
)
"""What a client sees instead of the answer."""
OF_THE_EFFECT: Final = tuple(course for course in COURSES if course != WHOLE)
"""What becomes of a failover that is accepted."""
OF_THE_KNOWLEDGE: Final = ("stale", "without-events")
"""What a reading call tells: what was so `seconds` ago, events among it; everything but events."""
HOWS: Final = (*ON_THE_WIRE, *OF_THE_EFFECT, *OF_THE_KNOWLEDGE)
WHENS: Final = ("after", "before", "over")
ANY: Final = "*"


@dataclass(frozen=True)
class Lie:
    """One way in which calls of an operation are answered."""

    how: str
    operation: str = ANY
    """As AWS names it, e.g. `FailoverDBCluster`."""
    when: str = "after"
    """When a lie on the wire is told: `after` the effect, `before` it (and then there is none), or when a failover is
    `over`."""
    delay: float = 0.0
    """Seconds that the answer waits."""
    seconds: float = 0.0
    """How old what is `stale` is."""
    course: str = WHOLE
    """What becomes of a failover, whatever the client sees of it; one of COURSES."""
    times: int | None = None
    """For how many calls; for all when it isn't said."""

    def __post_init__(self) -> None:
        if self.how not in HOWS:
            raise FaildrillError(f"no such lie: {self.how!r}; there are {', '.join(HOWS)}")
        if self.when not in WHENS:
            raise FaildrillError(f"when: {self.when!r} is neither of {', '.join(WHENS)}")
        if self.course not in COURSES:
            raise FaildrillError(f"no such course of a failover: {self.course!r}; there are {', '.join(COURSES)}")
        for name in ("delay", "seconds"):
            if not isinstance(getattr(self, name), int | float) or getattr(self, name) < 0:
                raise FaildrillError(f"{name}: {getattr(self, name)!r} is no number of seconds, 0 or more")


class Lies:
    """Those that are told now; used by many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: list[tuple[Lie, int | None]] = []

    def set(self, wanted: object) -> None:
        """Take these instead of all that were told; FaildrillError for what is none."""
        known = {one.name for one in fields(Lie)}
        if not isinstance(wanted, list) or not all(isinstance(one, dict) for one in wanted):
            raise FaildrillError('lies are a list: [{"operation": "FailoverDBCluster", "how": "500"}]')
        for one in wanted:
            if unknown := set(one) - known or {"how"} - set(one):
                raise FaildrillError(f"{', '.join(sorted(unknown))}: a lie has `how`, and may have {', '.join(known)}")
        lies = [Lie(**one) for one in wanted]
        with self._lock:
            self._left = [(lie, lie.times) for lie in lies]

    def told(self) -> list[dict[str, Any]]:
        """Return those that are left, with how many times."""
        with self._lock:
            return [asdict(lie) | {"times": left} for lie, left in self._left]

    def take(self, operation: str) -> Lie | None:
        """Return how a call of an operation is answered, and count it."""
        with self._lock:
            for place, (lie, left) in enumerate(self._left):
                if lie.operation in (operation, ANY):
                    if left is not None:
                        self._left[place : place + 1] = [(lie, left - 1)] if left > 1 else []
                    return lie
        return None
