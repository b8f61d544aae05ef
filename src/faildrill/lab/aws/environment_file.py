"""The environment file of the lab of AWS."""

from typing import Any, Final

from faildrill.lab.aws.plan import CLUSTER, INSTANCES, NAME_SERVER, REGION, TAG, AwsPlan
from faildrill.lab.payments.environment_file import host_identity, yaml_text
from faildrill.lab.payments.plan import DATABASE
from faildrill.lab.payments.schema import Identity

_ACCOUNT: Final = "staging"
"""What drills call the account."""


def text(plan: AwsPlan, identity: Identity) -> str:
    """Return the file's text."""
    content: dict[str, Any] = {
        "environment": plan.place.name,
        "about": f"An Aurora cluster of two PostgreSQL servers on this machine; lab {identity.uid}.",
        "drillable": True,
        "reaches": {"lab": {"lab.supervisor": {"socket": str(plan.place.control)}}},
        "databases": {name: _database(plan, name) for name in INSTANCES},
        "identity": [host_identity(plan)],
    }
    return yaml_text(content)


def account_text(plan: AwsPlan) -> str:
    """Return what an environment file says of the account, and of the database as users find it."""
    resolver = f"{plan.address(NAME_SERVER)}:{plan.port(NAME_SERVER)}"
    account = {
        "account": plan.account,
        "region": REGION,
        "endpoint_url": plan.endpoint_url,
        "access_key_id": f"file:{plan.access_key_id_file}",
        "secret_access_key": f"file:{plan.secret_access_key_file}",
        "tag": TAG,
        "db_clusters": [CLUSTER],
    }
    content = {
        "aws": {_ACCOUNT: account},
        "databases": {"payments": {**_database(plan, plan.endpoint), "resolver": resolver, "resolve": "ttl"}},
        "identity": [{"aws.identity": {"aws": _ACCOUNT}}],
    }
    return yaml_text(content)


def _database(plan: AwsPlan, name: str) -> dict[str, Any]:
    """Return how to log in at an instance, or at the name of the cluster."""
    login = {"user": "faildrill", "password": f"file:{plan.password_file('faildrill')}"}
    host = plan.address(name) if name in INSTANCES else name
    return {"host": host, "port": plan.database_port, "database": DATABASE, **login}
