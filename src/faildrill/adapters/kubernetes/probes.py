"""`kubernetes.endpoints`: which pods a Service sends new connections to."""

from collections import Counter
from contextlib import AsyncExitStack
from typing import Final

from pydantic import Field, PrivateAttr

from faildrill.adapters.kubernetes.client import Api, Untold, Where
from faildrill.adapters.kubernetes.objects import Endpoint, EndpointSlice, Listed
from faildrill.adapters.kubernetes.target import InKubernetes
from faildrill.errors import CannotSee
from faildrill.ports import Given, Seen
from faildrill.record.samples import Outcome
from faildrill.toolkit.deadlines import SHARE

_LONGEST: Final = 200
_NO_ZONE: Final = "no zone"


class Endpoints(InKubernetes):
    """Reads the EndpointSlices of a Service; good when at least `at_least` of its endpoints are ready.

    `who` is the pods that get new connections; the detail counts those that are ready, those that are ending but still
    serve, and those that are ending, and the ready ones by zone. A look is a consistent read. One that the API server
    does not answer proves nothing of the Service: it is *broken*, never dark.

        probes:
          endpoints:
            kubernetes.endpoints: {kubernetes: staging, namespace: payments, service: payments, at_least: 2}
            every: 250ms
            timeout: 2s
    """

    service: str = Field(min_length=1, max_length=63, description="the name of the Service")
    at_least: int = Field(default=1, ge=1, description="how many endpoints must be ready")
    _open: AsyncExitStack = PrivateAttr(default_factory=AsyncExitStack)
    _api: Api | None = PrivateAttr(default=None)

    async def open(self, given: Given) -> None:
        """Do nothing: the first look reads the kubeconfig, and its connection is kept."""

    async def close(self) -> None:
        """Let go of the connection."""
        self._api = None
        await self._open.aclose()

    async def look(self, given: Given) -> Seen:
        """Read all slices of the Service."""
        within = given.timeout * SHARE
        where = Where.of("discovery.k8s.io/v1", self.namespace, "endpointslices")
        try:
            api = await self._asking(given.run, within / 2)
            query = {"labelSelector": f"kubernetes.io/service-name={self.service}"}
            found = await api.read(where, Listed[EndpointSlice], within / 2, query)
        except CannotSee as error:
            await self.close()  # a token may be renewed, a certificate replaced
            words = error.words if isinstance(error, Untold) else str(error)
            return Seen(Outcome.BROKEN, detail=f"the API server: {words}"[:_LONGEST])
        slices = [one for one in (found.items if found else None) or () if one.service == self.service]
        return self._told([endpoint for one in slices for endpoint in one.endpoints or ()], has_any=bool(slices))

    async def _asking(self, run: str, within: float) -> Api:
        if self._api is None:
            self._api = await self._open.enter_async_context(Api.open(self.kubernetes, run, within))
        return self._api

    def _told(self, endpoints: list[Endpoint], *, has_any: bool) -> Seen:
        if not has_any:
            return Seen(Outcome.WRONG, detail="no EndpointSlice: is there such a Service, with a selector?")
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
