"""What is read of nodes and of events, as `objects` has it of workloads."""

import msgspec

from faildrill.adapters.kubernetes.objects import Condition, Meta, Object, Owner


class TaintOnNode(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What keeps pods away from a node that don't tolerate it, as it is written back."""

    key: str = ""
    value: str | None = None
    effect: str = ""
    time_added: str | None = None


class NodeSpec(msgspec.Struct, frozen=True):
    """Whether pods may come to a node."""

    unschedulable: bool | None = None
    taints: list[TaintOnNode] | None = None


class NodeStatus(msgspec.Struct, frozen=True):
    """How a node is."""

    conditions: list[Condition] | None = None


class Node(Object, frozen=True):
    """A node."""

    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()

    @property
    def is_ready(self) -> bool:
        """Whether its kubelet is heard, and says so."""
        found = self._ready
        return found is not None and found.status == "True"

    @property
    def trouble(self) -> str:
        """Say why it is not ready, or takes no pods; empty where neither is so."""
        found = self._ready
        why = [] if self.is_ready else [f"not ready ({(found.reason if found else None) or 'nobody says why'})"]
        told = [*why, *(["cordoned"] if self.spec.unschedulable else [])]
        return f"{self.metadata.name} is {' and '.join(told)}" if told else ""

    @property
    def _ready(self) -> Condition | None:
        return next((one for one in self.status.conditions or () if one.type == "Ready"), None)


class Series(msgspec.Struct, frozen=True):
    """How often an event has happened again."""

    count: int = 0


class Event(msgspec.Struct, frozen=True, rename="camel"):
    """What somebody has complained of, or just told."""

    metadata: Meta = Meta()
    type: str | None = None
    reason: str | None = None
    count: int | None = None
    series: Series | None = None
    involved_object: Owner = Owner()

    @property
    def times(self) -> int:
        """How often it has happened."""
        return max(1, self.count or 0, self.series.count if self.series else 0)

    @property
    def words(self) -> str:
        """What it is, and of what."""
        return f"{self.reason} of {self.involved_object.kind} {self.involved_object.name}"
