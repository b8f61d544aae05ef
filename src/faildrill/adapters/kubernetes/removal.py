"""What evicting and deleting pods share: which pods, what is refused, what is seen, and when all is whole again."""

import asyncio
import socket
from abc import abstractmethod
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import ClassVar, Final, Literal, NamedTuple, Self

from pydantic import Field, JsonValue, model_validator

from faildrill.adapters.kubernetes.checks import account
from faildrill.adapters.kubernetes.client import Api, Where
from faildrill.adapters.kubernetes.identity_guard import unmarked
from faildrill.adapters.kubernetes.objects import LeaseObject, Object, Owner, Pod
from faildrill.adapters.kubernetes.rights import Needed, Rule, allowed
from faildrill.adapters.kubernetes.selectors import SelectorText, parsed
from faildrill.adapters.kubernetes.target import InKubernetes, Kubernetes
from faildrill.adapters.kubernetes.workload import (
    PLURALS,
    Keeper,
    Sight,
    called,
    controllers,
    keeper_of,
    lacking,
    sighted,
    zone_of,
)
from faildrill.errors import ActionFailed, ActionRefused, CannotSee
from faildrill.ports import Captured, Checked, Given, Observed, Preview
from faildrill.ports.effect import Effect
from faildrill.toolkit.deadlines import SHARE

_AGAIN: Final = 0.25
"""Seconds between two looks."""
_LOOK: Final = 5.0
"""Seconds that one look may take, at the most."""
_LOOKS: Final = (Rule("get", "pods"), Rule("list", "pods"), Rule("list", "endpointslices", "discovery.k8s.io"))
"""What looking at pods and at where they are served takes."""
removed_here: Final[set[str]] = set()
"""UIDs of the pods that steps of this process have taken away: for another step of the run they are nobody else's."""
_known_here: Final[dict[str, dict[str, str]]] = {}
"""By run and controller, the pods that this process has seen, names by UID: one that came later may be deleted, too."""


class Aim(NamedTuple):
    """Which pods are meant, and what keeps them there."""

    pods: list[Pod]
    keeper: Keeper
    sight: Sight

    @property
    def rest(self) -> list[Pod]:
        """The ready pods of the workload that are left alone, by name."""
        hit = {pod.uid for pod in self.pods}
        others = self.sight.of(self.keeper.controller.uid).values()
        return sorted((pod for pod in others if pod.uid not in hit and pod.is_ready), key=lambda pod: pod.name)


class _Seen(NamedTuple):
    """What was looked at, and what is lacking."""

    sight: Sight
    keeper: Keeper
    missing: list[str]


class Removal(InKubernetes):
    """Pods of one workload that are taken away; another one comes in the place of each."""

    effect_is: ClassVar[Effect] = "state"
    """That exactly these pods are gone, and nobody else has taken one, or changed how many there are to be."""
    acts_late: ClassVar[float] = 60.0
    """kube-apiserver gives a request up after a minute (`--request-timeout`)."""
    DEED: ClassVar[str]
    """What is asked for, in words."""
    VERB: ClassVar[str]
    """What is done with pods, in words."""

    selector: SelectorText | None = Field(default=None, description="labels, e.g. `app=payments,role=primary`")
    leader_of: str | None = Field(default=None, min_length=1, description="the pod that holds this Lease instead")
    zone: str | None = Field(default=None, min_length=1, description="only pods on nodes of this zone")
    count: int = Field(default=1, ge=1, description="how many of these; the first by name")
    last_ready: Literal["deliberate"] | None = Field(
        default=None, description="`deliberate`: also where no other pod of the workload stays ready"
    )
    follow: Literal["leaving", "replaced"] = Field(
        default="leaving", description="until when the step goes on to tell the phases: `replaced` waits for new pods"
    )

    @model_validator(mode="after")
    def _names_pods(self) -> Self:
        if (self.selector is None) == (self.leader_of is None):
            raise ValueError("say which pods: `selector`, or `leader_of`")
        if self.leader_of is not None and self.count != 1:
            raise ValueError("a Lease has one leader: `count` is of a `selector`")
        return self

    def _asking(self, given: Given) -> AbstractAsyncContextManager[Api]:
        return opened(self.kubernetes, given)

    async def rights(self, given: Given) -> list[Checked]:
        """Ask the API server for each rule that the step needs whether we have it."""
        within, looks = each(given), [Rule("get", "namespaces", name=self.namespace), *_LOOKS]
        async with self._asking(given) as api:
            found = await allowed(api, self.namespace, looks, within)
            if not all(one.ok for one in found):
                return found  # what keeps the pods there can't be seen
            sight = await sighted(api, self.namespace, within)
            owners = {pod.controller.kind for pod in await self._meant(api, sight, within) if pod.controller}
            found += await allowed(api, self.namespace, [*controllers(owners), *self._rules()], within)
            nodes = await allowed(api, "", [Rule("get", "nodes")], within) if self.zone else []
        return [*found, *nodes]

    async def needs(self, given: Given) -> list[Needed]:
        """Tell what it asks for; where nobody lets us look what keeps the pods there, that is any of what could."""
        try:
            async with self._asking(given) as api:
                pods = await self._meant(api, await sighted(api, self.namespace, each(given)), each(given))
            owners = {pod.controller.kind for pod in pods if pod.controller}
        except (CannotSee, ActionRefused):
            owners = set(PLURALS)
        rules = [Rule("get", "namespaces", name=self.namespace), *_LOOKS, *controllers(owners), *self._rules()]
        nodes = [Needed("", Rule("get", "nodes"))] if self.zone else []
        return [*(Needed(self.namespace, rule) for rule in rules), *nodes]

    async def confirm(self, before: Captured, given: Given) -> Observed:
        """See that the pods are on the way out and get no new connections, and that nobody else has changed a thing."""
        async with self._asking(given) as api:
            sight = await sighted(api, self.namespace, each(given))
            if others := await self._others(api, sight, before, each(given)):
                return Observed(holds=False, because=others)
        hit = names_of(before["pods"])
        if still := _still_there(before, sight):
            return Observed(holds=False, because=still)
        reached = sorted(sight.ready_endpoints(hit))
        if reached:
            told = f"{', '.join(hit.values())} is terminating, and still in the endpoints of {', '.join(reached)}"
            return Observed(holds=False, because=told)
        ready = sum(pod.is_ready for pod in sight.of(controller_of(before).uid).values())
        left = ", ".join(f"{name} ({uid[:8]})" for uid, name in hit.items())
        due = data(before["workload"])["replicas"]
        because = f"{left} is {_state(hit, sight)} and in no endpoints; {ready} of {due} are ready"
        # All of it is the word of one server: a probe must have noticed it. In a StatefulSet the next one has the name.
        moves = [] if controller_of(before).kind == "StatefulSet" else list(hit.values())
        evidence: Captured = {"pods": list(hit.values()), "ready": ready}
        return Observed(True, because, evidence, word_of=Kubernetes.section, moves=moves, empties=bool(moves))

    async def lasts(self, before: Captured, given: Given) -> Observed:
        """See that these pods, and no others, are gone, and that as many are to be there as before."""
        async with self._asking(given) as api:
            sight = await sighted(api, self.namespace, each(given))
            others = await self._others(api, sight, before, each(given))
        told = others or _still_there(before, sight)
        return Observed(not told, told or "gone, and nobody else has changed the workload")

    async def restored(self, before: Captured, given: Given) -> Observed:
        """See the workload whole: as many pods ready as there are to be, and in each Service as many as before."""
        async with self._asking(given) as api:
            sight, keeper, missing = await self._lacking(api, before, each(given))
        if missing:
            return Observed(holds=False, because="; ".join(missing))
        known = {*names_of(before["pods"]), *names_of(before["others"])}
        fresh = [pod for uid, pod in sight.of(keeper.controller.uid).items() if uid not in known and pod.is_ready]
        told = ", ".join(f"{called(pod)} ready since {_since(pod)}" for pod in fresh)
        because = f"{keeper.name} is whole: {keeper.wanted} ready{f'; in their place: {told}' if told else ''}"
        return Observed(holds=True, because=because, evidence={"replacements": [pod.name for pod in fresh]})

    async def undo(self, before: Captured, given: Given) -> None:
        """Wait until the workload is whole again; pods don't come back, others take their place."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + given.timeout * SHARE
        async with self._asking(given) as api:
            while True:
                try:
                    _, _, missing = await self._lacking(api, before, each(given))
                except CannotSee as error:
                    missing = [str(error)]
                if not missing:
                    return
                if loop.time() + _AGAIN >= deadline:
                    raise ActionFailed(f"it did not become whole: {'; '.join(missing)}")
                await asyncio.sleep(_AGAIN)

    async def preview(self, given: Given) -> Preview:
        """Look whom it would hit, who stays ready, and what a budget says; nothing is asked for, not even to try."""
        async with self._asking(given) as api:
            aim = await self._aim(api, each(given))
            said = await self._budget_words(api, aim, each(given))
            who = await account(api, each(given))
        hit = ", ".join(f"{called(pod)} on {pod.spec.node_name}" for pod in aim.pods)
        stays = ", ".join(pod.name for pod in aim.rest) or "nobody"
        effect = f"{self.VERB} {hit} of {aim.keeper.name}; ready then: {stays}; {said}"
        effect = f"{effect}; as {who} at {api.way.server}, by {self.kubernetes.way}"
        undo = f"wait until {aim.keeper.name} has {aim.keeper.wanted} ready pods again: others, in their place"
        return Preview(self._members(aim.pods), effect, undo, self._members(aim.rest))

    def _rules(self) -> list[Rule]:
        return [Rule("get", "leases", "coordination.k8s.io")] if self.leader_of else []

    @abstractmethod
    async def _budget_words(self, api: Api, aim: Aim, within: float) -> str: ...

    def _members(self, pods: Iterable[Pod]) -> list[str]:
        return [f"{self.kubernetes.name}/{self.namespace}/{pod.name}" for pod in pods]

    async def _aim(self, api: Api, within: float) -> Aim:
        """Resolve which pods are meant now; ActionRefused where that would make no sense."""
        await self.refuse_unmarked(api, within)
        sight = await sighted(api, self.namespace, within)
        chosen = await self._chosen(api, sight, within)
        owners = {pod.controller.uid if pod.controller else "" for pod in chosen}
        if len(owners) > 1:
            raise ActionRefused(f"{self._words} means pods of {len(owners)} workloads: name those of one")
        return Aim(chosen, await keeper_of(api, self.namespace, chosen[0].controller, within), sight)

    async def refuse_unmarked(self, api: Api, within: float) -> None:
        """Refuse where the namespace does not say that it may be drilled."""
        there = await api.read(Where.of("v1", "", "namespaces", self.namespace), Object, within)
        if wrong := unmarked(there, self.kubernetes):
            raise ActionRefused(f"namespace {self.namespace} {wrong}")

    @property
    def _words(self) -> str:
        return f"`{self.selector}`" if self.selector is not None else f"the leader of Lease {self.leader_of}"

    async def _chosen(self, api: Api, sight: Sight, within: float) -> list[Pod]:
        found = await self._meant(api, sight, within)
        where = f" in zone {self.zone}" if self.zone else ""
        if len(found) < self.count:
            told = f"{self._words}{where} means {len(found)} pods of {self.namespace}, {self.count} are due"
            raise ActionRefused(told)
        unfit = [called(pod) for pod in found if pod.is_terminating or pod.status.phase != "Running"]
        if unfit:
            raise ActionRefused(f"not running, or on the way out: {', '.join(unfit)}; wait until they are settled")
        chosen = sorted(found, key=lambda pod: pod.name)[: self.count]
        if self.kubernetes.in_cluster and socket.gethostname() in {pod.name for pod in chosen}:
            raise ActionRefused(f"{self._words} means the pod that faildrill itself runs in")
        return chosen

    async def _meant(self, api: Api, sight: Sight, within: float) -> list[Pod]:
        pods = list(sight.pods.values())
        if self.selector is not None:
            wanted = parsed(self.selector)
            pods = [pod for pod in pods if wanted.matches(pod.metadata.labels)]
        else:
            holder = await self._leader(api, within)
            pods = [pod for pod in pods if holder == pod.name or holder.startswith(f"{pod.name}_")]  # no name has a `_`
        if self.zone is None:
            return pods
        nodes = sorted({pod.spec.node_name for pod in pods if pod.spec.node_name})
        zones = dict(zip(nodes, await asyncio.gather(*(zone_of(api, node, within) for node in nodes)), strict=True))
        return [pod for pod in pods if zones.get(pod.spec.node_name or "") == self.zone]

    async def _leader(self, api: Api, within: float) -> str:
        """Return who holds the Lease: a pod's name, behind which client-go puts `_` and a word of its own."""
        where = Where.of("coordination.k8s.io/v1", self.namespace, "leases", str(self.leader_of))
        found = await api.read(where, LeaseObject, within)
        if found is None or not found.spec.holder_identity:
            raise ActionRefused(f"nobody holds a Lease {self.leader_of} in {self.namespace}")
        return found.spec.holder_identity

    def refuse_useless(self, aim: Aim) -> None:
        """Refuse what would prove nothing, or take the last one away."""
        services = _services(aim.sight, aim.keeper.controller)
        if missing := lacking(aim.keeper, aim.sight, services):
            raise ActionRefused(f"it is not whole to begin with: {'; '.join(missing)}")
        if not aim.rest and self.last_ready is None:
            told = (
                f"no other pod of {aim.keeper.name} would stay ready; write `last_ready: deliberate` if that is meant"
            )
            raise ActionRefused(told)

    def before(self, aim: Aim) -> Captured:
        """Return what is there before pods are taken away."""
        hit = {pod.uid: pod.name for pod in aim.pods}
        family = aim.sight.of(aim.keeper.controller.uid)
        meta, controller = aim.keeper.workload.metadata, aim.keeper.controller
        return {
            "pods": dict(hit),
            "others": {uid: pod.name for uid, pod in family.items() if uid not in hit},
            "workload": {
                "name": aim.keeper.name,
                "uid": meta.uid,
                "generation": meta.generation,
                "replicas": aim.keeper.wanted,
            },
            "controller": {"kind": controller.kind, "name": controller.name, "uid": controller.uid},
            "services": dict(_services(aim.sight, controller)),
        }

    async def _lacking(self, api: Api, before: Captured, within: float) -> _Seen:
        sight = await sighted(api, self.namespace, within)
        keeper = await keeper_of(api, self.namespace, controller_of(before), within)
        return _Seen(sight, keeper, lacking(keeper, sight, _counts(before["services"])))

    async def _others(self, api: Api, sight: Sight, before: Captured, within: float) -> str:
        """Tell what somebody else has done to the workload since; empty where nobody has."""
        keeper = await keeper_of(api, self.namespace, controller_of(before), within)
        known = data(before["workload"])
        if keeper.wanted != known["replicas"]:
            return f"somebody else has scaled {keeper.name} from {known['replicas']} to {keeper.wanted}"
        if keeper.workload.metadata.uid != known["uid"]:
            return f"somebody else has made {keeper.name} anew"
        # It counts changes of what is wanted (`spec`); what controllers write of how it is doesn't move it.
        if keeper.workload.metadata.generation != known["generation"]:
            return f"somebody else has changed {keeper.name}"
        seen = _known_here.setdefault(f"{api.run}/{keeper.controller.uid}", names_of(before["others"]))
        seen |= {uid: pod.name for uid, pod in sight.of(keeper.controller.uid).items()}
        ours = {*removed_here, *names_of(before["pods"])}
        taken = [
            f"{name} ({uid[:8]})"
            for uid, name in seen.items()
            if uid not in ours and (uid not in sight.pods or sight.pods[uid].is_terminating)
        ]
        return f"somebody else has deleted {', '.join(taken)}" if taken else ""


def opened(target: Kubernetes, given: Given) -> AbstractAsyncContextManager[Api]:
    """Get ready to ask a cluster for a step; nothing is sent yet."""
    return Api.open(target, given.run, given.timeout * SHARE / 2)


def each(given: Given) -> float:
    """Return how long one look may take."""
    return min(_LOOK, given.timeout * SHARE / 4)


def names_of(held: JsonValue) -> dict[str, str]:
    """Return names by UID, as they were written down."""
    return {uid: str(name) for uid, name in held.items()} if isinstance(held, dict) else {}


def controller_of(before: Captured) -> Owner:
    """Return whose pods they were."""
    held = names_of(before["controller"])
    return Owner(held["kind"], held["name"], held["uid"])


def _still_there(before: Captured, sight: Sight) -> str:
    hit = names_of(before["pods"])
    found = [name for uid, name in hit.items() if uid in sight.pods and not sight.pods[uid].is_terminating]
    return f"{', '.join(found)} is there, and nobody has deleted it" if found else ""


def data(held: JsonValue) -> dict[str, JsonValue]:
    """Return what was written down as an object."""
    return held if isinstance(held, dict) else {}


def _counts(held: JsonValue) -> dict[str, int]:
    return {name: one for name, one in held.items() if isinstance(one, int)} if isinstance(held, dict) else {}


def _services(sight: Sight, controller: Owner) -> dict[str, int]:
    ready = [uid for uid, pod in sight.of(controller.uid).items() if pod.is_ready]
    return {service: len(uids) for service, uids in sight.ready_endpoints(ready).items()}


def _state(hit: Iterable[str], sight: Sight) -> str:
    return "terminating" if any(uid in sight.pods for uid in hit) else "gone"


def _since(pod: Pod) -> str:
    found = pod.condition("Ready")
    return (found.last_transition_time if found else None) or "a time that nobody tells"
