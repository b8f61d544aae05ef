"""An API server with one Service's endpoints, which tells what becomes of them to whoever watches, or lies about it."""

import asyncio
import json
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from support.liars.kubernetes import Liar, failed

SLICES: Final = "/apis/discovery.k8s.io/v1/namespaces/payments/endpointslices"


class WatchedService(Liar):
    """Service `pay`: each change has a version, and is an event to those that watch from an earlier one."""

    def __init__(self, *ready: str) -> None:
        super().__init__()
        self.version = self.generation = 0
        self.oldest = 0
        """Watches from before this version are refused with 410."""
        self.watch_lie = ""
        """What becomes of watches: a status, `stall`, `repeat` the oldest event, or, once, `drop` or `skip`."""
        self.watches = 0
        self._events: list[tuple[int, dict[str, Any]]] = []
        self._more = asyncio.Event()
        self.change(*ready)

    def change(self, *ready: str) -> None:
        """Have these pods and no others in the endpoints."""
        self.version += 1
        self.generation += 1
        endpoints = [{"addresses": ["10.64.1.1"], "targetRef": {"name": name, "uid": name}} for name in ready]
        labels = {"kubernetes.io/service-name": "pay"}
        meta = {"name": "pay-x", "uid": "x", "labels": labels, "resourceVersion": str(self.version)}
        found = {"metadata": {**meta, "generation": self.generation}, "endpoints": endpoints}
        self.objects[SLICES] = {
            "kind": "EndpointSliceList",
            "metadata": {"resourceVersion": str(self.version)},
            "items": [found],
        }
        self._events.append((self.version, {"type": "MODIFIED", "object": found}))
        self._more.set()

    async def watched(self, path: str, writer: asyncio.StreamWriter) -> None:
        """Send events until somebody has enough."""
        self.watches += 1
        since = int(parse_qs(urlsplit(path).query)["resourceVersion"][0])
        refusal = int(self.watch_lie) if self.watch_lie.isdigit() else 410 if since < self.oldest else 0
        if refusal:
            content = json.dumps(failed(refusal)).encode()
            writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (refusal, len(content), content))
            await writer.drain()
            return
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        await writer.drain()
        while True:
            for version, event in self._events:
                if version > since and self.watch_lie != "stall":
                    since = version
                    if self.watch_lie in ("drop", "skip"):
                        lie, self.watch_lie = self.watch_lie, ""
                        if lie == "drop":
                            return
                        continue
                    _send(writer, event)
                    if self.watch_lie == "repeat":
                        _send(writer, self._events[0][1])
            await writer.drain()
            self._more.clear()
            await self._more.wait()


def _send(writer: asyncio.StreamWriter, event: dict[str, Any]) -> None:
    line = json.dumps(event).encode() + b"\n"
    writer.write(b"%x\r\n%s\r\n" % (len(line), line))
