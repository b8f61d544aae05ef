"""Who asks an account: clients of its services, made from what the environment file says and from nothing else.

All clients of an account sign with one reading of its keys: a profile that somebody rewrites meanwhile counts for none
of them, until all are forgotten together. Whatever changes something waits until STS has said whose those keys are.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final, NamedTuple

import boto3
import botocore

from faildrill.adapters.aws.call_outcomes import refused
from faildrill.adapters.aws.caller import other_than
from faildrill.adapters.aws.exchange import before_send
from faildrill.adapters.aws.target import Account
from faildrill.errors import ActionRefused, UnresolvedSecret
from faildrill.system import redaction

_ROLE_LASTS: Final = 3600
"""Seconds for which a role is taken on: what every role allows."""
_RENEWED: Final = 600
"""Seconds before the end of that at which it is taken on anew."""
_FILES: Final = ("config_file", "credentials_file")
"""What of a session's variables leads to the files of profiles."""
_OF_A_PROFILE: Final = frozenset(
    {
        "assume-role",
        "assume-role-with-web-identity",
        "sso",
        "shared-credentials-file",
        "login",
        "custom-process",
        "config-file",
    }
)
"""Providers of keys that a profile of ~/.aws leads to; the others are the shell's, the machine's, or of boto 2."""


class _Keys(NamedTuple):
    """What signs requests."""

    id: str
    secret: str
    token: str | None = None

    def given(self) -> dict[str, str | None]:
        """Return them as a client takes them."""
        return {"aws_access_key_id": self.id, "aws_secret_access_key": self.secret, "aws_session_token": self.token}


class Login:
    """One reading of an account's keys, and the clients that sign with it. All but `known` blocks."""

    def __init__(self, account: Account) -> None:
        """Read the keys; UnresolvedSecret where nobody says who asks, and what botocore and an exchange raise."""
        self._account = account
        self._session = session(account)
        self._keys, self._until = _keys(account, self._session), float("inf")
        if account.role is not None:
            taken_on = time.monotonic()
            self._keys = _assumed(account, account.role, self._session, self._keys)
            self._until = taken_on + _ROLE_LASTS - _RENEWED
        self._clients: dict[tuple[str, bool], botocore.client.BaseClient] = {}
        """By service, and whether each call is one attempt: a client takes 0.1 to 0.3 s to make."""
        self._is_proved = False

    @property
    def is_over(self) -> bool:
        """Whether its role has to be taken on anew."""
        return self._until < time.monotonic()

    def known(self, service: str, *, once: bool) -> "botocore.client.BaseClient | None":
        """Return the client of a service that is ready for use, if there is one."""
        return self._clients.get((service, once)) if self._is_proved or not once else None

    def ready(self, service: str, *, once: bool) -> "botocore.client.BaseClient":
        """Return a client of a service; `once`: of one attempt, for what changes something.

        Such a one is had only where STS says that these very keys are the account's; ActionRefused where it does not.
        """
        if once and not self._is_proved:
            self._prove()
        return self._client(service, once=once)

    def _client(self, service: str, *, once: bool) -> "botocore.client.BaseClient":
        key = (service, once)
        if key not in self._clients:
            self._clients[key] = _of_keys(self._account, self._session, self._keys, service, once=once)
        return self._clients[key]

    def _prove(self) -> None:
        try:
            said = self._client("sts", once=False).get_caller_identity()
        except botocore.exceptions.ClientError as error:
            raise ActionRefused(f"nobody says whose login this is: {refused(error)}") from error
        if differs := other_than(self._account, said):
            raise ActionRefused(f"account {self._account.name} {differs}")
        self._is_proved = True


_logins: Final[dict[str, Login]] = {}
"""By account as data. What is taken out of it or put in is so in one step, so that nobody has to wait for that."""
_making: Final = threading.Lock()
"""Held, in a thread, by whoever reads keys or makes a client."""


def client(account: Account, service: str, *, once: bool) -> "botocore.client.BaseClient":
    """Return what `Login.ready` does, and raise what it and a login raise. Blocks."""
    ours = account.model_dump_json()
    with _making:
        login = _logins.get(ours)
        if login is None or login.is_over:
            login = Login(account)
        try:
            made = login.ready(service, once=once)
        except Exception:
            _logins.pop(ours, None)  # its keys may have been renewed, or be another account's
            raise
        _logins[ours] = login
        return made


def known(account: Account, service: str, *, once: bool) -> "botocore.client.BaseClient | None":
    """Return the client of a service where there is one that can be used at once. Never blocks."""
    login = _logins.get(account.model_dump_json())
    return login.known(service, once=once) if login is not None and not login.is_over else None


def forget(account: Account) -> None:
    """Have the next call read profile and secrets anew: they may have been renewed. Never blocks."""
    _logins.pop(account.model_dump_json(), None)


def session(account: Account) -> "botocore.session.Session":
    """Return a session in which no variable of the shell and no line of a configuration file but a profile's counts.

    That holds for the clients, too, that botocore makes of it to get a profile's keys: they ask AWS's own endpoints, in
    the declared Region, through no proxy.
    """
    variables_known = boto3.session.botocore.session.Session.SESSION_VARIABLES
    variables = {name: (None, None, default, convert) for name, (_, _, default, convert) in variables_known.items()}
    variables["region"] = (None, None, account.region, None)
    variables["ignore_configured_endpoint_urls"] = (None, None, True, None)
    if account.profile is None:
        variables |= dict.fromkeys(_FILES, (None, None, None, None))
    made = botocore.session.Session(session_vars=variables, profile=account.profile)
    made.register_component("data_loader", _models())
    made.set_default_client_config(botocore.config.Config(proxies={}, ignore_configured_endpoint_urls=True))
    made.register("before-send", before_send)
    return made


@cache
def _models() -> "botocore.loaders.Loader":
    """Return what reads the descriptions of services, once for all sessions: that takes most of a client's time."""
    return botocore.loaders.create_loader()


def _keys(account: Account, session: "botocore.session.Session") -> _Keys:
    if account.access_key_id is not None and account.secret_access_key is not None:
        token = account.session_token.resolve().reveal() if account.session_token is not None else None
        return _Keys(account.access_key_id.resolve().reveal(), account.secret_access_key.resolve().reveal(), token)
    profile = str(account.profile)
    for name, lines in _sources(session.full_config.get("profiles", {}), profile):
        if source := lines.get("credential_source"):
            raise UnresolvedSecret(
                f"the profile {name} in ~/.aws takes its keys from this machine or the shell "
                f"(credential_source = {source}), which never count: give it a source_profile"
            )
    chain = session.get_component("credential_provider")
    for provider in [one for one in chain.providers if one.METHOD not in _OF_A_PROFILE]:
        chain.remove(provider.METHOD)
    found = session.get_credentials()
    if found is None:
        raise UnresolvedSecret(f"the profile {profile} in ~/.aws gives no credentials: log in, or correct it")
    frozen = found.get_frozen_credentials()
    return _learnt(_Keys(frozen.access_key, frozen.secret_key, frozen.token))


def _sources(profiles: Mapping[str, Any], name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield a profile and those that it gets its keys from, by name; each once."""
    seen: set[str] = set()
    while name in profiles and name not in seen:
        seen.add(name)
        yield name, profiles[name]
        name = profiles[name].get("source_profile", "")


def _learnt(keys: _Keys) -> _Keys:
    for value in filter(None, keys):
        redaction.learn(value)
    return keys


def _assumed(account: Account, role: str, session: "botocore.session.Session", keys: _Keys) -> _Keys:
    asking = _of_keys(account, session, keys, "sts", once=True)
    try:
        said = asking.assume_role(RoleArn=role, RoleSessionName="faildrill", DurationSeconds=_ROLE_LASTS)
    except botocore.exceptions.ClientError as error:
        raise UnresolvedSecret(f"the role {role} can't be taken on: {refused(error)}") from error
    got = said["Credentials"]
    return _learnt(_Keys(got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"]))


def _of_keys(
    account: Account, session: "botocore.session.Session", keys: _Keys, service: str, *, once: bool
) -> "botocore.client.BaseClient":
    # Both are set: with one of them, the other one's default, or the shell's, would decide.
    retries = {"total_max_attempts": 1, "mode": "standard"} if once else {"total_max_attempts": 3, "mode": "adaptive"}
    return boto3.session.Session(botocore_session=session).client(
        service,
        region_name=account.region,
        endpoint_url=account.endpoint_url,
        config=botocore.config.Config(retries=retries),
        **keys.given(),
    )
