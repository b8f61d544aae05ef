"""The Kubernetes API as the lab's own parts call it: JSON in, JSON out, over one pool of connections."""

import json
import ssl
from collections.abc import AsyncIterator
from http import HTTPMethod, HTTPStatus
from pathlib import Path
from typing import Any, Final, Self

import aiohttp

from faildrill.errors import FaildrillError

Body = dict[str, Any]
_WITHIN: Final = 10.0
"""Seconds for any call but a watch, where nothing else is said."""
_LONGEST_LINE: Final = 1 << 22
LOST: Final = (OSError, TimeoutError)
"""What a call raises that got no answer."""
MERGE: Final = "application/merge-patch+json"
STRATEGIC: Final = "application/strategic-merge-patch+json"


class Refused(FaildrillError):
    """The API server said no; holds the status and the reason that it gave."""

    def __init__(self, what: str, status: int, body: Body) -> None:
        self.status = status
        self.reason: str = body.get("reason", "")
        super().__init__(f"{what}: {status} {body.get('message') or self.reason}")

    @property
    def is_there_already(self) -> bool:
        """Whether something of that name is there."""
        return self.reason == "AlreadyExists"

    @property
    def is_missing(self) -> bool:
        """Whether there is nothing of that name, or not of that uid."""
        is_another = (
            self.status in (HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY) and "uid" in str(self).lower()
        )
        return is_another or self.status == HTTPStatus.NOT_FOUND


class Api:
    """Calls as one account, by the context of its kubeconfig file."""

    def __init__(self, kubeconfig: Path, server: str | None = None, within: float = _WITHIN) -> None:
        self._within = within
        content = json.loads(kubeconfig.read_text(encoding="utf-8"))
        cluster, user = content["clusters"][0]["cluster"], content["users"][0]["user"]
        self._server = server or cluster["server"]
        self._tls = ssl.create_default_context(cafile=cluster["certificate-authority"])
        self._tls.load_cert_chain(user["client-certificate"], user["client-key"])

    async def __aenter__(self) -> Self:
        """Open the pool."""
        connector = aiohttp.TCPConnector(ssl=self._tls, limit=0)
        self._session = aiohttp.ClientSession(
            self._server, connector=connector, timeout=aiohttp.ClientTimeout(self._within), read_bufsize=_LONGEST_LINE
        )
        return self

    async def __aexit__(self, *ended: object) -> None:
        """Close it."""
        await self._session.close()

    async def get(self, path: str, **query: str) -> Body:
        """Read an object or a list."""
        return await self.ask(HTTPMethod.GET, path, query=query)

    async def create(self, path: str, body: Body) -> Body:
        """Create an object in the collection at a path."""
        return await self.ask(HTTPMethod.POST, path, body)

    async def patch(self, path: str, body: Body, kind: str = MERGE) -> Body:
        """Change an object."""
        return await self.ask(HTTPMethod.PATCH, path, body, kind)

    async def delete(self, path: str, body: Body | None = None) -> Body:
        """Delete an object, under the options in the body."""
        return await self.ask(HTTPMethod.DELETE, path, body)

    async def ready(self) -> bool:
        """Tell whether the API server says that it is ready."""
        try:
            async with self._session.get("/readyz") as answer:
                return answer.status == HTTPStatus.OK
        except aiohttp.ClientError as error:
            raise ConnectionError(str(error)) from error

    async def ask(
        self, method: HTTPMethod, path: str, body: Body | None = None, kind: str = "application/json", **more: Any
    ) -> Body:
        """Call once; Refused when the server says no, ConnectionError or TimeoutError when it says nothing."""
        data = None if body is None else json.dumps(body)
        params = more.get("query")
        try:
            async with self._session.request(
                method, path, data=data, params=params, headers={"Content-Type": kind}
            ) as answer:
                said = await answer.text()
        except aiohttp.ClientError as error:
            raise ConnectionError(f"{method} {path}: {error}") from error
        told: Body = json.loads(said) if said.startswith("{") else {"message": said.strip()}
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise Refused(f"{method} {path}", answer.status, told)
        return told

    async def watch(self, path: str, version: str, **query: str) -> AsyncIterator[Body]:
        """Give what happens to the objects of a collection after a version, until the server or the way ends it.

        Refused(410) when the version is too old: list anew.
        """
        asked = {**query, "watch": "true", "resourceVersion": version, "allowWatchBookmarks": "true"}
        silent = aiohttp.ClientTimeout(None)
        try:
            async with self._session.get(path, params=asked, timeout=silent) as answer:
                if answer.status != HTTPStatus.OK:
                    raise Refused(f"watch {path}", answer.status, json.loads(await answer.text()))
                async for line in answer.content:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise Refused(f"watch {path}", event["object"].get("code", 0), event["object"])
                    yield event
        except aiohttp.ClientError as error:
            raise ConnectionError(f"watch {path}: {error}") from error
