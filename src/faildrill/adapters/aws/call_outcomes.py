"""What came of a call that changes something: nothing was sent, it was refused, it was taken, or that is unknown.

The table, by what came back. Nothing sent: no connection, or none that was encrypted as it must be; no credentials;
parameters that botocore refuses. Refused: a 4xx whose body is an error of AWS, throttling included. Taken: a 2xx whose
body says what the call returns. Unknown: anything else. That is a connection that ended or was silent, any 5xx, a
redirect, a 4xx that is not AWS's (of somebody on the way), and a body that is cut off, too long or not of AWS. The
unknown is settled by looking at the state and the events, never by asking again.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from faildrill.adapters.aws.exchange import Exchange, NoAnswer, NoConnection
from faildrill.errors import ActionRefused, CannotSee, FaildrillError, OutcomeUnknown, reason
from faildrill.system.redaction import clean

_SHOWN: Final = 300
_DENIED: Final = ("AccessDenied", "AccessDeniedException", "AccessDeniedError", "UnauthorizedOperation", "403")
_EXPIRED: Final = ("ExpiredToken", "ExpiredTokenException", "RequestExpired")
_UNKNOWN_KEYS: Final = ("InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure", "SignatureDoesNotMatch")
_OF_THE_LOGIN: Final = (*_EXPIRED, *_UNKNOWN_KEYS)
_SKEWED: Final = ("RequestTimeTooSkewed", "RequestInTheFuture")
_THROTTLED: Final = (
    "Throttling",
    "ThrottlingException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "SlowDown",
)
_BY_CODE: Final[Mapping[str, str]] = {
    **dict.fromkeys(_EXPIRED, "log in again: the token is no longer valid"),
    **dict.fromkeys(_UNKNOWN_KEYS, "correct the access key: this account knows none like that"),
    **dict.fromkeys(_SKEWED, "set this machine's clock: it is minutes off AWS's"),
    **dict.fromkeys(_THROTTLED, "too many calls in this account: look less often, or wait"),
}
"""What to do about a refusal."""
_PRINCIPAL: Final = re.compile(r"User: \S+|arn:[\w-]+:sts::\d*:assumed-role/\S+")
"""How AWS names who asked, with the name of his session, which is often a mail address."""
_SKEW_IN_WORDS: Final = re.compile("Signature expired|Signature not yet current")
_REFUSALS: Final = range(400, 500)
_GOOD: Final = range(200, 300)


class Call(NamedTuple):
    """One operation of one service, by the names of boto3's methods."""

    service: str
    method: str
    parameters: Mapping[str, Any] = {}
    returns: str = ""
    """The key that an answer has, if it is one."""

    @property
    def permission(self) -> str:
        """What a policy calls it, e.g. `rds:FailoverDBCluster`."""
        words = (_ABBREVIATIONS.get(word, word.capitalize()) for word in self.method.split("_"))
        return f"{self.service}:{''.join(words)}"


_ABBREVIATIONS: Final = {"db": "DB"}


class NotSent(ActionRefused):
    """Nothing left this machine."""


class Refused(ActionRefused):
    """AWS refused, and did nothing."""

    def __init__(self, told: str, code: str) -> None:
        super().__init__(told)
        self.code = code

    @property
    def is_of_the_login(self) -> bool:
        """Whether it was about who asked: another key or token may be let in."""
        return self.code in _OF_THE_LOGIN


class Unknown(OutcomeUnknown):
    """It was sent, and what came back does not tell whether it was done."""


class Untold(CannotSee):
    """Nobody answered a question; `words` say why, in few that repeat."""

    def __init__(self, told: str, words: str, *, is_throttled: bool = False, is_of_the_login: bool = False) -> None:
        super().__init__(told)
        self.words = words
        self.is_throttled = is_throttled
        """AWS, or our own limit of calls a second, held it back."""
        self.is_of_the_login = is_of_the_login
        """It was about who asked: another key or token may be let in."""


def came_of(error: BaseException, exchange: Exchange, call: Call) -> NotSent | Refused | Unknown:
    """Return what a call that failed has come to."""
    if not exchange.is_sent:
        return NotSent(f"nothing was sent: {_unsent(error)}")
    said = _error_of(error)
    if said is not None and exchange.status in _REFUSALS:
        return Refused(f"AWS refuses: {refusal(said, call.permission)}", said["Code"])
    return Unknown(f"{_open(error, exchange)}: whether it was done is open")


def untold(error: BaseException, exchange: Exchange, call: Call) -> Untold:
    """Return why a question was not answered."""
    said = _error_of(error) if exchange.is_sent else None
    if said is not None and exchange.status in _REFUSALS:
        code = said["Code"]
        return Untold(
            f"AWS does not say: {refusal(said, call.permission)}",
            code,
            is_throttled=code in _THROTTLED,
            is_of_the_login=code in _OF_THE_LOGIN,
        )
    words = _open(error, exchange) if exchange.is_sent else _unsent(error)
    return Untold(f"the API does not answer {call.permission}: {words}", words)


def refused(error: BaseException) -> str:
    """Say what AWS said to a call that had to be made before the one that was asked for, and what to do about it."""
    said, operation = _error_of(error), getattr(error, "operation_name", "")
    return refusal(said, f"sts:{operation}") if said is not None and operation else _discreet(reason(error))


def refusal(said: Mapping[str, str], permission: str) -> str:
    """Say what AWS said, and what to do about it."""
    code = said["Code"]
    words = _discreet(said.get("Message", ""))
    remedy = _BY_CODE.get(code, "")
    if _SKEW_IN_WORDS.search(words):
        remedy = _BY_CODE[_SKEWED[0]]
    elif code in _DENIED:
        remedy = (
            "somebody denies it explicitly, e.g. a service control policy: no policy of the account lifts that"
            if "explicit deny" in words
            else f"allow {permission} in the policy of this login"
        )
    return f"{code}: {words}" + (f" ({remedy})" if remedy else "")


def is_taken(data: object, call: Call) -> bool:
    """Tell whether an answer is one of this call."""
    return isinstance(data, dict) and (not call.returns or call.returns in data)


def _error_of(error: BaseException) -> Mapping[str, str] | None:
    """Return code and message of an error that AWS has told; None where it was none."""
    response = getattr(error, "response", None)
    said = response.get("Error") if isinstance(response, dict) else None
    return said if isinstance(said, dict) and said.get("Code") else None


def _unsent(error: BaseException) -> str:
    if isinstance(error, NoConnection | FaildrillError):
        return clean(str(error))
    if isinstance(error, TimeoutError):
        return "timed out"
    return refused(error)


def _discreet(words: str) -> str:
    """Return somebody's words on one line, not too long, and without a secret or the name of who asked."""
    return _PRINCIPAL.sub("this login", clean(" ".join(words.split())))[:_SHOWN]


def _open(error: BaseException, exchange: Exchange) -> str:
    if isinstance(error, TimeoutError | NoAnswer):
        return str(error) or "timed out"
    said = _error_of(error)
    words = _discreet(str(said.get("Message") or said["Code"])).rstrip(".") if said else ""
    if exchange.status and exchange.status not in _GOOD:
        return f"an answer of {exchange.status}" + (f": {words}" if words and words != str(exchange.status) else "")
    return f"an answer of {exchange.status} that is not AWS's" if exchange.status else _discreet(reason(error))
