"""Who asks an account: clients of its services, made from what the environment file says and from nothing else."""

import threading
import time
from functools import cache
from typing import Any, Final, NamedTuple

import boto3
import botocore

from faildrill.adapters.aws.exchange import before_send
from faildrill.adapters.aws.target import Account
from faildrill.errors import UnresolvedSecret
from faildrill.system import redaction

_ROLE_LASTS: Final = 3600
"""Seconds for which a role is taken on: what every role allows."""
_RENEWED: Final = 600
"""Seconds before the end of that at which it is taken on anew."""
_FILES: Final = ("config_file", "credentials_file")
"""What of a session's variables leads to the files of profiles."""
_ELSEWHERE: Final = ("container-role", "iam-role")
"""Providers of credentials that are no profile's: those of the machine."""


class _Keys(NamedTuple):
    """What signs requests."""

    id: str
    secret: str
    token: str | None = None

    def given(self) -> dict[str, str | None]:
        """Return them as a client takes them."""
        return {"aws_access_key_id": self.id, "aws_secret_access_key": self.secret, "aws_session_token": self.token}


class _Made(NamedTuple):
    """A client, and until when it can be used, by the monotonic clock."""

    client: Any
    until: float


_clients: Final[dict[tuple[str, str, bool], _Made]] = {}
"""By account as data, service, and whether each call is one attempt: a client takes 0.1 to 0.3 s to make."""
_making: Final = threading.Lock()


def client(account: Account, service: str, *, once: bool) -> "botocore.client.BaseClient":
    """Return a client of a service; `once`: of one attempt, for what changes something. Blocks.

    Raises UnresolvedSecret where nobody says who asks, and whatever botocore and an exchange raise where a role is
    taken on.
    """
    key = (account.model_dump_json(), service, once)
    with _making:
        made = _clients.get(key)
        if made is None or made.until < time.monotonic():
            made = _clients[key] = _make(account, service, once=once)
        return made.client


def made(account: Account, service: str, *, once: bool) -> "botocore.client.BaseClient | None":
    """Return the client of a service where there is one already."""
    known = _clients.get((account.model_dump_json(), service, once))
    return known.client if known is not None and known.until >= time.monotonic() else None


def forget(account: Account) -> None:
    """Have the next call read profile and secrets anew: they may have been renewed."""
    ours = account.model_dump_json()
    with _making:
        for key in [key for key in _clients if key[0] == ours]:
            del _clients[key]


def _make(account: Account, service: str, *, once: bool) -> _Made:
    session = _session(account)
    keys, until = _keys(account, session), float("inf")
    if account.role is not None:
        taken_on = time.monotonic()
        keys, until = _assumed(account, session, keys), taken_on + _ROLE_LASTS - _RENEWED
    return _Made(_of_keys(account, session, keys, service, once=once), until)


def _session(account: Account) -> "botocore.session.Session":
    """Return a session in which no variable of the shell and no line of a configuration file but a profile's counts."""
    known = boto3.session.botocore.session.Session.SESSION_VARIABLES
    variables = {name: (None, None, default, convert) for name, (_, _, default, convert) in known.items()}
    if account.profile is None:
        variables |= dict.fromkeys(_FILES, (None, None, None, None))
    made = botocore.session.Session(session_vars=variables, profile=account.profile)
    made.register_component("data_loader", _models())
    return made


@cache
def _models() -> "botocore.loaders.Loader":
    """Return what reads the descriptions of services, once for all sessions: that takes most of a client's time."""
    return botocore.loaders.create_loader()


def _keys(account: Account, session: "botocore.session.Session") -> _Keys:
    if account.access_key_id is not None and account.secret_access_key is not None:
        token = account.session_token.resolve().reveal() if account.session_token is not None else None
        return _Keys(account.access_key_id.resolve().reveal(), account.secret_access_key.resolve().reveal(), token)
    provided = session.get_component("credential_provider")
    for name in _ELSEWHERE:
        provided.remove(name)
    found = session.get_credentials()
    if found is None:
        raise UnresolvedSecret(f"the profile {account.profile} in ~/.aws gives no credentials: log in, or correct it")
    frozen = found.get_frozen_credentials()
    return _learnt(_Keys(frozen.access_key, frozen.secret_key, frozen.token))


def _learnt(keys: _Keys) -> _Keys:
    for value in filter(None, keys):
        redaction.learn(value)
    return keys


def _assumed(account: Account, session: "botocore.session.Session", keys: _Keys) -> _Keys:
    asking = _of_keys(account, session, keys, "sts", once=True)
    said = asking.assume_role(RoleArn=account.role, RoleSessionName="faildrill", DurationSeconds=_ROLE_LASTS)
    got = said["Credentials"]
    return _learnt(_Keys(got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"]))


def _of_keys(
    account: Account, session: "botocore.session.Session", keys: _Keys, service: str, *, once: bool
) -> "botocore.client.BaseClient":
    # Both are set: with one of them, the other one's default, or the shell's, would decide.
    retries = {"total_max_attempts": 1, "mode": "standard"} if once else {"total_max_attempts": 3, "mode": "adaptive"}
    config = botocore.config.Config(retries=retries, proxies={}, ignore_configured_endpoint_urls=True)
    made = boto3.session.Session(botocore_session=session).client(
        service,
        region_name=account.region,
        endpoint_url=account.endpoint_url,
        config=config,
        **keys.given(),
    )
    made.meta.events.register("before-send", before_send)
    return made
