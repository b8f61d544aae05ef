"""Ask the API of an account: what changes something exactly once, what only looks a few times, each within a deadline.

botocore blocks, so each call has a thread of its own, which nobody waits for after its deadline: by then its connection
is shut, so that nothing leaves any more and the thread ends.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, Final, NamedTuple

import botocore

from faildrill.adapters.aws import service_clients
from faildrill.adapters.aws.call_outcomes import Call, Refused, Unknown, Untold, came_of, is_taken, untold
from faildrill.adapters.aws.exchange import Exchange, through
from faildrill.adapters.aws.target import Account
from faildrill.system.threads import aside

_FIRST: Final = 5.0
"""Seconds, beside its own time, in which the first call of a service is prepared: boto3, a role, the word of STS."""
_PAGES: Final = 10
"""Pages of an answer that are read at the most."""


class Answer(NamedTuple):
    """What came back."""

    data: dict[str, Any]
    sent: int
    """When the question, or its last attempt, left (monotonic ns)."""
    answered: int
    """When the whole answer was there."""
    date: str
    """What its header `Date` says: AWS's clock."""


_turns: Final[dict[tuple[str, str, int], deque[float]]] = {}
"""By account, Region and limit, when the last questions were asked or are to be, on the loop's clock: by whomever."""


async def act(account: Account, call: Call, within: float) -> Answer:
    """Make a call that changes something, in one attempt; NotSent, Refused or Unknown where it was not seen taken."""
    exchange = Exchange()
    try:
        data = await _made(account, call, exchange, once=True, within=within)
    except Exception as error:  # whatever botocore raises: the table weighs it
        failed = came_of(error, exchange, call)
        if isinstance(failed, Refused) and failed.is_of_the_login:
            service_clients.forget(account)
        raise failed from error
    if not is_taken(data, call):
        raise Unknown(f"the answer does not say {call.returns}: whether it was done is open")
    return Answer(data, exchange.sent, exchange.answered, exchange.date)


async def read(account: Account, call: Call, within: float) -> Answer:
    """Ask, in up to three attempts; Untold where nobody says."""
    clock = asyncio.get_running_loop().time
    last = clock() + within
    await _turn(account, within)
    exchange = Exchange()
    try:
        data = await _made(account, call, exchange, once=False, within=last - clock())
    except Exception as error:  # as above
        failed = untold(error, exchange, call)
        if failed.is_of_the_login:
            service_clients.forget(account)
        raise failed from error
    if not is_taken(data, call):
        raise Untold(f"the answer to {call.permission} is not AWS's", "garbage")
    return Answer(data, exchange.sent, exchange.answered, exchange.date)


async def pages(account: Account, call: Call, within: float) -> AsyncIterator[Answer]:
    """Ask for one page after the other of what RDS lists; Untold where one is missing, or there are too many."""
    last, marker = asyncio.get_running_loop().time() + within, ""
    for _ in range(_PAGES):
        more = {"Marker": marker} if marker else {}
        answer = await read(
            account, call._replace(parameters={**call.parameters, **more}), last - asyncio.get_running_loop().time()
        )
        yield answer
        if not (marker := str(answer.data.get("Marker") or "")):
            return
    raise Untold(f"{call.permission} lists more than {_PAGES} pages", "too many pages")


async def _made(account: Account, call: Call, exchange: Exchange, *, once: bool, within: float) -> dict[str, Any]:
    client = await _client(account, call.service, once=once, within=max(within, _FIRST))
    exchange.begin(within)

    def work() -> dict[str, Any]:
        with through(exchange):
            made: dict[str, Any] = getattr(client, call.method)(**call.parameters)
            return made

    try:
        async with asyncio.timeout(within):
            return await aside(work)
    finally:
        exchange.end()


async def _client(account: Account, service: str, *, once: bool, within: float) -> "botocore.client.BaseClient":
    """Return what asks: made in a thread when it is first needed, as that loads boto3 and may ask STS."""
    if (known := service_clients.known(account, service, once=once)) is not None:
        return known
    exchange = Exchange(within)

    def work() -> "botocore.client.BaseClient":
        with through(exchange):
            return service_clients.client(account, service, once=once)

    try:
        async with asyncio.timeout(within):
            return await aside(work)
    finally:
        exchange.end()


async def _turn(account: Account, within: float) -> None:
    """Wait until one more question may be asked of an account; Untold where that is later than in float seconds."""
    now, most = asyncio.get_running_loop().time(), account.calls_per_second
    turns = _turns.setdefault((account.account, account.region, most), deque(maxlen=most))
    due = max(now, turns[0] + 1.0) if len(turns) == most else now
    if due - now >= within:
        raise Untold(f"more than {most} calls a second: look less often", "held back", is_throttled=True)
    turns.append(due)
    if due > now:
        await asyncio.sleep(due - now)
