"""The environment file and the Ansible inventory of a lab of hosts."""

from pathlib import Path
from typing import Any, Final

from faildrill.lab.core.port_reservations import LOOPBACK
from faildrill.lab.hosts.plan import APPLICATION_HOSTS, BALANCER, DATABASE_HOSTS, HOSTS, USER, HostsPlan
from faildrill.lab.payments.environment_file import balancer_identity, host_identity, yaml_text
from faildrill.lab.payments.plan import DATABASE, SCOPE
from faildrill.lab.payments.schema import Identity

_EVERY: Final = {"every": "500ms", "timeout": "2s"}


def text(plan: HostsPlan, identity: Identity) -> str:
    """Return the environment file's text."""
    content = {
        "environment": plan.place.name,
        "about": "Five hosts that are reached over SSH: two for payments, two for the database, a load balancer.",
        "drillable": True,
        "reaches": {"lab": {"lab.supervisor": {"socket": str(plan.place.control)}}, "payments": _over_ssh(plan)},
        **_targets(plan),
        "identity": [
            {"ssh.identity": {"hosts": "staging"}},
            {"postgres.identity": {"cluster": SCOPE, "system_identifier": identity.system_identifier}},
            {"postgres.marker": {"cluster": SCOPE, "uid": identity.uid}},
            {"lab.identity": {"group": "machines", "uid": identity.uid}},
            {"ssh.marker": {"group": "payment-servers", "file": _of_each(plan, "etc/place"), "content": _says(plan)}},
            balancer_identity(plan),
            host_identity(plan),
        ],
        "probes": {
            "backends": {"haproxy.backends": {"load_balancer": "payments", "backend": "payments"}, **_EVERY},
        },
    }
    return yaml_text(content, width=200)


def inventory(plan: HostsPlan) -> str:
    """Return the inventory's text: how each host is reached, and what playbooks need to know of it."""
    databases = {
        "pg_bin": str(plan.parts.postgres),
        "pg_service": "postgres",
        "pg_user": "postgres",
        "pg_replication_user": "replicator",
    }
    balancer = {"haproxy_socket": str(plan.place.run / "haproxy.sock")}
    content = {
        "all": {
            "vars": {
                "ansible_user": USER,
                "ansible_ssh_private_key_file": str(plan.client_key),
                "ansible_ssh_pipelining": True,
            },
            "children": {
                "applications": {"hosts": {host: _reached(plan, host) for host in APPLICATION_HOSTS}},
                "databases": {"hosts": {host: _database(plan, host) for host in DATABASE_HOSTS}, "vars": databases},
                "balancers": {"hosts": {BALANCER: _reached(plan, BALANCER)}, "vars": balancer},
            },
        }
    }
    return yaml_text(content, width=200)


def write_ssh_config(plan: HostsPlan) -> None:
    """Write OpenSSH's configuration, the keys of the hosts, and on each host that runs payments which place it is."""
    known = plan.inventory.with_name("known_hosts")
    known.write_text("".join(f"{host} {host_key(plan, host)}\n" for host in HOSTS), encoding="ascii")
    shared = f"IdentityFile {plan.client_key}\nIdentitiesOnly yes\nUserKnownHostsFile {known}\n"
    own = (
        f"Host {host}\nHostName {LOOPBACK}\nPort {plan.port(f'{host} ssh')}\nHostKeyAlias {host}\n" for host in HOSTS
    )
    config = f"User {USER}\n{shared}GlobalKnownHostsFile /dev/null\n{''.join(own)}"
    _ssh_config(plan).write_text(config, encoding="ascii")
    for host in APPLICATION_HOSTS:
        (plan.folder(host) / "etc" / "place").write_text(f"{_says(plan)}\n", encoding="ascii")


def _ssh_config(plan: HostsPlan) -> Path:
    return plan.inventory.with_name("ssh_config")


def _says(plan: HostsPlan) -> str:
    return f"faildrill lab {plan.uid}"


def _of_each(plan: HostsPlan, path: str) -> str:
    """Return a path in the folder of a host, with what stands for the name of a member in a reach."""
    return str(plan.place.folder / "nodes" / "{member}" / path)


def _over_ssh(plan: HostsPlan) -> dict[str, Any]:
    """Return how the payments service of a host is reached over SSH."""
    process = {
        "config": str(_ssh_config(plan)),
        "pid_file": _of_each(plan, "units/payments.pid"),
        "command": "faildrill.lab.payments.server",
        "start_command": ["systemctl", "start", "payments"],
    }
    return {"ssh.process": process}


def _reached(plan: HostsPlan, name: str) -> dict[str, Any]:
    return {
        "ansible_host": LOOPBACK,
        "ansible_port": plan.port(f"{name} ssh"),
        "ansible_python_interpreter": str(plan.folder(name) / "bin" / "python3"),
    }


def _database(plan: HostsPlan, name: str) -> dict[str, Any]:
    folder = plan.folder(name)
    return _reached(plan, name) | {
        "pg_host": LOOPBACK,
        "pg_port": plan.port(name),
        "pg_data": str(folder / "data"),
        "pg_config": str(folder / "etc" / "postgresql.conf"),
        "pg_passfile": str(folder / "etc" / "pgpass"),
    }


def _targets(plan: HostsPlan) -> dict[str, Any]:
    login = {"user": "faildrill", "password": f"file:{plan.password_file('faildrill')}"}
    members = {
        host: {"api": f"http://{LOOPBACK}:{plan.port(f'{host} role')}", "host": LOOPBACK, "port": plan.port(host)}
        for host in DATABASE_HOSTS
    }
    return {
        "services": {"payments": f"http://{LOOPBACK}:{plan.port('payments')}"},
        "databases": {
            "payments": {"host": LOOPBACK, "port": plan.port("database"), "database": DATABASE, **login},
        },
        "clusters": {"payments": {"scope": SCOPE, "database": DATABASE, **login, "members": members}},
        "load_balancers": {
            "payments": {
                "haproxy_socket": str(plan.place.run / "haproxy.sock"),
                "backends": {"payments": list(APPLICATION_HOSTS), "database": list(DATABASE_HOSTS)},
            },
        },
        "groups": {
            "machines": {"members": {host: {"reach": "lab"} for host in HOSTS}},
            "payment-servers": {
                "members": {
                    host: {"address": f"{LOOPBACK}:{plan.port(host)}", "reach": "payments"}
                    for host in APPLICATION_HOSTS
                }
            },
        },
        "hosts": {
            "staging": {
                "inventory": str(plan.inventory),
                "keys": {host: host_key(plan, host) for host in HOSTS},
                "tools": {"all": ["systemctl"], "databases": [str(plan.parts.postgres / "pg_rewind")]},
            },
        },
    }


def host_key(plan: HostsPlan, name: str) -> str:
    """Return the public key of a host: its type and the key itself."""
    public = plan.folder(name) / "etc" / "ssh_host_ed25519_key.pub"
    return " ".join(public.read_text(encoding="ascii").split()[:2])
