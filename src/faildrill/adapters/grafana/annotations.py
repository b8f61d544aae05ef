"""Annotations made through Grafana's HTTP API: POST /api/annotations, with the token of a service account."""

from http import HTTPStatus
from typing import Final

import aiohttp
import msgspec

from faildrill.errors import reason
from faildrill.ports.run_trace import Annotation
from faildrill.secrets import Reference
from faildrill.system import redaction
from faildrill.toolkit.single_request import Once

_WITHIN: Final = aiohttp.ClientTimeout(total=10.0)
_LONGEST: Final = 300
_MOST: Final = 65536


async def annotate(url: str, token: Reference, marks: list[Annotation]) -> str:
    """Make them, one after the other; return what went wrong, empty where all were taken. Follows no redirect."""
    headers = {"Authorization": f"Bearer {token.resolve().reveal()}"}
    try:
        async with aiohttp.ClientSession(timeout=_WITHIN, headers=headers) as session:
            for mark in marks:
                if wrong := await _post(session, f"{url.rstrip('/')}/api/annotations", mark):
                    return wrong
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return f"not reached: {redaction.clean(reason(error))}"
    return ""


async def _post(session: aiohttp.ClientSession, url: str, mark: Annotation) -> str:
    body = {"time": mark.began, "timeEnd": mark.ended, "tags": list(mark.tags), "text": redaction.clean(mark.text)}
    sent = msgspec.json.encode(body)
    more = {"Content-Type": "application/json"}
    async with session.post(url, data=sent, headers=more, allow_redirects=False, middlewares=(Once(),)) as answer:
        if answer.status == HTTPStatus.OK:
            return ""
        answered = (await answer.content.read(_MOST)).decode("utf-8", "replace")
        return f"answered {answer.status}: {redaction.clean(answered)[:_LONGEST]}"
