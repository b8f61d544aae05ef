"""Ways to make a server dark for a known time while a real prober looks at it, and the truths of a series of windows.

Run as a program in a network of its own, it makes windows in which every packet is dropped:
`python -m unit.probing.darkening FOLDER CONNECTION SECONDS…` leaves the prober's samples and `truths.json` in FOLDER.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from unit.probing.ground import Dark, Ground, ground
from unit.probing.watched import MILLISECOND, plan, watching

EVERY: Final = 0.002
SLOW: Final = 20 * MILLISECOND
APART: Final = 0.1
"""Seconds between two windows."""
TRUTHS: Final = "truths.json"
TESTS: Final = Path(__file__).parents[2]

Way = Callable[[Ground, float], Dark]
LOUD: Final[dict[str, Way]] = {
    "the listener is closed": lambda server, seconds: server.dark("refused", seconds),
    "each request is reset": lambda server, seconds: server.dark("reset", seconds),
    "each answer is HTTP 500": lambda server, seconds: server.dark("500", seconds),
}
SILENT: Final[dict[str, Way]] = {
    "requests are held and answered at the end": lambda server, seconds: server.dark("held", seconds),
    "requests are taken in and lost": lambda server, seconds: server.dark("silent", seconds),
    "the process is stopped": lambda server, seconds: server.stopped(seconds),
    "the process is stopped and its queue is full": lambda server, seconds: server.stopped(seconds, backlog=1),
}
PARTIAL: Final[dict[str, Way]] = {
    "one backend of three fails": lambda server, seconds: server.dark("one of three fails", seconds),
    "one backend of three is silent": lambda server, seconds: server.dark("one of three", seconds),
}


async def windows(way: Way, connection: str, folder: Path, lengths: Sequence[float]) -> list[Dark]:
    """Look with a real prober at a server that is dark for these seconds, one window after the other."""
    truths: list[Dark] = []
    with ground() as server:
        async with watching(folder, [plan(url=server.url, connection=connection, every=EVERY)]):
            for seconds in lengths:
                truths.append(await asyncio.to_thread(way, server, seconds))
                await asyncio.sleep(APART)
    return truths


def lacking() -> str | None:
    """Say why no network of its own can be had here, or None."""
    missing = [program for program in ("unshare", "ip", "tc") if shutil.which(program) is None]
    if missing:
        return f"not installed here: {', '.join(missing)}"
    tried = subprocess.run([*_own_network(), *_shell("true")], capture_output=True, check=False, timeout=20)
    return None if tried.returncode == 0 else "no network of its own can be made here, or none that drops packets"


def dropped(folder: Path, connection: str, lengths: Sequence[float]) -> list[Dark]:
    """Do the same in a network of its own, in whose windows every packet is dropped."""
    program = [sys.executable, "-m", "unit.probing.darkening", str(folder), connection, *map(str, lengths)]
    subprocess.run(
        [*_own_network(), *_shell('exec "$@"'), "-", *program],
        check=True,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        timeout=60 + 2 * sum(lengths),
    )
    said = json.loads((folder / TRUTHS).read_text(encoding="utf-8"))
    return [Dark(tuple(one["began"]), tuple(one["ended"])) for one in said]


def _own_network() -> list[str]:
    """Unshare the network; whoever isn't root needs a user namespace for it, and has no real-time priority in it."""
    return ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--user", "--map-root-user"]


def _shell(then: str) -> list[str]:
    drops = "tc qdisc replace dev lo root blackhole && tc qdisc del dev lo root"
    return ["sh", "-c", f"ip link set lo up && {drops} && {then}"]


def _drop(server: Ground, seconds: float) -> Dark:
    """Drop every packet for so long."""
    del server
    began = _changed("replace", "blackhole")
    time.sleep(seconds)
    return Dark(began, _changed("del"))


def _changed(*what: str) -> tuple[int, int]:
    before = time.monotonic_ns()
    subprocess.run(["tc", "qdisc", what[0], "dev", "lo", "root", *what[1:]], check=True)
    return before, time.monotonic_ns()


def main(folder: Path, connection: str, lengths: Sequence[float]) -> None:
    """Make the windows and leave their truths in the folder."""
    truths = asyncio.run(windows(_drop, connection, folder, lengths))
    (folder / TRUTHS).write_text(json.dumps([asdict(one) for one in truths]), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], [float(one) for one in sys.argv[3:]])
