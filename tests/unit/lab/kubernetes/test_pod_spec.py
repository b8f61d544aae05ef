"""What a kubelet of the lab does not do is refused with its place, never ignored."""

from typing import Any

import pytest

from faildrill.lab.kubernetes.kubelet import pod_spec


def a_pod(container: dict[str, Any] | None = None, **spec: object) -> dict[str, Any]:
    return {"containers": [{"name": "server", "image": "faildrill/bare:1", **(container or {})}], **spec}


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (a_pod(initContainers=[{"name": "first"}]), ["spec.initContainers"]),
        (a_pod(volumes=[{"name": "data", "emptyDir": {}}]), ["spec.volumes"]),
        (a_pod(hostNetwork=True), ["spec.hostNetwork"]),
        (a_pod(securityContext={"runAsUser": 1000}), ["spec.securityContext"]),
        (a_pod({"volumeMounts": [{"name": "data"}]}), ["server.volumeMounts"]),
        (a_pod({"envFrom": [{"secretRef": {}}]}), ["server.envFrom"]),
        (
            a_pod({"livenessProbe": {"exec": {"command": ["true"]}}}),
            ["server.livenessProbe: only httpGet and tcpSocket over plain connections"],
        ),
        (
            a_pod({"readinessProbe": {"httpGet": {"port": 1, "scheme": "HTTPS"}}}),
            ["server.readinessProbe: only httpGet and tcpSocket over plain connections"],
        ),
        (a_pod({"lifecycle": {"preStop": {"exec": {}}}}), ["server.lifecycle: only preStop.sleep"]),
        (a_pod({"lifecycle": {"postStart": {"sleep": {}}}}), ["server.lifecycle: only preStop.sleep"]),
        (a_pod({"env": [{"name": "CPU", "valueFrom": {"resourceFieldRef": {}}}]}), ["server.env.CPU"]),
        (
            a_pod({"env": [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}}]}),
            ["server.env.IP"],
        ),
    ],
)
def test_what_it_does_not_do_is_named(spec: dict[str, Any], told: list[str]) -> None:
    assert pod_spec.unknown(spec) == told


def test_what_it_does_is_not_named() -> None:
    asked = {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 1}
    field = {"fieldRef": {"fieldPath": "metadata.name"}}
    container = {
        "readinessProbe": asked,
        "livenessProbe": {"tcpSocket": {"port": 80}},
        "lifecycle": {"preStop": {"sleep": {"seconds": 1}}},
        "env": [{"name": "NAME", "valueFrom": field}, {"name": "PORT", "value": "80"}],
        "resources": {},
    }
    assert pod_spec.unknown(a_pod(container, restartPolicy="Always", volumes=[], securityContext={})) == []
