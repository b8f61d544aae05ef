"""What can be done to the servers behind HAProxy through its runtime socket: weights, drain, maintenance.

The socket must be one of level `operator` or `admin`. What is set through it is forgotten at HAProxy's next reload.
"""

from abc import abstractmethod
from collections.abc import Collection, Mapping
from typing import Annotated, ClassVar, Final, Literal, NamedTuple, Self

from pydantic import Field, JsonValue, model_validator

from faildrill.adapters.haproxy.algorithms import takes_weights
from faildrill.adapters.haproxy.client import tell
from faildrill.adapters.haproxy.process import COMMAND, Process
from faildrill.adapters.haproxy.server_states import Server, read, steered
from faildrill.adapters.haproxy.shares import Place, Servers, servers
from faildrill.adapters.haproxy.target import LoadBalancer
from faildrill.errors import ActedElsewhere, ActionFailed, ActionRefused, CannotSee, OutcomeUnknown, reason
from faildrill.ports import Captured, Checked, Given, Kind, Observed, Preview
from faildrill.ports.effect import Effect, Found

_FORCED_MAINT: Final = 0x01
"""SRV_ADMF_FMAINT."""
_FORCED_DRAIN: Final = 0x08
"""Bits of `srv_admin_state` that a command sets."""
_HEAVIEST: Final = 256
"""The largest weight (manual, 5.2, `weight`)."""
_SHOWN: Final = 100
_ENOUGH: Final = ("operator", "admin")
"""Levels of a socket through which servers can be changed."""
Weight = Annotated[int, Field(ge=0, le=_HEAVIEST)]


class _OfServers(Kind):
    """What the actions share: the servers, looked at through the socket, and the one change of them."""

    effect_is: ClassVar[Effect] = "state"
    acts_late: ClassVar[float] = 0.0
    """HAProxy does what its socket says as it reads it."""

    load_balancer: LoadBalancer = Field(description="the load balancer that is changed")
    backend: str = Field(pattern=r"^[A-Za-z0-9._:-]+$", description="the backend that the servers are in")
    _empties: ClassVar[bool] = False
    """Whether those that are named get nothing any more."""

    @model_validator(mode="after")
    def _are_declared(self) -> Self:
        declared = self.load_balancer.declared(self.backend)
        for name in self._named:
            if name not in declared:
                there = ", ".join(sorted(declared)) or "none"
                raise ValueError(f"{self.backend} declares no server {name!r}; there is {there}")
        return self

    @property
    @abstractmethod
    def _named(self) -> list[str]: ...

    @abstractmethod
    def _becomes(self, server: str, now: Server) -> Server:
        """Return what becomes of a named server."""

    @abstractmethod
    def _commands(self, server: str, wanted: Server) -> list[str]:
        """Return the commands that make a server what it is to be."""

    @abstractmethod
    def _told(self, server: str, now: Server) -> str:
        """Say of a server what this action is about."""

    async def capture(self, given: Given) -> Captured:
        """Read what the servers are; refused when they are so already, or when none would be left."""
        sight = await self._look()
        everybody = await servers(self.load_balancer)
        self._refuse(sight.servers, everybody)
        who = sight.process.captured() if sight.process else {"process": ""}
        along: list[JsonValue] = [name for of, name in sorted(self._followers(everybody)) if of == self.backend]
        return {"servers": {name: list(sight.servers[name]) for name in self._named}, "along": along, **who}

    async def apply(self, before: Captured, given: Given) -> Captured:
        """Tell HAProxy once, in one line."""
        former = _former(before)
        wanted = {name: self._becomes(name, former[name]) for name in self._named}
        await self._tell(wanted, before)
        return {"servers": ",".join(self._named)}

    async def confirm(self, before: Captured, given: Given) -> Observed:
        """Read back what HAProxy says the servers are: nobody else can."""
        former, now = _former(before), await self._seen(before)
        holds = all(self._same(now[name], self._becomes(name, former[name])) for name in self._named)
        return Observed(holds, self._words(now), word_of="haproxy", moves=self._named, empties=self._empties)

    async def suspect(self, before: Captured, given: Given) -> str:
        """Tell a reload, which forgets what was set, from somebody who set it back."""
        former, process = before.get("process"), (await self._look()).process
        if not former or not process:
            return ""
        if former != process.pid:
            return f"HAProxy was reloaded or restarted: it was process {former}, and is {process.pid} now"
        return f"HAProxy is the same process, {process.pid}: somebody set it through its socket, or an agent did"

    async def found(self, before: Captured, given: Given) -> Found:
        """Compare each server with what this made of it, and with what it was."""
        former, now = _former(before), await self._seen(before)
        wanted = {name: self._becomes(name, server) for name, server in former.items()}
        are_before = [self._same(now[name], server) for name, server in former.items()]
        are_known = [
            is_before or self._same(now[name], wanted[name]) for name, is_before in zip(former, are_before, strict=True)
        ]
        whose: Literal["ours", "before", "others"] = "ours" if all(are_known) else "others"
        return Found("before" if all(are_before) else whose, self._words(now), self._words(wanted), self._line(former))

    async def undo(self, before: Captured, given: Given) -> None:
        """Tell HAProxy what they were."""
        await self._tell(_former(before), before)

    async def restored(self, before: Captured, given: Given) -> Observed:
        """Read back that they are what they were."""
        former, now = _former(before), await self._seen(before)
        holds = all(self._is_back(now[name], server) for name, server in former.items())
        return Observed(holds, self._words(now), word_of="haproxy", moves=self._named)

    async def picture(self, given: Given) -> dict[str, str]:
        """Tell of every server of the backend what was asked of it, but of those that an agent sets."""
        sight = await self._look()
        return {
            self._at(name): f"{one.state}, weight {one.weight}"
            for name, one in sight.servers.items()
            if name not in sight.steered
        }

    def own(self, before: Captured) -> list[str]:
        """Name the servers that are changed, and those that go along."""
        along = before.get("along", [])
        return [self._at(name) for name in (*self._named, *map(str, along if isinstance(along, list) else []))]

    def _at(self, name: str) -> str:
        return f"{self.load_balancer.name}/{self.backend}/{name}"

    async def preview(self, given: Given) -> Preview:
        """See whether it would be refused now."""
        now, everybody = (await self._look()).servers, await servers(self.load_balancer)
        self._refuse(now, everybody)
        where = f"{self.load_balancer.name}/{self.backend}"
        wanted = {name: self._becomes(name, now[name]) for name in self._named}
        effect = f"{self.backend}: {self._words(wanted)}"
        touches = [f"{where}/{name}" for name in self._named]
        touches += [f"{self.load_balancer.name}/{'/'.join(place)}" for place in sorted(self._followers(everybody))]
        spares = [f"{where}/{name}" for name, server in {**now, **wanted}.items() if server.usable]
        return Preview(touches, effect, f"{self.backend}: {self._words(now)}", spares)

    async def rights(self, given: Given) -> list[Checked]:
        """Ask for the level of the socket."""
        try:
            level = (await tell(self.load_balancer.haproxy_socket, "show cli level")).strip()
        except (OSError, ValueError) as error:
            raise CannotSee(f"{self.load_balancer.name} does not tell its socket's level: {error}") from error
        is_ok = level in _ENOUGH
        remedy = f"`stats socket {self.load_balancer.haproxy_socket} level admin` in its file, and reload it"
        return [Checked("socket", is_ok, f"is of level {level or '?'}", "" if is_ok else remedy)]

    def _same(self, one: Server, other: Server) -> bool:
        return self._told("", one) == self._told("", other)

    def _is_back(self, now: Server, former: Server) -> bool:
        return self._same(now, former)

    def _words(self, seen: Mapping[str, Server]) -> str:
        return ", ".join(self._told(name, seen[name]) for name in self._named)

    def _refuse(self, seen: Mapping[str, Server], now: Servers) -> None:
        wanted = {name: self._becomes(name, seen[name]) for name in self._named}
        if all(self._same(seen[name], server) for name, server in wanted.items()):
            raise ActionRefused(f"{self.backend}: {self._words(seen)} already: there is nothing to change")
        then = now.become(self.backend, wanted)
        for backend in sorted({self.backend, *(of for of, _ in self._followers(now))}):
            if not then.shares(backend) and (backend == self.backend or now.shares(backend)):
                why = "" if backend == self.backend else ", as what is there tracks what is changed here"
                raise ActionRefused(f"{backend} would have no server left that takes requests{why}")
        if then.shares(self.backend) == now.shares(self.backend) and then.bound(self.backend) == now.bound(
            self.backend
        ):
            raise ActionRefused(
                f"{self.backend}: with {self._words(wanted)} every server would get what it gets now: "
                "it is down, a backup that is not needed, or what is set weighs the same; no user could notice"
            )

    def _followers(self, now: Servers) -> Collection[Place]:
        """Return the servers that go along."""
        return now.followers({(self.backend, name) for name in self._named})

    def _line(self, wanted: Mapping[str, Server]) -> str:
        """Return the one line that makes servers what they are to be."""
        commands = [command for name, server in wanted.items() for command in self._commands(name, server)]
        return "; ".join(f"set server {self.backend}/{command}" for command in commands)

    async def _tell(self, wanted: Mapping[str, Server], before: Captured) -> None:
        """Tell the process that was looked at; who took it is told in the same answer."""
        line = self._line(wanted)
        try:
            # In one connection: the process that took the command is the one that says who it is.
            answer = await tell(self.load_balancer.haproxy_socket, f"{line}; {COMMAND}")
        except (ConnectionRefusedError, FileNotFoundError, PermissionError) as error:
            raise ActionRefused(f"{self.load_balancer.name} does not take the command: {reason(error)}") from error
        except (OSError, ValueError) as error:
            raise OutcomeUnknown(f"{self.load_balancer.name} gave no whole answer: {error}") from error
        complaint, _, _ = answer.partition("Name: HAProxy")
        process, objections = Process.read(answer), " ".join(complaint.split())
        if process and (two := process.differs(before)):
            raise ActedElsewhere(f"{self.load_balancer.haproxy_socket}: {two}, and has taken {line!r}")
        if not objections.isprintable():
            raise OutcomeUnknown(f"{self.load_balancer.name} says what HAProxy never does: {objections[:_SHOWN]!r}")
        if objections:
            # HAProxy goes on with the next command of a line after one that it refuses: of several, some may have
            # been done.
            sort = ActionRefused if line.count("set server ") == 1 else ActionFailed
            raise sort(f"{self.load_balancer.name} says: {objections}")

    async def _seen(self, before: Captured) -> dict[str, Server]:
        """Read every server of the backend, from the process that was captured or what a reload has made of it."""
        sight = await self._look(known=True)
        if sight.process and (two := sight.process.differs(before)):
            raise CannotSee(f"{self.load_balancer.haproxy_socket}: {two}")
        return sight.servers

    async def _look(self, *, known: bool = False) -> "_Sight":
        """Ask for every server of the backend, and who answers; `known` where those named were there before.

        CannotSee when HAProxy does not tell, or one of those named is missing.
        """
        try:
            answer = await tell(self.load_balancer.haproxy_socket, f"{COMMAND}; show servers state {self.backend}")
        except (OSError, ValueError) as error:
            raise CannotSee(f"{self.load_balancer.name} does not tell its servers' state: {error}") from error
        now = {name: server for (_, name), server in read(answer).items()}
        if missing := sorted(set(self._named) - set(now)):
            raise CannotSee(self._lacks(f"{', '.join(missing)}{' any more' * known}", list(now), answer))
        return _Sight(Process.read(answer), now, {name for _, name in steered(answer)})

    def _lacks(self, missing: str, there: list[str], answer: str) -> str:
        """Say that HAProxy lacks servers which the environment declares, and which it has."""
        if "# be_id " not in answer:
            complaint = answer.strip().rpartition("\n")[2][:_SHOWN] or "nothing"
            return f"{self.load_balancer.name} does not tell the servers of {self.backend}: {complaint}"
        others = f"; it has {', '.join(there)}" if there else ", nor any other"
        return f"{self.backend} has no server {missing}{others}"


class _Sight(NamedTuple):
    """One answer: who gave it, the servers, and those of them that an agent sets."""

    process: Process | None
    servers: dict[str, Server]
    steered: set[str]


class Weights(_OfServers):
    """Sets the weights of servers, all in one command, as somebody does who misconfigures a load balancer.

    It is refused if the weights are so already, if every server's share would stay the same (all weights times ten), or
    if no server that takes requests would be left. Its effect is seen when HAProxy reports the new weights, and a probe
    noticed it: nobody else can tell. It is put back when HAProxy reports the former ones, and the probe sees that, too.

        steps:
          - name: most requests to one server
            haproxy.weights: {load_balancer: payments, backend: payments, set: {pay1: 70, pay2: 10, pay3: 10}}
    """

    set: dict[str, Weight] = Field(min_length=1, description="the new weight of servers, by name: 0 to 256")

    async def rights(self, given: Given) -> list[Checked]:
        """Ask for the level of the socket, and whether the backend's way of choosing takes weights while it runs."""
        return [*await super().rights(given), await takes_weights(self.load_balancer, self.backend)]

    @property
    def _named(self) -> list[str]:
        return list(self.set)

    def _becomes(self, server: str, now: Server) -> Server:
        return now._replace(weight=self.set[server])

    def _commands(self, server: str, wanted: Server) -> list[str]:
        return [f"{server} weight {wanted.weight}"]

    def _told(self, server: str, now: Server) -> str:
        return f"{server} weight {now.weight}".strip()

    def _followers(self, now: Servers) -> Collection[Place]:
        return ()  # a weight is not taken over


class _State(_OfServers):
    """What drain and maintenance share."""

    planned: ClassVar[bool] = True
    _empties: ClassVar[bool] = True
    server: str = Field(description="which of its servers")

    @property
    def _named(self) -> list[str]:
        return [self.server]

    def _commands(self, server: str, wanted: Server) -> list[str]:
        return [f"{server} state {state}" for state in wanted.states]

    def _told(self, server: str, now: Server) -> str:
        return f"{server} {now.state}".strip()

    def _is_back(self, now: Server, former: Server) -> bool:
        return self._same(now, former) and (now.usable or not former.usable)


class Drain(_State):
    """Drains one server: it gets no new requests, except from clients that are bound to it, and finishes those it has.

    It is refused if the server drains already, if it gets no requests anyway (down, or a backup that is not needed), or
    if no server that takes requests would be left, also in another backend whose server tracks this one; `plan` names
    those. Its effect is seen when HAProxy says that the server drains, and a probe noticed it: nobody else can tell. It
    is put back when the server is what it was before, and the probe sees that, too.

        steps:
          - name: drain a payment server
            haproxy.drain: {load_balancer: payments, backend: payments, server: pay1}
    """

    def _becomes(self, server: str, now: Server) -> Server:
        return now._replace(administrative=now.administrative | _FORCED_DRAIN)


class Maintenance(_State):
    """Takes one server out for maintenance: it gets no requests at all, and HAProxy doesn't check it.

    It is refused if the server is out already, if it gets no requests anyway (down, or a backup that is not needed), or
    if no server that takes requests would be left, also in another backend whose server tracks this one; `plan` names
    those. Its effect is seen when HAProxy says so, and a probe noticed it: nobody else can tell. It is put back when
    the server is what it was before, which HAProxy's health checks must find first, and the probe sees that, too.

        steps:
          - name: take a payment server out
            haproxy.maintenance: {load_balancer: payments, backend: payments, server: pay1}
    """

    def _becomes(self, server: str, now: Server) -> Server:
        return now._replace(administrative=now.administrative | _FORCED_MAINT)


def _former(before: Captured) -> dict[str, Server]:
    """Read back what `capture` wrote."""
    servers = before["servers"]
    if not isinstance(servers, dict):
        raise ActionFailed("what the servers were before is not on record")
    return {
        name: Server(*(int(str(value)) for value in values))
        for name, values in servers.items()
        if isinstance(values, list)
    }
