"""`http.ledger`: numbered requests to a business endpoint, each noted before it is sent, and read back."""

import asyncio
import json as formats
import re
from typing import Any, Final, Self

import aiohttp
import tenacity
from pydantic import Field, JsonValue, PrivateAttr, model_validator

from faildrill.adapters.http.answer_values import LONGEST_WHO, NoValue, differing
from faildrill.adapters.http.bodies import Body, Sort, Unreadable
from faildrill.adapters.http.good_answer import Statuses, Values, no_body
from faildrill.adapters.http.turned_away import TELLING, turned_away
from faildrill.adapters.http.wire import Headers, JsonBody, Method, SecretHeaders, no_injection
from faildrill.errors import CannotSee
from faildrill.ports import Given, Kind, Seen
from faildrill.ports.addresses import Url
from faildrill.record.ledger import Note
from faildrill.record.samples import Outcome
from faildrill.toolkit.answering_name import told
from faildrill.toolkit.connection_errors import outcome_of
from faildrill.toolkit.ledger_probe import Bookkeeping, Ended, LedgerFiles, LedgerRead, Standing, Write, Writers
from faildrill.toolkit.single_request import Once

KEY: Final = "{key}"
"""Stands for the key of a write."""
PREFIX: Final = "{prefix}"
"""Stands for what all keys of a run share."""
NODE: Final = "path"
"""What the rows are kept under: they were read by the users' path."""
_SHARE: Final = 0.9
"""The part of a look's time that its tries may take, so that the last one is told before the look is cut off."""
_GOOD: Final = range(200, 300)
"""Success (RFC 9110, 15.3)."""
_REFUSALS: Final = range(400, 500)
"""Client errors (RFC 9110, 15.5): they say that it was not done, but for those of `_OPEN`."""
_OPEN: Final = (408, 409, 425)
"""Refusals that prove nothing: it took too long, or it is being done."""
_PROMISES: Final = (202, 207)
"""Good statuses that say by themselves that the write is still to be done, or of which part it is."""
_LARGEST: Final = 1 << 20
"""Bytes of an answer to a write that are read."""
_LARGEST_BACK: Final = 1 << 30
"""Bytes of all keys that are read back."""
_AGAIN_EVERY: Final = 0.5
"""Seconds between two tries to read back."""


class _Anew:
    """No connection: every request makes its own."""

    is_over = False

    def end(self) -> None:
        """Do nothing."""


class Back(Kind):
    """Where the keys of everything written can be read, in the order in which it was written."""

    url: Url = Field(description="answers GET; holds `{prefix}`, which all keys share")
    keys: str = Field(default="keys", description="where in the JSON of the answer the list is: `data.keys`")
    field: str | None = Field(default=None, description="in each element of it, the field that holds the key")

    @model_validator(mode="after")
    def _asks_for_its_own(self) -> Self:
        if PREFIX not in self.url:
            raise ValueError(f"the url of `back` holds {PREFIX}, so that it asks for the writes of this run alone")
        return self


class Ledger(Bookkeeping[_Anew]):
    """Sends numbered requests to a business endpoint, and afterwards accounts for every one of them.

    It works like `postgres.ledger`, along the path that users take. Each write is noted before it is sent, and ends in
    one of three ways:

    - *acknowledged*: a good status and, if `values` are given, these values; only these are good looks.
    - *rejected*: a 4xx other than 408, 409 and 425, an answer that contains `unwritten` (whatever its status), or no
      connection, so that nothing was sent.
    - *unknown*: everything else, such as an answer that acknowledges and rejects at once, a good status without the
      `values`, or a mere promise (202, 207).

    Every write has a key of its own, which replaces `{key}` in the URL, a header or the JSON. With `tries` an unknown
    write is sent again with the same key, as clients do that trust the endpoint to take a key once. One that takes it
    twice charges twice: `lost_writes` counts how often. When the drill is over, the keys of the run are read from
    `back`.

        probes:
          charges:
            http.ledger:
              url: "${services.payments}/payments"
              headers: {Idempotency-Key: "{key}"}
              json: {amount: 100}
              unwritten: '"written": "no"'
              tries: 2
              back: {url: "${services.payments}/payments/keys?prefix={prefix}"}
            every: 50ms
            timeout: 5s
        expect:
          - lost_writes: {of: charges, at_most: 0}
    """

    url: Url = Field(description="the URL that each write is sent to")
    method: Method = "POST"
    headers: Headers = Field(default={}, description="request headers")
    secret_headers: SecretHeaders = Field(default={}, description="headers whose value is a secret")
    json_body: JsonBody = Field(default=None, alias="json", description="sent as JSON")
    status: Statuses = Field(
        default=(), description="the statuses that acknowledge a write; by default 200 to 299 without 202 and 207"
    )
    values: Values = Field(
        default={}, description="the values in a JSON answer that acknowledge a write, by path: {ok: true}"
    )
    unwritten: str | None = Field(
        default=None, min_length=1, description="an answer that contains it rejects the write, whatever its status"
    )
    writers: Writers = 4
    tries: int = Field(default=1, ge=1, le=10, description="how often an unknown write is sent, with the same key")
    who_header: str = Field(default="X-Server", description="the header of the answer that names who answered")
    back: Back = Field(description="where the keys can be read when the drill is over")

    _session: Any = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _has_its_key(self) -> Self:
        if KEY not in formats.dumps([self.url, self.headers, self.json_body]):
            raise ValueError(f"put {KEY} where the endpoint keeps it: in the url, a header or the json")
        return self

    @model_validator(mode="after")
    def _is_told_by_what_can_come(self) -> Self:
        why = no_body(self.method, self.status)
        if why and (self.values or self.unwritten):
            raise ValueError(
                f"{why}, so neither `values` nor `unwritten` can be in it: leave them out, or have one sent"
            )
        return self

    async def open(self, given: Given) -> None:
        """Open the record."""
        self._books = LedgerFiles(given, self.writers)
        connector = aiohttp.TCPConnector(
            # Each write connects anew and asks where the name leads: a failover that moves the name is seen by the
            # next one.
            force_close=True,
            limit=0,
            use_dns_cache=False,
            resolver=aiohttp.ThreadedResolver(),
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self._secrets(),
            auto_decompress=False,  # the reader of `http.request` tells what is cut short, and what isn't
        )

    async def close(self) -> None:
        """Close the record and every connection."""
        if self._session is not None:
            await self._session.close()
        self._session = None
        await super().close()

    async def _connect(self, given: Given) -> Standing[_Anew]:
        return Standing(_Anew())

    async def _put(self, standing: Standing[_Anew], write: Write) -> Ended:
        return await self._written(key(write.given, write.number), write.given.timeout * _SHARE)

    async def _read(self, reading: LedgerRead, given: Given) -> None:
        numbers = [number_of(given, written_key) for written_key in await self._keys(given)]
        reading.held(NODE, numbers, writer=True)

    async def _written(self, its_key: str, within: float) -> Ended:
        """Try until it is known whether it is written, or the tries are used up.

        Once a try has left it open, a later refusal proves nothing: only an acknowledgement does.
        """
        doubted: Ended | None = None
        for _ in range(self.tries):
            ended = await self._try(its_key, within / self.tries)
            if ended.note is Note.ACKNOWLEDGED:
                return ended
            if ended.note is Note.REJECTED and doubted is None:
                return ended
            doubted = Ended(ended.seen, Note.UNKNOWN)
        assert doubted is not None  # noqa: S101 - there is one try at least
        return doubted

    async def _try(self, its_key: str, within: float) -> Ended:
        url, headers, body = (_filled(template, its_key) for template in (self.url, self.headers, self.json_body))
        try:
            async with (
                asyncio.timeout(within),
                self._session.request(
                    *(self.method, url),
                    headers=headers,
                    json=body,
                    allow_redirects=False,
                    timeout=None,
                    middlewares=(Once(),),
                ) as answer,
            ):
                received = await _whole(answer.content)
        # No connection, so nothing was sent: the only failure that proves that nothing was written.
        except aiohttp.ClientConnectorError as error:
            outcome, words = outcome_of(error.os_error)
            return Ended(Seen(outcome, detail=words or "no connection"), Note.REJECTED)
        except TimeoutError:
            return Ended(Seen(Outcome.TIMED_OUT), Note.UNKNOWN)
        except (OSError, aiohttp.ClientError):
            return Ended(Seen(Outcome.RESET), Note.UNKNOWN)
        sort = Sort(", ".join(answer.headers.getall("Content-Encoding", ())), answer.headers.get("Content-Type", ""))
        try:
            body = sort.body(received) if self.values or self.unwritten else Body(b"")
        except Unreadable as error:
            return Ended(Seen(Outcome.BROKEN, detail=str(error)), Note.UNKNOWN)
        ended = self._weighed(answer.status, body)
        turned = turned_away(answer.status, {name: answer.headers.get(name, "") for name in TELLING})
        if turned and ended.note is not Note.ACKNOWLEDGED:
            ended = ended._replace(seen=Seen(Outcome.THROTTLED, detail=turned))
        return ended._replace(seen=ended.seen._replace(who=told(answer.headers.get(self.who_header, ""), LONGEST_WHO)))

    def _weighed(self, status: int, body: Body) -> Ended:
        """Tell what an answer proves of its write; what says two things proves nothing."""
        is_said_unwritten = self.unwritten is not None and body.holds(self.unwritten)
        is_said_written, why = self._told_by(body.content)
        if is_said_written and (is_said_unwritten or not self._may_acknowledge(status)):
            return Ended(Seen(Outcome.WRONG, detail=f"HTTP {status}, which says both"), Note.UNKNOWN)
        if is_said_unwritten:
            unwritten = f"HTTP {status}, unwritten" if self._may_acknowledge(status) else f"HTTP {status}"
            return Ended(Seen(Outcome.WRONG, detail=unwritten), Note.REJECTED)
        if not self._may_acknowledge(status):
            is_refused = status in _REFUSALS and status not in _OPEN
            return Ended(Seen(Outcome.WRONG, detail=f"HTTP {status}"), Note.REJECTED if is_refused else Note.UNKNOWN)
        if why or (status in _PROMISES and not is_said_written and not self.status):
            promised = why or f"HTTP {status} alone proves no write: name it in `status`, or give `values`"
            return Ended(Seen(Outcome.WRONG, detail=promised), Note.UNKNOWN)
        return Ended(Seen(Outcome.OK), Note.ACKNOWLEDGED)

    def _may_acknowledge(self, status: int) -> bool:
        return status in (self.status or _GOOD)

    def _told_by(self, body: bytes) -> tuple[bool, str]:
        """Tell whether the values of an answer say that it is written, and if not, why; nothing where none are."""
        if len(body) > _LARGEST and (self.values or self.unwritten):
            return False, "an answer of more than 1 MiB"
        if not self.values:
            return False, ""
        try:
            path = differing(body, self.values)
        except NoValue as error:
            return False, str(error)
        return path is None, "" if path is None else f"not the expected {path or 'answer'}"

    async def _keys(self, given: Given) -> list[str]:
        """Ask for the keys until there is an answer; CannotSee when there is none in time."""
        within = given.timeout * _SHARE
        waiting = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type((OSError, aiohttp.ClientError)),
            wait=tenacity.wait_fixed(_AGAIN_EVERY),
            stop=tenacity.stop_before_delay(within),
            reraise=True,
        )
        try:
            content: bytes = await waiting(self._asked, self.back.url.replace(PREFIX, prefix(given)), within / 2)
            return _picked(formats.loads(content), self.back)
        except (OSError, aiohttp.ClientError) as error:
            raise CannotSee(f"what was written can't be read back: {error!r}") from error
        except (ValueError, TypeError, KeyError) as error:
            raise CannotSee(f"what was read back holds no list of keys at {self.back.keys!r}: {error!r}") from error

    async def _asked(self, url: str, within: float) -> bytes:
        async with (
            asyncio.timeout(within),
            aiohttp.ClientSession(trust_env=False, headers=self._secrets()) as session,
            session.get(url, allow_redirects=False, raise_for_status=True) as answer,
        ):
            content: bytearray = bytearray()
            async for chunk in answer.content.iter_any():
                content += chunk
                if len(content) > _LARGEST_BACK:
                    raise CannotSee("what was read back is more than 1 GiB")
        return bytes(content)

    def _secrets(self) -> dict[str, str]:
        return no_injection({name: secret.resolve().reveal() for name, secret in self.secret_headers.items()})


def prefix(given: Given) -> str:
    """Return what the keys of a run's ledger share."""
    return f"{given.run}.{given.name}."


def key(given: Given, number: int) -> str:
    """Return the key of a write: letters, digits, dots and dashes."""
    return f"{prefix(given)}{number}"


def number_of(given: Given, its_key: str) -> int:
    """Return the number of a key; -1 for one that this ledger never gave."""
    matched = re.fullmatch(re.escape(prefix(given)) + r"([1-9]\d{0,11})", its_key)
    return int(matched.group(1)) if matched else -1


def _picked(content: JsonValue, back: Back) -> list[str]:
    value: Any = content
    for name in back.keys.split("."):
        value = value[name]
    if not isinstance(value, list):
        raise TypeError(f"{type(value).__name__} instead of a list")
    return [str(entry[back.field] if back.field else entry) for entry in value]


def _filled(value: Any, its_key: str) -> Any:  # noqa: ANN401 - any JSON value
    """Put a key wherever its place is."""
    if isinstance(value, str):
        return value.replace(KEY, its_key)
    if isinstance(value, list):
        return [_filled(inner, its_key) for inner in value]
    if isinstance(value, dict):
        return {name: _filled(inner, its_key) for name, inner in value.items()}
    return value


async def _whole(content: "aiohttp.StreamReader") -> bytes:
    """Read an answer to its end, up to a byte more than is looked at."""
    body = bytearray()
    async for piece in content.iter_any():
        body += piece
        if len(body) > _LARGEST:
            break
    return bytes(body)
