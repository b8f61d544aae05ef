"""In namespaces of its own: what a prober sees while something that its looks share is starved. Prints JSON.

`starving.py SCENE FOLDER`: `names`, a resolver that goes silent; `descriptors` and `threads`, of which none are left.
"""

import asyncio
import json
import mmap
import os
import resource
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from faildrill.record.samples import Outcome, Sample
from faildrill.system import resolver
from unit.probing.ground import ground
from unit.probing.watched import Watched, plan, watching

SILENT = threading.Event()
LOOKS = 0.05


def bring_up(folder: Path) -> None:
    """Have a loopback, a resolver on it and a file of hosts, all of this namespace's own."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for name, content in (
        ("resolv.conf", "nameserver 127.0.0.1\n"),
        ("hosts", "127.0.0.1 localhost good.internal\n"),
        ("nsswitch.conf", "hosts: files dns\n"),
    ):
        (folder / name).write_text(content)
        if Path("/etc", name).exists():
            subprocess.run(["mount", "--bind", str(folder / name), f"/etc/{name}"], check=True)
    threading.Thread(target=serve, daemon=True).start()


def serve() -> None:
    """Answer every question with 127.0.0.1, or, when silent, not at all."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as place:
        place.bind(("127.0.0.1", 53))
        while True:
            asked, who = place.recvfrom(2048)
            if SILENT.is_set():
                continue
            end = 12
            while asked[end]:
                end += asked[end] + 1
            is_a = struct.unpack("!H", asked[end + 1 : end + 3])[0] == 1
            head = asked[:2] + b"\x81\x80\0\1\0" + bytes([is_a]) + b"\0\0\0\0" + asked[12 : end + 5]
            record = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4\x7f\0\0\1" if is_a else b""
            place.sendto(head + record, who)


async def names(folder: Path) -> dict[str, object]:
    with ground() as server:
        probes = [
            plan(name, url=f"http://{host}:{server.port}/", every=LOOKS, timeout=0.5)
            for name, host in (("dns", "pay.internal"), ("file", "good.internal"), ("address", "127.0.0.1"))
        ]
        async with watching(folder, probes, settle=0.5) as watched:
            SILENT.set()
            silent = time.monotonic_ns()
            await asyncio.sleep(3.0)
            threads = len(entries(f"/proc/{watched.process.pid}/task"))
            SILENT.clear()
            back = time.monotonic_ns()
            await asyncio.sleep(1.0)
    return {
        "counts": {name: counted(watched, name) for name in ("dns", "file", "address")},
        "first good after": min(one.answered for one in watched.of("dns") if is_good(one, back)) - back,
        "first bad after": min(one.sent for one in watched.of("dns") if one.outcome is Outcome.TIMED_OUT) - silent,
        "threads": threads,
    }


def is_good(sample: Sample, since: int) -> bool:
    return sample.outcome is Outcome.OK and sample.sent >= since


def counted(watched: Watched, name: str) -> dict[str, int]:
    return {outcome.name: number for outcome, number in watched.counts(name).items()}


async def descriptors(folder: Path) -> dict[str, object]:
    del folder
    loop = asyncio.get_running_loop()
    await loop.getaddrinfo("good.internal", 80)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = max(int(one) for one in entries("/proc/self/fd")) + 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (taken, most))
    held = []
    try:
        while True:
            held.append(os.dup(0))
    except OSError:
        pass
    said = await failure(lambda: loop.getaddrinfo("nobody.internal", 80))
    for one in held:
        os.close(one)
    return {"said": said}


async def threads(folder: Path) -> dict[str, object]:
    del folder
    loop = asyncio.get_running_loop()
    resource.setrlimit(resource.RLIMIT_AS, (memory() + resolver.STACK // 4, resource.RLIM_INFINITY))
    return {"said": await failure(lambda: loop.getaddrinfo("good.internal", 80))}


def memory() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * mmap.PAGESIZE


def entries(folder: str) -> list[str]:
    return [one.name for one in Path(folder).iterdir()]


async def failure(ask: Callable[[], Awaitable[object]]) -> str:
    try:
        return str(await ask())
    except OSError as error:
        return f"{type(error).__name__}: {error}"


def main() -> None:
    scene, folder = sys.argv[1], Path(sys.argv[2])
    bring_up(folder)
    found = resolver.run({"names": names, "descriptors": descriptors, "threads": threads}[scene](folder))
    print(json.dumps(found), flush=True)  # noqa: T201 - the result
    os._exit(0)  # the thread that serves is never done


main()
