"""`patroni.settings`: when and how a cluster fails over by itself."""

from typing import Any, Final

import msgspec
from pydantic import Field, ValidationError

from faildrill.adapters.patroni.telling import configuration
from faildrill.errors import CannotSee
from faildrill.ports import Given, Kind
from faildrill.settings import Difference, Failover, Reading, Settings
from faildrill.targets import Cluster

_SHARE: Final = 0.8
_TIMES: Final = {"ttl": 30, "loop_wait": 10, "retry_timeout": 10, "primary_start_timeout": 300}
"""Patroni's dynamic settings that are times, in seconds, with what holds where nothing is set."""
_LAG: Final = 1 << 20
_PARAMETERS: Final = ("postgresql", "parameters")
_NAMES: Final = {
    "maximum_lag": "maximum_lag_on_failover",
    "failsafe": "failsafe_mode",
    "synchronous": "synchronous_mode",
    "rewind": "postgresql.use_pg_rewind",
}


class Dynamic(Kind):
    """Reads the dynamic configuration that all members of a Patroni cluster share (`GET /config`).

    Times and switches that nobody set are told as Patroni's own: `ttl` 30 s, `loop_wait` 10 s, `retry_timeout` 10 s,
    `primary_start_timeout` 5 min, a lag of 1 MiB.

        settings:
          database: {patroni.settings: {cluster: payments}}
    """

    cluster: Cluster = Field(description="the cluster whose members are asked, one after the other until one answers")

    async def settings(self, given: Given) -> Reading:
        """Ask for the configuration."""
        config = await configuration(self.cluster, given.timeout * _SHARE)
        try:
            failover = Failover.model_validate(_failover(config))
        except (ValidationError, msgspec.MsgspecError) as error:
            raise CannotSee(f"{self.cluster.name} tells a configuration that can't be read: {error}") from error
        return Reading(f"Patroni's dynamic configuration of {self.cluster.scope}", Settings(failover=failover))

    def remedy(self, difference: Difference) -> str:
        """Return the command of `patronictl` that sets it."""
        what, wanted = difference.path[1:], difference.standard
        if what == ("paused",):
            return f"patronictl {'pause' if wanted == 'on' else 'resume'} {self.cluster.scope}"
        if what[0] == "parameters":
            return f"patronictl edit-config --force -p {what[1]}={wanted} {self.cluster.scope}"
        name = _NAMES.get(what[0], what[0])
        if what[0] in _TIMES:
            wanted = f"{difference.wanted:.0f}" if isinstance(difference.wanted, float) else wanted
        return f"patronictl edit-config --force -s {name}={wanted} {self.cluster.scope}"


def _failover(config: dict[str, Any]) -> dict[str, Any]:
    postgres = config.get("postgresql") or {}
    found: dict[str, Any] = {name: f"{config.get(name, own)}s" for name, own in _TIMES.items()}
    found["maximum_lag"] = config.get("maximum_lag_on_failover", _LAG)
    found["synchronous"] = _synchronous(config.get("synchronous_mode"), strict=config.get("synchronous_mode_strict"))
    found["failsafe"] = bool(config.get("failsafe_mode"))
    found["paused"] = bool(config.get("pause"))
    found["rewind"] = bool(postgres.get("use_pg_rewind"))
    found["parameters"] = {name: one for name, one in (postgres.get("parameters") or {}).items() if one is not None}
    return found


def _synchronous(mode: object, *, strict: object) -> str:
    if mode == "quorum":
        return "quorum"
    if mode in (True, "on", "true"):
        return "strict" if strict in (True, "on", "true") else "on"
    return "off"
