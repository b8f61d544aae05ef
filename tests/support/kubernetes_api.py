"""A small Kubernetes API server of our own: Leases, with `resourceVersion` as Kubernetes keeps it, and nothing else."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Final

from unit.adapters.sockets import Serve

TOKEN: Final = "a-token-for-tests"  # noqa: S105 - it opens nothing


class ApiServer:
    """Keeps Leases; can hold answers back, refuse, or have its clock moved on."""

    def __init__(self) -> None:
        self.leases: dict[str, dict[str, Any]] = {}
        self.ahead = 0.0
        """Seconds by which its clock is ahead of ours."""
        self.silent = False
        self.pause = 0.0
        """Seconds between a question and what becomes of it."""
        self.calls: list[tuple[str, int]] = []
        """What was asked, and with what it was answered or would have been."""
        self.lies: dict[str, str] = {}
        """By method, what becomes of the next request: `lost before` and `lost after` it took effect (the connection is
        closed), `silent after`, a status (`504`), or a body (`{…}`) that is given in the place of the true answer."""
        self._version = 0

    @property
    def serve(self) -> Serve:
        """Serve one request on each connection."""
        return self._serve

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        [(method, path, _)] = [head.splitlines()[0].split()]
        headers = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in head.splitlines()[1:]}
        content = await reader.readexactly(int(headers.get("content-length", 0)))
        if self.silent:
            await reader.read()
            return
        await asyncio.sleep(self.pause)
        is_known = headers.get("authorization") == f"Bearer {TOKEN}"
        lie = self.lies.pop(method, "")
        if lie == "lost before":
            self.calls.append((method, 0))
            return
        status, body = self._answer(method, path, content) if is_known else (401, {})
        self.calls.append((method, status))
        if lie == "lost after":
            return
        if lie == "silent after":
            await reader.read()
            return
        if lie:
            status, body = (status, json.loads(lie)) if lie.startswith("{") else (int(lie), {})
        now = format_datetime(datetime.now(UTC) + timedelta(seconds=self.ahead), usegmt=True)
        told = json.dumps(body).encode()
        writer.write(f"HTTP/1.1 {status} X\r\nDate: {now}\r\nContent-Length: {len(told)}\r\n\r\n".encode() + told)
        await writer.drain()

    def _answer(self, method: str, path: str, content: bytes) -> tuple[int, dict[str, Any]]:
        where = "/apis/coordination.k8s.io/v1/namespaces/drills/leases"
        if not path.startswith(where):
            return 403, {}
        name = path.removeprefix(where).lstrip("/")
        match method:
            case "GET":
                return (200, self.leases[name]) if name in self.leases else (404, {})
            case "POST":
                given = json.loads(content)
                name = given["metadata"]["name"]
                return (409, {}) if name in self.leases else (201, self._keep(name, given))
            case "PUT" if name in self.leases:
                given = json.loads(content)
                ours = self.leases[name]["metadata"]["resourceVersion"]
                if given["metadata"].get("resourceVersion") not in (ours, None, ""):
                    return 409, {}
                return 200, self._keep(name, given)
        return 404, {}

    def _keep(self, name: str, given: dict[str, Any]) -> dict[str, Any]:
        self._version += 1
        metadata = {**given["metadata"], "resourceVersion": str(self._version)}
        self.leases[name] = {**given, "metadata": metadata}
        return self.leases[name]
