"""An API server that lies, behind TLS: by method it is told what becomes of the next request, and it counts them all.

It keeps the objects that it is given, by path, and takes a POST or DELETE for done when its effect is counted. It knows
nothing of Kubernetes: what an eviction does, only a real API server shows.
"""

import asyncio
import hashlib
import json
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from itertools import chain, repeat
from pathlib import Path
from typing import Any, Final

import yaml

TOKEN: Final = "token-of-the-tests"  # noqa: S105 - it opens nothing
PAGE: Final = b"<html><body>Please log in</body></html>"
SUCCESS: Final = {"kind": "Status", "apiVersion": "v1", "status": "Success"}
BUDGET: Final = {
    "kind": "Status",
    "status": "Failure",
    "message": "Cannot evict pod as it would violate the pod's disruption budget.",
    "reason": "TooManyRequests",
    "details": {
        "causes": [{"reason": "DisruptionBudget", "message": "The disruption budget pay needs 2 healthy pods"}]
    },
    "code": 429,
}


def failed(code: int, reason: str = "Failed", **more: Any) -> dict[str, Any]:
    """Return the `Status` of a refusal."""
    return {"kind": "Status", "status": "Failure", "reason": reason, "message": reason, "code": code, **more}


class Certificates:
    """An authority, and what it has signed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._openssl("req", "-x509", *_KEY, "-subj", "/CN=liar-ca", "-keyout", "ca.key", "-out", "ca.crt")
        self.sign("server", "-addext", "subjectAltName=IP:127.0.0.1")
        self.sign("client")

    @property
    def ca(self) -> str:
        return (self.folder / "ca.crt").read_text()

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the authority, in hexadecimal."""
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(self.ca)).hexdigest()

    def sign(self, name: str, *more: str) -> None:
        """Make a key and a certificate that the authority signs."""
        signing = ["-CA", "ca.crt", "-CAkey", "ca.key", "-subj", f"/CN={name}", *more]
        self._openssl("req", "-x509", *_KEY, *signing, "-keyout", f"{name}.key", "-out", f"{name}.crt")

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=self.folder)


_KEY: Final = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")


class Liar:
    """Answers truly where it isn't told to lie."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, str]] = []
        """Method and path of everything that came in whole."""
        self.bodies: list[dict[str, Any]] = []
        self.effects = 0
        """How often something was changed."""
        self.lies: dict[str, str] = {}
        """By method, what becomes of each of its requests: see `_pieces`. With `before` in it, it takes no effect."""
        self.on_effect: Callable[[str, str], None] = lambda _method, _path: None
        self.connections = 0
        self.forbidden: tuple[str, str, str | None] | None = None
        """Verb, resource and subresource that the account may not use."""

    def count(self, method: str) -> int:
        """Count the requests of a method."""
        return sum(1 for one, _ in self.calls if one == method)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve requests on one connection until either side has enough."""
        self.connections += 1
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
                while await self._one(reader, writer):
                    pass
        finally:
            writer.transport.abort()

    async def watched(self, path: str, writer: asyncio.StreamWriter) -> None:
        """Serve a watch: by itself it has none, and breaks off."""

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        method, path, _ = head.splitlines()[0].split()
        headers = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in head.splitlines()[1:]}
        content = await reader.readexactly(int(headers.get("content-length", 0)))
        self.calls.append((method, path))
        if "watch=true" in path:
            await self.watched(path, writer)
            return False
        if content:
            self.bodies.append(json.loads(content))
        if method == "PATCH" and "patch+json" not in headers.get("content-type", ""):
            writer.write(_http(415, failed(415, "UnsupportedMediaType")))
            return True
        lie = self.lies.get(method, "")
        if method != "GET" and "before" not in lie and "dryRun=All" not in path and not path.endswith("reviews"):
            self.effects += 1
            self.on_effect(method, path)
        lie = lie.removesuffix(" before")
        if lie == "silence":
            await reader.read()
        for piece in self._pieces(lie, method, path):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.05 if lie == "trickle" else 0)
        return lie not in ("close", "silence", "half")

    def _pieces(self, lie: str, method: str, path: str) -> Iterable[bytes]:
        """Return what is sent back, piece by piece."""
        truth = _http(*self._truth(method, path))
        lies: dict[str, Iterable[bytes]] = {
            "close": (),
            "silence": (),
            "trickle": (bytes([one]) for one in truth),
            "half": [truth[:-5]],
            "endless": chain([b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"], repeat(b" " * 65536, 1600)),
            "too long": [_http(200, json.dumps(SUCCESS).encode() + b" " * (2 << 20))],
            "login page": [_http(200, PAGE)],
            "redirect": [_http(307, {}, f"Location: {path}?again\r\n")],
            "budget": [_http(429, BUDGET)],
            "load": [_http(429, failed(429, "TooManyRequests"), "Retry-After: 1\r\n")],
            "201 failed": [_http(201, failed(409, "Conflict"))],
            "another kind": [_http(200, {"kind": "Banana"})],
        }
        return lies.get(lie) or ([_http(int(lie), failed(int(lie)))] if lie.isdigit() else [truth] if not lie else ())

    def _truth(self, method: str, path: str) -> tuple[int, dict[str, Any]]:
        if path.endswith("selfsubjectaccessreviews"):
            asked = self.bodies[-1]["spec"]["resourceAttributes"]
            may = (asked["verb"], asked["resource"], asked.get("subresource")) != self.forbidden
            return 201, {"kind": "SelfSubjectAccessReview", "status": {"allowed": may}}
        if path.endswith("selfsubjectreviews"):
            return 201, {"kind": "SelfSubjectReview", "status": {"userInfo": {"username": "drills"}}}
        if method != "GET":
            return 200, SUCCESS
        found = self.objects.get(path.partition("?")[0])
        return (200, found) if found is not None else (404, failed(404, "NotFound"))


def _http(status: int, body: dict[str, Any] | bytes, more: str = "") -> bytes:
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


@asynccontextmanager
async def lying(liar: Liar, made: Certificates) -> AsyncIterator[int]:
    """Serve, and give the port."""
    trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trust.load_cert_chain(made.folder / "server.crt", made.folder / "server.key")
    serving: set[asyncio.Task[None]] = set()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.create_task(liar.serve(reader, writer)))

    server = await asyncio.start_server(accepted, "127.0.0.1", 0, ssl=trust)
    async with server:
        yield server.sockets[0].getsockname()[1]
        for one in serving:
            one.cancel()
    await asyncio.gather(*serving, return_exceptions=True)


def kubeconfig(folder: Path, port: int, made: Certificates, **more: Any) -> Path:
    """Write a kubeconfig with one context, `here`; `more` are entries of its cluster or user (`user_…`)."""
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(made.folder / "ca.crt")}
    user: dict[str, Any] = {"token": TOKEN}
    for name, value in more.items():
        of = user if name.startswith("user_") else cluster
        key = name.removeprefix("user_").replace("_", "-")
        of.pop(key, None) if value is None else of.__setitem__(key, value)
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "elsewhere",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(content))
    return path
