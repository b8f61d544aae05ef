"""The environment file of the lab of Kubernetes."""

import hashlib
import ssl
from typing import Any, Final

from faildrill.lab.core.port_reservations import LOOPBACK
from faildrill.lab.kubernetes.plan import DRILL, NAMESPACE, PAYMENTS, KubernetesPlan
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
    content: dict[str, Any] = {
        "environment": plan.place.name,
        "about": f"Payment servers in a Kubernetes of real parts on this machine; lab {identity.uid}.",
        "drillable": True,
        "reaches": {"lab": {"lab.supervisor": {"socket": str(plan.place.control)}}},
        "services": {PAYMENTS: plan.payments_url},
        "databases": {"payments": database},
        "kubernetes": {CLUSTER: cluster},
        "identity": [
            {"kubernetes.identity": {"kubernetes": CLUSTER, "system": system, "ca": authority}},
            {"kubernetes.marker": {"kubernetes": CLUSTER}},
            host_identity(plan),
        ],
    }
    return yaml_text(content)
