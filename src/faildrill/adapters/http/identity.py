"""`http.identity`: what a service, or every member of a group, answers that it is."""

import asyncio
from typing import Annotated, Any, Final, NamedTuple, Self
from urllib.parse import urlsplit

import aiohttp
import msgspec
from pydantic import Field, model_validator

from faildrill.adapters.http.target import Service
from faildrill.adapters.member.target import Group
from faildrill.ports import Given, Told, Words, causes
from faildrill.system.redaction import clean
from faildrill.toolkit.deadlines import SHARE
from faildrill.toolkit.http_errors import in_words
from faildrill.toolkit.identity import Proves

_LARGEST: Final = 1 << 16
"""Bytes of an answer that are read."""
_SHOWN: Final = 80
"""Characters of an answer that are shown."""
_OK: Final = 200
_ASKS: Final = 8
"""So many answers on connections of their own that all come from one of two who share an address: once in 128 times."""
_PROVED, _DIFFERS, _SILENT = range(3)


class _Said(NamedTuple):
    """What one of those who are asked came to, by its place in what is told."""

    place: int
    words: str


class Identity(Proves):
    """Refuses the drill unless a service, and every member of a group, answers the declared text.

    Let it answer a random text of your own at some path, in what may be drilled and nowhere else: as the whole answer,
    or in JSON at `value` (keys joined by dots). The answer must be HTTP 200; redirects are not followed.

    A service is asked at its URL, and each member of a group at its own `address`, eight times each, because several
    servers may answer there. One that has no address, can't be reached or answers anything else is an objection.

        identity:
          - http.identity: {service: payments, path: /place, value: uid, holds: 7d3f6f1e-2f0c-4a57-9a6e-3a1d6f0b9c11}
    """

    service: Service | None = Field(default=None, description="the service; it is asked at its URL")
    group: Group | None = Field(default=None, description="the group; every member is asked at its `address`")
    path: Annotated[str, Field(pattern=r"^/\S*$")] = Field(default="/", description="the path where it says what it is")
    value: str = Field(default="", description="where in a JSON answer the text is, e.g. `place.uid`")
    holds: Words = Field(min_length=8, description="the text that it answers here and nowhere else")

    @model_validator(mode="after")
    def _asks_somebody(self) -> Self:
        if self.service is None and self.group is None:
            raise ValueError("name a service, a group, or both: nobody is asked otherwise")
        bare = [member.name for member in self.group.members.values() if not member.address] if self.group else []
        if bare:
            raise ValueError(f"{', '.join(bare)} of {self.group and self.group.name} has no `address` to ask at")
        return self

    def facts(self) -> list[str]:
        """Tell the text."""
        return [f"http {self.holds}"]

    async def ask_again(self, given: Given) -> Told:
        """Ask all at once, and tell apart who answers otherwise and who can't be asked."""
        timeout = aiohttp.ClientTimeout(total=given.timeout * SHARE)
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(
            connector=connector, timeout=timeout, trust_env=False, cookie_jar=aiohttp.DummyCookieJar()
        ) as session:
            asked = self._asked()
            answers = await asyncio.gather(*(self._all(session, url) for url in asked.values()))
        told = Told([], [], [])
        for name, answer in zip(asked, answers, strict=True):
            told[answer.place].append(f"{name} {answer.words}".strip())
        return told

    def _asked(self) -> dict[str, str]:
        urls = {}
        if self.service is not None:
            parts = urlsplit(self.service.url)
            urls[f"service {self.service.name}"] = f"{parts.scheme}://{parts.netloc}{self.path}"
        if self.group is not None:
            for name, member in self.group.members.items():
                urls[f"{self.group.name}/{name}"] = f"http://{member.address}{self.path}"
        return urls

    async def _all(self, session: "aiohttp.ClientSession", url: str) -> _Said:
        """Ask several times, as several may answer there: whoever differs counts, then who proves it, then silence."""
        answers = await asyncio.gather(*(self._one(session, url) for _ in range(_ASKS)))
        # The worst of them counts: one in eight that is another place is enough to be drilled by mistake.
        return min(answers, key=lambda one: (_DIFFERS, _PROVED, _SILENT).index(one.place))

    async def _one(self, session: "aiohttp.ClientSession", url: str) -> _Said:
        try:
            async with session.get(url, allow_redirects=False) as response:
                body = bytearray()
                async for chunk in response.content.iter_any():
                    body += chunk
                    if len(body) > _LARGEST:
                        return _Said(_DIFFERS, f"is not the declared one: {url} answers with more than 64 KiB")
        except (OSError, aiohttp.ClientError, ValueError) as error:
            words = in_words(error)
            remedy = causes.what_to_do(words, url) or "see that it answers"
            return _Said(_SILENT, f"did not prove what it is ({url}: {words}): {remedy}")
        if response.status != _OK:
            passing = response.status in (502, 503, 504)  # what stands before it can't reach it
            return _Said(_SILENT if passing else _DIFFERS, f"did not prove what it is: {url} answers {response.status}")
        identity = self._found(bytes(body))
        if identity == self.holds:
            return _Said(_PROVED, "")
        shown = repr(clean(identity)[:_SHOWN]) if identity else "nothing that could be read"
        remedy = "if it may be drilled, let it answer what was declared"
        return _Said(_DIFFERS, f"is not the declared one: {url} answers {shown}; {remedy}")

    def _found(self, body: bytes) -> str:
        """Return the text of an answer; empty where there is none."""
        if not self.value:
            return body.decode(errors="replace").strip()
        try:
            value: Any = msgspec.json.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return ""
        for key in self.value.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        return value if isinstance(value, str) else ""
