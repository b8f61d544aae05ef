"""The least rights for a drill, as manifests: a Role a namespace, and a ClusterRole for what is the cluster's."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import yaml

from faildrill.adapters.kubernetes.rights import Needed

_GROUP: Final = "rbac.authorization.k8s.io"
Subject = Mapping[str, str]
"""Whom a binding gives a role to."""


def user(name: str) -> Subject:
    """Return a user, by the name that the cluster takes it for."""
    return {"kind": "User", "apiGroup": _GROUP, "name": name}


def service_account(text: str) -> Subject:
    """Return a service account by NAMESPACE/NAME; ValueError for another text."""
    namespace, slash, name = text.partition("/")
    if not (namespace and slash and name) or "/" in name:
        raise ValueError(f"{text!r} is no NAMESPACE/NAME of a service account")
    return {"kind": "ServiceAccount", "namespace": namespace, "name": name}


def manifests(name: str, needed: Iterable[Needed], subject: Subject | None) -> str:
    """Return roles that allow what is needed and nothing else, bound to a subject where one is given, as YAML."""
    verbs: dict[str, dict[tuple[str, str, str], set[str]]] = {}
    for namespace, rule in needed:
        of = verbs.setdefault(namespace, {})
        of.setdefault((rule.group, rule.resource, rule.name), set()).add(rule.verb)
    found: list[dict[str, Any]] = []
    for namespace, of in sorted(verbs.items()):
        metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
        kind = "Role" if namespace else "ClusterRole"
        rules = [_rule(*what, verbs=sorted(which)) for what, which in sorted(of.items())]
        found.append({"apiVersion": f"{_GROUP}/v1", "kind": kind, "metadata": metadata, "rules": rules})
        if subject is not None:
            reference = {"apiGroup": _GROUP, "kind": kind, "name": name}
            bound = {"metadata": metadata, "roleRef": reference, "subjects": [dict(subject)]}
            found.append({"apiVersion": f"{_GROUP}/v1", "kind": f"{kind}Binding", **bound})
    return yaml.dump_all(found, Dumper=_Plain, sort_keys=False, default_flow_style=None, width=120)


class _Plain(yaml.SafeDumper):
    """Writes what is there twice, twice: kubectl takes no anchors for granted."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _rule(group: str, resource: str, name: str, *, verbs: list[str]) -> dict[str, Any]:
    named = {"resourceNames": [name]} if name else {}
    return {"apiGroups": [group], "resources": [resource], **named, "verbs": verbs}
