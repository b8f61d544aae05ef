"""Be the kubelet of one node: `python -m faildrill.lab.kubernetes.kubelet FILE`."""

import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path

from faildrill.lab.core.truth_log import TruthLog
from faildrill.lab.kubernetes import addresses
from faildrill.lab.kubernetes.api import Api
from faildrill.lab.kubernetes.kubelet import node_record
from faildrill.lab.kubernetes.kubelet.pods import Pods
from faildrill.lab.kubernetes.kubelet.settings import Settings


async def _healthz(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say that it lives, as a kubelet does at `/healthz`, to whoever asks anything."""
    with suppress(OSError, EOFError, asyncio.LimitOverrunError):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        await writer.drain()
    writer.close()


async def serve(settings: Settings) -> None:
    """Keep the node's record, and run its pods."""
    where = addresses.listening(addresses.node(settings.number))
    await asyncio.start_server(_healthz, where, settings.health_port)
    truth, kubeconfig = TruthLog(Path(settings.truth), settings.name), Path(settings.kubeconfig)
    async with (
        Api(kubeconfig, settings.server) as api,
        Api(kubeconfig, settings.server, node_record.WITHIN) as about_the_node,
        asyncio.TaskGroup() as tasks,
    ):
        tasks.create_task(node_record.NodeRecord(about_the_node, settings, truth).keep())
        tasks.create_task(Pods(api, settings, truth).follow())


if __name__ == "__main__":
    os.umask(0o077)
    asyncio.run(serve(Settings.read(Path(sys.argv[1]))))
