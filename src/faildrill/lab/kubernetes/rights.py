"""What a drill's account may do: what drills of the namespace need, and of the cluster as little as can be."""

from typing import Any, Final

from faildrill.lab.kubernetes.plan import DRILLS, NAMESPACE

_NAME: Final = "faildrill"
_GROUP: Final = "rbac.authorization.k8s.io"
_READ: Final = ["get", "list", "watch"]
_NAMESPACED: Final[list[dict[str, list[str]]]] = [
    {"apiGroups": [""], "resources": ["pods"], "verbs": [*_READ, "delete"]},
    {"apiGroups": [""], "resources": ["pods/eviction"], "verbs": ["create"]},
    {"apiGroups": [""], "resources": ["services", "endpoints", "configmaps", "events"], "verbs": _READ},
    {"apiGroups": ["apps"], "resources": ["deployments", "replicasets", "statefulsets"], "verbs": _READ},
    {"apiGroups": ["apps"], "resources": ["deployments", "deployments/scale"], "verbs": ["patch"]},
    {"apiGroups": ["apps"], "resources": ["statefulsets", "statefulsets/scale"], "verbs": ["patch"]},
    {"apiGroups": ["autoscaling"], "resources": ["horizontalpodautoscalers"], "verbs": _READ},
    {"apiGroups": ["policy"], "resources": ["poddisruptionbudgets"], "verbs": _READ},
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": _READ},
    {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": [*_READ, "create", "update"]},
]
_OF_THE_CLUSTER: Final[list[dict[str, list[str]]]] = [
    {"apiGroups": [""], "resources": ["namespaces"], "resourceNames": ["kube-system", NAMESPACE], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["nodes"], "verbs": [*_READ, "patch"]},
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
]


def objects() -> list[tuple[str, dict[str, Any]]]:
    """Return each object with the collection that it is created in."""
    of_all, of_one = f"/apis/{_GROUP}/v1", f"/apis/{_GROUP}/v1/namespaces/{NAMESPACE}"
    return [
        (f"{of_all}/clusterroles", _role(_OF_THE_CLUSTER)),
        (f"{of_all}/clusterrolebindings", _binding("ClusterRole")),
        (f"{of_one}/roles", _role(_NAMESPACED)),
        (f"{of_one}/rolebindings", _binding("Role")),
    ]


def _role(rules: list[dict[str, list[str]]]) -> dict[str, Any]:
    return {"metadata": {"name": _NAME}, "rules": rules}


def _binding(kind: str) -> dict[str, Any]:
    return {
        "metadata": {"name": _NAME},
        "roleRef": {"apiGroup": _GROUP, "kind": kind, "name": _NAME},
        "subjects": [{"kind": "Group", "apiGroup": _GROUP, "name": DRILLS}],
    }
