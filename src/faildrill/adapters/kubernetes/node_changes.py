"""`kubernetes.cordon`: one patch of a node, pinned to the version that was seen, signed by the run, and put back."""

import asyncio
import time
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Final, NamedTuple

from pydantic import Field

from faildrill.adapters.kubernetes.checks import account
from faildrill.adapters.kubernetes.client import Api, Where
from faildrill.adapters.kubernetes.cluster_objects import Node
from faildrill.adapters.kubernetes.identity_guard import unmarked
from faildrill.adapters.kubernetes.outcomes import Refused, Unknown
from faildrill.adapters.kubernetes.removal import each, opened
from faildrill.adapters.kubernetes.rights import Needed, Rule, allowed
from faildrill.adapters.kubernetes.target import Kubernetes, Name, OfKubernetes
from faildrill.adapters.kubernetes.workload_changes import manager
from faildrill.errors import ActionFailed, ActionRefused, CannotSee
from faildrill.ports import Captured, Checked, Given, Hears, Observed, Preview
from faildrill.ports.effect import Effect, Found
from faildrill.toolkit.deadlines import SHARE

_AGAIN: Final = 0.25
"""Seconds between two looks."""
_CALL: Final = 10.0
"""Seconds that a patch may take, at the most; half of what is left at the most, as the rest is for looking."""
_CONFLICT: Final = 409
_CONFLICTS: Final = 5
"""How often the node may have changed between a look and the patch, which fails then: its kubelet writes to it."""
_UNSCHEDULABLE: Final = b'"f:unschedulable"'
"""How the API server writes down that somebody owns the field."""


class Words(NamedTuple):
    """What a step on a node is, for sentences."""

    deed: str
    ours: str
    """What it has made of the node."""
    reversal: str
    remedy: str
    """The command by which a person puts it back."""


class NodeChange(OfKubernetes):
    """Something that is set on a node, and taken off again: each patch names the version that was seen."""

    effect_is: ClassVar[Effect] = "state"
    planned: ClassVar[bool] = True
    acts_late: ClassVar[float] = 60.0
    """kube-apiserver gives a request up after a minute (`--request-timeout`)."""

    signs: ClassVar[bool] = True
    """Whether what is set tells who has set it."""

    node: Name = Field(description="the node's name")

    async def capture(self, given: Given) -> Captured:
        """See that the node is there, ready and ours to drill, and ask with `dryRun=All` whether it would be done."""
        async with opened(self.kubernetes, given) as api:
            found = await self._fit(api, each(given))
            await self._tried(api, found, each(given))
            return {"uid": found.metadata.uid, "signed": manager(api.run)}

    async def apply(self, before: Captured, given: Given) -> Captured:
        """Set it, once."""
        async with opened(self.kubernetes, given) as api:
            await self._patch(api, before, given, on=True, deadline=deadline_of(given))
        return {"node": self.node}

    async def confirm(self, before: Captured, given: Given) -> Observed:
        """See it set."""
        async with opened(self.kubernetes, given) as api:
            found = await self._same(api, before, each(given))
        return Observed(self._is_set(found), self._told(found), word_of=Kubernetes.section)

    async def restored(self, before: Captured, given: Given) -> Observed:
        """See it taken off, or the node gone and what was set on it with it."""
        async with opened(self.kubernetes, given) as api:
            found = await self._captured(api, before, each(given))
        if found is None:
            return Observed(holds=True, because=f"{self._gone}, and what was set on it is gone with it")
        return Observed(not self._is_set(found), self._told(found))

    async def found(self, before: Captured, given: Given) -> Found:
        """Look whether it is there as the step has set it; with a node that is gone it is gone, too."""
        async with opened(self.kubernetes, given) as api:
            found = await self._captured(api, before, each(given))
        if found is None:
            return Found("before", self._gone, self._words.ours, self._words.remedy)
        now = self._told(found)
        if self._is_theirs(found, before):
            return Found("others", f"{now}, by somebody else", self._words.ours, self._words.remedy)
        return Found("ours" if self._is_set(found) else "before", now, self._words.ours, self._words.remedy)

    async def undo(self, before: Captured, given: Given) -> None:
        """Take it off, where it is as the step has set it."""
        async with opened(self.kubernetes, given) as api:
            await self._take_off(api, before, given, deadline_of(given))

    async def preview(self, given: Given) -> Preview:
        """Look at the node; nothing is asked for, not even to try."""
        async with opened(self.kubernetes, given) as api:
            found = await self._fit(api, each(given))
            who = await account(api, each(given))
        effect = f"{self._words.deed}; as {who} at {api.way.server}, by {self.kubernetes.way}"
        return Preview([f"{self.kubernetes.name}/nodes/{found.metadata.name}"], effect, self._words.reversal)

    async def rights(self, given: Given) -> list[Checked]:
        """Ask the API server for each rule that the step needs whether we have it."""
        found: list[Checked] = []
        async with opened(self.kubernetes, given) as api:
            for needed in await self.needs(given):
                found += await allowed(api, needed.namespace, [needed.rule], each(given))
        return found

    async def needs(self, given: Given) -> list[Needed]:
        """Tell what it does at the API server."""
        return [Needed("", Rule(verb, "nodes", name=self.node)) for verb in ("get", "patch")]

    @abstractmethod
    def _refuse_useless(self, found: Node) -> None:
        """Refuse what would prove nothing."""

    @abstractmethod
    def _is_set(self, found: Node) -> bool:
        """Tell whether it is there."""

    @abstractmethod
    def _is_theirs(self, found: Node, before: Captured) -> bool:
        """Tell whether what is there is somebody else's."""

    @abstractmethod
    def _spec(self, found: Node, *, on: bool) -> dict[str, Any]:
        """Return what is written to set it, or to take it off."""

    @abstractmethod
    def _told(self, found: Node) -> str:
        """Say how the node is."""

    @property
    @abstractmethod
    def _words(self) -> Words:
        """Say what the step does."""

    @property
    def _where(self) -> Where:
        return Where.of("v1", "", "nodes", self.node)

    async def _fit(self, api: Api, within: float) -> Node:
        """Return the node as it is; ActionRefused where it may not be drilled, or that would prove nothing."""
        found = await api.read(self._where, Node, within)
        if found is None:
            raise ActionRefused(f"there is no node {self.node}")
        if wrong := unmarked(found, self.kubernetes, "node"):
            raise ActionRefused(f"node {self.node} {wrong}")
        if not found.is_ready:
            raise ActionRefused(f"it is not whole to begin with: {found.trouble}")
        self._refuse_useless(found)
        return found

    @property
    def _gone(self) -> str:
        return f"node {self.node} is gone, or was made anew"

    async def _captured(self, api: Api, before: Captured, within: float) -> Node | None:
        """Return the node that was captured; None where it is gone, or another one has its name by now."""
        found = await api.read(self._where, Node, within)
        return found if found is not None and found.metadata.uid == before["uid"] else None

    async def _same(self, api: Api, before: Captured, within: float) -> Node:
        found = await self._captured(api, before, within)
        if found is None:
            raise CannotSee(self._gone)
        return found

    async def _tried(self, api: Api, found: Node, within: float) -> None:
        try:
            await self._send(api, found, self._spec(found, on=True), within, dry=True)
        except Unknown as error:
            raise CannotSee(f"asked with dryRun=All: {error}") from error

    async def _take_off(self, api: Api, before: Captured, given: Given, deadline: float) -> None:
        if await self._captured(api, before, each(given)) is not None:
            await self._patch(api, before, given, on=False, deadline=deadline)

    async def _patch(self, api: Api, before: Captured, given: Given, *, on: bool, deadline: float) -> None:
        """Send a patch until one is taken: one that was too late, as the node has changed, has done nothing."""
        refused: Refused | None = None
        for _ in range(_CONFLICTS):
            found = await self._same(api, before, each(given))
            if self._is_over(found, before, refused, on=on):
                return
            asked = time.monotonic_ns()
            within = max(each(given), min(_CALL, (deadline - asyncio.get_running_loop().time()) / 2))
            try:
                await self._send(api, found, self._spec(found, on=on), within, dry=False)
            except Refused as error:
                if error.status != _CONFLICT:
                    raise
                refused = error
                await asyncio.sleep(_AGAIN)
            except Unknown as error:
                await self._settle(api, found, error, lambda now: self._is_done(now, before, on=on), deadline)
                _tell(given, f"node {self.node}: {error}; looked for: unknown → happened", asked)
                return
            else:
                _tell(given, f"node {self.node}: the patch was accepted", asked)
                return
        raise ActionRefused(f"node {self.node} changes all the time: each patch was refused as too late")

    def _is_over(self, found: Node, before: Captured, refused: Refused | None, *, on: bool) -> bool:
        """Tell whether nothing is left to ask for; raises where it may not be done, or nobody can tell whose it is.

        One patch may have come twice, as a proxy asks again whose connection broke: then the second one is refused as
        too late, and what is there is what the first one has done.
        """
        if not on:
            if self._is_theirs(found, before):
                raise ActionFailed(f"somebody else has set it: {self._told(found)}; nothing is touched")
            return not self._is_set(found)
        if refused and self._is_done(found, before, on=True):
            if self.signs:
                return True
            raise Unknown(f"{refused}; and yet {self._told(found)}, and who has set it is not seen")
        self._refuse_late(found)
        return False

    def _refuse_late(self, found: Node) -> None:
        """Refuse right before it is set what has become of the node since it was captured."""
        if wrong := unmarked(found, self.kubernetes, "node"):
            raise ActionRefused(f"node {self.node} {wrong}")
        if self._is_set(found):
            raise ActionRefused(f"somebody else was first: {self._told(found)}")

    def _is_done(self, now: Node, before: Captured, *, on: bool) -> bool:
        return self._is_set(now) == on and not self._is_theirs(now, before)

    async def _settle(
        self, api: Api, seen: Node, error: Unknown, is_done: Callable[[Node], bool], deadline: float
    ) -> None:
        """Look whether an open patch was done, and return where it was; raises the error where nobody can tell.

        It named the version that was seen: once there is another one without it, it can't be done any more.
        """
        loop = asyncio.get_running_loop()
        while loop.time() < deadline:
            try:
                found = await api.read(self._where, Node, min(_CALL, max(_AGAIN, deadline - loop.time())))
            except CannotSee:
                break
            if found is None or found.metadata.uid != seen.metadata.uid:
                raise ActionRefused(f"{error}; node {self.node} is gone")
            if found.metadata.resource_version != seen.metadata.resource_version:
                if is_done(found):
                    return
                raise ActionRefused(f"{error}; node {self.node} has another version, which the patch can't change")
            await asyncio.sleep(_AGAIN)
        raise error

    async def _send(self, api: Api, seen: Node, spec: dict[str, Any], within: float, *, dry: bool) -> None:
        pinned = {"uid": seen.metadata.uid, "resourceVersion": seen.metadata.resource_version}
        query = f"?fieldManager={manager(api.run)}{'&dryRun=All' if dry else ''}"
        await api.change("PATCH", f"{self._where.path}{query}", {"metadata": pinned, "spec": spec}, within, ("Node",))


class Cordon(NodeChange):
    """Cordons a node, as `kubectl cordon` does: no pod comes to it any more, and those on it stay.

    Refused, with nothing touched: a node that is not there, is not ready or is cordoned already, and one without the
    environment's label (`kubectl label node NAME faildrill/environment=…`). It is asked with `dryRun=All` first. The
    patch names the version that was seen, so a late one fails by itself, and its field manager is `faildrill-RUN`. An
    answer that leaves it open is settled by looking.

    It is put back by making the node schedulable again. What somebody else has cordoned is left on, and told. Nobody
    notices a cordon by itself: take pods away from the node in the same drill, and let a probe notice that; without
    one the drill proves nothing.

        steps:
          - name: no new pods on node-c
            kubernetes.cordon: {kubernetes: staging, node: node-c}
            within: 10s
    """

    def _refuse_useless(self, found: Node) -> None:
        if found.spec.unschedulable:
            raise ActionRefused(f"node {self.node} is cordoned already: it is left so")

    def _is_set(self, found: Node) -> bool:
        return bool(found.spec.unschedulable)

    def _is_theirs(self, found: Node, before: Captured) -> bool:
        return self._is_set(found) and not owns(found, str(before["signed"]))

    def _spec(self, found: Node, *, on: bool) -> dict[str, Any]:
        return {"unschedulable": True if on else None}

    def _told(self, found: Node) -> str:
        return f"node {self.node} {'takes no pods' if self._is_set(found) else 'takes pods'}"

    @property
    def _words(self) -> Words:
        return Words(
            deed=f"cordons node {self.node}: no pod comes to it, and those on it stay",
            ours="cordoned by this run",
            reversal=f"make node {self.node} schedulable again",
            remedy=f"kubectl uncordon {self.node}",
        )


def owns(found: Node, signed: str) -> bool:
    """Tell whether who signs so was the last to cordon a node: the API server writes down whose a field is."""
    return any(
        one.manager == signed and _UNSCHEDULABLE in bytes(one.fields) for one in found.metadata.managed_fields or ()
    )


def deadline_of(given: Given) -> float:
    """Return until when, by the loop's clock, a call may go on."""
    return asyncio.get_running_loop().time() + given.timeout * SHARE


def _tell(given: Given, told: str, at: int) -> None:
    if isinstance(given, Hears):
        given.tell(told, at, began=True)
