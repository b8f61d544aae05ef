"""What is set at a load balancer, or at what fails a database over: plain data that any adapter can fill in.

None means everywhere that nothing is known (of what was read) or said (of a standard). That there is no limit, no
check or no timeout is said in so many words: `none`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from faildrill.ports import Duration

Limit = Annotated[int, Field(ge=1)] | Literal["none"]
"""How many at the most."""
Time = Duration | Literal["none"]
"""For how long at the most; `none` waits for ever."""
Way = Literal["none", "passive", "tcp", "http", "tls", "pgsql", "mysql", "redis", "smtp", "ldap", "agent", "script"]
State = Literal["ready", "drain", "maint", "unresolved"]
Path = tuple[str, ...]
"""Names that lead to a setting: `("backends", "payments", "servers", "pay1", "weight")`."""


class Part(BaseModel):
    """A part of what is set."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class Check(Part):
    """How a load balancer finds out that a server is dead, and alive again."""

    how: Way | None = Field(default=None, description="`passive`: only from user requests that fail")
    asks: bool | None = Field(default=None, description="whether it asks something, and does not only connect")
    path: str | None = Field(default=None, description="what an HTTP check asks for")
    interval: Duration | None = Field(default=None, description="between two checks of a healthy server")
    fast_interval: Duration | None = Field(default=None, description="between two checks while the state is in doubt")
    down_interval: Duration | None = Field(default=None, description="between two checks of a server that is down")
    connect: Time | None = Field(default=None, description="how long connecting for a check may take")
    timeout: Time | None = Field(default=None, description="how long the answer to a check may take")
    fall: int | None = Field(default=None, ge=1, description="failed checks in a row that mark a server down")
    rise: int | None = Field(default=None, ge=1, description="good checks in a row that mark it up again")


class Server(Part):
    """One server behind a load balancer."""

    address: str | None = None
    weight: int | None = Field(default=None, ge=0, description="its share is this in proportion to all others")
    assigned: bool | None = Field(
        default=None, description="a rule may give it requests whatever its weight (HAProxy's `use-server`)"
    )
    state: State | None = Field(
        default=None,
        description="what an operator set it to, not what a check found; `unresolved`: its name has no address now",
    )
    backup: bool | None = Field(default=None, description="used only when all others are down")
    max_connections: Limit | None = Field(default=None, description="more wait in the queue")
    standing: Literal["kept", "ended"] | None = Field(
        default=None, description="what happens to established connections when a check finds it dead"
    )
    check: Check | None = None


class Timeouts(Part):
    """How long a load balancer waits, and for what."""

    client: Time | None = Field(default=None, description="for the client to send or take something")
    connect: Time | None = Field(default=None, description="for a server to take a connection")
    queue: Time | None = Field(default=None, description="for a free slot at a server")
    server: Time | None = Field(default=None, description="for a server to send or take something")
    tunnel: Time | None = Field(
        default=None, description="for either side, once bytes are only passed through; instead of client and server"
    )


class Route(Part):
    """One of several places that lead to the same servers, each with settings of its own."""

    retries: int | None = Field(default=None, ge=0)
    redispatch: bool | None = None
    timeouts: Timeouts | None = None


class Backend(Part):
    """Servers of one sort, and how requests are spread over them."""

    mode: Literal["http", "tcp"] | None = None
    algorithm: str | None = Field(default=None, description="as the load balancer calls it, e.g. roundrobin")
    stickiness: str | None = Field(default=None, description="what ties a client to a server: none, cookie, source, …")
    retries: int | None = Field(default=None, ge=0, description="further attempts after a failed connection")
    redispatch: bool | None = Field(default=None, description="whether such an attempt may go to another server")
    timeouts: Timeouts | None = None
    routes: dict[str, Route] | None = Field(
        default=None, description="by place, e.g. `location /`, where several lead here and don't set the same"
    )
    servers: dict[str, Server] | None = None

    def by_route(self) -> "dict[str, Backend]":
        """Return it as it is for what comes by each place; under an empty name where that makes no difference."""
        if not self.routes:
            return {"": self}
        each = (
            (place, {name: getattr(one, name) for name in Route.model_fields}) for place, one in self.routes.items()
        )
        return {place: self.model_copy(update=values) for place, values in each}


class Failover(Part):
    """When and how a database cluster fails over by itself."""

    ttl: Duration | None = Field(
        default=None, description="after which a leader that has not renewed it loses the leadership"
    )
    loop_wait: Duration | None = Field(default=None, description="between two runs of a node's loop")
    retry_timeout: Duration | None = Field(default=None, description="for which a failing store is retried")
    primary_start_timeout: Duration | None = Field(default=None, description="for a crashed primary to start again")
    maximum_lag: int | None = Field(default=None, ge=0, description="bytes a standby may lack and still take over")
    synchronous: str | None = Field(default=None, description="off, on, strict or quorum")
    failsafe: bool | None = Field(default=None, description="whether a primary keeps running when the store is gone")
    follows: str | None = Field(
        default=None, description="the cluster that this one only follows (`standby_cluster`), as host:port, or `none`"
    )
    paused: bool | None = Field(default=None, description="whether automatic failover is off for now")
    rewind: bool | None = Field(default=None, description="whether pg_rewind makes an old primary a standby again")
    parameters: dict[str, str | int | float | bool] | None = Field(default=None, description="PostgreSQL's own")


class Unread(NamedTuple):
    """What could not be read, and why."""

    what: str
    why: str


class Aside(NamedTuple):
    """What whoever was asked does otherwise than is written, or warns of by itself."""

    what: str
    why: str
    remedy: str = ""
    wrong: bool = False
    """It makes a failure longer or hides one; otherwise it is only worth knowing."""


class Settings(Part):
    """All that is set at one load balancer, or of one cluster."""

    backends: dict[str, Backend] | None = None
    failover: Failover | None = None


class SettingsRead(NamedTuple):
    """What was read: what is in force now, and what the file says that the next start will read."""

    source: str
    """Who was asked, in words."""
    live: Settings
    written: Settings | None = None
    """What is written down, where that can differ from what runs; only what the live side tells, too."""
    unread: tuple[Unread, ...] = ()
    asides: tuple[Aside, ...] = ()
    spelled: Mapping[Path, frozenset[str]] = MappingProxyType({})
    """Other spellings of an address that is in force, or of a backend's name, in the form of `canonical`."""
    steered: Mapping[Path, str] = MappingProxyType({})
    """What is set at run time again and again, and by what: nobody changed it, and no file says it."""
    any_case: bool = False
    """Whoever was asked takes the names of backends and servers in any case."""


Sort = TypeVar("Sort", bound=Part)


def overlaid(below: Sort, above: Part) -> Sort:
    """Return what is known of either; where both know, the one above has it.

    Of what is listed by name, only what the one above lists is there, if it lists any.
    """
    fields = type(below).model_fields
    return below.model_copy(update={name: _value(getattr(below, name), getattr(above, name)) for name in fields})


def _value(below: object, above: object) -> object:
    if above is None or below is None:
        return below if above is None else above
    if isinstance(below, Part) and isinstance(above, Part):
        return overlaid(below, above)
    if isinstance(below, dict) and isinstance(above, dict):
        return {name: _value(below.get(name), value) for name, value in above.items()}
    return above
