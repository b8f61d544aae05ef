"""The environment file of the lab of AWS."""

from typing import Any, Final

from faildrill.lab.aws.plan import CLUSTER, INSTANCES, NAME_SERVER, OFFICE, REGION, TAG, AwsPlan
from faildrill.lab.payments.environment_file import host_identity, yaml_text
from faildrill.lab.payments.plan import DATABASE
from faildrill.lab.payments.schema import Identity

_ACCOUNT: Final = "staging"
"""What drills call the account."""
_EVERY: Final = {"every": "1s", "timeout": "3s"}
_CACHED: Final = "45s"
"""How long a client keeps the address of the writer that does not obey its TTL."""
_CALLS: Final = 20
"""A second: the API is this machine's own."""


def text(plan: AwsPlan, identity: Identity) -> str:
    """Return the file's text."""
    content: dict[str, Any] = {
        "environment": plan.place.name,
        "about": f"An Aurora cluster of two PostgreSQL servers on this machine; lab {identity.uid}.",
        "drillable": True,
        "reaches": {"lab": {"lab.supervisor": {"socket": str(plan.place.control)}}},
        "aws": {_ACCOUNT: _account(plan)},
        "databases": {**{name: _database(plan, name) for name in INSTANCES}, **_for_users(plan)},
        "groups": {"instances": {"members": {name: _member(plan, name) for name in INSTANCES}}},
        "identity": [{"aws.identity": {"aws": _ACCOUNT}}, host_identity(plan)],
        "probes": {"redundancy": {"aws.redundancy": {"aws": _ACCOUNT, "cluster": CLUSTER}, **_EVERY}},
    }
    return yaml_text(content)


def _for_users(plan: AwsPlan) -> dict[str, Any]:
    """Return the database at the name of the cluster, for clients that differ in whom they ask and what they keep."""
    database = _database(plan, plan.endpoint)
    asked = {node: f"{plan.address(node)}:{plan.port(node)}" for node in (NAME_SERVER, OFFICE)}
    return {
        "payments": {**database, "resolver": asked[NAME_SERVER], "resolve": "ttl"},
        "payments-office": {**database, "resolver": asked[OFFICE], "resolve": "ttl"},
        "payments-cached": {**database, "resolver": asked[NAME_SERVER], "resolve": _CACHED},
    }


def _account(plan: AwsPlan) -> dict[str, Any]:
    return {
        "account": plan.account,
        "region": REGION,
        "endpoint_url": plan.endpoint_url,
        "access_key_id": f"file:{plan.access_key_id_file}",
        "secret_access_key": f"file:{plan.secret_access_key_file}",
        "calls_per_second": _CALLS,
        "tag": TAG,
        "db_clusters": [CLUSTER],
    }


def _member(plan: AwsPlan, name: str) -> dict[str, str]:
    return {"address": f"{plan.address(name)}:{plan.port(name)}", "reach": "lab"}


def _database(plan: AwsPlan, name: str) -> dict[str, Any]:
    """Return how to log in at an instance, or at the name of the cluster."""
    login = {"user": "faildrill", "password": f"file:{plan.password_file('faildrill')}"}
    host = plan.address(name) if name in INSTANCES else name
    return {"host": host, "port": plan.database_port, "database": DATABASE, **login}
