"""The probes of a container: asked at their period, answered after as many results as their thresholds say."""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any, Final

_LOST: Final = (OSError, TimeoutError, ValueError, EOFError)
KINDS: Final = ("httpGet", "tcpSocket")
"""What a probe can ask."""


def known(probe: dict[str, Any]) -> bool:
    """Tell whether a probe is one that this kubelet can make."""
    return any(kind in probe for kind in KINDS) and probe.get("httpGet", {}).get("scheme", "HTTP") == "HTTP"


async def verdicts(probe: dict[str, Any], address: str, ports: dict[str, int]) -> AsyncIterator[bool]:
    """Probe for ever, and give good or bad each time that the last results reach a threshold."""
    # What isn't said is as the API has it (v1, Probe): every 10 s, for 1 s, bad after 3 failures, good after 1 success.
    await asyncio.sleep(probe.get("initialDelaySeconds", 0))
    succeeded = failed = 0
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        if await _seen(probe, address, ports):
            succeeded, failed = succeeded + 1, 0
            if succeeded >= probe.get("successThreshold", 1):
                yield True
        else:
            succeeded, failed = 0, failed + 1
            if failed >= probe.get("failureThreshold", 3):
                yield False
        due = max(due + probe.get("periodSeconds", 10), loop.time())
        await asyncio.sleep(due - loop.time())


async def _seen(probe: dict[str, Any], address: str, ports: dict[str, int]) -> bool:
    try:
        async with asyncio.timeout(probe.get("timeoutSeconds", 1)):
            if "httpGet" in probe:
                return await _answers(address, _port(probe["httpGet"], ports), probe["httpGet"].get("path", "/"))
            _, writer = await asyncio.open_connection(address, _port(probe["tcpSocket"], ports))
            writer.close()
            return True
    except _LOST:
        return False


def _port(asked: dict[str, Any], ports: dict[str, int]) -> int:
    """Return the port that is asked, which may be one of the container's by its name."""
    port = asked["port"]
    if isinstance(port, str) and port not in ports:
        raise ValueError(f"no port of the name {port!r}")
    return ports[port] if isinstance(port, str) else int(port)


async def _answers(address: str, port: int, path: str) -> bool:
    reader, writer = await asyncio.open_connection(address, port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
        status = int((await reader.readline()).split()[1])
    except IndexError as error:
        raise ValueError("no status") from error
    finally:
        writer.close()
    return HTTPStatus.OK <= status < HTTPStatus.BAD_REQUEST
