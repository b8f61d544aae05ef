"""`kubernetes.scale` and `kubernetes.restart`: one patch of a workload, pinned, signed by the run, settled by looks."""

import asyncio
import time
from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Final, Literal, Self

from pydantic import Field, JsonValue, model_validator

from faildrill.adapters.kubernetes.client import Api, Taken, Where
from faildrill.adapters.kubernetes.identity_guard import unmarked
from faildrill.adapters.kubernetes.keepers import keeper_of_settings
from faildrill.adapters.kubernetes.objects import Listed, Object, Pod, Workload
from faildrill.adapters.kubernetes.outcomes import Refused, Unknown
from faildrill.adapters.kubernetes.removal import each
from faildrill.adapters.kubernetes.rights import Needed, Rule, allowed
from faildrill.adapters.kubernetes.selectors import means
from faildrill.adapters.kubernetes.target import InKubernetes, Kubernetes, Name
from faildrill.adapters.kubernetes.workload import PLURALS, called, progress
from faildrill.errors import ActionFailed, ActionRefused, CannotSee
from faildrill.ports import Captured, Checked, Given, Hears, Observed, Preview
from faildrill.ports.effect import Effect, Found, compared
from faildrill.toolkit.deadlines import SHARE

_AGAIN: Final = 0.25
"""Seconds between two looks."""
_CALL: Final = 10.0
"""Seconds that a patch may take, at the most; half of what is left at the most, as the rest is for looking."""
_CONFLICT: Final = 409
_CONFLICTS: Final = 5
"""How often the workload may have changed between a look and the patch, which fails then: controllers write to it."""
_RESTARTED: Final = "kubectl.kubernetes.io/restartedAt"
_LONGEST_MANAGER: Final = 128


class _Changes(InKubernetes):
    """A Deployment or StatefulSet that is patched: each patch names the version that was seen, and fails on another."""

    planned: ClassVar[bool] = True
    acts_late: ClassVar[float] = 60.0
    """kube-apiserver gives a request up after a minute (`--request-timeout`)."""
    PART: ClassVar[str] = ""
    """The part of the object that is patched, `/scale`; empty for the object itself."""
    RETURNS: ClassVar[tuple[str, ...]] = ("Deployment", "StatefulSet")

    workload: Literal["Deployment", "StatefulSet"] = Field(default="Deployment", description="what it is")
    name: Name = Field(description="the workload's name")

    async def capture(self, given: Given) -> Captured:
        """See that it is whole and nobody will put it back, and ask with `dryRun=All` whether it would be done."""
        async with self._asking(given) as api:
            found = await self._fit(api, each(given))
            before = {**await self._before(api, found, each(given)), "uid": found.metadata.uid}
            try:
                await self._send(api, found, self._wanted(before), each(given), dry=True)
            except Unknown as error:
                raise CannotSee(f"asked with dryRun=All: {error}") from error
            return before

    async def apply(self, before: Captured, given: Given) -> Captured:
        """Patch it, once."""
        async with self._asking(given) as api:
            await self._patch(api, before, self._wanted(before), given)
        return {"workload": self._words}

    async def count(self, before: Captured, given: Given) -> int | None:
        """Return its generation: the API server counts each change of what is asked for."""
        async with self._asking(given) as api:
            return (await self._read(api, each(given))).metadata.generation

    async def rights(self, given: Given) -> list[Checked]:
        """Ask the API server for each rule that the step needs whether we have it."""
        async with self._asking(given) as api:
            return await allowed(api, self.namespace, self.rules(), each(given))

    async def needs(self, given: Given) -> list[Needed]:
        """Tell what it does at the API server."""
        return [Needed(self.namespace, rule) for rule in self.rules()]

    def rules(self) -> list[Rule]:
        """Return what it does at the API server."""
        plural = PLURALS[self.workload]
        return [
            Rule("get", "namespaces", name=self.namespace),
            Rule("get", plural, "apps", self.name),
            Rule("patch", f"{plural}{self.PART}", "apps", self.name),
            Rule("list", "pods"),
        ]

    @property
    def _words(self) -> str:
        return f"{self.workload} {self.name}"

    @property
    def _where(self) -> Where:
        return Where.of("apps/v1", self.namespace, PLURALS[self.workload], self.name)

    @asynccontextmanager
    async def _asking(self, given: Given) -> AsyncIterator[Api]:
        async with Api.open(self.kubernetes, given.run, given.timeout * SHARE / 2) as api:
            yield api

    async def _read(self, api: Api, within: float) -> Workload:
        found = await api.read(self._where, Workload, within)
        if found is None:
            raise CannotSee(f"there is no {self._words} in {self.namespace}")
        return found

    async def _fit(self, api: Api, within: float) -> Workload:
        """Return the workload as it is; ActionRefused where changing it would prove nothing."""
        there = await api.read(Where.of("v1", "", "namespaces", self.namespace), Object, within)
        if wrong := unmarked(there, self.kubernetes):
            raise ActionRefused(f"namespace {self.namespace} {wrong}")
        found = await api.read(self._where, Workload, within)
        if found is None:
            raise ActionRefused(f"there is no {self._words} in {self.namespace}")
        if not progress(found).is_over:
            raise ActionRefused(f"{self._words} is not whole to begin with: {progress(found)}")
        return found

    async def _pods(self, api: Api, found: Workload, within: float) -> list[Pod]:
        listed = await api.read(Where.of("v1", self.namespace, "pods"), Listed[Pod], within)
        pods = (listed.items if listed else None) or ()
        return [one for one in pods if means(found.spec.selector, one.metadata.labels)]

    async def _patch(self, api: Api, before: Captured, spec: Mapping[str, Any], given: Given) -> None:
        """Send a patch until one is taken: one that was too late, as the workload has changed, has done nothing."""
        deadline = asyncio.get_running_loop().time() + given.timeout * SHARE
        for _ in range(_CONFLICTS):
            found = await self._read(api, each(given))
            if found.metadata.uid != before["uid"]:
                raise ActionRefused(f"somebody else has made {self._words} anew")
            asked = time.monotonic_ns()
            left = max(each(given), min(_CALL, (deadline - asyncio.get_running_loop().time()) / 2))
            try:
                taken = await self._send(api, found, spec, left, dry=False)
            except Refused as error:
                if error.status != _CONFLICT:
                    raise
                await asyncio.sleep(_AGAIN)
            except Unknown as error:
                await self._settle(api, found, error, deadline)
                _tell(given, f"{self._words}: {error}; looked for: unknown → happened", asked)
                return
            else:
                _tell(given, f"{self._words}: the patch was accepted", taken.sent)
                return
        raise ActionRefused(f"{self._words} changes all the time: each patch was refused as too late")

    async def _settle(self, api: Api, seen: Workload, error: Unknown, deadline: float) -> None:
        """Look whether an open patch was done, and return where it was; raises the error where nobody can tell.

        It named the version that was seen: once there is another one that is not ours, it can't be done any more.
        """
        loop, mine = asyncio.get_running_loop(), manager(api.run)
        signed = {(one.time, one.subresource) for one in seen.metadata.managed_fields or () if one.manager == mine}
        while loop.time() < deadline:
            try:
                found = await self._read(api, min(_CALL, max(_AGAIN, deadline - loop.time())))
            except CannotSee:
                break
            now = {(one.time, one.subresource) for one in found.metadata.managed_fields or () if one.manager == mine}
            if (found.metadata.generation or 0) > (seen.metadata.generation or 0) and now - signed:
                return
            if found.metadata.resource_version != seen.metadata.resource_version and now == signed:
                raise ActionRefused(f"{error}; {self._words} has another version by now, which the patch can't change")
            await asyncio.sleep(_AGAIN)
        raise error

    async def _send(self, api: Api, seen: Workload, spec: Mapping[str, Any], within: float, *, dry: bool) -> Taken:
        pinned = {"uid": seen.metadata.uid, "resourceVersion": seen.metadata.resource_version}
        query = f"?fieldManager={manager(api.run)}{'&dryRun=All' if dry else ''}"
        path = f"{self._where.path}{self.PART}{query}"
        return await api.change("PATCH", path, {"metadata": pinned, "spec": spec}, within, self.RETURNS)

    async def _until_whole(self, api: Api, given: Given) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + given.timeout * SHARE / 2
        while not (now := progress(await self._read(api, each(given)))).is_over:
            if loop.time() + _AGAIN >= deadline:
                raise ActionFailed(f"{self._words} did not become whole: {now}")
            await asyncio.sleep(_AGAIN)

    @abstractmethod
    async def _before(self, api: Api, found: Workload, within: float) -> dict[str, JsonValue]: ...

    @abstractmethod
    def _wanted(self, before: Captured) -> dict[str, Any]: ...


class Scale(_Changes):
    """Scales a Deployment or StatefulSet, as `kubectl scale` does; put back by scaling it to what it was.

    Refused, with nothing touched: a workload that is not there, is not whole, is paused or has so many already; one
    that something else would scale back: a HorizontalPodAutoscaler, Argo CD, Flux, the operator that it belongs to; a
    namespace without the environment's label. It is asked with `dryRun=All` first.

    The patch names the version that was seen, so a late one fails by itself, and its field manager is
    `faildrill-RUN`: `kubectl get --show-managed-fields` tells who did it. An answer that leaves it open is settled by
    looking. Its effect is seen when so many pods are there and available, and a probe has noticed it: the API server's
    word alone is not enough. What somebody else has scaled meanwhile is left as it is, and told. Which pods go is the
    controller's choice; they don't come back.

        steps:
          - name: one server too few
            kubernetes.scale: {kubernetes: staging, namespace: payments, name: payments, replicas: 2}
            within: 60s
    """

    effect_is: ClassVar[Effect] = "state"
    PART: ClassVar[str] = "/scale"
    RETURNS: ClassVar[tuple[str, ...]] = ("Scale",)

    replicas: int = Field(ge=0, description="how many pods there are to be")
    to_none: Literal["deliberate"] | None = Field(default=None, description="`deliberate` with `replicas: 0`")

    @model_validator(mode="after")
    def _is_meant(self) -> Self:
        if self.replicas == 0 and self.to_none is None:
            raise ValueError("`replicas: 0` leaves nobody there: write `to_none: deliberate`, too")
        return self

    def rules(self) -> list[Rule]:
        """Return what it does at the API server."""
        return [*super().rules(), Rule("list", "horizontalpodautoscalers", "autoscaling")]

    async def confirm(self, before: Captured, given: Given) -> Observed:
        """See so many pods there, and available."""
        return (await self._has(self.replicas, given))._replace(word_of=Kubernetes.section)

    async def restored(self, before: Captured, given: Given) -> Observed:
        """See as many as before, and available."""
        return await self._has(_number(before), given)

    async def found(self, before: Captured, given: Given) -> Found:
        """Look for how many it is now, and whether that is ours."""
        async with self._asking(given) as api:
            now = (await self._read(api, each(given))).spec.replicas
        kind = PLURALS[self.workload]
        remedy = f"kubectl -n {self.namespace} scale {kind}/{self.name} --replicas={_number(before)}"
        return compared(now, self.replicas, _number(before), remedy)

    async def undo(self, before: Captured, given: Given) -> None:
        """Scale it back, where it is as the step has left it, and wait until it is whole."""
        async with self._asking(given) as api:
            now = (await self._read(api, each(given))).spec.replicas
            if now not in (self.replicas, _number(before)):
                raise ActionFailed(f"somebody else has scaled {self._words} to {now}: nothing is touched")
            if now != _number(before):
                await self._patch(api, before, {"replicas": before["replicas"]}, given)
            await self._until_whole(api, given)

    async def preview(self, given: Given) -> Preview:
        """Look how many there are, and who would go; nothing is asked for, not even to try."""
        async with self._asking(given) as api:
            found = await self._fit(api, each(given))
            pods = sorted(await self._pods(api, found, each(given)), key=_last_comes_last)
        now = found.spec.replicas or 0
        stay = [f"{self.kubernetes.name}/{self.namespace}/{one.name}" for one in pods]
        go = stay[self.replicas :] if self.replicas < now else []
        which = f"; {len(go)} pods go, the controller chooses which" if go else ""
        effect = f"scales {self._words} from {now} to {self.replicas}{which}"
        return Preview(go, effect, f"scale it back to {now}", [one for one in stay if one not in go])

    async def _before(self, api: Api, found: Workload, within: float) -> dict[str, JsonValue]:
        if found.spec.replicas == self.replicas:
            raise ActionRefused(f"{self._words} has {self.replicas} already")
        if keeper := await keeper_of_settings(api, self.namespace, found, within):
            raise ActionRefused(f"{keeper} would scale {self._words} back: it would prove nothing")
        return {"replicas": found.spec.replicas}

    def _wanted(self, before: Captured) -> dict[str, Any]:
        return {"replicas": self.replicas}

    async def _has(self, due: int, given: Given) -> Observed:
        async with self._asking(given) as api:
            found = await self._read(api, each(given))
        if found.spec.replicas != due:
            return Observed(holds=False, because=f"{self._words} is to have {found.spec.replicas}, not {due}")
        return Observed(progress(found).is_over, f"{self._words}: {progress(found)}")


class Restart(_Changes):
    """Replaces all pods of a Deployment or StatefulSet by new ones, as `kubectl rollout restart` does.

    It writes the annotation `kubectl.kubernetes.io/restartedAt` into the pods' template, which stays there. Refused,
    with nothing touched: a workload that is not there, not whole, paused, or of strategy `OnDelete`, which replaces
    nothing. It is asked with `dryRun=All` first, pinned, signed and settled as `kubernetes.scale` is.

    Its effect is seen when none of the pods from before is left and all of the new ones are available, and a probe has
    noticed it. Pods don't come back: it is put back when the workload is whole.

        steps:
          - name: restart the payment servers
            kubernetes.restart: {kubernetes: staging, namespace: payments, name: payments}
            within: 120s
    """

    effect_is: ClassVar[Effect] = "event"

    async def confirm(self, before: Captured, given: Given) -> Observed:
        """See that all pods are others than before, and available."""
        async with self._asking(given) as api:
            found = await self._read(api, each(given))
            there = {pod.uid: called(pod) for pod in await self._pods(api, found, each(given))}
        known = before["pods"] if isinstance(before["pods"], list) else []
        left = [name for uid, name in there.items() if uid in known]
        if left:
            return Observed(holds=False, because=f"{self._words}: {', '.join(left)} is still there; {progress(found)}")
        told = f"{self._words}: all pods are new; {progress(found)}"
        return Observed(progress(found).is_over, told, word_of=Kubernetes.section)

    async def restored(self, before: Captured, given: Given) -> Observed:
        """See it whole."""
        async with self._asking(given) as api:
            now = progress(await self._read(api, each(given)))
        return Observed(now.is_over, f"{self._words}: {now}")

    async def undo(self, before: Captured, given: Given) -> None:
        """Wait until it is whole; pods don't come back."""
        async with self._asking(given) as api:
            await self._until_whole(api, given)

    async def preview(self, given: Given) -> Preview:
        """Look whom it would replace; nothing is asked for, not even to try."""
        async with self._asking(given) as api:
            found = await self._fit(api, each(given))
            pods = [one.name for one in await self._pods(api, found, each(given))]
        touched = sorted(f"{self.kubernetes.name}/{self.namespace}/{name}" for name in pods)
        effect = f"replaces all {len(pods)} pods of {self._words}, by its strategy {found.spec.how or 'RollingUpdate'}"
        rolls = found.spec.how != "Recreate" and len(touched) > 1
        return Preview(touched, effect, "wait until it is whole: pods don't come back", touched if rolls else [])

    async def _before(self, api: Api, found: Workload, within: float) -> dict[str, JsonValue]:
        if found.spec.how == "OnDelete":
            raise ActionRefused(f"{self._words} replaces its pods only when somebody deletes them (OnDelete)")
        pods = await self._pods(api, found, within)
        return {"pods": [one.uid for one in pods], "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}

    def _wanted(self, before: Captured) -> dict[str, Any]:
        return {"template": {"metadata": {"annotations": {_RESTARTED: before["at"]}}}}


def manager(run: str) -> str:
    """Return by what name the API server writes down who changed a field."""
    return f"faildrill-{run}"[:_LONGEST_MANAGER]


def _number(before: Captured) -> int:
    found = before["replicas"]
    return found if isinstance(found, int) else 0


def _last_comes_last(pod: Pod) -> tuple[str, str]:
    return (pod.metadata.creation_timestamp or "", pod.name)


def _tell(given: Given, told: str, at: int) -> None:
    if isinstance(given, Hears):
        given.tell(told, at, began=True)
