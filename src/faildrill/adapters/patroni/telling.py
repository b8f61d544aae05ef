"""A changing call to Patroni's REST interface, made once; and what its cluster-wide configuration is."""

from typing import Any, Final, Literal

import aiohttp
import msgspec
from pydantic import JsonValue

from faildrill.adapters.patroni.nodes import Observer, Sight, in_words
from faildrill.errors import ActionRefused, CannotSee, OutcomeUnknown
from faildrill.targets import Cluster, ClusterMember

_REFUSALS: Final = (400, 401, 403, 404, 405, 409, 412)
"""Answers that Patroni gives before it has written anything."""
_DONE: Final = 200
_LONGEST: Final = 300
_LARGEST: Final = 1 << 18
Verb = Literal["POST", "PATCH"]


async def tell(cluster: Cluster, name: str, call: tuple[Verb, str], body: dict[str, Any], within: float) -> str:
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
            async with session.request(verb, url, json=body, allow_redirects=False) as response:
                status, said = response.status, (await response.content.read(_LONGEST)).decode(errors="replace")
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise ActionRefused(f"{where}: not sent, {in_words(error)}") from error
        except (OSError, aiohttp.ClientError) as error:
            raise OutcomeUnknown(f"{where}: sent, then {in_words(error)}") from error
    if status == _DONE:
        return said
    if status in _REFUSALS:
        raise ActionRefused(f"{where}: {status} {said}{_advice(status)}")
    raise OutcomeUnknown(f"{where}: {status} {said}")


async def configuration(cluster: Cluster, within: float) -> dict[str, JsonValue]:
    """Read the configuration that all members share, from the first one that tells it; CannotSee when none does."""
    silent = []
    timeout = aiohttp.ClientTimeout(total=within / len(cluster.members))
    async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
        for member in cluster.members.values():
            try:
                return await _configuration(session, member)
            except (OSError, aiohttp.ClientError) as error:
                silent.append(f"{member.name} {in_words(error)}")
            except (msgspec.MsgspecError, UnicodeDecodeError):
                silent.append(f"{member.name} garbage")
    raise CannotSee(f"{cluster.name} tells its configuration nowhere: {', '.join(silent)}")


async def sighted(cluster: Cluster, within: float) -> Sight:
    """Ask every node of a cluster what it is, once."""
    async with Observer.opened() as observer:
        return await observer.look(cluster, within)


async def _configuration(session: "aiohttp.ClientSession", member: ClusterMember) -> dict[str, JsonValue]:
    url = f"{member.api.rstrip('/')}/config"
    async with session.get(url, allow_redirects=False, raise_for_status=True) as response:
        body = await response.content.read(_LARGEST)
    return msgspec.json.decode(body, type=dict[str, Any])


def _login(cluster: Cluster) -> "aiohttp.BasicAuth | None":
    secret = cluster.api_password.resolve().reveal() if cluster.api_password else ""
    return aiohttp.BasicAuth(cluster.api_user, secret) if cluster.api_user else None


def _advice(status: int) -> str:
    return "; name api_user and api_password in the environment file" if status in (401, 403) else ""
