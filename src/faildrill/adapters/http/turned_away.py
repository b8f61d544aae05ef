"""Answers about whoever asks, not about the service: a limit on requests, a filter against bots.

Only what says so itself counts, in words that are nobody else's: 429 (RFC 6585, 4), a refusal whose own header says
that the asker's rate is used up, a challenge that a filter marks as one. A plain 403 or 503 may be what users get too
(NGINX's `limit_req` says 503 unless it is told to say 429), so it is what any other bad answer is.
"""

import time
from collections.abc import Mapping
from typing import Final

TOO_MANY: Final = 429
"""Too Many Requests (RFC 6585, 4)."""
_FORBIDDEN: Final = 403
"""What GitHub and others answer to a client whose requests are used up."""
RETRY_AFTER: Final = "retry-after"
"""Seconds, or a date (RFC 9110, 10.2.3)."""
_LEFT: Final = ("x-ratelimit-remaining", "ratelimit-remaining")
"""How many requests the asker has left, in the spelling of most services and of the IETF's draft."""
_FILTERS: Final = {
    "cf-mitigated": frozenset({"challenge"}),
    "x-amzn-waf-action": frozenset({"challenge", "captcha"}),
    "x-vercel-mitigated": frozenset({"challenge", "deny"}),
}
"""By header in small letters, what a filter says in it when it answers in place of the service."""
TELLING: Final = frozenset({RETRY_AFTER, *_LEFT, *_FILTERS})
"""The headers, in small letters, that tell of it."""


def turned_away(status: int, headers: Mapping[str, str]) -> str:
    """Tell how an answer turns away its asker, in words that repeat; empty where it is about the service.

    `headers`: those of `TELLING`, by name in small letters.
    """
    if status == TOO_MANY:
        return f"HTTP {status}"
    if status == _FORBIDDEN and any(headers.get(name, "").strip() == "0" for name in _LEFT):
        return f"HTTP {status}, its requests are used up"
    if any(headers.get(name, "").strip().lower() in words for name, words in _FILTERS.items()):
        return f"HTTP {status}, a filter against bots"
    return ""


def asked_to_wait(headers: Mapping[str, str]) -> float:
    """Return the seconds for which an answer asks to send nothing more (`Retry-After`); 0 where it doesn't."""
    wait = headers.get(RETRY_AFTER, "").strip()
    if wait.isdecimal() and wait.isascii():
        # Nine digits are thirty years: a longer number is no time, and must not overflow.
        return float(wait[:9])
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - takes long to import, and few answers hold a date

    try:
        return max(0.0, parsedate_to_datetime(wait).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0
