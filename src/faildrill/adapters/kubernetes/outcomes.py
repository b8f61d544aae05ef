"""What came of a call that changes something: nothing was sent, it was refused, it was taken, or that is unknown.

The table, by what came back. Nothing sent: no connection, or none that was encrypted as declared. Refused: any 4xx, and
a 2xx whose body is a `Status` that isn't `Success`. Taken: a 2xx whose body is what the call returns. Unknown: anything
else. That is a connection that ended or was silent, any 5xx (kube-apiserver answers 504 to what may go on), a redirect,
and a body that is cut off, too long, or not an API server's. The unknown is settled by looking, never by asking again.
"""

from collections.abc import Collection
from typing import Any, Final, NamedTuple

import msgspec

from faildrill.errors import ActionRefused, OutcomeUnknown
from faildrill.system.redaction import clean

_SHOWN: Final = 300
_TOO_MANY: Final = 429
_BUDGET: Final = "DisruptionBudget"
_GOOD, _REDIRECTS, _REFUSALS, _ERRORS = range(200, 300), range(300, 400), range(400, 500), range(500, 600)


class NotSent(ActionRefused):
    """No connection was made, so nothing was asked for."""


class Refused(ActionRefused):
    """The API server refused, and did nothing."""

    def __init__(self, told: str, status: int, *, by_budget: bool = False, wait: float = 0.0) -> None:
        super().__init__(told)
        self.status = status
        self.by_budget = by_budget
        """It was a PodDisruptionBudget that refused, not the server for its own load."""
        self.wait = wait
        """Seconds for which the server asks to send nothing more."""

    @property
    def is_passing(self) -> bool:
        """Whether the same may be asked for again a little later: nothing was wrong with it."""
        return self.status == _TOO_MANY


class Unknown(OutcomeUnknown):
    """It was sent, and what came back does not tell whether it was done."""


class Cause(msgspec.Struct, frozen=True):
    """One reason of a refusal."""

    reason: str | None = None
    message: str | None = None


class Details(msgspec.Struct, frozen=True, rename="camel"):
    """What a `Status` says in particular."""

    causes: list[Cause] | None = None
    retry_after_seconds: float | None = None


class Status(msgspec.Struct, frozen=True):
    """The answer of an API server that is no object: how a call ended."""

    kind: str | None = None
    status: str | None = None
    reason: str | None = None
    message: str | None = None
    code: int | None = None
    details: Details | None = None

    @property
    def is_refusal(self) -> bool:
        """Whether it says anything but that it was done."""
        return self.kind == "Status" and self.status != "Success"


class Reply(NamedTuple):
    """What came back: the status line's number, the `Retry-After`, and the body, None where it was cut off."""

    status: int
    body: bytes | None
    wait: float = 0.0


def taken(reply: Reply, returns: Collection[str]) -> dict[str, Any]:
    """Return the body of a call that was taken: an object of one of these kinds; raises Refused or Unknown."""
    said = _status_of(reply.body)
    if reply.status in _REFUSALS or (reply.status in _GOOD and said is not None and said.is_refusal):
        raise _refusal(reply, said or Status())
    if reply.status not in _GOOD:
        raise Unknown(f"{_word_for(reply.status)}{_message(said)}: whether it was done is open")
    if reply.body is None:
        raise Unknown(f"the answer, {reply.status}, was cut off or too long")
    try:
        found: dict[str, Any] = msgspec.json.decode(reply.body, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise Unknown(f"the answer, {reply.status}, is not that of an API server") from error
    if found.get("kind") not in (*returns, "Status"):
        raise Unknown(f"the answer, {reply.status}, is of another kind: {clean(str(found.get('kind')))[:40]}")
    return found


def told(reply: Reply) -> str:
    """Say in words what an answer that isn't good says, for somebody who only looked."""
    return f"{_word_for(reply.status)}{_message(_status_of(reply.body))}"


def _status_of(body: bytes | None) -> Status | None:
    try:
        return msgspec.json.decode(body or b"", type=Status)
    except msgspec.MsgspecError:
        return None


def _refusal(reply: Reply, said: Status) -> Refused:
    details = said.details or Details()
    causes = details.causes or []
    by_budget = any(one.reason == _BUDGET for one in causes)
    why = "; ".join(one.message for one in causes if one.message)
    status = said.code or reply.status if reply.status in _GOOD else reply.status
    words = f"the API server refuses, {status}{_message(said)}{f' ({clean(why)[:_SHOWN]})' if why else ''}"
    return Refused(words, status, by_budget=by_budget, wait=details.retry_after_seconds or reply.wait)


def _word_for(status: int) -> str:
    if status in _REDIRECTS:
        return f"a redirect ({status}), which is not followed"
    return f"an error of the server ({status})" if status in _ERRORS else f"an answer of {status}"


def _message(said: Status | None) -> str:
    words = clean(" ".join((said.message or said.reason or "").split()))[:_SHOWN] if said else ""
    return f": {words}" if words else ""
