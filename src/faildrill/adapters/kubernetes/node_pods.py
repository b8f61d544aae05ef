"""What is on a node: the pods that would go with it, those that stay, and those because of which nobody may."""

import socket
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from faildrill.adapters.kubernetes.client import Api, Where
from faildrill.adapters.kubernetes.cluster_objects import TaintOnNode
from faildrill.adapters.kubernetes.objects import Listed, Pod, Toleration
from faildrill.adapters.kubernetes.target import Kubernetes
from faildrill.adapters.kubernetes.workload import called

_STATIC: Final = "kubernetes.io/config.mirror"
"""The annotation of a pod that a kubelet runs by itself: deleted, it is there again."""
_OVER: Final = ("Succeeded", "Failed")


class OnNode(NamedTuple):
    """The pods of a node that are not over."""

    leaving: list[Pod]
    staying: list[Pod]
    hindrances: list[str]
    """Why it may not be done: of each pod one, in words."""


async def pods_on(api: Api, node: str, within: float) -> list[Pod]:
    """Return the pods of all namespaces that are bound to a node, by namespace and name."""
    listed = await api.read(Where.of("v1", "", "pods"), Listed[Pod], within, {"fieldSelector": f"spec.nodeName={node}"})
    found = [pod for pod in (listed.items if listed else None) or () if pod.spec.node_name == node]
    return sorted(found, key=lambda pod: (pod.metadata.namespace, pod.name))


def sorted_out(pods: Iterable[Pod], target: Kubernetes, *, stays: Callable[[Pod], bool], empty_dir: bool) -> OnNode:
    """Tell which pods go, where `stays` says which don't; `empty_dir`: also those whose data goes with them."""
    found = OnNode([], [], [])
    for pod in pods:
        if is_over(pod):
            continue
        if stays(pod):
            found.staying.append(pod)
        elif why := _hindrance(pod, target, empty_dir=empty_dir):
            found.hindrances.append(f"{pod.metadata.namespace}/{called(pod)} {why}")
        else:
            found.leaving.append(pod)
    return found


def is_over(pod: Pod) -> bool:
    """Tell whether nothing of a pod runs any more: it stays bound to its node until somebody deletes it."""
    return pod.status.phase in _OVER


def outlasts_a_drain(pod: Pod) -> bool:
    """Tell whether a drain leaves a pod alone: one of a DaemonSet, which would come back to it, or a static one."""
    return is_static(pod) or (pod.controller is not None and pod.controller.kind == "DaemonSet")


def is_static(pod: Pod) -> bool:
    """Tell whether a kubelet runs it by itself."""
    return _STATIC in (pod.metadata.annotations or {})


def tolerates(pod: Pod, taint: TaintOnNode) -> bool:
    """Tell whether a taint leaves a pod alone, for good."""
    return any(_is_met(one, taint) for one in pod.spec.tolerations or ())


def _is_met(one: Toleration, taint: TaintOnNode) -> bool:
    # No key with `Exists` means every taint, no effect every effect (v1, Toleration).
    by_key = one.key == taint.key or (not one.key and one.operator == "Exists")
    by_value = one.operator == "Exists" or (one.value or "") == (taint.value or "")
    return by_key and by_value and one.effect in (None, "", taint.effect) and one.toleration_seconds is None


def _hindrance(pod: Pod, target: Kubernetes, *, empty_dir: bool) -> str:
    kind = pod.controller.kind if pod.controller else ""
    has_empty_dir = any(one.empty_dir is not None for one in pod.spec.volumes or ())
    is_ours = target.in_cluster and pod.name == socket.gethostname()
    reasons = (
        (pod.metadata.namespace not in target.namespaces, f"is in none of the namespaces of {target.name}"),
        (not kind, "belongs to no controller: once it is gone nobody makes another one"),
        (kind == "DaemonSet", "is of a DaemonSet, which makes no other one while it is kept away"),
        (pod.is_terminating, "is on the way out: wait until it is settled"),
        (
            has_empty_dir and not empty_dir,
            "has an emptyDir, which goes with it: write `empty_dir: deliberate` if that is meant",
        ),
        (is_ours, "is the one that faildrill itself runs in"),
    )
    return next((words for is_so, words in reasons if is_so), "")
