"""Who is who: an authority, a certificate for each component, and the kubeconfig file that it calls the API by."""

import json
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from faildrill.lab.core.authority import Authority, Subject, write_key
from faildrill.lab.core.port_reservations import LOOPBACK
from faildrill.lab.kubernetes import addresses
from faildrill.lab.kubernetes.plan import (
    ADMIN,
    API_SERVER,
    CONTROLLERS,
    DRILL,
    DRILLS,
    NAMESPACE,
    NODES,
    PROXY,
    SCHEDULER,
)
from faildrill.lab.kubernetes.plan import KubernetesPlan as Plan
from faildrill.lab.payments.configs import write

TOKENS: Final = "service-accounts"
"""Whose key signs the tokens of ServiceAccounts."""
_SUBJECTS: Final = {
    API_SERVER: Subject(
        API_SERVER,
        addresses=(LOOPBACK, addresses.API, addresses.listening(addresses.API), addresses.API_SERVICE),
        names=("kubernetes", "kubernetes.default", "kubernetes.default.svc"),
    ),
    CONTROLLERS: Subject("system:kube-controller-manager"),
    SCHEDULER: Subject("system:kube-scheduler"),
    PROXY: Subject("system:kube-proxy"),
    ADMIN: Subject("faildrill:lab", "system:masters"),
    DRILL: Subject("faildrill:drill", DRILLS),
}


def make(plan: Plan) -> None:
    """Make everything in the lab's folder; a node has the name and the group by which the API knows nodes."""
    plan.pki.mkdir(mode=0o700)
    authority = Authority()
    authority.write(plan.authority)
    subjects = _SUBJECTS | {name: Subject(f"system:node:{name}", "system:nodes") for name in NODES}
    for account, subject in subjects.items():
        authority.sign(subject, plan.pki, account)
        write(plan.kubeconfig(account), kubeconfig(plan, account))
    signing = ec.generate_private_key(ec.SECP256R1())
    write_key(plan.key(TOKENS), signing)
    known = serialization.PublicFormat.SubjectPublicKeyInfo
    plan.pem(TOKENS).write_bytes(signing.public_key().public_bytes(serialization.Encoding.PEM, known))


def kubeconfig(plan: Plan, account: str) -> str:
    """Return the text of a kubeconfig file with one context, `ACCOUNT@LAB`."""
    context = f"{account}@{plan.place.name}"
    cluster = {"server": plan.url, "certificate-authority": str(plan.authority)}
    user = {"client-certificate": str(plan.pem(account)), "client-key": str(plan.key(account))}
    used = {"cluster": plan.place.name, "user": account, "namespace": NAMESPACE}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": plan.place.name, "cluster": cluster}],
        "users": [{"name": account, "user": user}],
        "contexts": [{"name": context, "context": used}],
        "current-context": context,
    }
    return json.dumps(content, indent=2)
