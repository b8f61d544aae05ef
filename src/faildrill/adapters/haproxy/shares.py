"""Who takes requests behind HAProxy: the share of each server, and who follows another one into maintenance."""

from collections.abc import Mapping
from fractions import Fraction
from typing import NamedTuple

from faildrill.adapters.haproxy.client import statistics, tell
from faildrill.adapters.haproxy.server_states import Server, read
from faildrill.adapters.haproxy.target import LoadBalancer
from faildrill.errors import CannotSee

Place = tuple[str, str]
"""A backend and a server of it."""


class Servers(NamedTuple):
    """The servers of all backends."""

    states: Mapping[Place, Server]
    backups: frozenset[Place]
    """Those that take requests only while no other one of their backend does."""
    tracks: Mapping[Place, Place]
    """Whose state a server takes over, by `track`."""

    def followers(self, leaders: set[Place]) -> set[Place]:
        """Return who takes over the state of one of these, also by way of another one."""
        following: set[Place] = set()
        # Until nobody is new: a server that is tracked may track another one itself.
        while more := {tracker for tracker, other in self.tracks.items() if other in leaders | following} - following:
            following |= more
        return following

    def shares(self, backend: str) -> dict[str, Fraction]:
        """Return which part of a backend's new requests each server is due that takes some."""
        takes = {(of, name): state for (of, name), state in self.states.items() if of == backend and state.usable}
        first = {place: state for place, state in takes.items() if place not in self.backups} or takes
        total = sum(state.weight for state in first.values())
        return {name: Fraction(state.weight, total) for (_, name), state in first.items()}

    def bound(self, backend: str) -> set[str]:
        """Return the servers that clients can be bound to: they keep those also while they take no others."""
        return {
            name
            for (of, name), one in self.states.items()
            if of == backend and one.serves and (of, name) not in self.backups
        }

    def become(self, backend: str, wanted: Mapping[str, Server]) -> "Servers":
        """Return what these are when some of a backend's become others, with those that follow them."""
        states = dict(self.states)
        for name, state in wanted.items():
            was, states[backend, name] = states[backend, name], state
            goes_along = was.administrative != state.administrative
            for place in self.followers({(backend, name)}) & states.keys() if goes_along else ():
                states[place] = states[place]._replace(administrative=state.administrative)
        return self._replace(states=states)


async def servers(balancer: LoadBalancer) -> Servers:
    """Read all servers; CannotSee where HAProxy doesn't tell."""
    try:
        states = read(await tell(balancer.haproxy_socket, "show servers state"))
        rows = statistics(await tell(balancer.haproxy_socket, "show stat -1 4 -1"))
    except (OSError, ValueError) as error:
        raise CannotSee(f"{balancer.name} does not tell its servers' state: {error}") from error
    if rows is None:
        raise CannotSee(f"{balancer.name} does not tell which of its servers are backups")
    by_place = {(row["pxname"], row["svname"]): row for row in rows}
    backups = frozenset(place for place, row in by_place.items() if row.get("bck") == "1")
    tracks: dict[Place, Place] = {}
    for place, row in by_place.items():
        of, slash, name = row.get("tracked", "").partition("/")
        if slash:
            tracks[place] = (of, name)
    return Servers(states, backups, tracks)
