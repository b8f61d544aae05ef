"""A changing call to Patroni's REST interface, made once; and what its cluster-wide configuration is."""

from typing import Any, Final, Literal, NamedTuple

import aiohttp
from pydantic import JsonValue

from faildrill.adapters.patroni.nodes import Observer, checking
from faildrill.adapters.patroni.succession import Sight
from faildrill.adapters.postgres.target import Cluster
from faildrill.errors import ActionRefused, OutcomeUnknown
from faildrill.ports import Checked
from faildrill.toolkit.http_errors import in_words
from faildrill.toolkit.single_request import Once

_REFUSALS: Final = (400, 401, 403, 404, 405, 409, 412)
"""Answers that Patroni gives before it has written anything."""
_DONE: Final = 200
_LONGEST: Final = 300
_NO_CALL: Final = "may we?"
"""Sent as JSON, it is no call at all: Patroni refuses it with 400, when it has seen who sends it."""


class Call(NamedTuple):
    """A call that changes something: its verb and its path."""

    verb: Literal["POST", "PATCH"]
    path: str


async def tell(cluster: Cluster, name: str, call: Call, body: dict[str, Any] | str, within: float) -> str:
    """Make a changing call, once; no client underneath repeats it, nor follows a redirect with it.

    `call`: the verb and the path. Returns what the member `name` said; raises ActionRefused when provably nothing was
    changed, OutcomeUnknown when the answer leaves it open.
    """
    verb, path = call
    where = f"{name}: {verb} {path}"
    async with aiohttp.ClientSession(
        auth=_login(cluster),
        timeout=aiohttp.ClientTimeout(total=within, sock_connect=within / 2),
        trust_env=False,
    ) as session:
        try:
            url = f"{cluster.members[name].api.rstrip('/')}{path}"
            request = session.request(
                verb, url, json=body, allow_redirects=False, middlewares=(Once(),), ssl=checking(cluster)
            )
            async with request as response:
                status, answer = response.status, (await response.content.read(_LONGEST)).decode(errors="replace")
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise ActionRefused(f"{where}: not sent, {in_words(error)}") from error
        except (OSError, aiohttp.ClientError) as error:
            raise OutcomeUnknown(f"{where}: sent, then {in_words(error)}") from error
    if status == _DONE:
        return answer
    if status in _REFUSALS:
        raise ActionRefused(f"{where}: {status} {answer}{_advice(status)}")
    raise OutcomeUnknown(f"{where}: {status} {answer}")


async def may_tell(cluster: Cluster, within: float) -> Checked:
    """Ask every node whether it would take a changing call from us: by one whose content it can't read, and refuses.

    Patroni looks at who calls before it looks at what is sent.
    """
    wrong = {}
    for name in cluster.members:
        try:
            await tell(cluster, name, Call("POST", "/switchover"), _NO_CALL, within / len(cluster.members))
        except (ActionRefused, OutcomeUnknown) as error:
            if not str(error).startswith(f"{name}: POST /switchover: 400"):
                wrong[name] = str(error).rpartition("/switchover: ")[2]
    words = "; ".join(f"{name} {words}" for name, words in wrong.items()) or "every node takes changing calls from us"
    remedy = "name api_user and api_password, api_ca and api_certificate as the nodes' `restapi` asks" if wrong else ""
    return Checked("Patroni's interface", not wrong, words, remedy)


async def configuration(cluster: Cluster, within: float) -> dict[str, JsonValue]:
    """Read the configuration that all members share; CannotSee when none tells it, or two tell different ones."""
    async with Observer.opened() as observer:
        return await observer.configuration(cluster, within)


async def configurations(cluster: Cluster, within: float) -> dict[str, dict[str, JsonValue]]:
    """Read it as each member tells it, by name: what it has read last; CannotSee when none does."""
    async with Observer.opened() as observer:
        return await observer.configurations(cluster, within)


async def sighted(cluster: Cluster, within: float) -> Sight:
    """Ask every node of a cluster what it is, and by which rules one is promoted, once."""
    async with Observer.opened() as observer:
        return await observer.look(cluster, within, rules=True)


def _login(cluster: Cluster) -> "aiohttp.BasicAuth | None":
    secret = cluster.api_password.resolve().reveal() if cluster.api_password else ""
    return aiohttp.BasicAuth(cluster.api_user, secret) if cluster.api_user else None


def _advice(status: int) -> str:
    return "; name api_user and api_password in the environment file" if status in (401, 403) else ""
