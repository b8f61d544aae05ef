"""`kubernetes.evict` and `kubernetes.delete_pods`: pods are taken away, with the budget asked, and without."""

import asyncio
import math
import time
from abc import abstractmethod
from typing import Any, ClassVar, Final, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from faildrill.adapters.kubernetes.client import Api, Taken, Where
from faildrill.adapters.kubernetes.objects import Pod
from faildrill.adapters.kubernetes.outcomes import Refused, Unknown
from faildrill.adapters.kubernetes.phases import Phases
from faildrill.adapters.kubernetes.removal import Aim, Removal, controller_of, each, names_of, removed_here
from faildrill.adapters.kubernetes.rights import Rule
from faildrill.adapters.kubernetes.workload import budgets_of, called, sighted
from faildrill.errors import ActionFailed, ActionRefused, CannotSee
from faildrill.ports import Captured, Duration, Given, Hears
from faildrill.toolkit.deadlines import SHARE

_LOOK_AGAIN: Final = 0.15
"""Seconds between two looks at the phases: two reads each, within what is asked of a server in a second."""
_SETTLING: Final = 10.0
"""Seconds for which an open outcome is looked at, at the most."""
_CALL: Final = 10.0
"""Seconds that the call may take, at the most; half of what is left at the most, as the rest is for looking."""
_CONFLICT: Final = 409
_CONFLICTS: Final = 5
"""How often a pod may have changed between a look and the call, which refuses it: kubelets write to its status."""
_WAIT: Final = 1.0
"""Seconds until a budget is asked again: kube-apiserver names none where there is no room."""
_TARGETED, _BY_EVICTION = "DisruptionTarget", "EvictionByEvictionAPI"


class _Pinned(NamedTuple):
    """A pod by its name, and the UID that it must have."""

    name: str
    uid: str


class _Takes(Removal):
    """How pods are taken away, one after the other: each by one request that is pinned to its UID and its version."""

    grace: Duration | None = Field(default=None, ge=0, description="how long it has to end; by default, its own time")
    force: Literal["deliberate"] | None = Field(
        default=None, description="`deliberate` with `grace: 0s`: nobody waits for its processes to end"
    )

    @model_validator(mode="after")
    def _is_meant(self) -> Self:
        if self.grace == 0 and self.force is None:
            raise ValueError("`grace: 0s` forgets the pod before its processes end: write `force: deliberate`, too")
        return self

    async def capture(self, given: Given) -> Captured:
        """Resolve the pods, see that all is whole, and ask with `dryRun=All` whether it would be done."""
        async with self._asking(given) as api:
            return await self.fit(api, await self._aim(api, each(given)), each(given))

    async def fit(self, api: Api, aim: Aim, within: float) -> Captured:
        """Return what is there before pods are taken away; ActionRefused where that would prove nothing, or not be."""
        self.refuse_useless(aim)
        for pod in aim.pods:
            await self._refuse_by_budget(api, pod, within)
            await self._tried(api, pod, within)
        return self.before(aim)

    async def apply(self, before: Captured, given: Given) -> Captured:
        """Take the pods away, and tell their phases."""
        deadline = asyncio.get_running_loop().time() + given.timeout * SHARE
        async with self._asking(given) as api:
            await self.take(api, before, given, deadline)
        hit = names_of(before["pods"])
        return {"pods": list(hit.values()), "uids": list(hit)}

    async def take(self, api: Api, before: Captured, given: Given, deadline: float) -> None:
        """Take the pods away, one after the other, until a deadline by the loop's clock, and tell their phases."""
        hit, since = names_of(before["pods"]), list[int]()
        for uid, name in hit.items():
            try:
                since.append(await self._take(api, _Pinned(name, uid), given, deadline))
            except ActionRefused as error:
                if not since:
                    raise
                raise ActionFailed(f"{len(since)} of {len(hit)} are taken away, and then: {error}") from error
        await self._follow(api, before, since[0], given, deadline)

    async def _take(self, api: Api, pinned: _Pinned, given: Given, deadline: float) -> int:
        """Take one pod away; return since when it may be (monotonic ns). Each refusal is told, with what it cost."""
        began, refusals, conflicts = time.monotonic_ns(), 0, 0
        while True:
            pod = await self._pinned(api, pinned, each(given), is_asked=conflicts > 0)
            try:
                since = await self._take_once(api, pod, given, deadline)
            except Refused as error:
                refusals += 1
                conflicts += error.status == _CONFLICT
                wait = self._wait(error, conflicts, _seconds(began))
                loop = asyncio.get_running_loop()
                if wait is None or loop.time() + wait >= deadline:
                    raise
                told = f"{called(pod)}: {self.DEED} was refused ({error}); waiting, nothing is taken away"
                _tell(given, told, time.monotonic_ns())
                await asyncio.sleep(wait)
            else:
                if refusals:
                    _tell(given, f"{called(pod)}: {_seconds(began):.1f} s were waiting, and no outage", since)
                return since

    async def _take_once(self, api: Api, pod: Pod, given: Given, deadline: float) -> int:
        asked = time.monotonic_ns()
        removed_here.add(pod.uid)
        try:
            left = deadline - asyncio.get_running_loop().time()
            taken = await self._ask(api, pod, max(each(given), min(_CALL, left / 2)), dry=False)
        except Unknown as error:
            await self._settle(api, pod, error, deadline)
            _tell(given, f"{called(pod)}: {error}; looked for: unknown → happened", asked, began=True)
            return asked
        except ActionRefused:
            removed_here.discard(pod.uid)
            raise
        _tell(given, f"{called(pod)}: {self.DEED} was accepted", taken.sent, began=True)
        return taken.sent

    def _wait(self, error: Refused, conflicts: int, elapsed: float) -> float | None:
        """Return when to ask again after a refusal, which has done nothing; None where not."""
        if error.status == _CONFLICT:
            return _LOOK_AGAIN if conflicts <= _CONFLICTS else None
        wait = error.wait or _WAIT
        return wait if error.is_passing and elapsed + wait <= self._patience else None

    async def _pinned(self, api: Api, pinned: _Pinned, within: float, *, is_asked: bool) -> Pod:
        """Read a pod right before it is taken; ActionRefused where somebody else has taken it by now.

        The namespace is asked each time, too, whether it may be drilled: a budget, or the pod before, was waited for.
        Raises Unknown where it `is_asked` for already, and that was refused as too late: nobody can tell then who did.
        """
        await self.refuse_unmarked(api, within)
        where = Where.of("v1", self.namespace, "pods", pinned.name)
        pod = await api.read(where, Pod, within)
        if pod is None or pod.uid != pinned.uid or pod.is_terminating:
            if is_asked:
                removed_here.add(pinned.uid)
                raise Unknown(f"{pinned.name} goes, after an answer of 409: a proxy may have sent the request twice")
            raise ActionRefused(f"somebody else has deleted {pinned.name} ({pinned.uid[:8]}) meanwhile")
        return pod

    async def _settle(self, api: Api, pod: Pod, error: Unknown, deadline: float) -> None:
        """Look whether an open call was done, and return where it was; raises the error where nobody can tell.

        A look at a pod that is there proves nothing yet: the call may still be under way. It carries the pod's version,
        so it fails by itself as soon as somebody has written to the pod.
        """
        loop = asyncio.get_running_loop()
        until = min(deadline, loop.time() + _SETTLING)
        while loop.time() < until:
            try:
                found = await api.read(Where.of("v1", self.namespace, "pods", pod.name), Pod, until - loop.time())
            except CannotSee:
                break
            if found is None or found.uid != pod.uid:
                return
            if found.is_terminating:
                if self._is_others(found):
                    removed_here.discard(pod.uid)
                    raise ActionFailed(
                        f"{called(pod)} is terminating, but not by {self.DEED}: somebody else's deletion"
                    )
                return
            await asyncio.sleep(_LOOK_AGAIN)
        raise error

    async def _follow(self, api: Api, before: Captured, since: int, given: Given, deadline: float) -> None:
        """Look, and tell each phase, until it is as far as the step says or its time is over."""
        loop, hit = asyncio.get_running_loop(), names_of(before["pods"])
        known = {*hit, *names_of(before["others"])}
        phases = Phases(hit, known, controller_of(before).uid, since)
        while loop.time() + _LOOK_AGAIN < deadline:
            try:
                sight = await sighted(api, self.namespace, min(each(given), deadline - loop.time()))
            except CannotSee as error:
                _tell(given, f"the phases can't be seen: {error}", time.monotonic_ns())
                continue
            for told in phases.take(sight):
                _tell(given, told, sight.answered)
            if phases.are_replaced if self.follow == "replaced" else phases.are_out:
                return
            await asyncio.sleep(_LOOK_AGAIN)

    async def _tried(self, api: Api, pod: Pod, within: float) -> None:
        """Ask whether it would be done; ActionRefused where not. A budget may have room later, if the step waits."""
        try:
            await self._ask(api, pod, within, dry=True)
        except Refused as error:
            if not (error.by_budget and self._patience):
                raise ActionRefused(f"asked with dryRun=All: {error}") from error
        except Unknown as error:
            raise CannotSee(f"asked with dryRun=All: {error}") from error

    def _options(self, pod: Pod, *, dry: bool) -> dict[str, Any]:
        """Return what pins a call to the pod as it was seen: a late call of a dead run fails by itself."""
        meta = pod.metadata
        found: dict[str, Any] = {"preconditions": {"uid": meta.uid, "resourceVersion": meta.resource_version}}
        if self.grace is not None:
            found["gracePeriodSeconds"] = math.ceil(self.grace)
        return {**found, "dryRun": ["All"]} if dry else found

    @property
    def _patience(self) -> float:
        """Seconds for which what was refused for the moment is asked for again."""
        return 0.0

    @abstractmethod
    def _is_others(self, pod: Pod) -> bool:
        """Tell whether a terminating pod bears marks of another way to end than ours."""

    @abstractmethod
    async def _ask(self, api: Api, pod: Pod, within: float, *, dry: bool) -> Taken: ...

    @abstractmethod
    async def _refuse_by_budget(self, api: Api, pod: Pod, within: float) -> None: ...


class Evict(_Takes):
    """Evicts pods through the API, as `kubectl drain` does: a PodDisruptionBudget may forbid it.

    The pods are resolved when the step is due: by `selector`, those in `zone` alone where it is given, the first
    `count` by name; or the one that holds the Lease `leader_of`. They are written down with their UIDs. Refused, with
    nothing touched: no such pod, fewer than `count`, one that is not running or on the way out, pods of several
    workloads, one that no controller replaces, a workload that is not whole, the last ready pod, two budgets for one
    pod, a namespace without the environment's label. It is asked with `dryRun=All` first.

    Each eviction is one request, pinned to the pod's UID and version. One that the budget forbids is tried again for
    `try_for`; each refusal is on the timeline, and the time until one is accepted is waiting, not outage. An answer
    that leaves it open is settled by looking. Its effect is seen when the pod is terminating or gone and in no
    Service's ready endpoints, and a probe has noticed it (it gives no answer any more): the API server's word alone is
    not enough. A pod that somebody else deletes, or a workload that somebody else scales or changes meanwhile, is told,
    and never passes.

    Pods don't come back: it is put back when the workload is whole again, with as many ready pods as there are to be
    and as many in each Service as before.

        steps:
          - name: evict a payment pod
            kubernetes.evict: {kubernetes: staging, namespace: payments, selector: app=payments, try_for: 10s}
            within: 60s
    """

    planned: ClassVar[bool] = True
    DEED: ClassVar[str] = "the eviction"
    VERB: ClassVar[str] = "evicts"

    try_for: Duration = Field(default=0.0, ge=0, description="for how long an eviction that is refused is tried again")

    @property
    def _patience(self) -> float:
        return self.try_for

    def _rules(self) -> list[Rule]:
        return [*super()._rules(), Rule("create", "pods/eviction"), Rule("list", "poddisruptionbudgets", "policy")]

    def _is_others(self, pod: Pod) -> bool:
        found = pod.condition(_TARGETED)
        return found is None or found.reason != _BY_EVICTION

    async def _ask(self, api: Api, pod: Pod, within: float, *, dry: bool) -> Taken:
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod.name, "namespace": self.namespace},
            "deleteOptions": self._options(pod, dry=dry),
        }
        path = Where.of("v1", self.namespace, "pods", pod.name).path
        return await api.change("POST", f"{path}/eviction{'?dryRun=All' if dry else ''}", body, within, ("Eviction",))

    async def _refuse_by_budget(self, api: Api, pod: Pod, within: float) -> None:
        found = await budgets_of(api, self.namespace, pod, within)
        if len(found) > 1:
            names = ", ".join(sorted(one.metadata.name for one in found))
            raise ActionRefused(f"{called(pod)} has several budgets ({names}): the API evicts no such pod")
        for one in found:
            if (one.status.observed_generation or 0) < (one.metadata.generation or 0):
                raise ActionRefused(f"budget {one.metadata.name} has not been counted since it was changed")

    async def _budget_words(self, api: Api, aim: Aim, within: float) -> str:
        words = []
        for pod in aim.pods:
            found = await budgets_of(api, self.namespace, pod, within)
            allowed = (f"{one.metadata.name} allows {one.status.disruptions_allowed or 0}" for one in found)
            words.append(" and ".join(allowed) or f"no budget is about {pod.name}")
        return f"budget: {', '.join(dict.fromkeys(words))}"


class DeletePods(_Takes):
    """Deletes pods; no budget is asked. Pods are chosen, pinned, followed and seen replaced as by `kubernetes.evict`.

    With `grace: 0s` and `force: deliberate` the API forgets a pod before its processes end, as `kubectl delete
    --force` does.

        steps:
          - name: delete a payment pod
            kubernetes.delete_pods: {kubernetes: staging, namespace: payments, selector: app=payments}
            within: 60s
    """

    DEED: ClassVar[str] = "the deletion"
    VERB: ClassVar[str] = "deletes"

    def _rules(self) -> list[Rule]:
        return [*super()._rules(), Rule("delete", "pods")]

    def _is_others(self, pod: Pod) -> bool:
        found = pod.condition(_TARGETED)
        return found is not None and found.status == "True"

    async def _ask(self, api: Api, pod: Pod, within: float, *, dry: bool) -> Taken:
        path = Where.of("v1", self.namespace, "pods", pod.name).path
        body = {"apiVersion": "v1", "kind": "DeleteOptions", **self._options(pod, dry=dry)}
        return await api.change("DELETE", f"{path}{'?dryRun=All' if dry else ''}", body, within, ("Pod",))

    async def _refuse_by_budget(self, api: Api, pod: Pod, within: float) -> None:
        """Ask no budget: a deletion needs none."""

    async def _budget_words(self, api: Api, aim: Aim, within: float) -> str:
        return "no budget is asked"


def _seconds(since: int) -> float:
    return (time.monotonic_ns() - since) / 1e9


def _tell(given: Given, told: str, at: int, *, began: bool = False) -> None:
    if isinstance(given, Hears):
        given.tell(told, at, began=began)
