"""`patroni.settings`: when and how a cluster fails over by itself."""

import asyncio
from typing import Final

from pydantic import Field

from faildrill.adapters.patroni.changes import configuration, sighted
from faildrill.adapters.patroni.effective_settings import effective
from faildrill.adapters.patroni.succession import Sight
from faildrill.adapters.postgres.target import Cluster
from faildrill.ports import Given, Kind
from faildrill.standards import Difference, Failover, Settings, SettingsRead
from faildrill.toolkit.deadlines import SHARE

_TIMES: Final = ("ttl", "loop_wait", "retry_timeout", "primary_start_timeout")
"""Patroni's dynamic settings that are times, in seconds."""
_NAMES: Final = {
    "maximum_lag": "maximum_lag_on_failover",
    "failsafe": "failsafe_mode",
    "synchronous": "synchronous_mode",
    "rewind": "postgresql.use_pg_rewind",
}


class Dynamic(Kind):
    """Reads the dynamic configuration that all members of a Patroni cluster share (`GET /config`).

    Times and switches that nobody set are reported with Patroni's defaults: `ttl` 30 s, `loop_wait` 10 s,
    `retry_timeout` 10 s, `primary_start_timeout` 5 min, a lag of 1 MiB. Values are reported as Patroni applies them:
    since 3.2.0 that is at least 20 s of `ttl`, 3 s of `retry_timeout` and 1 s of `loop_wait`, which also have to fit
    together. If one value is invalid, only that one is missing.

        settings:
          database: {patroni.settings: {cluster: payments}}
    """

    cluster: Cluster = Field(description="the cluster; its members are asked one after the other until one answers")

    async def settings(self, given: Given) -> SettingsRead:
        """Ask for the configuration."""
        within = given.timeout * SHARE
        config, sight = await asyncio.gather(configuration(self.cluster, within), sighted(self.cluster, within))
        settings = effective(config, _version(sight))
        source = f"Patroni's dynamic configuration of {self.cluster.scope}"
        live = Settings(failover=Failover.model_validate(settings.failover))
        return SettingsRead(source, live, unread=settings.unread, asides=settings.asides)

    def remedy(self, difference: Difference) -> str:
        """Return the command of `patronictl` that sets it."""
        what, wanted = difference.path[1:], difference.standard
        if what == ("paused",):
            return f"patronictl {'pause' if wanted == 'on' else 'resume'} {self.cluster.scope}"
        if what == ("follows",):
            return f"patronictl edit-config {self.cluster.scope}, and see to `standby_cluster`"
        if what[0] == "parameters":
            return f"patronictl edit-config --force -p {what[1]}={wanted} {self.cluster.scope}"
        name = _NAMES.get(what[0], what[0])
        if what[0] in _TIMES:
            wanted = f"{difference.wanted:.0f}" if isinstance(difference.wanted, float) else wanted
        return f"patronictl edit-config --force -s {name}={wanted} {self.cluster.scope}"


def _version(sight: Sight) -> tuple[int, ...]:
    """Return the oldest version of Patroni that a member told, empty where none did."""
    versions = [node.status.patroni.version for node in sight.nodes.values() if node.status]
    numbers = [tuple(int(part) for part in text.split(".") if part.isascii() and part.isdecimal()) for text in versions]
    return min((version for version in numbers if version), default=())
