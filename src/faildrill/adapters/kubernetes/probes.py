"""`kubernetes.endpoints`: which pods a Service sends new connections to."""

import time
from collections import Counter
from collections.abc import Iterable
from typing import Final

from pydantic import Field, PrivateAttr

from faildrill.adapters.kubernetes.client import Api, Where
from faildrill.adapters.kubernetes.looking import EdgesOf, Looking
from faildrill.adapters.kubernetes.objects import Endpoint, EndpointSlice, Listed
from faildrill.adapters.kubernetes.rights import Rule
from faildrill.adapters.kubernetes.target import InKubernetes
from faildrill.adapters.kubernetes.watch import Watch, Watched
from faildrill.ports import Given, Seen, TellEdge
from faildrill.record.samples import Outcome

_NO_ZONE: Final = "no zone"


class Endpoints(Looking, InKubernetes):
    """Reads the EndpointSlices of a Service; good when at least `at_least` of its endpoints are ready.

    `who` is the pods that get new connections; the detail counts those that are ready, those that are ending but still
    serve, and those that are ending, and the ready ones by zone. A look is a consistent read. One that the API server
    does not answer proves nothing of the Service: it is *broken*, never dark.

    A watch tells what changes between looks. Where it is lost (410, 429, a connection that drops or falls silent, a
    server that is started again), looks go on, and what it may have missed is told as an *open* look from the last
    moment at which nothing was missing to the first at which nothing is again.

        probes:
          endpoints:
            kubernetes.endpoints: {kubernetes: staging, namespace: payments, service: payments, at_least: 2}
            every: 250ms
            timeout: 2s
    """

    service: str = Field(min_length=1, max_length=63, description="the name of the Service")
    at_least: int = Field(default=1, ge=1, description="how many endpoints must be ready")
    _edges: EdgesOf[EndpointSlice] | None = PrivateAttr(default=None)
    _watch: Watch[EndpointSlice] | None = PrivateAttr(default=None)

    def on_edge(self, given: Given, tell: TellEdge) -> None:
        """Tell each change that shows, from now on."""
        self._edges = EdgesOf(tell, self._told)
        self._watch = Watch(self.kubernetes, given.run, self._what, self._edges)

    async def close(self) -> None:
        """Let go of the connection, and end the watch."""
        if self._watch is not None:
            await self._watch.close()
        await super().close()

    def _rules(self) -> list[Rule]:
        return [Rule(verb, "endpointslices", "discovery.k8s.io") for verb in ("list", "watch")]

    @property
    def _what(self) -> Watched[EndpointSlice]:
        where = Where.of("discovery.k8s.io/v1", self.namespace, "endpointslices")
        query = {"labelSelector": f"kubernetes.io/service-name={self.service}"}
        return Watched(where, EndpointSlice, Listed[EndpointSlice], query)

    async def _seen(self, api: Api, within: float) -> Seen:
        what, sent = self._what, time.monotonic_ns()
        found = await api.read(what.where, what.listed, within, what.query) or Listed[EndpointSlice]()
        seen = self._told(found.items or ())
        if self._watch is not None and self._edges is not None:
            self._watch.looked(found, sent)
            self._edges.looked(seen)
        return seen

    def _told(self, slices: Iterable[EndpointSlice]) -> Seen:
        ours = [one for one in slices if one.service == self.service]
        if not ours:
            return Seen(Outcome.WRONG, detail="no EndpointSlice: is there such a Service, with a selector?")
        endpoints = [endpoint for one in ours for endpoint in one.endpoints or ()]
        ready = [one for one in endpoints if one.is_ready]
        ending = [one for one in endpoints if one.is_terminating]
        serving = sum(one.is_serving for one in ending)
        zones = Counter(one.zone or _NO_ZONE for one in ready)
        by_zone = ", ".join(f"{zone} {number}" for zone, number in sorted(zones.items()))
        detail = f"{len(ready)} ready, {len(ending)} terminating, {serving} of these serving; {by_zone or 'in no zone'}"
        who = ",".join(sorted(_name(one) for one in ready))
        return Seen(Outcome.OK if len(ready) >= self.at_least else Outcome.WRONG, who, detail)


def _name(endpoint: Endpoint) -> str:
    return endpoint.target_ref.name if endpoint.target_ref else ",".join(endpoint.addresses or ())
