"""What each part runs: the control plane with the authorizers and the admission of a real cluster, and an audit log.

Times are short, so that a lost node is given up in seconds: what takes 50 s and 300 s by default takes 10 s and 3 s.
"""

import json
import sys
from collections.abc import Mapping
from typing import Final

from faildrill.lab.core.node import Recipe
from faildrill.lab.core.port_reservations import LOOPBACK
from faildrill.lab.hosts import configs
from faildrill.lab.kubernetes import addresses
from faildrill.lab.kubernetes.identities import TOKENS
from faildrill.lab.kubernetes.plan import (
    API_SERVER,
    CONTROLLERS,
    DATABASE,
    ETCD,
    KUBELETS,
    NAMESPACE,
    NODES,
    PAYMENTS,
    PROXY,
    SCHEDULER,
)
from faildrill.lab.kubernetes.plan import KubernetesPlan as Plan
from faildrill.lab.payments.configs import write

NODE_GIVEN_UP: Final = 10
"""Seconds without a word from a node's kubelet after which the node is not ready: no fewer on a shared machine, where
kubelet, API server and controllers may each wait for a processor."""
TOLERATED: Final = 3
"""Seconds for which pods stay bound to a node that is not ready."""
_AUDIT: Final = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
"""
_SMALL: Final = {"GOGC": "50", "GOMEMLIMIT": "400MiB"}
"""Go's collector, set for a machine that is shared: the API server holds half as much."""


def etcd(plan: Plan) -> Recipe:
    """Run etcd; without fsync, as a lab outlives no power loss."""
    client, peer = (f"http://{LOOPBACK}:{plan.port(purpose)}" for purpose in (ETCD, f"{ETCD} peer"))
    flags = {
        "name": ETCD,
        "data-dir": plan.folder(ETCD) / "data",
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"{ETCD}={peer}",
        "initial-cluster-token": plan.uid,
        "log-level": "warn",
        "unsafe-no-fsync": "true",
    }
    return _recipe(plan, ETCD, flags)


def api_server(plan: Plan) -> Recipe:
    """Run the API server: callers show a certificate of the lab's authority, or the token of a ServiceAccount."""
    folder = plan.folder(API_SERVER)
    flags = {
        "etcd-servers": f"http://{LOOPBACK}:{plan.port(ETCD)}",
        "bind-address": LOOPBACK,
        "secure-port": plan.port(API_SERVER),
        "advertise-address": addresses.API,
        "tls-cert-file": plan.pem(API_SERVER),
        "tls-private-key-file": plan.key(API_SERVER),
        "client-ca-file": plan.authority,
        "cert-dir": folder / "certificates",
        "anonymous-auth": "false",
        "service-account-issuer": "https://kubernetes.default.svc",
        "service-account-key-file": plan.pem(TOKENS),
        "service-account-signing-key-file": plan.key(TOKENS),
        "service-cluster-ip-range": addresses.SERVICES,
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "audit-policy-file": write(folder / "audit-policy.yaml", _AUDIT),
        "audit-log-path": plan.audit_log,
        "default-not-ready-toleration-seconds": TOLERATED,
        "default-unreachable-toleration-seconds": TOLERATED,
    }
    return _recipe(plan, API_SERVER, flags, _SMALL)


def controller_manager(plan: Plan) -> Recipe:
    """Run the controllers, each as the ServiceAccount that a real cluster gives it."""
    flags = {
        "kubeconfig": plan.kubeconfig(CONTROLLERS),
        "secure-port": 0,
        "root-ca-file": plan.authority,
        "service-account-private-key-file": plan.key(TOKENS),
        "use-service-account-credentials": "true",
        "leader-elect": "false",
        "node-monitor-period": "500ms",
        "node-monitor-grace-period": f"{NODE_GIVEN_UP}s",
        "node-eviction-rate": 10,
        "kube-api-qps": 200,
        "kube-api-burst": 400,
    }
    return _recipe(plan, CONTROLLERS, flags)


def scheduler(plan: Plan) -> Recipe:
    """Run the scheduler."""
    flags = {"kubeconfig": plan.kubeconfig(SCHEDULER), "secure-port": 0, "leader-elect": "false"}
    return _recipe(plan, SCHEDULER, flags)


def kubelet(plan: Plan, name: str) -> Recipe:
    """Run a kubelet of the lab, which reaches the API server through the node's link."""
    number, folder = NODES.index(name) + 1, plan.folder(name)
    settings = {
        "name": name,
        "number": number,
        "zone": f"zone-{name.removeprefix('node-')}",
        "server": f"https://{LOOPBACK}:{plan.port(f'{name} link')}",
        "kubeconfig": str(plan.kubeconfig(name)),
        "folder": str(folder),
        "logs": str(plan.place.logs),
        "truth": str(plan.truth),
        "health_port": plan.port(KUBELETS),
    }
    return _ours(plan, name, "kubelet", settings)


def proxy(plan: Plan) -> Recipe:
    """Run what stands for kube-proxy, which reaches the API server through a link of its own."""
    settings = {
        "server": f"https://{LOOPBACK}:{plan.port(f'{PROXY} link')}",
        "kubeconfig": str(plan.kubeconfig(PROXY)),
        "haproxy": str(plan.parts.haproxy),
        "folder": str(plan.folder(PROXY)),
        "socket": str(plan.place.run / "haproxy.sock"),
        "truth": str(plan.truth),
        "namespace": NAMESPACE,
        "service": PAYMENTS,
        "address": addresses.PAYMENTS,
        "port": plan.port(PAYMENTS),
        "stats_port": plan.port("stats"),
    }
    return _ours(plan, PROXY, "service_proxy", settings)


def database(plan: Plan) -> Recipe:
    """Run a PostgreSQL by itself, as the lab of hosts does."""
    folder = plan.folder(DATABASE)
    for inner in ("bin", "etc"):
        (folder / inner).mkdir()
    argv = configs.postgres(plan, DATABASE)
    configs.give(plan, DATABASE)
    return Recipe(DATABASE, argv, folder, plan.log(DATABASE), plan.postgres_user, "postgresql")


def _ours(plan: Plan, name: str, module: str, settings: Mapping[str, object]) -> Recipe:
    path = write(plan.folder(name) / "settings.json", json.dumps(settings, indent=2))
    argv = [sys.executable, "-P", "-m", f"faildrill.lab.kubernetes.{module}", str(path)]
    return Recipe(name, argv, plan.folder(name), plan.log(name), part=module.replace("_", " "))


def _recipe(plan: Plan, name: str, flags: Mapping[str, object], variables: Mapping[str, str] | None = None) -> Recipe:
    argv = [*plan.programs.argv(name), *(f"--{flag}={value}" for flag, value in flags.items())]
    return Recipe(name, argv, plan.folder(name), plan.log(name), part="control plane", variables=variables or {})
