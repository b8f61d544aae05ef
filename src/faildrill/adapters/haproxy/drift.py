"""`haproxy.drift`: what HAProxy does now, against what was approved."""

from typing import ClassVar, Final, Self

from pydantic import Field, model_validator

from faildrill.adapters.haproxy.runtime_settings import Runtime, runtime
from faildrill.adapters.haproxy.target import LoadBalancer
from faildrill.ports import Given, Kind, Seen
from faildrill.ports.witness import View
from faildrill.record.samples import Outcome
from faildrill.standards import Difference, Settings, Standard, differences

_LONGEST: Final = 200
_TOLD: Final = frozenset(
    {"algorithm", "mode", "weight", "state", "backup", "max_connections", "rise", "fall", "address"}
)
"""What the runtime socket tells; the rest of a standard is for `faildrill audit`, which reads the file, too."""


class Drift(Kind):
    """Asks HAProxy itself which settings are in force now; good when they are those of the standard.

    Otherwise the look is `wrong`, and its detail names the difference: `weight of pay1: 10, the standard says 1`, `pay2
    is missing`, `state of pay3: drain, the standard says ready`. `who` is the backends without a difference.

    It compares what the runtime socket shows: members, weights, states that an operator set, connection limits, the
    algorithm, and the thresholds of health checks. A server that a health check found dead has not drifted
    (`haproxy.backends` sees that), and neither has what an agent or the DNS sets. If the standard names a server by its
    host's name, it is compared by that name. What is only in the configuration file (timeouts, intervals) is compared
    by `faildrill audit`.

        probes:
          drift: {haproxy.drift: {load_balancer: payments, standard: payments, backend: payments}, every: 500ms}
    """

    heard_as: ClassVar[View] = "load balancer"

    load_balancer: LoadBalancer = Field(description="the load balancer that is asked")
    standard: Standard = Field(description="what was approved")
    backend: str | None = Field(default=None, description="one of the standard's backends; by default all")

    @model_validator(mode="after")
    def _can_be_seen(self) -> Self:
        known = self.standard.backends or {}
        if self.backend is not None and self.backend not in known:
            there = ", ".join(sorted(known)) or "none"
            raise ValueError(f"{self.standard.name} says nothing of backend {self.backend!r}; there is {there}")
        if not any(
            backend.servers or backend.algorithm or backend.mode for backend in (self._wanted.backends or {}).values()
        ):
            raise ValueError(f"{self.standard.name} says nothing that HAProxy's runtime socket could tell")
        return self

    async def look(self, given: Given) -> Seen:
        """Ask, and compare."""
        try:
            live = await runtime(self.load_balancer.haproxy_socket)
        except (ConnectionRefusedError, FileNotFoundError):
            return Seen(Outcome.REFUSED)
        except ConnectionError:
            return Seen(Outcome.RESET)
        except ValueError:
            return Seen(Outcome.WRONG, detail="not HAProxy's statistics")
        return self._weigh(live)

    @property
    def _wanted(self) -> Settings:
        wanted = self.standard.settings.backends or {}
        chosen = wanted if self.backend is None else {self.backend: wanted[self.backend]}
        return Settings(backends=chosen or None)

    def _weigh(self, live: Runtime) -> Seen:
        wanted = self._wanted
        drift = [
            difference
            for difference in differences(wanted, live.settings, spelled=live.spelled)
            if _visible(difference) and _is_of(difference, wanted) and difference.path not in live.steered
        ]
        drifted = {difference.path[1] for difference in drift}
        steady = ",".join(sorted(set(wanted.backends or {}) - drifted))
        detail = _told([difference.within(self.backend) for difference in drift])
        return Seen(Outcome.WRONG if drift else Outcome.OK, steady, detail)


def _told(what: list[str]) -> str:
    """Join as many as fit, and say how many more there are."""
    fit = list(what)
    while fit and len("; ".join(fit)) > _LONGEST:
        fit.pop()
    more = [f"and {len(what) - len(fit)} more"] if len(fit) < len(what) else []
    return "; ".join([*fit, *more])


def _visible(one: Difference) -> bool:
    """Tell whether the runtime socket could have told it."""
    return one.how != "unread" or one.path[-1] in _TOLD


def _is_of(one: Difference, wanted: Settings) -> bool:
    """Tell whether it concerns a backend that the standard is about: others may be there."""
    return one.path[1:2] != () and one.path[1] in (wanted.backends or {})
