"""A front of a real API server, behind TLS: it passes everything on, says that pods were evicted, and evicts none.

Where it pretends, each of these pods is told under another name from then on, as if another one had come in its place.
"""

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import aiohttp
from aiohttp import web

SUCCESS: Final = {"kind": "Status", "apiVersion": "v1", "status": "Success"}


class Front(NamedTuple):
    """Where it listens, and what it kept back."""

    url: str
    kept_back: list[str]
    """The names of the pods whose eviction was asked for, and not to try only."""


@asynccontextmanager
async def evicting_nobody(
    kubeconfig: dict[str, Any], pem: Path, key: Path, *, pretends: bool = False
) -> AsyncIterator[Front]:
    """Stand in front of the server of a kubeconfig, as whom it names, with the certificate of that server itself."""
    cluster, user = kubeconfig["clusters"][0]["cluster"], kubeconfig["users"][0]["user"]
    there = ssl.create_default_context(cafile=cluster["certificate-authority"])
    there.load_cert_chain(user["client-certificate"], user["client-key"])
    here = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    here.load_cert_chain(pem, key)
    kept_back: list[str] = []
    told_instead: dict[bytes, bytes] = {}

    async def serve(request: web.Request) -> web.Response:
        content = await request.read()
        if request.path.endswith("/eviction") and "dryRun" not in request.query:
            asked = json.loads(content)
            kept_back.append(name := asked["metadata"]["name"])
            if pretends:
                told_instead.update(_another(name))
                told_instead.update(_another(asked["deleteOptions"]["preconditions"]["uid"]))
            return web.json_response(SUCCESS, status=201)
        typed = {"Content-Type": request.content_type}
        async with session.request(request.method, request.rel_url, data=content, headers=typed) as answer:
            body = await answer.read()
            for true, instead in told_instead.items():
                body = body.replace(true, instead)
            return web.Response(status=answer.status, body=body, content_type=answer.content_type)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", serve)
    runner = web.AppRunner(app)
    connector = aiohttp.TCPConnector(ssl=there)
    async with aiohttp.ClientSession(cluster["server"], connector=connector) as session:
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=here).start()
            yield Front(f"https://127.0.0.1:{runner.addresses[0][1]}", kept_back)
        finally:
            await runner.cleanup()


def _another(word: str) -> dict[bytes, bytes]:
    """Return what is said instead of a name or a UID: five characters of it are others, as of a pod's successor."""
    return {word.encode(): f"{word[:-5]}fffff".encode()}
