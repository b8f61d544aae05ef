"""The Lease of a node: renewed on time whatever else the API server is slow with."""

import asyncio
import json
from pathlib import Path

from faildrill.lab.core.truth_log import TruthLog
from faildrill.lab.kubernetes.api import Api
from faildrill.lab.kubernetes.kubelet.node_record import RENEWED_EVERY, NodeRecord
from faildrill.lab.kubernetes.kubelet.settings import Settings
from support.liars.kubernetes import Certificates, Liar, lying

NODE = {"kind": "Node", "metadata": {"name": "node-a", "uid": "uid-a"}}


def told(folder: Path, lies: dict[str, str], seconds: float) -> list[str]:
    """Keep a node's record at an API server that lies from the first renewal on; return what the truth log has."""
    made, liar = Certificates(folder / "ca"), Liar()
    liar.objects["/api/v1/nodes/node-a"] = NODE
    truth = folder / "truth.jsonl"

    async def main() -> None:
        renewed = asyncio.Event()
        liar.on_effect = lambda _, path: renewed.set() if path.endswith("leases/node-a") else None
        async with lying(liar, made) as port:
            settings = Settings("node-a", 1, "zone-a", f"https://127.0.0.1:{port}", "", "", "", str(truth), 0)
            async with Api(_kubeconfig(made), settings.server, within=5.0) as api:
                keeping = asyncio.create_task(NodeRecord(api, settings, TruthLog(truth, "node-a")).keep())
                await renewed.wait()
                liar.lies |= lies
                await asyncio.sleep(seconds)
                keeping.cancel()

    asyncio.run(main())
    return [json.loads(line)["what"] for line in truth.read_text(encoding="utf-8").splitlines()]


def _kubeconfig(made: Certificates) -> Path:
    user = {"client-certificate": str(made.folder / "client.crt"), "client-key": str(made.folder / "client.key")}
    cluster = {"server": "https://127.0.0.1", "certificate-authority": str(made.folder / "ca.crt")}
    path = made.folder / "kubeconfig"
    path.write_text(json.dumps({"clusters": [{"cluster": cluster}], "users": [{"user": user}]}), encoding="utf-8")
    return path


def test_the_lease_is_renewed_while_a_look_at_the_nodes_status_hangs(tmp_path: Path) -> None:
    assert told(tmp_path, {"GET": "silence"}, 1.5 * RENEWED_EVERY).count("lease renewed") == 2
