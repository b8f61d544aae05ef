"""What a drill will need of a cluster, looked at by `faildrill doctor`."""

from typing import Final

from faildrill.adapters.kubernetes.client import Api, Where
from faildrill.adapters.kubernetes.identity_guard import unmarked
from faildrill.adapters.kubernetes.objects import Object, SelfSubjectReview
from faildrill.adapters.kubernetes.target import Kubernetes
from faildrill.errors import CannotSee
from faildrill.ports import NO_RUN, Checked, Given, Kind
from faildrill.toolkit.deadlines import SHARE

_REMEDY: Final = (
    "see that file, context and account are right; `kubectl --kubeconfig FILE --context NAME get --raw /` asks the same"
)


class Cluster(Kind):
    """Looks whether the cluster answers, whom it takes us for, and whether its namespaces may be drilled."""

    target: Kubernetes

    async def examine(self, given: Given) -> list[Checked]:
        """Ask who we are, then look at each namespace."""
        name, within = self.target.name, given.timeout * SHARE / 3
        try:
            async with Api.open(self.target, NO_RUN, within) as api:
                who = await account(api, within)
                found = [await self._namespace(api, one, within) for one in self.target.namespaces]
        except CannotSee as error:
            return [Checked(name, ok=False, told=f"{self.target.way}: {error}", remedy=_REMEDY)]
        return [Checked(name, ok=True, told=f"{who} at {api.way.server}, by {self.target.way}"), *found]

    async def _namespace(self, api: Api, namespace: str, within: float) -> Checked:
        what = f"{self.target.name}/{namespace}"
        try:
            found = await api.read(Where.of("v1", "", "namespaces", namespace), Object, within)
        except CannotSee as error:
            return Checked(what, ok=False, told=str(error), remedy="give the account `get` on this namespace")
        wrong = unmarked(found, self.target)
        return Checked(what, not wrong, wrong or "carries the label of this environment", wrong)


async def account(api: Api, within: float) -> str:
    """Return whom the server takes us for."""
    group, kind = "authentication.k8s.io/v1", "SelfSubjectReview"
    where = Where(f"/apis/{group}/selfsubjectreviews", kind)
    found = await api.review(where, {"apiVersion": group, "kind": kind}, SelfSubjectReview, within)
    return found.status.user_info.username or "nobody"
