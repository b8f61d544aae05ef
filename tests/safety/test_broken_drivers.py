"""P11 and P12: a server whose answer breaks the database driver itself, in C, where no deadline of ours reaches."""

import asyncio
import sys
from pathlib import Path

import pytest

from faildrill.ports.target import KindUse
from support.places import Place, ended
from unit.adapters.sockets import serving
from unit.guarding.test_wrong_identities import SYSTEM, cluster

ENDLESS_FOR_THE_DRIVER = b"\0\0\0\0\x08abcd"
"""A frame of the type 0: asyncpg 0.32 goes round in it for ever, in C, where no deadline reaches it."""
REFUSED = 3
DEADLY_FOR_THE_DRIVER = b"R\x80\0\0\0abcdefgh" * 200 + bytes(range(256)) * 20

WRONG = 1
PLACE = """
environment: place
drillable: true
clusters:
  payments:
    scope: payments
    user: u
    members: {{pg1: {{api: "http://127.0.0.1:1", host: 127.0.0.1, port: {port}}}}}
databases:
  payments: {{host: 127.0.0.1, port: {port}, database: payments, user: u}}
identity:
  - postgres.identity: {{cluster: payments, system_identifier: "7412345678901234567"}}
guards:
  - postgres.replication: {{cluster: payments}}
lock: {{postgres.advisory: {{database: payments}}}}
probes:
  writers: {{postgres.writers: {{cluster: payments}}, every: 1s, timeout: 1s}}
"""
DRILL = """
drill: broken
environment: place
probes:
  write: {postgres.write: {database: payments}, every: 1s, timeout: 1s}
steps:
  - name: hand over
    patroni.switchover: {cluster: payments}
expect:
  - steady_again: {within: 10s}
"""


async def breaking(frames: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Let it begin as PostgreSQL does, and then send these frames."""
    await reader.read(8)
    writer.write(b"N")
    await reader.read(100)
    writer.write(frames)
    await reader.read()


@pytest.mark.parametrize("frames", [ENDLESS_FOR_THE_DRIVER, DEADLY_FOR_THE_DRIVER])
def test_an_answer_that_breaks_the_driver_itself_ends_the_run_with_nothing_touched(
    frames: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await breaking(frames, reader, writer)

    async def story() -> int:
        async with serving(serve) as port:
            params = {"cluster": cluster(port).model_dump(mode="json"), "system_identifier": SYSTEM}
            place.declared = {"guards": (KindUse(kind="postgres.identity", params=params),)}
            started = place.start()
            with ended(started):
                return await asyncio.to_thread(started.sentinel.wait, 60)

    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path / "state"))
    place = Place(tmp_path)
    place.fault("pay")
    assert asyncio.run(story()) == REFUSED
    assert place.deeds("pay") == []


@pytest.mark.parametrize("frames", [ENDLESS_FOR_THE_DRIVER, DEADLY_FOR_THE_DRIVER])
@pytest.mark.parametrize("command", ["plan", "doctor"])
def test_plan_and_doctor_say_that_it_is_no_postgresql_and_end(
    command: str, frames: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> str:
        async with serving(lambda reader, writer: breaking(frames, reader, writer)) as port:
            (tmp_path / "place.yaml").write_text(PLACE.format(port=port))
            (tmp_path / "drill.yaml").write_text(DRILL)
            words = ["drill.yaml", "--env", "place.yaml"] if command == "plan" else ["place.yaml"]
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "faildrill", command, *words),
                cwd=tmp_path,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            said, _ = await asyncio.wait_for(process.communicate(), 60)
            assert process.returncode == (REFUSED if command == "plan" else WRONG), said.decode()
            return said.decode()

    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path / "state"))
    said = asyncio.run(story())
    assert "not PostgreSQL's protocol" in said
    assert "Traceback" not in said
