"""What this kubelet knows of a pod's specification, and what it must refuse because it would be ignored."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from faildrill.lab.kubernetes.kubelet import probing

Spec = Mapping[str, Any]
_POD: Final = {
    "affinity",
    "automountServiceAccountToken",
    "containers",
    "dnsPolicy",
    "enableServiceLinks",
    "nodeName",
    "nodeSelector",
    "preemptionPolicy",
    "priority",
    "priorityClassName",
    "restartPolicy",
    "schedulerName",
    "securityContext",
    "serviceAccount",
    "serviceAccountName",
    "terminationGracePeriodSeconds",
    "tolerations",
    "topologySpreadConstraints",
}
"""What it carries out, what others do, and what means nothing where there are no images and no network of pods."""
_CONTAINER: Final = {
    "args",
    "command",
    "env",
    "image",
    "imagePullPolicy",
    "lifecycle",
    "livenessProbe",
    "name",
    "ports",
    "readinessProbe",
    "resources",
    "startupProbe",
    "terminationMessagePath",
    "terminationMessagePolicy",
}
_PROBES: Final = ("startupProbe", "livenessProbe", "readinessProbe")
_FIELDS: Final = {"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "status.podIP"}
"""What a variable may be taken from."""


def unknown(spec: Spec) -> list[str]:
    """Return where a specification asks for what this kubelet does not do; nothing where it does all of it."""
    return [*_of_the_pod(spec), *(place for one in spec["containers"] for place in _of_a_container(one))]


def _of_the_pod(spec: Spec) -> Iterator[str]:
    yield from (f"spec.{name}" for name, value in spec.items() if value and name not in _POD)
    if spec.get("securityContext"):
        yield "spec.securityContext"


def _of_a_container(container: Spec) -> Iterator[str]:
    name = container["name"]
    for field, value in container.items():
        if value and field not in _CONTAINER:
            yield f"{name}.{field}"
        if value and field in _PROBES and not probing.known(value):
            yield f"{name}.{field}: only {' and '.join(probing.KINDS)} over plain connections"
    hooks = container.get("lifecycle") or {}
    if "postStart" in hooks or not set(hooks.get("preStop") or {"sleep": 0}) <= {"sleep"}:
        yield f"{name}.lifecycle: only preStop.sleep"
    yield from (f"{name}.env.{one['name']}" for one in container.get("env", []) if not _is_known(one))


def _is_known(variable: Spec) -> bool:
    source = variable.get("valueFrom") or {}
    field = source.get("fieldRef", {}).get("fieldPath")
    return field in _FIELDS if field else not set(source) - {"secretKeyRef", "configMapKeyRef"}
