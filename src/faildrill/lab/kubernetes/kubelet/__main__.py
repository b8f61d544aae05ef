"""Be the kubelet of one node: `python -m faildrill.lab.kubernetes.kubelet FILE`."""

import asyncio
import os
import sys
from pathlib import Path

from faildrill.lab.core.truth_log import TruthLog
from faildrill.lab.kubernetes.api import Api
from faildrill.lab.kubernetes.kubelet import node_record
from faildrill.lab.kubernetes.kubelet.pods import Pods
from faildrill.lab.kubernetes.kubelet.settings import Settings


async def serve(settings: Settings) -> None:
    """Keep the node's record, and run its pods."""
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
