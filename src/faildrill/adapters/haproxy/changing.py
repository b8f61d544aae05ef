"""What can be done to the servers behind HAProxy through its runtime socket: weights, drain, maintenance.

The socket must be one of level `operator` or `admin`. What is set through it is forgotten at HAProxy's next reload.
"""

from abc import abstractmethod
from collections.abc import Collection, Mapping
from typing import Annotated, ClassVar, Final, Self

from pydantic import Field, model_validator

from faildrill.adapters.haproxy.algorithms import takes_weights
from faildrill.adapters.haproxy.states import Server, read
from faildrill.adapters.haproxy.takers import Place, Servers, servers
from faildrill.adapters.haproxy.talking import tell
from faildrill.adapters.haproxy.target import LoadBalancer
from faildrill.effect_traits import Effect
from faildrill.errors import ActionFailed, ActionRefused, CannotSee, OutcomeUnknown
from faildrill.ports import Captured, Checked, Given, Kind, Observed, Preview

_FORCED_MAINT: Final = 0x01
_FORCED_DRAIN: Final = 0x08
"""Bits of `srv_admin_state` that a command sets."""
_HEAVIEST: Final = 256
_ENOUGH: Final = ("operator", "admin")
"""Levels of a socket through which servers can be changed."""
Weight = Annotated[int, Field(ge=0, le=_HEAVIEST)]


class _OfServers(Kind):
    """What the actions share: the servers, looked at through the socket, and the one change of them."""

    effect_is: ClassVar[Effect] = "state"

    load_balancer: LoadBalancer = Field(description="the load balancer that is told")
    backend: str = Field(pattern=r"^[A-Za-z0-9._:-]+$", description="the backend that the servers are in")

    @model_validator(mode="after")
    def _are_declared(self) -> Self:
        known = self.load_balancer.backends
        if self.backend not in known:
            there = ", ".join(sorted(known)) or "none"
            raise ValueError(f"{self.load_balancer.name} declares no backend {self.backend!r}; there is {there}")
        for name in self._named:
            if name not in known[self.backend]:
                there = ", ".join(sorted(known[self.backend])) or "none"
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

    async def capture(self, given: Given) -> Captured:  # noqa: ARG002 - the engine's deadline ends it
        """Read what the servers are; refused when they are so already, or when none would be left."""
        seen = await self._seen()
        self._refuse(seen, await servers(self.load_balancer))
        return {"servers": {name: list(seen[name]) for name in self._named}, "process": await self._process()}

    async def apply(self, before: Captured, given: Given) -> Captured:  # noqa: ARG002 - the port's signature
        """Tell HAProxy once, in one line."""
        former = _former(before)
        wanted = {name: self._becomes(name, former[name]) for name in self._named}
        await self._tell(wanted)
        return {"servers": ",".join(self._named)}

    async def confirm(self, before: Captured, given: Given) -> Observed:  # noqa: ARG002 - the port's signature
        """Read back what HAProxy says the servers are."""
        former, seen = _former(before), await self._seen()
        holds = all(self._same(seen[name], self._becomes(name, former[name])) for name in self._named)
        return Observed(holds, self._words(seen))

    async def suspect(self, before: Captured, given: Given) -> str:  # noqa: ARG002 - the port's signature
        """Tell a reload, which forgets what was set, from somebody who set it back."""
        former, now = before.get("process"), await self._process()
        if not former or not now:
            return ""
        if former != now:
            return f"HAProxy was reloaded or restarted: it was process {former}, and is {now} now"
        return f"HAProxy is the same process, {now}: somebody set it through its socket, or an agent did"

    async def undo(self, before: Captured, given: Given) -> None:  # noqa: ARG002 - the port's signature
        """Tell HAProxy what they were."""
        await self._tell(_former(before))

    async def restored(self, before: Captured, given: Given) -> Observed:  # noqa: ARG002 - the port's signature
        """Read back that they are what they were."""
        former, seen = _former(before), await self._seen()
        return Observed(all(self._is_back(seen[name], one) for name, one in former.items()), self._words(seen))

    async def preview(self, given: Given) -> Preview:  # noqa: ARG002 - the caller's deadline ends it
        """See whether it would be refused now."""
        seen, everybody = await self._seen(), await servers(self.load_balancer)
        self._refuse(seen, everybody)
        where = f"{self.load_balancer.name}/{self.backend}"
        wanted = {name: self._becomes(name, seen[name]) for name in self._named}
        effect = f"{self.backend}: {self._words(wanted)}"
        touches = [f"{where}/{name}" for name in self._named]
        touches += [f"{self.load_balancer.name}/{'/'.join(place)}" for place in sorted(self._followers(everybody))]
        spares = [f"{where}/{name}" for name, one in {**seen, **wanted}.items() if one.usable]
        return Preview(touches, effect, f"{self.backend}: {self._words(seen)}", spares)

    async def rights(self, given: Given) -> list[Checked]:  # noqa: ARG002 - the caller's deadline ends it
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
        if all(self._same(seen[name], one) for name, one in wanted.items()):
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

    async def _tell(self, wanted: Mapping[str, Server]) -> None:
        commands = [command for name, one in wanted.items() for command in self._commands(name, one)]
        prefix = f"set server {self.backend}/"
        try:
            answer = await tell(self.load_balancer.haproxy_socket, "; ".join(prefix + one for one in commands))
        except (ConnectionRefusedError, FileNotFoundError, PermissionError) as error:
            raise ActionRefused(f"{self.load_balancer.name} can't be told: {error.strerror}") from error
        except (OSError, ValueError) as error:
            raise OutcomeUnknown(f"{self.load_balancer.name} gave no whole answer: {error}") from error
        objections = " ".join(answer.split())
        if objections:
            sort = ActionRefused if len(commands) == 1 else ActionFailed
            raise sort(f"{self.load_balancer.name} says: {objections}")

    async def _process(self) -> str:
        """Return the number of the process that answers; the empty string where it doesn't say."""
        try:
            answer = await tell(self.load_balancer.haproxy_socket, "show info")
        except (OSError, ValueError):
            return ""
        return next((line.removeprefix("Pid: ") for line in answer.splitlines() if line.startswith("Pid: ")), "")

    async def _seen(self) -> dict[str, Server]:
        """Read every server of the backend; CannotSee when HAProxy does not tell, or one of those named is missing."""
        try:
            answer = await tell(self.load_balancer.haproxy_socket, f"show servers state {self.backend}")
        except (OSError, ValueError) as error:
            raise CannotSee(f"{self.load_balancer.name} does not tell its servers' state: {error}") from error
        seen = {name: one for (_, name), one in read(answer).items()}
        missing = sorted(set(self._named) - set(seen))
        if missing:
            raise CannotSee(f"{self.backend} has no {', '.join(missing)}: {' '.join(answer.split())[:100]}")
        return seen


class Weights(_OfServers):
    """Sets the weights of servers, all in one command, as somebody does who misconfigures a load balancer.

    Refused when they are so already, when every share stays as it is (all times ten), and when no server that takes
    requests would be left. Its effect is seen when HAProxy tells the new weights; put back means that it tells the
    former ones.

        steps:
          - name: most requests to one server
            haproxy.weights: {load_balancer: payments, backend: payments, set: {pay1: 70, pay2: 10, pay3: 10}}
    """

    set: dict[str, Weight] = Field(min_length=1, description="by server, its weight: 0 to 256")

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

    def _followers(self, now: Servers) -> Collection[Place]:  # noqa: ARG002 - the base's signature
        return ()  # a weight is not taken over


class _State(_OfServers):
    """What drain and maintenance share."""

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
    """Drains one server: it gets no new requests but those of clients that are bound to it, and ends what it has.

    Refused when it drains already, when it gets no requests as it is (down, or a backup that is not needed), and when
    no server that takes requests would be left, also in another backend whose server tracks it, which `plan` names. Its
    effect is seen when HAProxy says that it drains; put back means that it is what it was.

        steps:
          - name: drain a payment server
            haproxy.drain: {load_balancer: payments, backend: payments, server: pay1}
    """

    def _becomes(self, server: str, now: Server) -> Server:  # noqa: ARG002 - the base's signature
        return now._replace(administrative=now.administrative | _FORCED_DRAIN)


class Maintenance(_State):
    """Takes one server out: it gets no requests at all and is not checked, as during maintenance.

    Refused when it is out already, when it gets no requests as it is (down, or a backup that is not needed), and when
    no server that takes requests would be left, also in another backend whose server tracks it, which `plan` names. Its
    effect is seen when HAProxy says so; put back means that it is what it was, which HAProxy's checks must find first.

        steps:
          - name: take a payment server out
            haproxy.maintenance: {load_balancer: payments, backend: payments, server: pay1}
    """

    def _becomes(self, server: str, now: Server) -> Server:  # noqa: ARG002 - the base's signature
        return now._replace(administrative=now.administrative | _FORCED_MAINT)


def _former(before: Captured) -> dict[str, Server]:
    """Read back what `capture` wrote."""
    servers = before["servers"]
    if not isinstance(servers, dict):
        raise ActionFailed("what the servers were before is not on record")
    return {
        name: Server(*(int(str(one)) for one in values)) for name, values in servers.items() if isinstance(values, list)
    }
