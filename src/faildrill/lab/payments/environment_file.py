"""The environment file of a lab, written when it is ready: where everything is, and how it proves what it is."""

import re
from pathlib import Path
from typing import Any, Final

import yaml

from faildrill.lab.core.port_reservations import LOOPBACK
from faildrill.lab.payments.plan import DATABASE, DATABASE_NODES, PAYMENT_NODES, SCOPE, Plan
from faildrill.lab.payments.schema import Identity

STANDARDS: Final = Path(__file__).with_name("standards")
"""What is approved for the lab's load balancer, and for what fails its database over."""
_OBSERVERS: Final[list[dict[str, Any]]] = [
    {"postgres.testimony": {"cluster": SCOPE}},
    {"patroni.testimony": {"cluster": SCOPE}},
    {"http.testimony": {"url": "${services.payments}/health/database", "key": "database_ms"}},
    {"haproxy.testimony": {"load_balancer": "payments", "backend": "payments", "standard": "payments"}},
]
_EVERY = {"every": "500ms", "timeout": "2s"}


class _Dumper(yaml.SafeDumper):
    """Quotes also the text that only YAML 1.2 takes for a number, as `12e4` and `0o17`: PyYAML knows 1.1."""


_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$|[0-9]+$|0o[0-7]+$"),
    list("-+.0123456789"),
)


def yaml_text(content: dict[str, Any], width: int = 110) -> str:
    """Return a file's text, in which what is text here is text for YAML 1.1 and 1.2, and so for all who read it."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=width)


def text(plan: Plan, identity: Identity) -> str:
    """Return the file's text."""
    content = {
        "environment": plan.place.name,
        "about": "The embedded staging of real parts on this machine.",
        "drillable": True,
        "reaches": {"lab": {"lab.supervisor": {"socket": str(plan.place.control)}}},
        **_targets(plan),
        "standards": standards(plan),
        "settings": {
            "payments": {
                "haproxy.settings": {
                    "load_balancer": "payments",
                    "file": str(plan.folder("haproxy") / "haproxy.cfg"),
                    "binary": str(plan.parts.haproxy),
                }
            },
            "database": {"patroni.settings": {"cluster": SCOPE}},
        },
        "warrants": {"payments-db": _OBSERVERS},
        "watched": {
            "spread": {
                "haproxy.spread": {"load_balancer": "payments", "backend": "payments", "standard": "payments"},
                **_EVERY,
            },
            "drift": {"haproxy.drift": {"load_balancer": "payments", "standard": "payments"}, **_EVERY},
        },
        "identity": [
            {"postgres.identity": {"cluster": SCOPE, "system_identifier": identity.system_identifier}},
            {"postgres.marker": {"cluster": SCOPE, "uid": identity.uid}},
            balancer_identity(plan),
            host_identity(plan),
        ],
        "probes": {
            "redundancy": {"patroni.redundancy": {"cluster": SCOPE}, **_EVERY},
            "backends": {"haproxy.backends": {"load_balancer": "payments", "backend": "payments"}, **_EVERY},
        },
    }
    return yaml_text(content)


def balancer_identity(plan: Plan) -> dict[str, Any]:
    """Return what proves the HAProxy: what it says of itself, and that payments and the database go through it."""
    listens = [f"{LOOPBACK}:{plan.port(purpose)}" for purpose in ("payments", "database")]
    return {"haproxy.identity": {"load_balancer": "payments", "says": f"faildrill lab {plan.uid}", "listens": listens}}


def host_identity(plan: Plan) -> dict[str, Any]:
    """Write what proves that this host is the lab's into its folder; return the guard that reads it."""
    path, says = plan.place.environment.with_name("identity"), f"faildrill lab {plan.uid}"
    path.write_text(f"{says}\n", encoding="ascii")
    return {"file.identity": {"path": str(path), "content": says}}


def standards(plan: Plan) -> dict[str, str]:
    """Write what is approved for the lab into its folder; return by name where, seen from the environment file."""
    folder = plan.place.environment.with_name(STANDARDS.name)
    folder.mkdir(exist_ok=True)
    for path in STANDARDS.glob("*.yaml"):
        (folder / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    return {path.stem: f"{folder.name}/{path.name}" for path in sorted(STANDARDS.glob("*.yaml"))}


def _targets(plan: Plan) -> dict[str, Any]:
    login = {"user": "faildrill", "password": f"file:{plan.password_file('faildrill')}"}
    members = {
        node: {
            "api": f"http://{LOOPBACK}:{plan.port(f'{node} api')}",
            "host": LOOPBACK,
            "port": plan.port(node),
            "reach": "lab",
        }
        for node in DATABASE_NODES
    }
    servers = {node: {"address": f"{LOOPBACK}:{plan.port(node)}", "reach": "lab"} for node in PAYMENT_NODES}
    return {
        "services": {"payments": f"http://{LOOPBACK}:{plan.port('payments')}"},
        "databases": {
            "payments": {"host": LOOPBACK, "port": plan.port("database"), "database": DATABASE, **login},
        },
        "clusters": {"payments": {"scope": SCOPE, "database": DATABASE, **login, "members": members}},
        "load_balancers": {
            "payments": {
                "haproxy_socket": str(plan.place.run / "haproxy.sock"),
                "master_socket": str(plan.place.run / "haproxy-master.sock"),
                "config_file": str(plan.folder("haproxy") / "haproxy.cfg"),
                "binary": str(plan.parts.haproxy),
                "backends": {"payments": list(PAYMENT_NODES), "database": list(DATABASE_NODES)},
            },
        },
        "groups": {"payment-servers": {"members": servers}},
    }
