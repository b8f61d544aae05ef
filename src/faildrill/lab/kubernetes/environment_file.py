"""The environment file of the lab of Kubernetes."""

import hashlib
import ssl
from typing import Any, Final

from faildrill.lab.core.port_reservations import LOOPBACK
from faildrill.lab.kubernetes import addresses
from faildrill.lab.kubernetes.plan import (
    API_SERVER,
    CONTROLLERS,
    DRILL,
    ETCD,
    KUBELETS,
    NAMESPACE,
    NODES,
    PAYMENTS,
    SCHEDULER,
    KubernetesPlan,
)
from faildrill.lab.payments import plan as payments
from faildrill.lab.payments.environment_file import host_identity, yaml_text
from faildrill.lab.payments.schema import Identity

CLUSTER: Final = "staging"
"""What drills call the cluster."""


def text(plan: KubernetesPlan, identity: Identity, system: str) -> str:
    """Return the file's text; `system` is the uid of the namespace `kube-system`."""
    authority = hashlib.sha256(ssl.PEM_cert_to_DER_cert(plan.authority.read_text(encoding="ascii"))).hexdigest()
    cluster = {
        "kubeconfig": str(plan.kubeconfig(DRILL)),
        "context": f"{DRILL}@{plan.place.name}",
        "marker": plan.uid,
        "namespaces": [NAMESPACE],
    }
    login = {"user": "faildrill", "password": f"file:{plan.password_file('faildrill')}"}
    database = {"host": LOOPBACK, "port": plan.database_port, "database": payments.DATABASE, **login}
    groups = _groups(plan)
    content: dict[str, Any] = {
        "environment": plan.place.name,
        "about": f"Payment servers in a Kubernetes of real parts on this machine; lab {identity.uid}.",
        "drillable": True,
        "reaches": {"lab": {"lab.supervisor": {"socket": str(plan.place.control)}}},
        "services": {PAYMENTS: plan.payments_url},
        "databases": {"payments": database},
        "groups": groups,
        "kubernetes": {CLUSTER: cluster},
        "identity": [
            {"kubernetes.identity": {"kubernetes": CLUSTER, "system": system, "ca": authority}},
            {"kubernetes.marker": {"kubernetes": CLUSTER}},
            host_identity(plan),
            *({"lab.identity": {"group": group, "uid": plan.uid}} for group in groups),
        ],
    }
    return yaml_text(content)


def _groups(plan: KubernetesPlan) -> dict[str, Any]:
    """Return the nodes, whose kubelets say that they live, and the parts of the control plane."""
    nodes = {
        name: {"address": f"{addresses.listening(addresses.node(number))}:{plan.port(KUBELETS)}", "reach": "lab"}
        for number, name in enumerate(NODES, 1)
    }
    listening = {name: {"address": f"{LOOPBACK}:{plan.port(name)}", "reach": "lab"} for name in (ETCD, API_SERVER)}
    silent = {name: {"reach": "lab"} for name in (CONTROLLERS, SCHEDULER)}
    return {"nodes": {"members": nodes}, "control-plane": {"members": {**listening, **silent}}}
