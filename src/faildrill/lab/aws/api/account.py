"""The account as Moto has it: the cluster with its instances, kept to what the service knows, and who may ask."""

import datetime as dt
import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from moto.iam.models import iam_backends
from moto.rds.models import DBCluster, rds_backends

from faildrill.lab.aws.api.settings import Settings
from faildrill.lab.aws.records import Event, Records

USER: Final = "drill"
_RIGHTS: Final = ("rds:DescribeDBClusters", "rds:DescribeDBInstances", "rds:DescribeEvents", "rds:FailoverDBCluster")
"""Those of the drills' user; GetCallerIdentity needs none."""
_ENGINE: Final = "aurora-postgresql"
_PARTITION: Final = "aws"


@dataclass(frozen=True)
class ToldEvent:
    """An event by the names that Moto's answer takes."""

    source_identifier: str
    source_type: str
    message: str
    event_categories: list[str]
    date: dt.datetime
    source_arn: str


class Account:
    """The one account of the lab."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._backend = rds_backends[settings.account][settings.region]
        tags = [{"Key": key, "Value": value} for key, value in settings.tags.items()]
        self._cluster = self._make_cluster(tags)
        for name, zone in settings.zones.items():
            instance = self._backend.create_db_instance(
                {
                    "db_instance_identifier": name,
                    "db_cluster_identifier": settings.cluster,
                    "engine": _ENGINE,
                    "db_instance_class": "db.r7g.large",
                    "availability_zone": zone,
                    "port": settings.database_port,
                    "tags": tags,
                }
            )
            instance.dbi_resource_id = f"db-{name}-{settings.identifier}".upper()
        self._admit_user()

    def show(self, known: Records) -> None:
        """Have Moto tell what is known of the cluster, its instances and its events."""
        now = known.now
        self._cluster.status = now.status
        for instance in self._cluster.members:
            name = instance.db_instance_identifier
            instance.status, instance.is_cluster_writer = now.instances[name], name == now.writer
        events: list[Any] = [self._told(event) for event in known.events]
        self._backend.events = events

    def _told(self, event: Event) -> ToldEvent:
        date = dt.datetime.fromtimestamp(event.at, dt.UTC).replace(tzinfo=None)  # Moto's are in UTC, and don't say so
        return ToldEvent(event.source, event.kind, event.message, event.categories, date, self._cluster.arn)

    def _make_cluster(self, tags: list[dict[str, str]]) -> DBCluster:
        settings = self._settings
        cluster = self._backend.create_db_cluster(
            {
                "db_cluster_identifier": settings.cluster,
                "engine": _ENGINE,
                "database_name": "payments",
                "master_username": "postgres",
                "master_user_password": secrets.token_urlsafe(24),
                "port": settings.database_port,
                "tags": tags,
            }
        )
        # The same ids after a restart of the API, as the cluster is the same one.
        cluster.url_identifier = settings.identifier
        cluster.db_cluster_resource_id = f"cluster-{settings.identifier}".upper()
        return cluster

    def _admit_user(self) -> None:
        """Make the user of drills, with its key and its rights, which count only while IAM is enforced."""
        backend, settings = iam_backends[self._settings.account][_PARTITION], self._settings
        backend.create_user(self._settings.region, USER)
        statement = {"Effect": "Allow", "Action": list(_RIGHTS), "Resource": "*"}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        backend.put_user_policy(USER, "drills", json.dumps(policy))
        key = backend.create_access_key(USER)
        del backend.access_keys[key.access_key_id]
        key.access_key_id = settings.access_key_id
        key.secret_access_key = Path(settings.secret_file).read_text(encoding="ascii").strip()
        backend.access_keys[key.access_key_id] = key
