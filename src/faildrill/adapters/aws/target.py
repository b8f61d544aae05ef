"""An account of AWS in one Region, and what of it may be drilled, as an environment file declares it."""

import ipaddress
from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Field,
    JsonValue,
    StringConstraints,
    model_validator,
)

from faildrill.ports.addresses import Url
from faildrill.ports.target import Kind, Target
from faildrill.secrets import SecretReference

_WHICH: Final = ("account", "region", "partition", "tag", "db_clusters")
"""What says which place it is; the rest says how it is asked, and by whom."""
Partition = Literal["aws", "aws-cn", "aws-us-gov"]
_PREFIXES: Final[Mapping[str, Partition]] = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
"""How the Regions of the partitions begin that are not `aws`."""


def _is_here(text: str) -> str:
    """Accept a URL of this machine alone: every other endpoint is AWS's own, which follows from the Region."""
    host = urlsplit(text).hostname or ""
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = host == "localhost"
    if not is_loopback:
        raise ValueError(f"{text!r} is not of this machine: AWS's own endpoint follows from `region`; leave it out")
    return text


Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z](-?[a-z0-9]){0,62}$")]
"""How RDS names a cluster or an instance, in small letters as it keeps them: letters, digits, single hyphens."""


class Account(Target):
    """An account of AWS in one Region. What the shell says (`AWS_PROFILE`, `AWS_REGION`, …) never counts.

    Drills act on the listed clusters alone, and only while each of them carries `tag`. Log in with a `profile` of
    `~/.aws`, or with an access key; `role` is taken on with either.

    aws:
      staging:
        account: "123456789012"
        region: eu-central-1
        profile: staging-drills
        tag: {faildrill: staging}
        db_clusters: [payments]
    """

    section: ClassVar[str] = "aws"

    account: Annotated[str, StringConstraints(pattern=r"^[0-9]{12}$")] = Field(
        description="the account's twelve digits, in quotes"
    )
    region: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]+$")] = Field(
        description="the Region, e.g. `eu-central-1`"
    )
    partition: Partition = Field(default="aws", description="whose Region that is: `aws`, `aws-cn` or `aws-us-gov`")
    profile: str | None = Field(default=None, min_length=1, description="a profile of ~/.aws")
    access_key_id: SecretReference | None = Field(
        default=None, description="an access key instead of a profile: its id"
    )
    secret_access_key: SecretReference | None = Field(default=None, description="the secret key of `access_key_id`")
    session_token: SecretReference | None = Field(default=None, description="the token, if the key is a temporary one")
    role: Annotated[str, StringConstraints(pattern=r"^arn:[a-z-]+:iam::[0-9]{12}:role/.+$")] | None = Field(
        default=None, description="the ARN of a role that is taken on for everything else"
    )
    endpoint_url: Annotated[Url, AfterValidator(_is_here)] | None = Field(
        default=None, description="where an API like AWS's listens on this machine, for a lab; loopback addresses only"
    )
    calls_per_second: int = Field(
        default=5, ge=1, le=100, description="what one process asks at the most: AWS throttles a whole account"
    )
    tag: dict[str, str] = Field(
        min_length=1,
        description="a tag, KEY: VALUE, that whatever may be drilled carries, and nothing else",
    )
    db_clusters: list[Identifier] = Field(
        min_length=1, description="the identifiers of the DB clusters in which drills may act"
    )

    @model_validator(mode="after")
    def _is_somebody(self) -> Self:
        if (self.access_key_id is None) == (self.profile is None):
            raise ValueError(
                "give a `profile`, or `access_key_id` and `secret_access_key`: what the shell says never counts"
            )
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("`access_key_id` and `secret_access_key` belong together: give both")
        if self.session_token is not None and self.access_key_id is None:
            raise ValueError("a `session_token` belongs to an `access_key_id`, and none is given")
        return self

    @model_validator(mode="after")
    def _is_of_the_partition(self) -> Self:
        of_region = next((name for prefix, name in _PREFIXES.items() if self.region.startswith(prefix)), "aws")
        if of_region != self.partition:
            raise ValueError(f"{self.region} is a Region of the partition {of_region}: write `partition: {of_region}`")
        if self.role is not None and self.role.split(":")[1] != self.partition:
            raise ValueError(f"`role` is of another partition than {self.partition}")
        return self

    @classmethod
    def proves(cls, declared: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """Return account, Region, tag and clusters: a profile is called otherwise by everybody."""
        return {key: value for key, value in declared.items() if key in _WHICH}

    def arn(self, cluster: str) -> str:
        """Return the ARN that a DB cluster of this account and Region has."""
        return f"arn:{self.partition}:rds:{self.region}:{self.account}:cluster:{cluster}"


class OfAws(Kind):
    """A kind that looks at an account, or acts in it."""

    aws: Account = Field(description="the account")


class OfCluster(OfAws):
    """A kind that looks at one DB cluster, or acts on it."""

    cluster: Identifier = Field(description="one of the target's `db_clusters`")

    @model_validator(mode="after")
    def _is_declared(self) -> Self:
        if self.cluster not in self.aws.db_clusters:
            there = ", ".join(self.aws.db_clusters)
            raise ValueError(f"{self.cluster!r} is none of the db_clusters of {self.aws.name}: {there}")
        return self
