"""Which HAProxy it is: one that ran already when another one was looked at is never acted on."""

import asyncio
import time
from pathlib import Path

import pytest

from faildrill.adapters.haproxy.broken_file import BrokenFile
from faildrill.adapters.haproxy.master import Standing
from faildrill.adapters.haproxy.target import LoadBalancer

ROWS = (
    "#<PID>          <type>          <reloads>       <uptime>        <version>\n"
    "{pid}          master          7 [failed: 0]   {uptime}     2.8.25\n"
    "# workers\n"
    "4012           worker          0               0d00h00m02s     2.8.25\n"
    "# old workers\n# programs\n\n"
)


@pytest.mark.parametrize(
    ("uptime", "age"), [("0d00h00m09s", 9), ("2d03h04m05s", 183_845), ("", None)], ids=["seconds", "days", "untold"]
)
def test_since_when_a_master_runs_is_read_from_what_it_tells(uptime: str, age: int | None) -> None:
    seen = Standing.read(ROWS.format(pid=70, uptime=uptime))
    assert (seen.pid, seen.reloads, seen.failed, seen.worker) == (70, 7, 0, 4012)
    assert seen.started == (float("inf") if age is None else pytest.approx(time.time() - age, abs=2))


@pytest.mark.parametrize(
    ("pid", "uptime", "told"),
    [
        (70, "0d01h00m00s", ""),
        (71, "0d01h00m00s", "it leads to two: HAProxy's master 70 was looked at first, and now 71 answers"),
        (71, "0d00h00m01s", ""),
    ],
    ids=["the same", "another that ran already", "restarted since"],
)
def test_a_master_socket_that_leads_to_another_haproxy_by_now_is_told_with_both_names(
    pid: int, uptime: str, told: str, tmp_path: Path
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(ROWS.format(pid=pid, uptime=uptime).encode())
        writer.close()

    async def story() -> list[str]:
        socket, config = tmp_path / "master.sock", tmp_path / "haproxy.cfg"
        config.write_text("global\n")
        here = {"master_socket": str(socket), "config_file": str(config), "haproxy_socket": str(socket)}
        step = BrokenFile(load_balancer=LoadBalancer.model_validate({"name": "front", **here}))
        async with await asyncio.start_unix_server(answer, socket):
            return await step._unloaded_beside({"master": 70, "at": time.time() - 60, "beside": []}, 1.0)

    assert asyncio.run(story()) == ([told] if told else [])
