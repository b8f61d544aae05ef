"""A load balancer, as an environment file declares it: a HAProxy and its runtime socket."""

from typing import Annotated, ClassVar

from pydantic import Field

from faildrill.ports.target import FilePath, Program, Socket, Target

HAProxyName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,255}$")]
"""What HAProxy lets a backend or a server be called; nothing else is ever written to its socket as one."""


class LoadBalancer(Target):
    """An HAProxy, asked through its runtime socket.

    load_balancers:
      payments:
        haproxy_socket: /run/haproxy/admin.sock
        backends: {payments: [pay1, pay2, pay3]}
    """

    section: ClassVar[str] = "load_balancers"

    haproxy_socket: Socket = Field(description="path of its runtime socket, or HOST:PORT")
    backends: dict[HAProxyName, list[HAProxyName]] = Field(
        default={}, description="the servers that belong in each backend"
    )
    master_socket: Socket | None = Field(default=None, description="the socket of its master process, as `-S` names it")
    config_file: FilePath | None = Field(
        default=None, description="its configuration file (`-f`), if it is on this host"
    )
    binary: Program = Field(default="haproxy", description="the program that checks its configuration files")

    def declared(self, backend: str) -> list[HAProxyName]:
        """Return the servers of a backend; ValueError where the environment declares none of that name."""
        if backend not in self.backends:
            there = ", ".join(sorted(self.backends)) or "none"
            raise ValueError(f"{self.name} declares no backend {backend!r}; there is {there}")
        return self.backends[backend]
