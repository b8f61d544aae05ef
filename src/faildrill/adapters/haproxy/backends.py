"""HAProxy, asked through its runtime socket."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from faildrill.adapters.haproxy.client import statistics, tell
from faildrill.adapters.haproxy.target import LoadBalancer
from faildrill.ports import Given, Kind, Seen
from faildrill.ports.witness import View
from faildrill.record.samples import Outcome

_LONGEST: Final = 200
_SERVERS: Final = 4
"""`show stat -1 4 -1`: servers only, of every backend."""


class Backends(Kind):
    """Asks HAProxy itself which servers it sends requests to; good when every declared one is UP.

    The environment declares which servers belong in a backend, so a server that vanished from HAProxy's configuration
    is noticed. Otherwise the look is `wrong`, and its detail says what is wrong: `pay2 DOWN`, `pay3 MAINT`, `pay1
    missing`. `who` is the servers that are UP, as `backend/server` if several backends are looked at. If only one
    server is meant to be up, as in front of a database, `up: 1` asks for exactly that many.

        probes:
          backends: {haproxy.backends: {load_balancer: payments, backend: payments}, every: 500ms}
          database: {haproxy.backends: {load_balancer: payments, backend: database, up: 1}, every: 500ms}
    """

    tells_dead_servers: ClassVar[bool] = True

    heard_as: ClassVar[View] = "load balancer"

    load_balancer: LoadBalancer = Field(description="the load balancer that is asked")
    backend: str | None = Field(default=None, description="one of its backends; by default all declared ones")
    up: Annotated[int, Field(ge=0)] | Literal["all"] = Field(
        default="all", description="how many servers must be UP in each"
    )

    @model_validator(mode="after")
    def _are_declared(self) -> Self:
        if self.backend is not None:
            self.load_balancer.declared(self.backend)
        if not any(self._declared.values()):
            raise ValueError(f"{self.load_balancer.name} declares no servers: nothing would be looked at")
        few = min(len(servers) for servers in self._declared.values())
        if self.up != "all" and self.up > few:
            raise ValueError(f"up: {self.up} can't be: only {few} servers are declared")
        return self

    async def look(self, given: Given) -> Seen:
        """Ask for the state of every server."""
        try:
            answer = await tell(self.load_balancer.haproxy_socket, f"show stat -1 {_SERVERS} -1")
        except (ConnectionRefusedError, FileNotFoundError):
            return Seen(Outcome.REFUSED)
        except ConnectionError:
            return Seen(Outcome.RESET)
        except ValueError as error:
            return Seen(Outcome.WRONG, detail=str(error))
        states = _states(answer)
        if states is None:
            return Seen(Outcome.WRONG, detail="not HAProxy's statistics")
        return self._weigh(states)

    @property
    def _declared(self) -> Mapping[str, list[str]]:
        backends = self.load_balancer.backends
        return backends if self.backend is None else {self.backend: backends[self.backend]}

    def _weigh(self, states: Mapping[tuple[str, str], str]) -> Seen:
        """Compare what is UP with what is to be."""
        who: list[str] = []
        wrong: list[str] = []
        for backend, servers in self._declared.items():
            prefix = f"{backend}/" if self.backend is None else ""
            state = {f"{prefix}{server}": states.get((backend, server), "missing") for server in sorted(servers)}
            up = [server for server, is_now in state.items() if is_now == "UP"]
            who += up
            if self.up == "all":
                wrong += [f"{server} {is_now}" for server, is_now in state.items() if is_now != "UP"]
            elif len(up) != self.up:
                wrong.append(
                    f"{len(up)} UP, not {self.up}" if not prefix else f"{backend}: {len(up)} UP, not {self.up}"
                )
        outcome = Outcome.WRONG if wrong else Outcome.OK
        return Seen(outcome, ",".join(sorted(who)), "; ".join(wrong)[:_LONGEST])


def _states(answer: str) -> dict[tuple[str, str], str] | None:
    """Read the state of every server from `show stat`: one word each; None when it is something else.

    `UP 1/2` (going down, still used) is UP and `DOWN 1/2` (coming up, not used yet) is DOWN.
    """
    rows = statistics(answer)
    if rows is None:
        return None
    return {(row["pxname"], row["svname"]): _word(row.get("status")) for row in rows}


def _word(status: str | None) -> str:
    return "no check" if status == "no check" else (status or "unknown").split(" ", 1)[0]
