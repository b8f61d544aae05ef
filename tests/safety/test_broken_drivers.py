"""P11 and P12: a server whose answer breaks the database driver itself, in C, where no deadline of ours reaches."""

import asyncio
from pathlib import Path

import pytest

from faildrill.targets import KindUse
from places import Place, ended
from unit.adapters.sockets import serving
from unit.guarding.test_wrong_identities import SYSTEM, cluster

ENDLESS_FOR_THE_DRIVER = b"\0\0\0\0\x08abcd"
"""A frame of the type 0: asyncpg 0.32 goes round in it for ever, in C, where no deadline reaches it."""
DEADLY_FOR_THE_DRIVER = b"R\x80\0\0\0abcdefgh" * 200 + bytes(range(256)) * 20


@pytest.mark.parametrize("frames", [ENDLESS_FOR_THE_DRIVER, DEADLY_FOR_THE_DRIVER])
def test_an_answer_that_breaks_the_driver_itself_ends_the_run_with_nothing_touched(
    frames: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        writer.write(b"N")
        await reader.read(100)
        writer.write(frames)
        await reader.read()

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
    assert asyncio.run(story()) != 0
    assert place.deeds("pay") == []
