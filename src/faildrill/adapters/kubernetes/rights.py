"""What an account may do, asked of the API server itself: `faildrill doctor DRILL` names the rule that is missing."""

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol, runtime_checkable

from faildrill.adapters.kubernetes.client import Api, Where
from faildrill.adapters.kubernetes.objects import SelfSubjectAccessReview
from faildrill.ports import Checked, Given

_GROUP: Final = "authorization.k8s.io/v1"
_KIND: Final = "SelfSubjectAccessReview"


class Rule(NamedTuple):
    """One thing that a Role may allow: a verb on a resource, `pods` or `pods/eviction`, of an API group."""

    verb: str
    resource: str
    group: str = ""
    name: str = ""
    """The one object that it is about; empty for all."""

    def __str__(self) -> str:
        """Write it as a Role has it."""
        named = f", resourceNames: [{self.name}]" if self.name else ""
        return f'{{apiGroups: ["{self.group}"], resources: [{self.resource}], verbs: [{self.verb}]{named}}}'


class Needed(NamedTuple):
    """A rule, and the namespace that it is needed in; none for what is the cluster's."""

    namespace: str
    rule: Rule


@runtime_checkable
class Needs(Protocol):
    """A kind that can tell what it asks of an API server, and nothing that it doesn't."""

    async def needs(self, given: Given) -> list[Needed]:
        """Tell it; what hangs on the state of the cluster is looked at, as far as that may be looked at already."""
        ...


async def allowed(api: Api, namespace: str, rules: Sequence[Rule], within: float) -> list[Checked]:
    """Ask for each rule whether we have it; Untold where nobody says."""
    answers = await asyncio.gather(*(_may(api, namespace, rule, within) for rule in rules))
    where = f"in namespace {namespace}" if namespace else "cluster-wide"
    return [
        Checked(
            f"right to {rule.verb} {rule.resource}",
            may,
            f"{'allowed' if may else 'not allowed'} {where}",
            "" if may else f"give the account a {'Role' if namespace else 'ClusterRole'} with {rule}",
        )
        for rule, may in zip(rules, answers, strict=True)
    ]


async def _may(api: Api, namespace: str, rule: Rule, within: float) -> bool:
    resource, _, part = rule.resource.partition("/")
    attributes = {
        "namespace": namespace,
        "verb": rule.verb,
        "group": rule.group,
        "resource": resource,
        "name": rule.name,
    }
    body = {
        "apiVersion": _GROUP,
        "kind": _KIND,
        "spec": {"resourceAttributes": {**attributes, **({"subresource": part} if part else {})}},
    }
    where = Where(f"/apis/{_GROUP}/selfsubjectaccessreviews", _KIND)
    return (await api.review(where, body, SelfSubjectAccessReview, within)).status.allowed
