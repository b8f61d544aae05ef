"""`http.testimony`: how long the database takes, as the application itself measures it."""

import asyncio
import time
from typing import Final

import aiohttp
import msgspec
from pydantic import Field

from faildrill import durations
from faildrill.ports import Duration, Given, Kind
from faildrill.ports.addresses import Url
from faildrill.ports.witness import Says, Testimony
from faildrill.toolkit.deadlines import SHARE
from faildrill.toolkit.http_errors import in_words

_LARGEST: Final = 1 << 16
"""Bytes of an answer that are read."""
_UNAVAILABLE: Final = 503
"""What both applications and load balancers say; only the former's has JSON in it."""
_OK: Final = 200
_LOST: Final = "it can't reach its database"
"""How the words of an application begin that can't reach its database."""


class Timing(Kind):
    """Asks the application how long its SQL statements take, and compares that with how long its answers take.

    `url` must answer with JSON in which `key` is a number of milliseconds: the database time that the application
    measured. Short statements are evidence that the database works, whatever users feel; statements longer than `slow`
    that it does not. A 503 with JSON says that the application can't reach its database; any other 503 comes from a
    load balancer and says nothing about the database. It is asked several times, because each answer comes from one
    server.

        warrants:
          payments-db:
            - http.testimony: {url: "${services.payments}/health/database", key: database_ms}
    """

    url: Url = Field(description="the URL where the application reports its database time")
    key: str = Field(default="database_ms", description="the key of the milliseconds in its answer")
    slow: Duration = Field(default=0.5, gt=0, description="statements that take longer are slow")
    asks: int = Field(default=6, ge=1, le=50, description="how often it is asked")

    async def testify(self, given: Given) -> list[Testimony]:
        """Ask several times at once."""
        timeout = aiohttp.ClientTimeout(total=given.timeout * SHARE)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
            began = time.monotonic()
            answers = await asyncio.gather(*(self._ask(session) for _ in range(self.asks)))
            took = time.monotonic() - began
        times = [answer for answer in answers if isinstance(answer, float)]
        failed = [answer for answer in answers if isinstance(answer, str)]
        if times:
            return [self._told(times, failed, took)]
        if all(error.startswith(_LOST) for error in failed):
            return [Testimony("application", Says.DEAD, failed[0])]
        return [Testimony("application", Says.NOTHING, f"it tells nothing: {failed[0]}")]

    def _told(self, times: list[float], failed: list[str], took: float) -> Testimony:
        middle = sorted(times)[len(times) // 2]
        because = (
            f"its statements take {durations.show(middle)}, {durations.show(max(times))} at the worst; "
            f"{len(times)} of {self.asks} answers, the last after {durations.show(took)}"
        )
        figures = {"seconds": round(middle, 4), "worst": round(max(times), 4), "failed": len(failed)}
        return Testimony("application", Says.SLOW if middle > self.slow else Says.ALIVE, because, figures)

    async def _ask(self, session: "aiohttp.ClientSession") -> float | str:
        """Return the seconds that the application tells, or what it said in their place."""
        try:
            async with session.get(self.url, allow_redirects=False) as response:
                body = await response.content.read(_LARGEST)
            if response.status != _OK:
                return _refusal(response.status, body)
            value = msgspec.json.decode(body, type=dict[str, msgspec.Raw])[self.key]
            return msgspec.json.decode(value, type=float) / 1e3
        except TimeoutError:
            return "timed out"
        except (OSError, aiohttp.ClientError) as error:
            return in_words(error)
        except (msgspec.MsgspecError, KeyError):
            return f"no number called {self.key!r} in its answer"


def _refusal(status: int, body: bytes) -> str:
    """Tell what an answer that is no timing says; only an application writes JSON, a load balancer's 503 is a page."""
    if status != _UNAVAILABLE:
        return str(status)
    try:
        fields = msgspec.json.decode(body, type=dict[str, object])
    except msgspec.MsgspecError:
        return f"{status}, and not the application's own: no JSON in it"
    error = fields.get("error")
    return f"{_LOST}: {status} {error if isinstance(error, str) else ''}"[:200].strip()
