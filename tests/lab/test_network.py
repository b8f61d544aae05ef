"""The recipe of docs/network.md, as it stands there, in a network of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.lab, pytest.mark.timeout(120)]
STORY = """
import asyncio, re, socket, sys
import yaml
from faildrill.record.samples import Outcome
from faildrill.ports.target import KindUse
from faildrill.kinds import build
from faildrill.kinds.call_context import CallContext

texts = re.findall(r"```yaml\\n(.*?)```", open(sys.argv[1]).read(), re.DOTALL)
[text] = [one for one in texts if "nft" in one]
[step] = yaml.safe_load(text)
action = build(KindUse(kind="command.run", params=step["command.run"]), "action")
probe = build(KindUse(kind="tcp.connect", params={"address": "127.0.0.1:8081"}), "probe")
given = CallContext("run-1", 5.0)

async def look():
    try:
        async with asyncio.timeout(0.5):
            return (await probe.look(given)).outcome
    except TimeoutError:
        return Outcome.TIMED_OUT

async def story():
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 8081)
    assert await look() == Outcome.OK
    before = await action.capture(given)
    await action.apply(before, given)
    assert (await action.confirm(before, given)).holds
    assert await look() == Outcome.TIMED_OUT
    await action.undo(before, given)
    assert (await action.restored(before, given)).holds
    await action.undo(before, given)
    assert await look() == Outcome.OK
    server.close()

asyncio.run(story())
"""


def in_a_network_of_its_own(*argv: str) -> "subprocess.CompletedProcess[str]":
    alone = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *argv]
    return subprocess.run(alone, capture_output=True, text=True, check=False, timeout=100)


def test_the_recipe_with_nftables_swallows_and_is_put_back() -> None:
    missing = [one for one in ("nft", "unshare", "ip") if shutil.which(one) is None]
    if os.geteuid() or missing:
        pytest.skip(f"needs root and {', '.join(missing or ['nft'])}: apt-get install nftables iproute2")
    if in_a_network_of_its_own("nft", "list", "tables").returncode:
        pytest.skip("this kernel gives no network of our own with nftables in it")
    ran = in_a_network_of_its_own(sys.executable, "-c", STORY, str(Path("docs/network.md").resolve()))
    assert ran.returncode == 0, ran.stderr
