"""`kubernetes.lease`: a lock between hosts, kept as Leases of a Kubernetes cluster and renewed while it is held."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import quote, urlsplit

import aiohttp
import msgspec
from pydantic import Field, PrivateAttr, field_validator

from faildrill.errors import CannotSee, UnresolvedSecret, reason
from faildrill.ports import Duration, Given, Kind
from faildrill.ports.addresses import a_url
from faildrill.ports.target import FilePath
from faildrill.secrets import SecretReference
from faildrill.system import threads
from faildrill.toolkit.deadlines import SHARE
from faildrill.toolkit.single_request import Once

_LARGEST: Final = 1 << 20
_STEP: Final = 1.0
"""Seconds that the API server's clock is told to: the `Date` of an answer has no fractions."""
_LONGEST_NAME: Final = 128
_OK: Final = (200, 201)
_NOT_FOUND: Final = 404
_CONFLICT: Final = 409
_Object = dict[str, Any]


class _Changed(Exception):
    """The object is no longer what was read."""


class _Answer(msgspec.Struct, frozen=True):
    status: int
    body: _Object
    now: datetime
    """The API server's own clock: the only one that all holders share."""


class Lease(Kind):
    """Keeps other hosts from drilling the same place: one Kubernetes Lease for each fact that the place proves.

    A Lease names its holder and is renewed every third of `lasts`. It is written with the `resourceVersion` that was
    read, so if two hosts want it at once, one is told that it came second. A write is sent once; if its answer is lost
    or refuses it, the Lease is read again to see who holds it. A run that can't renew its Lease in time takes no more
    steps, puts back what it did, and ends ABORTED before anybody else may take the Lease. If the holder dies, the Lease
    is free after `lasts`, by the API server's clock; the same host's `recover` need not wait for that.

    Nothing is taken from a kubeconfig, a context or a pod: name the server, its CA and the token here. The token needs
    `get`, `create` and `update` on `leases` of `coordination.k8s.io` in the namespace.

    Tested against an API server of our own that keeps `resourceVersion` as Kubernetes does, and by hand against
    kube-apiserver 1.37.2.

        lock:
          kubernetes.lease:
            server: https://10.0.0.1:6443
            ca: /etc/faildrill/staging-ca.pem
            token: file:/etc/faildrill/staging-token
            namespace: drills
    """

    server: str = Field(description="the URL of the API server")
    token: SecretReference = Field(description="the token of a service account")
    ca: FilePath | None = Field(default=None, description="a file with the CA that signed the server's certificate")
    namespace: str = Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", description="where the Leases are")
    lasts: Duration = Field(default=15.0, ge=3.0, le=300.0, description="how long the Lease of a dead holder lasts")
    _held: dict[str, _Object] = PrivateAttr(default_factory=dict)
    _holder: str = PrivateAttr(default="")
    _renewed: float = PrivateAttr(default=0.0)

    @field_validator("server")
    @classmethod
    def _is_encrypted(cls, value: str) -> str:
        parts = urlsplit(value)
        is_local = parts.hostname in ("127.0.0.1", "::1", "localhost")
        if parts.scheme != "https" and not (parts.scheme == "http" and is_local):
            raise ValueError("an https:// URL: a token is sent there")
        return a_url(value).rstrip("/")

    async def take(self, keys: Sequence[str], holder: str, given: Given) -> str | None:
        """Take a Lease for every key and return None, or return who holds one; CannotSee when that can't be told."""
        self._holder = holder[:_LONGEST_NAME]
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(given.timeout * SHARE), self._session(given.timeout * SHARE / 4) as session:
                for key in keys:
                    other = await self._take(session, f"faildrill-{key}")
                    if other is not None:
                        await self._let_go(session)
                        return other
        except UnresolvedSecret as error:
            raise CannotSee(str(error)) from error
        except (OSError, aiohttp.ClientError, CannotSee) as error:
            raise CannotSee(f"the Lease can't be asked for at {self.server}: {reason(error)}") from error
        # From when it was asked for, not from the answer: the server dates a Lease at some moment between the two.
        self._renewed = began
        return None

    async def lost(self) -> str:
        """Renew, and return as soon as a Lease is somebody else's, or could not be renewed for two thirds of its time.

        The last third is for what is still under way here to end before anybody else may begin.
        """
        loop = asyncio.get_running_loop()
        trouble = "nobody answered"
        while loop.time() < self._renewed + self.lasts * 2 / 3:
            began = loop.time()
            try:
                async with (
                    asyncio.timeout_at(self._renewed + self.lasts * 2 / 3),
                    self._session(self.lasts / 6) as session,
                ):
                    for name in list(self._held):
                        await self._renew(session, name)
                self._renewed = began
            except _Changed:
                return "somebody else has written the Lease"
            except (OSError, aiohttp.ClientError, CannotSee, UnresolvedSecret) as error:
                trouble = reason(error)
            # Well renewed, there are two more tries before it is given up; without an answer it is tried at once.
            again = began + self.lasts / 3 if self._renewed == began else loop.time() + 0.2
            await asyncio.sleep(again - loop.time())
        return f"the Lease could not be renewed for {self.lasts * 2 / 3:g} s ({trouble})"

    async def release(self) -> None:
        """Give every Lease back that is ours."""
        if self._held:
            with contextlib.suppress(OSError, aiohttp.ClientError, CannotSee, UnresolvedSecret):
                async with asyncio.timeout(self.lasts / 3), self._session(self.lasts / 6) as session:
                    await self._let_go(session)

    async def _let_go(self, session: "aiohttp.ClientSession") -> None:
        for name, lease in list(self._held.items()):
            free = {"spec": {**lease["spec"], "holderIdentity": ""}}
            with contextlib.suppress(_Changed):
                await self._write(session, name, {**lease, **free})
        self._held = {}

    async def _take(self, session: "aiohttp.ClientSession", name: str) -> str | None:
        """Take one Lease, or return who holds it."""
        answer = await self._call(session, "GET", self._path(name))
        try:
            if answer.status == _NOT_FOUND:
                fresh = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name}}
                self._held[name] = await self._write(session, name, fresh | self._spec(answer.now), create=True)
                return None
            spec = answer.body.get("spec") or {}
            other = str(spec.get("holderIdentity") or "")
            if other and other != self._holder and not _is_over(spec, answer.now):
                return other
            self._held[name] = await self._write(session, name, answer.body | self._spec(answer.now))
        except _Changed:
            return "somebody who took it at the same moment"
        return None

    async def _renew(self, session: "aiohttp.ClientSession", name: str) -> None:
        answer = await self._call(session, "GET", self._path(name))
        spec = answer.body.get("spec") or {}
        if answer.status == _NOT_FOUND or spec.get("holderIdentity") != self._holder:
            raise _Changed
        self._held[name] = await self._write(session, name, answer.body | self._spec(answer.now))

    def _spec(self, now: datetime) -> _Object:
        told = now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        seconds = -int(-self.lasts // 1)  # whole ones are all that a Lease takes: up, so that nobody begins too early
        return {"spec": {"holderIdentity": self._holder, "leaseDurationSeconds": seconds, "renewTime": told}}

    async def _write(
        self, session: "aiohttp.ClientSession", name: str, lease: _Object, *, create: bool = False
    ) -> _Object:
        """Write a Lease as it was read, once; raises _Changed when it is somebody else's by now.

        What its answer leaves open (none, an error of the server, a 2xx that holds something else) and a refusal (an
        earlier write of ours may have come late) are settled by reading.
        """
        call = ("POST", self._path()) if create else ("PUT", self._path(name))
        try:
            answer = await self._call(session, *call, lease)
        except aiohttp.ClientConnectorError:
            raise  # nothing was sent
        except (OSError, aiohttp.ClientError, CannotSee) as error:
            return await self._settled(session, name, lease, f"{call[0]}: {reason(error)}")
        if answer.status in _OK and _holder(answer.body) == _holder(lease):
            return answer.body
        return await self._settled(session, name, lease, f"{call[0]} was answered with {answer.status}")

    async def _settled(self, session: "aiohttp.ClientSession", name: str, wanted: _Object, trouble: str) -> _Object:
        """Read whether a Lease was written; raises _Changed when somebody else did, CannotSee when nobody did (yet)."""
        answer = await self._call(session, "GET", self._path(name))
        is_there = answer.status in _OK
        if is_there and _version(answer.body) != _version(wanted):
            if _holder(answer.body) != _holder(wanted):
                raise _Changed
            return answer.body
        if not is_there and _version(wanted):
            raise _Changed  # somebody has deleted it
        raise CannotSee(f"{trouble}; read again, it is not written")

    def _path(self, name: str = "") -> str:
        base = f"/apis/coordination.k8s.io/v1/namespaces/{self.namespace}/leases"
        return f"{base}/{quote(name, safe='')}" if name else base

    @contextlib.asynccontextmanager
    async def _session(self, within: float) -> "AsyncIterator[aiohttp.ClientSession]":
        """Open a session each call of which may take `within` seconds: one without an answer leaves time to read."""
        headers = {"Authorization": f"Bearer {self.token.resolve().reveal()}", "Accept": "application/json"}
        if self.ca:
            await threads.read(self.ca)
        context = ssl.create_default_context(cafile=self.ca) if self.server.startswith("https") else False
        connector = aiohttp.TCPConnector(ssl=context, force_close=True)
        within_each = aiohttp.ClientTimeout(total=within)
        async with aiohttp.ClientSession(
            headers=headers, connector=connector, trust_env=False, timeout=within_each
        ) as session:
            yield session

    async def _call(
        self, session: "aiohttp.ClientSession", method: str, path: str, body: _Object | None = None
    ) -> _Answer:
        """Call once, follow nothing, and read at most 1 MiB; CannotSee when the answer is none."""
        url = f"{self.server}{path}"
        async with session.request(method, url, json=body, allow_redirects=False, middlewares=(Once(),)) as answer:
            content = await answer.content.read(_LARGEST)
            if answer.status not in (*_OK, _NOT_FOUND, _CONFLICT):
                raise CannotSee(f"{method} was answered with {answer.status}: see that the token may do that")
            try:
                now = parsedate_to_datetime(answer.headers.get("Date", ""))
                decoded = msgspec.json.decode(content, type=dict[str, Any])
            except (ValueError, TypeError, msgspec.MsgspecError) as error:
                raise CannotSee("its answer is not that of an API server") from error
            return _Answer(answer.status, decoded, now.astimezone(UTC))


def _holder(lease: _Object) -> object:
    return (lease.get("spec") or {}).get("holderIdentity")


def _version(lease: _Object) -> object:
    return (lease.get("metadata") or {}).get("resourceVersion")


def _is_over(spec: _Object, now: datetime) -> bool:
    """Tell whether a Lease has run out by the server's clock; one whose time can't be read has not."""
    try:
        renewed = datetime.fromisoformat(str(spec["renewTime"]))
        lasts = timedelta(seconds=float(spec["leaseDurationSeconds"]) + _STEP)
        return now > renewed + lasts
    except (KeyError, ValueError, TypeError, OverflowError):
        return False
