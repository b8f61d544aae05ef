"""What the lab of Kubernetes consists of: its parts, their ports, folders and certificates, before any is started."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from faildrill.lab.core.folders import Place
from faildrill.lab.core.port_reservations import LOOPBACK
from faildrill.lab.hosts.plan import DATABASE_HOSTS, HostsPlan
from faildrill.lab.kubernetes import addresses, programs

ETCD: Final = "etcd"
API_SERVER: Final = "kube-apiserver"
CONTROLLERS: Final = "kube-controller-manager"
SCHEDULER: Final = "kube-scheduler"
CONTROL_PLANE: Final = (ETCD, API_SERVER, CONTROLLERS, SCHEDULER)
NODES: Final = ("node-a", "node-b", "node-c")
"""One a zone."""
KUBELETS: Final = "kubelets"
"""The purpose of the port on which every kubelet says that it lives, each at its node's address."""
PROXY: Final = "proxy"
"""What stands for kube-proxy."""
DATABASE: Final = DATABASE_HOSTS[0]
"""A PostgreSQL outside of the cluster, in which the payment servers write."""
PAYMENTS: Final = "payments"
"""The Service, and the Deployment behind it."""
POD_PORT: Final = "payments pods"
"""The purpose of the port that every payment server listens on, each at its own address."""
NAMESPACE: Final = "payments"
MARKER: Final = "faildrill/environment"
"""The label by which the namespace, and each node, says to which lab it belongs."""
ADMIN: Final = "admin"
"""Whom the lab itself calls as; of the group that may do everything."""
DRILL: Final = "drill"
"""Whom drills call as."""
DRILLS: Final = "faildrill:drills"
"""The group of those who drill, which the rights are given to."""


@dataclass(frozen=True)
class KubernetesPlan(HostsPlan):
    """A lab of Kubernetes to be."""

    programs: programs.Programs

    @property
    def url(self) -> str:
        """Where the API server answers."""
        return f"https://{LOOPBACK}:{self.port(API_SERVER)}"

    @property
    def payments_url(self) -> str:
        """Where users reach the Service of the payment servers."""
        return f"http://{addresses.listening(addresses.PAYMENTS)}:{self.port(PAYMENTS)}"

    @property
    def database_port(self) -> int:
        """The port of the database, which nothing stands before."""
        return self.port(DATABASE)

    @property
    def pki(self) -> Path:
        """The folder of the certificates, their keys and the kubeconfig files."""
        return self.place.folder / "pki"

    def pem(self, account: str) -> Path:
        """Return an account's certificate."""
        return self.pki / f"{account}.pem"

    def key(self, account: str) -> Path:
        """Return the key of an account's certificate."""
        return self.pki / f"{account}.key"

    @property
    def authority(self) -> Path:
        """The certificate that all others are signed with."""
        return self.pem("ca")

    def kubeconfig(self, account: str) -> Path:
        """Return the file by which an account calls the API."""
        return self.pki / f"{account}.kubeconfig"

    @property
    def audit_log(self) -> Path:
        """Every request that the API server was sent, a line each."""
        return self.place.logs / "audit.log"


def new(place: Place) -> KubernetesPlan:
    """Plan a lab of Kubernetes; FaildrillError without a control plane."""
    return KubernetesPlan.of(place, programs=programs.find())
