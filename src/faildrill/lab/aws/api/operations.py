"""Operations of RDS that Moto lacks or does wrong, as methods of its own response class."""

import contextvars
import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from moto.core.responses import ActionResult
from moto.rds.exceptions import RDSClientError
from moto.rds.models import DBInstanceClustered
from moto.rds.responses import RDSResponse

from faildrill.lab.aws.api.account import ToldEvent
from faildrill.lab.aws.service.cluster import WHOLE
from faildrill.lab.core import control

COURSE: Final = contextvars.ContextVar("COURSE", default=WHOLE)
"""What becomes of a failover that this request asks for."""
_WITHIN: Final = 10.0
_LATELY: Final = 60
"""Minutes of events that are told where nothing else is asked for, as by AWS."""


def install(service: Path) -> None:
    """Put them into Moto's classes; `service` is the socket of whoever fails over."""
    describe_events = RDSResponse.describe_events

    def failover_db_cluster(self: RDSResponse) -> ActionResult:
        params: Any = self.params
        cluster = self.backend.describe_db_clusters(db_cluster_identifier=params["DBClusterIdentifier"])[0]
        request = {
            "op": "failover",
            "target": params.get("TargetDBInstanceIdentifier"),
            "course": COURSE.get(),
        }
        answer = control.ask(service, request, _WITHIN)
        if "refused" in answer:
            raise RDSClientError(answer["refused"], answer["message"])
        return ActionResult({"DBCluster": cluster})

    def events_of_a_time(self: RDSResponse) -> ActionResult:
        told: Any = describe_events(self).result
        events = [event for event in told["Events"] if _asked_for(event, self.params)]
        return ActionResult({"Events": events})

    replaced: tuple[tuple[type, str, object], ...] = (
        (RDSResponse, "failover_db_cluster", failover_db_cluster),
        (RDSResponse, "describe_events", events_of_a_time),
        (DBInstanceClustered, "address", property(_address)),
    )
    for owner, name, what in replaced:
        setattr(owner, name, what)


def _address(instance: DBInstanceClustered) -> str:
    """Return the name of an instance, which Moto makes up the same for every cluster."""
    return f"{instance.db_instance_identifier}.{instance.cluster.url_identifier}.{instance.region}.rds.amazonaws.com"


def _asked_for(event: ToldEvent, params: Mapping[str, Any]) -> bool:
    """Tell whether an event is of the time and of a category that are asked for."""
    until = _utc(params.get("EndTime")) or dt.datetime.now(dt.UTC)
    minutes = dt.timedelta(minutes=params.get("Duration") or _LATELY)
    since = _utc(params.get("StartTime")) or until - minutes
    categories = set(params.get("EventCategories") or event.event_categories)
    return since <= event.date.replace(tzinfo=dt.UTC) <= until and bool(categories & set(event.event_categories))


def _utc(moment: dt.datetime | None) -> dt.datetime | None:
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=dt.UTC)
