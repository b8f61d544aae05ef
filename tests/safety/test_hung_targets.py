"""P12: every wait ends, whatever the target does: it never answers, drips, floods, is stopped, or does not let go."""

import asyncio
import contextlib
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import pytest

from faildrill.acting.call import TookTooLong, call, observe
from faildrill.errors import ActionError, CannotSee
from faildrill.kinds import build
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Observed
from faildrill.ports.target import KindUse

WITHIN: Final = 0.5
OVERSHOOT: Final = 0.25
"""Seconds over, which `--soak` holds to."""
PATIENCE: Final = 5.0
"""Seconds over that no busy machine needs: what hangs for good takes more."""
GROWTH: Final = 32 * 1024
"""KiB that the process may grow while a body without end comes in."""

LISTENS: Final = """
import socket, time
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
time.sleep(600)
"""
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    del writer
    await reader.read(1)
    await asyncio.sleep(60)


async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    for byte in b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n" + b"x" * 100:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.05)


async def floods(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000000\r\n\r\n")
    while True:
        writer.write(b"x" * 65536)
        await writer.drain()


@contextlib.asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[int]:
    tasks: set[asyncio.Task[None]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()


@contextlib.asynccontextmanager
async def full() -> AsyncIterator[int]:
    """A socket whose queue is full: connections to it are never taken, as behind a firewall that drops."""
    with socket.socket() as listening, contextlib.ExitStack() as stack:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(("127.0.0.1", port))
        yield port


@contextlib.asynccontextmanager
async def stopped() -> AsyncIterator[int]:
    """A server that was stopped by a signal: the kernel still takes connections for it."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", LISTENS, stdout=subprocess.PIPE)
    assert process.stdout
    port = int(await process.stdout.readline())
    process.send_signal(signal.SIGSTOP)
    try:
        yield port
    finally:
        process.kill()
        await process.wait()


TARGETS: Final[dict[str, Callable[[], contextlib.AbstractAsyncContextManager[int]]]] = {
    "accepts and says nothing": lambda: serving(silent),
    "drips": lambda: serving(drips),
    "never ends": lambda: serving(floods),
    "takes no connection": full,
    "is stopped": stopped,
}


def cluster(port: int) -> dict[str, object]:
    members = {"pg1": {"name": "pg1", "api": f"http://127.0.0.1:{port}", "host": "127.0.0.1", "port": port}}
    return {"name": "payments", "scope": "payments", "user": "postgres", "members": members}


def database(port: int) -> dict[str, object]:
    return {"name": "payments", "host": "127.0.0.1", "port": port, "database": "payments", "user": "postgres"}


def lease(port: int) -> dict[str, object]:
    return {"server": f"http://127.0.0.1:{port}", "token": "env:HUNG_TOKEN", "namespace": "drills"}


def group(port: int) -> dict[str, object]:
    return {"name": "pay", "members": {"pay1": {"name": "pay1", "address": f"127.0.0.1:{port}"}}}


SYSTEM: Final = "7412345678901234567"
BEFORE: Final = {"primary": "pg1", "leader": "pg1", "to": "pg2", "nodes": {}, "timeline": 1}
Asks = Callable[[int], tuple[str, str, dict[str, Any], tuple[Any, ...]]]
ASKED: Final[dict[str, Asks]] = {
    "http.request": lambda port: ("probe", "look", {"url": f"http://127.0.0.1:{port}/"}, ()),
    "patroni.writer": lambda port: ("probe", "look", {"cluster": cluster(port)}, ()),
    "postgres.write": lambda port: ("probe", "look", {"database": database(port)}, ()),
    "postgres.writers": lambda port: ("probe", "look", {"cluster": cluster(port)}, ()),
    "http.answer": lambda port: ("guard", "objection", {"url": f"http://127.0.0.1:{port}/", "equals": 1}, ()),
    "postgres.identity": lambda port: (
        "guard",
        "objection",
        {"cluster": cluster(port), "system_identifier": SYSTEM},
        (),
    ),
    "postgres.marker": lambda port: ("guard", "ask_again", {"database": database(port), "uid": SYSTEM}, ()),
    "postgres.replication": lambda port: ("guard", "objection", {"cluster": cluster(port)}, ()),
    "postgres.advisory": lambda port: ("lock", "take", {"database": database(port)}, (["1" * 16], "run-1")),
    "kubernetes.lease": lambda port: ("lock", "take", lease(port), (["1" * 16], "run-1")),
    "patroni.switchover": lambda port: ("action", "capture", {"cluster": cluster(port)}, ()),
    "patroni.switchover, its apply": lambda port: ("action", "apply", {"cluster": cluster(port)}, (BEFORE,)),
    "patroni.switchover, its undo": lambda port: ("action", "undo", {"cluster": cluster(port)}, (BEFORE,)),
    "patroni.kill_primary": lambda port: ("action", "capture", {"cluster": cluster(port)}, ()),
    "patroni.kill_primary, its effect": lambda port: ("action", "restored", {"cluster": cluster(port)}, (BEFORE,)),
    "clusters.nodes": lambda port: ("check", "examine", {"target": cluster(port)}, ()),
}


@pytest.fixture
def overshoot(many: Callable[[int, int], int]) -> float:
    """Seconds over a deadline that are still in time."""
    return PATIENCE if many(1, 0) else OVERSHOOT


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUNG_TOKEN", "a-token-for-hung-targets")


@pytest.mark.parametrize("kind", ASKED)
def test_a_target_that_hangs_is_given_up_at_the_deadline(
    kind: str, figure: Callable[[str], None], overshoot: float
) -> None:
    async def asked(target: str) -> tuple[str, float]:
        async with TARGETS[target]() as port:
            shape, method, params, arguments = ASKED[kind](port)
            built = build(KindUse(kind=kind.partition(",")[0], params=params), shape)  # type: ignore[arg-type]  # one of the shapes
            began = time.monotonic()
            with contextlib.suppress(ActionError, CannotSee):
                await call(getattr(built, method)(*arguments, CallContext("run-1", WITHIN)), WITHIN)
            return target, time.monotonic() - began

    async def main() -> dict[str, float]:
        return dict(await asyncio.gather(*(asked(target) for target in TARGETS)))

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    took = asyncio.run(main())
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    target = max(took, key=lambda one: took[one])
    over = took[target] - WITHIN
    figure(f"P12 {kind}: {over * 1000:.0f} ms over at most (a target that {target}), {grown} KiB more memory")
    assert over <= overshoot
    assert grown <= GROWTH


def test_a_call_that_does_not_let_itself_be_cancelled_is_left_behind(
    figure: Callable[[str], None], overshoot: float
) -> None:
    async def clings() -> None:
        for _ in range(2):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)

    async def main() -> float:
        began = time.monotonic()
        with pytest.raises(TookTooLong):
            await call(clings(), WITHIN)
        return time.monotonic() - began

    over = asyncio.run(main()) - WITHIN
    figure(f"P12 a call that can't be cancelled: {over * 1000:.0f} ms over")
    assert over <= overshoot


def test_a_look_that_never_comes_back_ends_the_looking_at_its_deadline(overshoot: float) -> None:
    async def never() -> Observed:
        await asyncio.Event().wait()
        return Observed(holds=True, because="never")

    async def main() -> tuple[Observed, float]:
        began = time.monotonic()
        seen = await observe(never, asyncio.get_running_loop().time() + 1.2)
        return seen, time.monotonic() - began

    seen, took = asyncio.run(main())
    assert not seen.holds
    assert took <= 1.2 + overshoot
