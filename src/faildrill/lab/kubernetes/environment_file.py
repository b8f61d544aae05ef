"""The environment file of the lab of Kubernetes."""

from typing import Any

from faildrill.lab.core.port_reservations import LOOPBACK
from faildrill.lab.kubernetes.plan import PAYMENTS, KubernetesPlan
from faildrill.lab.payments import plan as payments
from faildrill.lab.payments.environment_file import host_identity, yaml_text
from faildrill.lab.payments.schema import Identity


def text(plan: KubernetesPlan, identity: Identity) -> str:
    """Return the file's text."""
    login = {"user": "faildrill", "password": f"file:{plan.password_file('faildrill')}"}
    database = {"host": LOOPBACK, "port": plan.database_port, "database": payments.DATABASE, **login}
    content: dict[str, Any] = {
        "environment": plan.place.name,
        "about": f"Payment servers in a Kubernetes of real parts on this machine; lab {identity.uid}.",
        "drillable": True,
        "reaches": {"lab": {"lab.supervisor": {"socket": str(plan.place.control)}}},
        "services": {PAYMENTS: plan.payments_url},
        "databases": {"payments": database},
        "identity": [host_identity(plan)],
    }
    return yaml_text(content)
