"""What runs in the lab: the payment servers, three of them over three zones, with a budget of two, behind a Service."""

from typing import Any, Final

from faildrill.lab.core.port_reservations import LOOPBACK
from faildrill.lab.kubernetes import addresses
from faildrill.lab.kubernetes.plan import DATABASE, NAMESPACE, PAYMENTS, POD_PORT, KubernetesPlan

REPLICAS: Final = 3
_BUDGET: Final = 2
_LABELS: Final = {"app": PAYMENTS}
_LOGIN: Final = "payments-database"
"""The Secret with the password."""
_CORE: Final = f"/api/v1/namespaces/{NAMESPACE}"
_APPS: Final = f"/apis/apps/v1/namespaces/{NAMESPACE}"
_POLICY: Final = f"/apis/policy/v1/namespaces/{NAMESPACE}"
DEPLOYMENT: Final = f"{_APPS}/deployments/{PAYMENTS}"


def objects(plan: KubernetesPlan) -> list[tuple[str, dict[str, Any]]]:
    """Return each object with the collection that it is created in."""
    budget = {"minAvailable": _BUDGET, "selector": {"matchLabels": _LABELS}}
    service = {
        "selector": _LABELS,
        "clusterIP": addresses.PAYMENTS,
        "ports": [{"name": "http", "port": plan.port(PAYMENTS), "targetPort": "http"}],
    }
    return [
        (f"{_CORE}/secrets", {"metadata": {"name": _LOGIN}, "stringData": {"password": plan.password("payments")}}),
        (f"{_CORE}/services", {"metadata": {"name": PAYMENTS, "labels": _LABELS}, "spec": service}),
        (
            f"{_POLICY}/poddisruptionbudgets",
            {"metadata": {"name": PAYMENTS}, "spec": budget},
        ),
        (f"{_APPS}/deployments", {"metadata": {"name": PAYMENTS, "labels": _LABELS}, "spec": _deployment(plan)}),
    ]


def _deployment(plan: KubernetesPlan) -> dict[str, Any]:
    spread = {
        "maxSkew": 1,
        "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": _LABELS},
    }
    pod = {
        "containers": [_container(plan)],
        "topologySpreadConstraints": [spread],
        "terminationGracePeriodSeconds": 5,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
    }
    return {
        "replicas": REPLICAS,
        "selector": {"matchLabels": _LABELS},
        "template": {"metadata": {"labels": _LABELS}, "spec": pod},
    }


def _container(plan: KubernetesPlan) -> dict[str, Any]:
    """Return the container: it goes on serving for a second after it is out of the endpoints, then for who is there."""
    asked = {"httpGet": {"path": "/health", "port": "http"}}
    variables: list[dict[str, Any]] = [
        {"name": "PORT", "value": str(plan.port(POD_PORT))},
        {"name": "DATABASE_HOST", "value": LOOPBACK},
        {"name": "DATABASE_PORT", "value": str(plan.port(DATABASE))},
        {"name": "DATABASE_NODE", "value": DATABASE},
        {"name": "DATABASE_PASSWORD", "valueFrom": {"secretKeyRef": {"name": _LOGIN, "key": "password"}}},
    ]
    return {
        "name": "server",
        "image": "faildrill/payment-server:1",
        "ports": [{"name": "http", "containerPort": plan.port(POD_PORT)}],
        "env": variables,
        "readinessProbe": {**asked, "periodSeconds": 1, "failureThreshold": 2},
        "livenessProbe": {**asked, "periodSeconds": 5, "timeoutSeconds": 2},
        "lifecycle": {"preStop": {"sleep": {"seconds": 1}}},
    }
