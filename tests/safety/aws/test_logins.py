"""Who asks: one reading of keys for all that an account is asked, by its profile alone, and proved before each act."""

import hashlib
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import botocore.awsrequest
import botocore.credentials
import pytest

from faildrill.adapters.aws import service_clients
from faildrill.adapters.aws.call_outcomes import Call, NotSent, Untold, came_of
from faildrill.adapters.aws.client import act, read
from faildrill.adapters.aws.exchange import Exchange, Request, through
from faildrill.adapters.aws.target import Account
from faildrill.errors import UnresolvedSecret
from safety.aws.rds_api import ACCOUNT, Rds, account, on_a_loop, served
from safety.aws.test_outcomes import FAILOVER, LOOK, answering, error

ROLE: Final = f"arn:aws:iam::{ACCOUNT}:role/drills"
SSO: Final = f"""
[profile drills]
sso_start_url = https://example.awsapps.com/start
sso_region = eu-central-1
sso_account_id = {ACCOUNT}
sso_role_name = drills
services = local
[services local]
sso =
  endpoint_url = http://127.0.0.1:9
"""
CHAINED: Final = f"[profile drills]\nrole_arn = {ROLE}\nsource_profile = base\n"
KEYS: Final = "[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = of-the-base\n"
_NUMBERS: Final = itertools.count()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with ~/.aws in it."""
    (tmp_path / ".aws").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def by_profile(port: int = 1, **more: Any) -> Account:
    """An account that is asked with a profile, each one known to nobody yet."""
    return account(
        port, name=f"staging{next(_NUMBERS)}", profile="drills", access_key_id=None, secret_access_key=None, **more
    )


def wrote(home: Path, key: str) -> None:
    """Write the profile's key, as a login of somebody does."""
    text = f"[drills]\naws_access_key_id = {key}\naws_secret_access_key = not-so-short\n"
    (home / ".aws/credentials").write_text(text)


class Wire(Exchange):
    """Answers instead of AWS, to what would leave."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(5.0)
        self._answer, self.requests = (status, body.encode()), list[Request]()

    def make(self, request: Request) -> botocore.awsrequest.AWSResponse:
        """Take a request down."""
        self.requests.append(request)
        status, body = self._answer
        return botocore.awsrequest.AWSResponse(request.url, status, {}, _Body(body))


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> Iterator[bytes]:
        yield self._content


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell that would lead elsewhere."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SSO", "AWS_ENDPOINT_URL_STS", "HTTPS_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")


class Keyed(Rds):
    """An API that takes down with whose key it is asked to do something, and whose STS knows two accounts by key."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: list[str] = []

    def signed(self, action: str, key: str) -> None:
        """Take a request's key down."""
        self.account = "999999999999" if key == "AKIAPRODUCTION" else ACCOUNT
        if action == "FailoverDBCluster":
            self.keys.append(key)


@on_a_loop
async def test_a_profile_that_is_rewritten_after_the_proof_signs_nothing_until_it_is_forgotten(home: Path) -> None:
    rds = Keyed()
    async with served(rds) as there:
        asking = by_profile(endpoint_url=there.endpoint_url)
        wrote(home, "AKIASTAGING")
        await read(asking, LOOK, 5.0)
        wrote(home, "AKIAPRODUCTION")
        await act(asking, FAILOVER, 5.0)
        assert rds.keys == ["AKIASTAGING"]


@on_a_loop
async def test_keys_that_are_read_anew_send_nothing_before_sts_has_named_their_account(home: Path) -> None:
    rds = Keyed()
    async with served(rds) as there:
        asking = by_profile(endpoint_url=there.endpoint_url)
        wrote(home, "AKIASTAGING")
        await act(asking, FAILOVER, 5.0)
        service_clients.forget(asking)
        wrote(home, "AKIAPRODUCTION")
        with pytest.raises(NotSent, match=r"nothing was sent: account \w+ is another one: STS says '999999999999'"):
            await act(asking, FAILOVER, 5.0)
        assert rds.keys == ["AKIASTAGING"]
        wrote(home, "AKIARENEWED")
        await act(asking, FAILOVER, 5.0)
        assert rds.keys == ["AKIASTAGING", "AKIARENEWED"]


@on_a_loop
async def test_a_login_is_forgotten_for_what_is_about_it_alone() -> None:
    for code, status, kept in (("DBClusterNotFoundFault", 404, True), ("ExpiredToken", 403, False)):
        async with answering(error(code, status=status)) as (port, _):
            with pytest.raises(Untold, match=code):
                await read(account(port), LOOK, 5.0)
            assert (service_clients.known(account(port), "rds", once=False) is not None) is kept


@on_a_loop
async def test_a_login_is_forgotten_at_once_while_another_thread_makes_one() -> None:
    with service_clients._making:
        service_clients.forget(account(1, name="busy"))
        assert service_clients.known(account(1, name="busy"), "rds", once=True) is None


@pytest.mark.usefixtures("shell")
def test_a_token_of_sso_goes_to_aws_alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / ".aws/config").write_text(SSO)
    monkeypatch.setattr(botocore.credentials.SSOProvider, "_SSO_TOKEN_CACHE_DIR", str(home))  # of the HOME at import
    token = {"accessToken": "of-sso", "expiresAt": "2099-01-01T00:00:00Z", "startUrl": "s", "region": "eu-central-1"}
    name = hashlib.sha1(b"https://example.awsapps.com/start").hexdigest()  # noqa: S324
    (home / f"{name}.json").write_text(json.dumps(token))
    keys = {
        "accessKeyId": "AKIASSO",
        "secretAccessKey": "secret-of-sso",
        "sessionToken": "token-of-sso",
        "expiration": 4070908800000,
    }
    with through(wire := Wire(200, json.dumps({"roleCredentials": keys}))):
        service_clients.client(by_profile(endpoint_url=None), "rds", once=False)
    [request] = wire.requests
    assert urlsplit(request.url)[:2] == ("https", "portal.sso.eu-central-1.amazonaws.com")


@pytest.mark.usefixtures("shell")
def test_a_profile_with_a_role_is_taken_on_in_the_declared_region(home: Path) -> None:
    (home / ".aws/config").write_text(CHAINED)
    (home / ".aws/credentials").write_text(KEYS)
    keys = "<AccessKeyId>AKIAROLE</AccessKeyId><SecretAccessKey>of-the-role</SecretAccessKey>"
    until = "<SessionToken>token-of-it</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>"
    body = f"<Credentials>{keys}{until}</Credentials>"
    said = f"<AssumeRoleResponse><AssumeRoleResult>{body}</AssumeRoleResult></AssumeRoleResponse>"
    with through(wire := Wire(200, said)):
        service_clients.client(by_profile(endpoint_url=None), "rds", once=False)
    [request] = wire.requests
    assert urlsplit(request.url)[:2] == ("https", "sts.eu-central-1.amazonaws.com")
    assert parse_qs(request.body)["RoleArn"] == [ROLE]


@pytest.mark.parametrize("declared", ["by the profile", "by the environment"])
def test_a_role_that_is_refused_is_named_and_who_asked_is_not(declared: str, home: Path) -> None:
    (home / ".aws/config").write_text(CHAINED)
    (home / ".aws/credentials").write_text(KEYS + KEYS.replace("[base]", "[plain]"))
    who = f"arn:aws:sts::{ACCOUNT}:assumed-role/sso/jane.doe@example.com"
    told = f"User: {who} is not authorized to perform: sts:AssumeRole on resource: {ROLE}"
    said = f"<ErrorResponse><Error><Code>AccessDenied</Code><Message>{told}</Message></Error></ErrorResponse>"
    more = {"profile": "plain", "role": ROLE} if declared == "by the environment" else {}
    asking = by_profile(endpoint_url=None).model_copy(update=more)
    with through(wire := Wire(403, said)), pytest.raises(Exception) as raised:  # noqa: PT011
        service_clients.client(asking, "rds", once=True)
    words = str(came_of(raised.value, Exchange(), Call("rds", "failover_db_cluster")))
    assert ROLE in words
    assert "(allow sts:AssumeRole in the policy of this login)" in words
    assert "jane" not in words
    assert len(wire.requests) == 1


@pytest.mark.parametrize("variable", ["AWS_CREDENTIAL_FILE", "BOTO_CONFIG"])
def test_a_profile_without_keys_gets_none_from_anywhere_else(
    variable: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".aws/config").write_text("[profile drills]\nregion = eu-central-1\n")
    keys = {
        "AWS_CREDENTIAL_FILE": "AWSAccessKeyId=A\nAWSSecretKey=B\n",
        "BOTO_CONFIG": "[Credentials]\naws_access_key_id = A\naws_secret_access_key = B\n",
    }[variable]
    (home / "other").write_text(keys)
    monkeypatch.setenv(variable, str(home / "other"))
    with pytest.raises(UnresolvedSecret, match=r"the profile drills in ~/\.aws gives no credentials"):
        service_clients.client(by_profile(), "rds", once=False)


def test_a_profile_that_takes_the_machines_or_the_shells_keys_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    between = f"[profile between]\nrole_arn = {ROLE}\ncredential_source = Environment\n"
    (home / ".aws/config").write_text(CHAINED.replace("base", "between") + between)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOFTHESHELL")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    with through(wire := Wire(500, "")), pytest.raises(UnresolvedSecret, match=r"the profile between in .* = Environ"):
        service_clients.client(by_profile(), "rds", once=False)
    assert wire.requests == []
