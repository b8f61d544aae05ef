"""Run the service of one cluster until ended."""

import asyncio
import sys
from pathlib import Path
from typing import Any

from faildrill.lab.aws.service.cluster import Cluster, Refused
from faildrill.lab.aws.service.settings import Settings
from faildrill.lab.core import control
from faildrill.lab.core.truth_log import TruthLog


async def serve(settings: Settings) -> None:
    """Answer the API on the socket of the service: `failover` and `settle`."""
    truth = TruthLog(Path(settings.truth), "rds")
    cluster = Cluster(settings, truth)

    async def answer(request: dict[str, Any]) -> dict[str, Any]:
        if request["op"] == "failover":
            try:
                return {"target": await cluster.failover(request.get("target"), request["course"])}
            except Refused as refused:
                truth.note("refused", code=refused.code, message=str(refused))
                return {"refused": refused.code, "message": str(refused)}
        cluster.delays = cluster.delays.with_changes(request.get("delays", {}))
        if "dns" in request:
            cluster.name_server(request["dns"])
        return {}

    cluster.resume()
    await control.serve(Path(settings.socket), answer)
    await cluster.watch()


if __name__ == "__main__":
    asyncio.run(serve(Settings.read(Path(sys.argv[1]))))
