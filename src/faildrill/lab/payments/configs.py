"""The configuration of every part, written from the plan of a lab: one recipe a node."""

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import yaml

from faildrill.lab.core import users
from faildrill.lab.core.node import Recipe
from faildrill.lab.core.port_reservations import LOOPBACK
from faildrill.lab.payments.plan import DATABASE_NODES, PAYMENT_NODES, SCOPE, Plan

TTL: Final = 20
"""Seconds until a dead leader's lock runs out: Patroni permits no less."""
LOOP_WAIT: Final = 1
RETRY_TIMEOUT: Final = 5
MAXIMUM_LAG: Final = 1 << 20
"""Bytes by which a standby may be behind and still be promoted."""

HAPROXY: Final = """\
global
    log stdout format iso local0 info
    description faildrill lab {uid}
    stats socket {socket} mode 600 level admin expose-fd listeners
    stats timeout 1m
    maxconn 4000
    nbthread 1
    hard-stop-after 2s

defaults
    log global
    option dontlognull
    timeout connect 1s
    timeout client 30s
    timeout server 30s
    timeout check 1s
    default-server inter 500ms fastinter 250ms fall 2 rise 2 on-marked-down shutdown-sessions

frontend payments
    mode http
    option httplog
    timeout client 10s
    bind {loopback}:{payments_port}
    default_backend payments

backend payments
    mode http
    balance roundrobin
    timeout server 10s
    retries 2
    option redispatch 1
    option httpchk GET /health
    http-check expect status 200
{payments_servers}

frontend database
    mode tcp
    option tcplog
    bind {loopback}:{database_port}
    default_backend database

backend database
    mode tcp
    retries 1
    option httpchk OPTIONS /primary
    http-check expect status 200
{database_servers}

frontend stats
    mode http
    option dontlog-normal
    bind {loopback}:{stats_port}
    http-request use-service prometheus-exporter if {{ path /metrics }}
    stats enable
    stats uri /
    stats refresh 2s
"""


def etcd(plan: Plan) -> Recipe:
    """Etcd of one node; without fsync, as a lab outlives no power loss, and a slow disk is no drill."""
    client = f"http://{LOOPBACK}:{plan.port('etcd')}"
    peer = f"http://{LOOPBACK}:{plan.port('etcd peer')}"
    options = {
        "name": "etcd",
        "data-dir": str(plan.folder("etcd") / "data"),
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"etcd={peer}",
        "initial-cluster-token": plan.uid,
        "log-level": "warn",
    }
    argv = [str(plan.parts.etcd), "--unsafe-no-fsync", *(f"--{name}={value}" for name, value in options.items())]
    return _recipe(plan, "etcd", argv, "etcd")


def database(plan: Plan, node: str) -> Recipe:
    """Patroni, which runs PostgreSQL."""
    path = write(plan.folder(node) / "patroni.yml", yaml.safe_dump(_patroni(plan, node), sort_keys=False))
    _give(plan, path)
    return _recipe(plan, node, [sys.executable, "-P", "-m", "patroni", str(path)], "postgresql")


def payment_server(plan: Plan, node: str) -> Recipe:
    """One payment server."""
    return _recipe(plan, node, serving(plan, node, plan.folder(node), DATABASE_NODES), "payments")


def serving(plan: Plan, name: str, folder: Path, databases: Iterable[str]) -> list[str]:
    """Write the file of a payment server into a folder, and return the command that serves by it."""
    config = {
        "name": name,
        "port": plan.port(name),
        "database": {"host": LOOPBACK, "port": plan.port("database"), "user": "payments"},
        "password_file": str(plan.password_file("payments")),
        "nodes": {str(plan.port(one)): one for one in databases},
        "within_seconds": 2.0,
        "capacity": 32,
        "service_seconds": 0.0,
    }
    path = write(folder / "payments.json", json.dumps(config, indent=2))
    return [sys.executable, "-P", "-m", "faildrill.lab.payments.server", str(path)]


def load_balancer(plan: Plan) -> Recipe:
    """HAProxy, in front of the payment servers and of the database."""
    text = balancing(plan, PAYMENT_NODES, {name: f"{name} api" for name in DATABASE_NODES})
    path = write(plan.folder("haproxy") / "haproxy.cfg", text)
    master = f"{plan.place.run / 'haproxy-master.sock'},mode,600,level,admin"
    return _recipe(plan, "haproxy", [str(plan.parts.haproxy), "-W", "-S", master, "-f", str(path)], "haproxy")


def balancing(plan: Plan, servers: Iterable[str], databases: dict[str, str]) -> str:
    """Return HAProxy's file: in front of servers, and of databases, each asked at the port for a purpose."""
    return HAPROXY.format(
        uid=plan.uid,
        socket=plan.place.run / "haproxy.sock",
        loopback=LOOPBACK,
        payments_port=plan.port("payments"),
        database_port=plan.port("database"),
        stats_port=plan.port("stats"),
        payments_servers=_lines(f"server {name} {LOOPBACK}:{plan.port(name)} check" for name in servers),
        database_servers=_lines(
            f"server {name} {LOOPBACK}:{plan.port(name)} check port {plan.port(asked)}"
            for name, asked in databases.items()
        ),
    )


def _patroni(plan: Plan, node: str) -> dict[str, Any]:
    """Patroni's file for one node: reached by others through its link, by HAProxy and drills directly."""
    return {
        "scope": SCOPE,
        "name": node,
        "restapi": _listening(plan.port(f"{node} api")),
        "etcd3": {"hosts": [f"{LOOPBACK}:{plan.port('etcd')}"]},
        "log": {"level": "INFO"},
        "bootstrap": {
            "dcs": {
                "ttl": TTL,
                "loop_wait": LOOP_WAIT,
                "retry_timeout": RETRY_TIMEOUT,
                "maximum_lag_on_failover": MAXIMUM_LAG,
                "postgresql": {"use_pg_rewind": True, "use_slots": True, "parameters": _parameters()},
            },
            "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, {"auth": "scram-sha-256"}, "data-checksums", "no-sync"],
        },
        "postgresql": {
            **_listening(plan.port(node), plan.port(f"{node} link")),
            "data_dir": str(plan.folder(node) / "data"),
            "bin_dir": str(plan.parts.postgres),
            "pgpass": str(plan.folder(node) / "pgpass"),
            "use_unix_socket": True,
            "authentication": {
                "superuser": _login(plan, "postgres"),
                "replication": _login(plan, "replicator"),
                "rewind": _login(plan, "rewind"),
            },
            "pg_hba": [
                "local all all scram-sha-256",
                f"host all all {LOOPBACK}/32 scram-sha-256",
                f"host replication replicator {LOOPBACK}/32 scram-sha-256",
            ],
            "parameters": {"unix_socket_directories": str(plan.postgres_sockets)},
            "basebackup": [{"checkpoint": "fast"}, "no-sync"],
            "remove_data_directory_on_rewind_failure": True,
            "remove_data_directory_on_diverged_timelines": True,
        },
    }


def _parameters() -> dict[str, Any]:
    return {
        "max_connections": 60,
        "shared_buffers": "32MB",
        "dynamic_shared_memory_type": "mmap",  # in the data directory: what a killed server leaves goes with it
        "wal_keep_size": "128MB",
        "max_wal_size": "256MB",
        "wal_sender_timeout": "15s",
        "wal_receiver_timeout": "15s",
        "wal_retrieve_retry_interval": "500ms",
        "log_checkpoints": False,
        "logging_collector": False,
    }


def _listening(port: int, reached_at: int | None = None) -> dict[str, str]:
    return {"listen": f"{LOOPBACK}:{port}", "connect_address": f"{LOOPBACK}:{reached_at or port}"}


def _login(plan: Plan, role: str) -> dict[str, str]:
    return {"username": role, "password": plan.password(role)}


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(f"    {line}" for line in lines)


def write(path: Path, text: str) -> Path:
    """Write a file that nobody else may read."""
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


def _give(plan: Plan, path: Path) -> None:
    """Give a file, its folder and nothing else to the user that the database nodes run as."""
    if plan.postgres_user.how == "other":
        for folder in (path, path.parent, plan.postgres_sockets):
            os.chown(folder, plan.postgres_user.uid, plan.postgres_user.gid)


def _recipe(plan: Plan, node: str, argv: list[str], part: str) -> Recipe:
    user = plan.postgres_user if node in DATABASE_NODES else users.myself()
    return Recipe(node, argv, plan.folder(node), plan.log(node), user, part)
