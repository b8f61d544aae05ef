"""`kubernetes.nodes`, `kubernetes.leader` and `kubernetes.events`: who is there, who leads, who complained of what."""

import json
import time
from typing import Final, NamedTuple, Self

from pydantic import Field, PrivateAttr, model_validator

from faildrill.adapters.kubernetes.client import Api, Where
from faildrill.adapters.kubernetes.cluster_objects import Event, Node
from faildrill.adapters.kubernetes.looking import Looking, absent
from faildrill.adapters.kubernetes.objects import LeaseObject, Listed, Object
from faildrill.adapters.kubernetes.rights import Rule
from faildrill.adapters.kubernetes.selectors import SelectorText, parsed
from faildrill.adapters.kubernetes.target import InKubernetes, Name
from faildrill.ports import Seen
from faildrill.record.samples import Outcome
from faildrill.system.redaction import clean

_ZONE: Final = "topology.kubernetes.io/zone"
_LEADER: Final = "control-plane.alpha.kubernetes.io/leader"
_NAMED: Final = 3
"""What is named of events, at the most."""


class Nodes(Looking):
    """Reads the nodes of the cluster; good when at least `at_least` of them are ready, or all of them.

    `who` is those that are ready; the detail says of the others why not, and of all whether pods may come. A node is
    not ready only once the cluster has given it up, by default 50 s after its kubelet was last heard.

        probes:
          nodes:
            kubernetes.nodes: {kubernetes: staging, zone: eu-1b}
            every: 1s
            timeout: 2s
    """

    selector: SelectorText | None = Field(default=None, description="labels of nodes; all nodes by default")
    zone: str | None = Field(default=None, min_length=1, description="only nodes of this zone")
    at_least: int | None = Field(
        default=None, ge=1, description="how many must be ready; by default each that is there"
    )

    def _rules(self) -> list[Rule]:
        return [Rule("list", "nodes")]

    async def _seen(self, api: Api, within: float) -> Seen:
        found = await api.read(Where.of("v1", "", "nodes"), Listed[Node], within)
        nodes = [one for one in (found.items if found else None) or () if self._means(one.metadata.labels or {})]
        if not nodes:
            return Seen(Outcome.WRONG, detail="no such node")
        ready = [one.metadata.name for one in nodes if one.is_ready]
        due = len(nodes) if self.at_least is None else self.at_least
        detail = "; ".join([f"{len(ready)} of {len(nodes)} ready", *filter(None, (one.trouble for one in nodes))])
        return Seen(Outcome.OK if len(ready) >= due else Outcome.WRONG, ",".join(sorted(ready)), detail)

    def _means(self, labels: dict[str, str]) -> bool:
        if self.zone is not None and labels.get(_ZONE) != self.zone:
            return False
        return self.selector is None or parsed(self.selector).matches(labels)


class _Led(NamedTuple):
    """Who leads, by a record; how long that lasts (s), and what changes whenever it is renewed."""

    who: str
    lasts: float
    renewed: str


class Leader(Looking, InKubernetes):
    """Reads who leads; good while somebody does, and the record of it is renewed in time.

    The record is a Lease, or the annotations of an Endpoints object or a ConfigMap, as Patroni and older clients write
    them. `who` is the leader's name, what client-go puts behind it cut off. A record that has not been renewed for as
    long as it lasts, by this machine's clock from the first look that saw it, has run out; its writer may live on.

        probes:
          leader:
            kubernetes.leader: {kubernetes: staging, namespace: payments, lease: scheduler}
            every: 500ms
            timeout: 2s
    """

    lease: Name | None = Field(default=None, description="a Lease")
    endpoints: Name | None = Field(default=None, description="an Endpoints object with a leader's annotations instead")
    config_map: Name | None = Field(default=None, description="or a ConfigMap with such annotations")
    _renewed: tuple[str, float] = PrivateAttr(default=("", 0.0))

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum(one is not None for one in (self.lease, self.endpoints, self.config_map)) != 1:
            raise ValueError("say where the leader is written down: `lease`, `endpoints` or `config_map`, one of them")
        return self

    def _rules(self) -> list[Rule]:
        if self.lease is not None:
            return [Rule("get", "leases", "coordination.k8s.io", self.lease)]
        plural, name = ("endpoints", self.endpoints) if self.endpoints else ("configmaps", self.config_map)
        return [Rule("get", plural, name=str(name))]

    async def _seen(self, api: Api, within: float) -> Seen:
        kind, led = await self._led(api, within)
        if led is None:
            return absent(kind, self.lease or self.endpoints or self.config_map or "")
        if not led.who:
            return Seen(Outcome.WRONG, detail="nobody leads")
        now = time.monotonic()
        if self._renewed[0] != f"{led.who} {led.renewed}":
            self._renewed = (f"{led.who} {led.renewed}", now)
        if led.lasts and now - self._renewed[1] > led.lasts:
            return Seen(Outcome.WRONG, "", f"{led.who} has not renewed it in {led.lasts:g} s")
        return Seen(Outcome.OK, led.who)

    async def _led(self, api: Api, within: float) -> tuple[str, _Led | None]:
        if self.lease is not None:
            where = Where.of("coordination.k8s.io/v1", self.namespace, "leases", self.lease)
            found = await api.read(where, LeaseObject, within)
            if found is None:
                return "Lease", None
            spec = found.spec
            return "Lease", _Led(_name(spec.holder_identity), spec.lease_duration_seconds or 0.0, spec.renew_time or "")
        plural, name = ("endpoints", self.endpoints) if self.endpoints else ("configmaps", self.config_map)
        where = Where.of("v1", self.namespace, plural, str(name))
        written = await api.read(where, Object, within)
        return where.kind, None if written is None else _of(written.metadata.annotations or {})


def _of(annotations: dict[str, str]) -> _Led:
    """Read the annotations of Patroni, one a fact, or those of client-go, all in one."""
    try:
        one = json.loads(annotations.get(_LEADER, "{}"))
        if "holderIdentity" in one:
            return _Led(_name(one["holderIdentity"]), float(one["leaseDurationSeconds"]), str(one["renewTime"]))
        who, lasts = annotations.get("leader", ""), float(annotations.get("ttl", 0))
    except (ValueError, TypeError, KeyError, AttributeError):
        return _Led("", 0.0, "")
    return _Led(who, lasts, annotations.get("renewTime", ""))


def _name(identity: str | None) -> str:
    return (identity or "").partition("_")[0]


class Events(Looking, InKubernetes):
    """Reads the namespace's events; a look that finds new ones of these reasons is not good, and names them.

    Without `reasons`, every event of type Warning counts. Events are written by whoever feels like it, are dropped
    when there are many, and last an hour: none is no proof that nothing was wrong.

        probes:
          events:
            kubernetes.events: {kubernetes: staging, namespace: payments, reasons: [BackOff, Unhealthy]}
            every: 1s
            timeout: 2s
    """

    reasons: list[str] = Field(default_factory=list, description="which count, e.g. `BackOff`; all warnings by default")
    _known: dict[str, int] | None = PrivateAttr(default=None)

    def _rules(self) -> list[Rule]:
        return [Rule("list", "events")]

    async def _seen(self, api: Api, within: float) -> Seen:
        found = await api.read(Where.of("v1", self.namespace, "events"), Listed[Event], within)
        meant = [one for one in (found.items if found else None) or () if self._counts(one)]
        counts = {one.metadata.uid: one.times for one in meant}
        known, self._known = self._known, {**(self._known or {}), **counts}
        if known is None:
            return Seen(Outcome.OK, detail="looks for new ones from here on")
        fresh = sorted({one.words for one in meant if one.times > known.get(one.metadata.uid, 0)})
        more = f" and {len(fresh) - _NAMED} more" if len(fresh) > _NAMED else ""
        detail = clean(", ".join(fresh[:_NAMED])) + more
        return Seen(Outcome.WRONG if fresh else Outcome.OK, "", detail)

    def _counts(self, one: Event) -> bool:
        return one.reason in self.reasons if self.reasons else one.type == "Warning"
