"""`kubernetes.rollout`, `kubernetes.restarts` and `kubernetes.budget`: how a workload is, by its controllers' word."""

from typing import Final, Literal, NamedTuple

from pydantic import Field, PrivateAttr

from faildrill.adapters.kubernetes.client import Api, Where
from faildrill.adapters.kubernetes.looking import Looking, absent
from faildrill.adapters.kubernetes.objects import Budget, Listed, Pod, Workload
from faildrill.adapters.kubernetes.rights import Rule
from faildrill.adapters.kubernetes.selectors import SelectorText, parsed
from faildrill.adapters.kubernetes.target import InKubernetes, Name
from faildrill.adapters.kubernetes.workload import PLURALS, progress
from faildrill.ports import Seen
from faildrill.record.samples import Outcome

_REVISION: Final = "deployment.kubernetes.io/revision"


class Rollout(Looking, InKubernetes):
    """Reads a Deployment or StatefulSet; good when all its pods are of its last revision, and available.

    `who` is the revision that it is to have: a Deployment's number, the name that a StatefulSet gives it. Not good are
    one whose last change no controller has taken up, one that is paused, and one that is to have no pods. It is the
    word of the controllers; whether users are served, ask `http.request`.

        probes:
          rollout:
            kubernetes.rollout: {kubernetes: staging, namespace: payments, name: payments}
            every: 500ms
            timeout: 2s
    """

    name: Name = Field(description="the workload's name")
    workload: Literal["Deployment", "StatefulSet"] = Field(default="Deployment", description="what it is")

    def _rules(self) -> list[Rule]:
        return [Rule("get", PLURALS[self.workload], "apps", self.name)]

    async def _seen(self, api: Api, within: float) -> Seen:
        where = Where.of("apps/v1", self.namespace, PLURALS[self.workload], self.name)
        found = await api.read(where, Workload, within)
        if found is None:
            return absent(self.workload, self.name)
        now = progress(found)
        revision = found.status.update_revision or (found.metadata.annotations or {}).get(_REVISION, "")
        return Seen(Outcome.OK if now.is_over and now.due else Outcome.WRONG, revision, str(now))


class _Container(NamedTuple):
    """A container of a pod that was seen."""

    uid: str
    name: str


class Restarts(Looking, InKubernetes):
    """Counts how often containers of the selected pods were started again since the first look; good up to `at_most`.

    What had been started again before the first look does not count. A pod that comes later begins at none; what a pod
    had when it was last seen counts on once it is gone. The detail names the containers and why they ended last.

        probes:
          restarts:
            kubernetes.restarts: {kubernetes: staging, namespace: payments, selector: app=payments}
            every: 1s
            timeout: 2s
    """

    selector: SelectorText = Field(description="labels, e.g. `app=payments`")
    at_most: int = Field(default=0, ge=0, description="how many restarts are good")
    _before: dict[_Container, int] | None = PrivateAttr(default=None)
    _most: dict[_Container, int] = PrivateAttr(default_factory=dict)

    def _rules(self) -> list[Rule]:
        return [Rule("list", "pods")]

    async def _seen(self, api: Api, within: float) -> Seen:
        where = Where.of("v1", self.namespace, "pods")
        found = await api.read(where, Listed[Pod], within, {"labelSelector": self.selector})
        wanted = parsed(self.selector)
        pods = [pod for pod in (found.items if found else None) or () if wanted.matches(pod.metadata.labels)]
        if not pods and self._before is None:
            return Seen(Outcome.WRONG, detail="no such pod")
        now = {
            _Container(pod.uid, f"{pod.name}/{one.name}"): (one.restart_count, one.ended)
            for pod in pods
            for one in pod.status.container_statuses or ()
        }
        if self._before is None:
            self._before = {key: count for key, (count, _) in now.items()}
        for key, (count, _) in now.items():
            self._most[key] = max(count, self._most.get(key, 0))
        more = {key: count - self._before.get(key, 0) for key, count in self._most.items()}
        total = sum(more.values())
        named = [f"{key.name} {now[key][1]}".rstrip() if key in now else key.name for key, one in more.items() if one]
        detail = f"{total} since the first look{': ' if named else ''}{', '.join(sorted(named))}"
        return Seen(Outcome.OK if total <= self.at_most else Outcome.WRONG, "", detail)


class BudgetProbe(Looking, InKubernetes):
    """Reads a PodDisruptionBudget; good when it allows at least `at_least` evictions now.

    One that its controller has not counted since it was changed proves nothing: it is *broken*.

        probes:
          budget:
            kubernetes.budget: {kubernetes: staging, namespace: payments, name: payments}
            every: 500ms
            timeout: 2s
    """

    name: Name = Field(description="the budget's name")
    at_least: int = Field(default=1, ge=0, description="how many evictions it must allow")

    def _rules(self) -> list[Rule]:
        return [Rule("get", "poddisruptionbudgets", "policy", self.name)]

    async def _seen(self, api: Api, within: float) -> Seen:
        where = Where.of("policy/v1", self.namespace, "poddisruptionbudgets", self.name)
        found = await api.read(where, Budget, within)
        if found is None:
            return absent("PodDisruptionBudget", self.name)
        status = found.status
        if (status.observed_generation or 0) < (found.metadata.generation or 0):
            return Seen(Outcome.BROKEN, detail="not counted since it was changed")
        allowed = status.disruptions_allowed or 0
        detail = f"allows {allowed}: {status.current_healthy or 0} healthy, {status.desired_healthy or 0} due"
        return Seen(Outcome.OK if allowed >= self.at_least else Outcome.WRONG, "", detail)
