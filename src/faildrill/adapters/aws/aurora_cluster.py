"""A DB cluster of Aurora as the API tells it: its instances, who of them writes, and why the others could not."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, NamedTuple

from faildrill.adapters.aws.call_outcomes import Call
from faildrill.adapters.aws.client import read
from faildrill.adapters.aws.rds_events import Event, lately, refuse_older, since
from faildrill.adapters.aws.target import Account, OfCluster
from faildrill.errors import CannotSee
from faildrill.toolkit.identity import shown
from faildrill.toolkit.leader_store import Lack, LeaderStore, OfStore, Reason, Words

AVAILABLE: Final = "available"
WORDS: Final = Words(
    ("writer", "reader"),
    key="writer",
    leader="writer",
    several="writer",
    node="instance",
    leads="is the writer",
    led="was",
)
_LAST_TIER: Final = 15
"""Of the tiers 0 to 15, the one that is promoted last."""


@dataclass(frozen=True)
class Node:
    """One DB instance, as the API tells it."""

    name: str
    status: str
    """As AWS calls it, also a word that nobody here has heard of."""
    leads: bool = False
    tier: int = _LAST_TIER
    resource: str = ""
    """What tells it from every other one that has had its name."""
    zone: str = ""
    silent: str = ""
    """Never: the API tells of all of them, or of none."""

    @property
    def position(self) -> int | None:
        """Nothing: all instances of a cluster read one storage."""
        return None

    def __str__(self) -> str:
        if self.status != AVAILABLE:
            return f"{self.name} {self.status}"
        return f"{self.name} {'writer' if self.leads else 'reader'}"


REASONS: Final = (Reason(lambda _, node: node.status != AVAILABLE, "{node}", "wait until {name} is available"),)


@dataclass(frozen=True)
class Sight(LeaderStore[Node]):
    """A cluster and its instances, as the API told them in one look."""

    WORDS: ClassVar[Words] = WORDS
    REASONS: ClassVar[Sequence[Reason]] = REASONS
    TOLERANCE: ClassVar[float] = 0

    cluster: str = ""
    status: str = ""
    arn: str = ""
    resource: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    endpoint: str = ""
    date: str = ""
    """What AWS's clock said."""
    asked: int = 0
    answered: int = 0
    """Between these the API told all of it (monotonic ns)."""
    events: tuple[Event, ...] = ()
    """The events of failovers that RDS still has, where they were asked for."""

    def hindrances(self) -> list[Lack]:
        """Tell that the cluster is at something else."""
        if self.status == AVAILABLE:
            return []
        return [Lack(f"{self.cluster} is {self.status}", f"wait until {self.cluster} is available")]

    def heirs(self) -> list[str]:
        """List who could take over, in the order in which Aurora chooses: by tier; the names decide for us."""
        return sorted(self.candidates(), key=lambda name: (self.nodes[name].tier, name))

    def who(self) -> dict[str, str]:
        """Tell the ids that RDS gives to instances."""
        return {name: node.resource for name, node in self.nodes.items()}

    def news(self, before: Mapping[str, Any]) -> list[Event]:
        """Return the events that were not there in an earlier `as_data`; CannotSee where that is too long ago."""
        refuse_older(before["date"], self.date)
        return since(self.events, before["events"], before["date"])

    def miscounted(self, before: Mapping[str, Any]) -> list[str]:
        """Tell where the events do not tell of exactly one failover, which has ended with the writer that there is."""
        news = self.news(before)
        completed = [event.instance for event in news if event.is_end]
        if not completed:
            return ["no event tells of a completed failover"]
        if len(completed) > 1 or sum(event.is_beginning for event in news) > 1:
            return [f"there was more than one failover, perhaps somebody else's: {_story(news)}"]
        if completed != [self.leader]:
            return [f"the event tells of a failover to {completed[0]}"]
        return []

    def untold(self, before: Mapping[str, Any]) -> str:
        """Tell how the events don't say yet that the writer is it: one of the two is late. Empty where they do."""
        ended = [event.instance for event in self.news(before) if event.is_end]
        if self.leader is None or (ended and ended[-1] == self.leader):
            return ""
        if ended:
            return f"{self.leader} is the writer by the API, {ended[-1]} by the last event"
        return "" if self.leader == before["writer"] else f"{self.leader} is the writer, and no event tells of that"

    def lost(self, before: Mapping[str, Any]) -> list[str]:
        """Tell also which instance was there and is none of the cluster's any more: the API tells of all that are."""
        gone = [f"{name} is gone" for name in sorted(before["members"]) if name not in self.nodes]
        return [*gone, *super().lost(before)]

    def as_data(self) -> dict[str, Any]:
        """Return what is worth writing down of it, the events that are known, too, and AWS's clock."""
        return {
            **super().as_data(),
            "arn": self.arn,
            "resource": self.resource,
            "date": self.date,
            "events": [event.as_data() for event in lately(self.events, self.date)],
        }

    def stray(self, account: Account) -> str:
        """Tell why this cluster may not be drilled: it is another one's, or not tagged; empty where it may."""
        if self.arn != account.arn(self.cluster):
            return f"is another one: its ARN is {shown(self.arn)}, not {account.arn(self.cluster)}"
        for key, value in account.tag.items():
            if self.tags.get(key) != value:
                has = shown(self.tags[key]) if key in self.tags else "missing"
                remedy = f"aws rds add-tags-to-resource --resource-name {self.arn} --tags Key={key},Value={value}"
                return f"does not carry the tag {key}={value} ({key} is {has}); only if it may be drilled: {remedy}"
        return ""


class Declared(NamedTuple):
    """A cluster, as a store of the environment is named."""

    name: str
    members: Mapping[str, Any] = {}  # the API tells them


class OfAurora(OfCluster, OfStore[Sight]):
    """A kind that looks at a cluster of Aurora."""

    WORDS: ClassVar[Words] = WORDS

    @property
    def _store(self) -> Declared:
        return Declared(f"{self.aws.name}/{self.cluster}")

    async def _look(self, within: float) -> Sight:
        return await sighted(self.aws, self.cluster, within)


class Roles(NamedTuple):
    """Who writes, by the API, in one call of it."""

    writers: list[str]
    status: str
    asked: int
    answered: int
    """Between these it was told (monotonic ns)."""


async def roles(account: Account, cluster: str, within: float) -> Roles:
    """Ask who writes, and nothing more; Untold where the API does not say."""
    told = await read(account, _cluster(cluster), within)
    data = _only(told.data["DBClusters"], cluster)
    writers = [
        str(one["DBInstanceIdentifier"]) for one in data["DBClusterMembers"] if one.get("IsClusterWriter") is True
    ]
    return Roles(sorted(writers), str(data.get("Status")), told.sent, told.answered)


async def sighted(account: Account, cluster: str, within: float) -> Sight:
    """Ask for a cluster and its instances; Untold where the API does not say."""
    filters = [{"Name": "db-cluster-id", "Values": [cluster]}]
    told, instances = await asyncio.gather(
        read(account, _cluster(cluster), within),
        read(account, Call("rds", "describe_db_instances", {"Filters": filters}, "DBInstances"), within),
    )
    data = _only(told.data["DBClusters"], cluster)
    known = {one.get("DBInstanceIdentifier"): one for one in instances.data["DBInstances"]}
    nodes = [_node(member, known.get(member["DBInstanceIdentifier"], {})) for member in data["DBClusterMembers"]]
    return Sight(
        {node.name: node for node in nodes},
        cluster=cluster,
        status=str(data.get("Status")),
        arn=str(data.get("DBClusterArn")),
        resource=str(data.get("DbClusterResourceId", "")),
        tags={one["Key"]: one.get("Value", "") for one in data.get("TagList", [])},
        endpoint=str(data.get("Endpoint", "")),
        date=told.date,
        asked=min(told.sent, instances.sent),
        answered=max(told.answered, instances.answered),
    )


def _cluster(cluster: str) -> Call:
    return Call("rds", "describe_db_clusters", {"DBClusterIdentifier": cluster}, "DBClusters")


def _only(clusters: Sequence[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    """Return the one cluster that was asked for; CannotSee where the answer is about another one, or incomplete."""
    if len(clusters) == 1 and clusters[0].get("DBClusterIdentifier") == name and "DBClusterMembers" in clusters[0]:
        return clusters[0]
    raise CannotSee(f"the answer about {name} tells nothing of its instances")


def _node(member: Mapping[str, Any], instance: Mapping[str, Any]) -> Node:
    return Node(
        str(member["DBInstanceIdentifier"]),
        str(instance.get("DBInstanceStatus", "not listed")),
        leads=member.get("IsClusterWriter") is True,
        tier=int(member.get("PromotionTier", _LAST_TIER)),
        resource=str(instance.get("DbiResourceId", "")),
        zone=str(instance.get("AvailabilityZone", "")),
    )


def _story(events: Sequence[Event]) -> str:
    return "; ".join(event.message for event in events)
