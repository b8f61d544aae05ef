"""The state of a watch for Prometheus, on a port of its own."""

from typing import Any

import prometheus_client as prometheus

from faildrill.errors import WrongUsage, reason


class Metrics:
    """Counts into a registry of its own; nothing of this process but the watch is told."""

    def __init__(self, environment: str) -> None:
        """Begin with nothing known."""
        self.registry = prometheus.CollectorRegistry()
        self._constant = {"environment": environment}
        self._bad = self._gauge("condition_bad", "Whether a condition deviates now", ["condition"])
        self._alerting = self._gauge("alerting", "Whether people were told and it is not over", ["condition"])
        self._flaps = self._gauge("flaps", "How often an alerting condition flapped", ["condition"])
        self._read = self._gauge("last_read_timestamp_seconds", "When something was last read", ["what"])
        self._readable = self._gauge("readable", "Whether the last look could read anything", ["what"])
        self._notices = prometheus.Counter(
            "faildrill_watch_notices", "Notices sent", ["environment", "taken"], registry=self.registry
        )
        self._known: set[str] = set()
        self._server: Any = None

    def serve(self, host: str, port: int) -> int:
        """Serve /metrics; return the port. WrongUsage when the address can't be had."""
        try:
            self._server, _ = prometheus.start_http_server(port, addr=host, registry=self.registry)
        except OSError as error:
            raise WrongUsage(f"can't listen on {host}:{port}: {reason(error)}") from error
        return int(self._server.server_port)

    def close(self) -> None:
        """Stop serving."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def condition(self, key: str, *, bad: bool, alerting: bool, flaps: int) -> None:
        """Take in the state of one condition."""
        for gauge, value in ((self._bad, bad), (self._alerting, alerting), (self._flaps, flaps)):
            gauge.labels(condition=key, **self._constant).set(value)

    def looked(self, what: str, *, read: bool) -> None:
        """Take in that something was looked at, and whether anything could be read."""
        self._readable.labels(what=what, **self._constant).set(read)
        if read:
            self._read.labels(what=what, **self._constant).set_to_current_time()

    def told(self, *, taken: bool) -> None:
        """Take in that a notice was sent, and whether it was taken."""
        self._notices.labels(taken=str(taken).lower(), **self._constant).inc()

    def _gauge(self, name: str, about: str, labels: list[str]) -> "prometheus.Gauge":
        return prometheus.Gauge(f"faildrill_watch_{name}", about, [*self._constant, *labels], registry=self.registry)
