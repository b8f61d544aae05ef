"""What a drill will need of a service, looked at by `faildrill doctor`."""

import asyncio
import time
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp

from faildrill.adapters.http.target import Service
from faildrill.ports import Checked, Given, Kind, causes
from faildrill.toolkit.clock_skew import clock_check
from faildrill.toolkit.http_errors import in_words

_SECOND: Final = 1.0


class Services(Kind):
    """Looks whether a service answers over HTTP, whatever it answers, and what time it has."""

    target: Service

    async def examine(self, given: Given) -> list[Checked]:
        """Ask for the headers of its address: HEAD, which changes nothing."""
        what, url = f"service {self.target.name}", self.target.url
        connector = aiohttp.TCPConnector(force_close=True)
        before = time.time()
        try:
            async with (
                asyncio.timeout(given.timeout),
                aiohttp.ClientSession(connector=connector, trust_env=False) as session,
                session.head(url, allow_redirects=False) as response,
            ):
                status, date = response.status, response.headers.get("Date")
        except (OSError, aiohttp.ClientError, ValueError) as error:
            words = in_words(error)
            remedy = causes.what_to_do(words, url) or f"see that it answers at {url}"
            return [Checked(what, ok=False, told=f"does not answer: {words}", remedy=remedy)]
        answers = [Checked(what, ok=True, told=f"answers HTTP {status}")]
        try:
            clock = parsedate_to_datetime(date or "").timestamp()
        except ValueError:
            return answers
        return [*answers, clock_check(what, clock, (before, time.time()), _SECOND)]
