"""What stands for kube-proxy: HAProxy in front of a Service's pods, fed from EndpointSlices through a watch.

    python -m faildrill.lab.kubernetes.service_proxy FILE

As kube-proxy it looks after nobody's health itself, sends new connections only to the endpoints that it has heard of,
and ends no established one when an endpoint goes. It hears through a link of its own: a delay on it is its lag.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from faildrill.lab.core.truth_log import TruthLog
from faildrill.lab.kubernetes import addresses
from faildrill.lab.kubernetes.api import LOST, Api, Refused

SLOTS: Final = 20
"""Endpoints that a Service can have."""
_PAUSE: Final = 0.2
_OF: Final = "kubernetes.io/service-name"
"""The label by which a slice says whose it is."""
_HAPROXY: Final = """\
global
    log stdout format iso local0 info
    stats socket {socket} mode 600 level admin
    maxconn 4000
    nbthread 1
    hard-stop-after 2s

defaults
    log global
    option dontlognull
    option tcplog
    mode tcp
    retries 0
    timeout connect 1s
    timeout client 1h
    timeout server 1h

frontend {service}
    bind {listening}:{port}
    default_backend {service}

backend {service}
    balance random(1)
    server-template {slot} {slots} 127.64.0.1:{port} disabled

frontend stats
    mode http
    option dontlog-normal
    timeout client 30s
    bind 127.0.0.1:{stats_port}
    http-request use-service prometheus-exporter if {{ path /metrics }}
    stats enable
    stats uri /
"""
_SLOT: Final = "endpoint"


@dataclass(frozen=True)
class Settings:
    """The content of its file."""

    server: str
    kubeconfig: str
    haproxy: str
    """The program."""
    folder: str
    socket: str
    truth: str
    namespace: str
    service: str
    address: str
    """The Service's address, as the API has it."""
    port: int
    stats_port: int


class Balancer:
    """HAProxy with a slot for each endpoint."""

    def __init__(self, settings: Settings, truth: TruthLog) -> None:
        self._settings, self._truth = settings, truth
        self._free = deque(f"{_SLOT}{number}" for number in range(1, SLOTS + 1))
        self._slots: dict[tuple[str, int], str] = {}

    def start(self) -> "subprocess.Popen[bytes]":
        """Start it, with no endpoint yet."""
        settings, path = self._settings, Path(self._settings.folder) / "haproxy.cfg"
        facts = {name: getattr(settings, name) for name in ("socket", "service", "port", "stats_port")}
        listening = addresses.listening(settings.address)
        path.write_text(_HAPROXY.format(**facts, listening=listening, slot=_SLOT, slots=SLOTS), encoding="utf-8")
        return subprocess.Popen([settings.haproxy, "-db", "-f", str(path)])

    async def serve(self, endpoints: Iterable[tuple[str, int]]) -> None:
        """Have new connections go to these endpoints, and to no other."""
        wanted = set(endpoints)
        for gone in set(self._slots) - wanted:
            await self._say(f"set server {self._settings.service}/{self._slots[gone]} state maint")
            self._free.append(self._slots.pop(gone))
            self._note("endpoint out", gone)
        for new in sorted(wanted - set(self._slots)):
            told, port = new
            server = f"{self._settings.service}/{self._free[0]}"
            await self._say(f"set server {server} addr {addresses.listening(told)} port {port}")
            await self._say(f"set server {server} state ready")
            self._slots[new] = self._free.popleft()
            self._note("endpoint in", new)

    async def _say(self, command: str) -> None:
        reader, writer = await asyncio.open_unix_connection(self._settings.socket)
        try:
            writer.write(f"{command}\n".encode())
            if b"No such" in (said := await reader.read()):
                raise RuntimeError(f"{command}: {said.decode()}")
        finally:
            writer.close()

    def _note(self, what: str, endpoint: tuple[str, int]) -> None:
        self._truth.note(what, service=self._settings.service, address=endpoint[0], port=endpoint[1])


def endpoints(slices: Iterable[Mapping[str, Any]]) -> set[tuple[str, int]]:
    """Return where new connections may go: to what is ready or, where nothing is, to what still serves as it ends."""
    ready, serving = set[tuple[str, int]](), set[tuple[str, int]]()
    for one in slices:
        port = next((port["port"] for port in one.get("ports") or []), 0)
        for endpoint in one.get("endpoints") or []:
            conditions, address = endpoint.get("conditions", {}), endpoint["addresses"][0]
            if conditions.get("ready", True):
                ready.add((address, port))
            if conditions.get("serving") and conditions.get("terminating"):
                serving.add((address, port))
    return ready or serving


async def follow(api: Api, settings: Settings, balancer: Balancer) -> None:
    """Feed the balancer for ever, whatever the API answers or doesn't; without a word it goes on with what it has."""
    while True:
        with suppress(*LOST, Refused):
            await _follow(api, settings, balancer)
        await asyncio.sleep(_PAUSE)


async def _follow(api: Api, settings: Settings, balancer: Balancer) -> None:
    collection = f"/apis/discovery.k8s.io/v1/namespaces/{settings.namespace}/endpointslices"
    theirs = {"labelSelector": f"{_OF}={settings.service}"}
    listed = await api.get(collection, **theirs)
    slices = {one["metadata"]["name"]: one for one in listed.get("items") or []}
    await balancer.serve(endpoints(slices.values()))
    async for event in api.watch(collection, listed["metadata"]["resourceVersion"], **theirs):
        name = event["object"]["metadata"].get("name")
        if event["type"] in ("ADDED", "MODIFIED"):
            slices[name] = event["object"]
        elif event["type"] == "DELETED":
            slices.pop(name, None)
        await balancer.serve(endpoints(slices.values()))


async def serve(settings: Settings) -> None:
    """Run HAProxy and feed it; ends with it."""
    balancer = Balancer(settings, TruthLog(Path(settings.truth), "proxy"))
    process = balancer.start()
    async with Api(Path(settings.kubeconfig), settings.server) as api:
        feeding = asyncio.create_task(follow(api, settings, balancer))
        status = await asyncio.to_thread(process.wait)
        feeding.cancel()
    sys.exit(status)


if __name__ == "__main__":
    os.umask(0o077)
    asyncio.run(serve(Settings(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))))
