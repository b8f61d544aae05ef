"""What is read of the API's objects: what is used here, and nothing else. The server may leave out any of it."""

from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")


class Owner(msgspec.Struct, frozen=True):
    """Who an object belongs to."""

    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


class ManagedField(msgspec.Struct, frozen=True):
    """Who has changed an object, by what part of it, and when last."""

    manager: str = ""
    subresource: str | None = None
    time: str | None = None
    fields: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="fieldsV1")
    """Which part, as it was sent: nobody reads all of it."""


class Meta(msgspec.Struct, frozen=True, rename="camel"):
    """What every object has."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    owner_references: list[Owner] | None = None
    managed_fields: list[ManagedField] | None = None


class Object(msgspec.Struct, frozen=True):
    """Any object, of which only what every one has is read."""

    kind: str = ""
    metadata: Meta = Meta()


class Condition(msgspec.Struct, frozen=True, rename="camel"):
    """One thing that is so or isn't."""

    type: str = ""
    status: str = ""
    reason: str | None = None
    message: str | None = None
    last_transition_time: str | None = None


class Volume(msgspec.Struct, frozen=True, rename="camel"):
    """What a pod has mounted."""

    empty_dir: dict[str, Any] | None = None


class Toleration(msgspec.Struct, frozen=True, rename="camel"):
    """A taint that does not keep a pod away, nor, without a limit, drive it away."""

    key: str | None = None
    operator: str | None = None
    value: str | None = None
    effect: str | None = None
    toleration_seconds: float | None = None


class PodSpec(msgspec.Struct, frozen=True, rename="camel"):
    """What was asked for of a pod."""

    node_name: str | None = None
    volumes: list[Volume] | None = None
    tolerations: list[Toleration] | None = None
    termination_grace_period_seconds: int | None = None


class Ended(msgspec.Struct, frozen=True, rename="camel"):
    """How a container ended."""

    reason: str | None = None
    exit_code: int | None = None


class ContainerState(msgspec.Struct, frozen=True):
    """How a container is, or was before it was started again."""

    terminated: Ended | None = None


class ContainerStatus(msgspec.Struct, frozen=True, rename="camel"):
    """What became of a container."""

    name: str = ""
    restart_count: int = 0
    last_state: ContainerState = ContainerState()

    @property
    def ended(self) -> str:
        """How it ended last, in the kubelet's words; empty where it never did."""
        last = self.last_state.terminated
        return f"({last.reason or 'ended'}, {last.exit_code})" if last else ""


class PodStatus(msgspec.Struct, frozen=True, rename="camel"):
    """What became of a pod."""

    phase: str | None = None
    conditions: list[Condition] | None = None
    container_statuses: list[ContainerStatus] | None = None


class Pod(Object, frozen=True):
    """A pod."""

    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    @property
    def name(self) -> str:
        """Its name, which in a StatefulSet its successor has, too."""
        return self.metadata.name

    @property
    def uid(self) -> str:
        """What no other pod has."""
        return self.metadata.uid

    @property
    def is_terminating(self) -> bool:
        """Whether somebody has deleted it, and it is not gone yet."""
        return self.metadata.deletion_timestamp is not None

    @property
    def is_ready(self) -> bool:
        """Whether it is there to serve."""
        return not self.is_terminating and self.is_so("Ready")

    @property
    def controller(self) -> Owner | None:
        """Who makes another one when it is gone."""
        return next((reference for reference in self.metadata.owner_references or () if reference.controller), None)

    def is_so(self, condition: str) -> bool:
        """Tell whether one of its conditions is true."""
        found = self.condition(condition)
        return found is not None and found.status == "True"

    def condition(self, name: str) -> Condition | None:
        """Return one of its conditions; None where it has none of the name."""
        return next((condition for condition in self.status.conditions or () if condition.type == name), None)


class Listed(msgspec.Struct, Generic[T], frozen=True):
    """A list of objects."""

    kind: str = ""
    metadata: Meta = Meta()
    items: list[T] | None = None


class Expression(msgspec.Struct, frozen=True):
    """One demand on labels."""

    key: str = ""
    operator: str = ""
    values: list[str] | None = None


class LabelSelector(msgspec.Struct, frozen=True, rename="camel"):
    """Which objects are meant, by their labels."""

    match_labels: dict[str, str] | None = None
    match_expressions: list[Expression] | None = None


class BudgetStatus(msgspec.Struct, frozen=True, rename="camel"):
    """What a budget allows now, and by which of its generations that was counted."""

    disruptions_allowed: int | None = None
    observed_generation: int | None = None
    current_healthy: int | None = None
    desired_healthy: int | None = None


class BudgetSpec(msgspec.Struct, frozen=True):
    """What a budget allows at the most."""

    selector: LabelSelector | None = None


class Budget(Object, frozen=True):
    """A PodDisruptionBudget; in a list of them without its kind."""

    spec: BudgetSpec = BudgetSpec()
    status: BudgetStatus = BudgetStatus()


class Conditions(msgspec.Struct, frozen=True):
    """The state of an endpoint."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class Reference(msgspec.Struct, frozen=True):
    """Whose endpoint it is."""

    name: str = ""
    uid: str = ""


class Endpoint(msgspec.Struct, frozen=True, rename="camel"):
    """One place where a Service is served; what is not said of its state is taken as kube-proxy takes it."""

    addresses: list[str] | None = None
    conditions: Conditions = Conditions()
    target_ref: Reference | None = None
    zone: str | None = None

    @property
    def is_terminating(self) -> bool:
        """Whether its pod is on the way out."""
        return bool(self.conditions.terminating)

    @property
    def is_ready(self) -> bool:
        """Whether new connections are sent there: also where a Service publishes what isn't ready, not once it ends."""
        return self.conditions.ready is not False and not self.is_terminating

    @property
    def is_serving(self) -> bool:
        """Whether it would answer, ending or not."""
        return self.conditions.serving is not False if self.conditions.serving is not None else self.is_ready


class EndpointSlice(Object, frozen=True):
    """Some of the endpoints of a Service."""

    endpoints: list[Endpoint] | None = None

    @property
    def service(self) -> str:
        """Whose endpoints they are."""
        return (self.metadata.labels or {}).get("kubernetes.io/service-name", "")


class Strategy(msgspec.Struct, frozen=True):
    """How pods are replaced when what they are made by has changed."""

    type: str | None = None


class WorkloadSpec(msgspec.Struct, frozen=True, rename="camel"):
    """How many there are to be, which are its, and how they are replaced."""

    replicas: int | None = None
    paused: bool | None = None
    selector: LabelSelector | None = None
    strategy: Strategy = Strategy()
    update_strategy: Strategy = Strategy()

    @property
    def how(self) -> str:
        """How pods are replaced: `RollingUpdate`, `Recreate`, `OnDelete`; empty where that is not said."""
        return self.strategy.type or self.update_strategy.type or ""


class ScaleTarget(msgspec.Struct, frozen=True):
    """What an autoscaler scales."""

    kind: str = ""
    name: str = ""


class AutoscalerSpec(msgspec.Struct, frozen=True, rename="camel"):
    """What it is told to do."""

    scale_target_ref: ScaleTarget = ScaleTarget()


class Autoscaler(msgspec.Struct, frozen=True):
    """A HorizontalPodAutoscaler, as a list of them has it."""

    metadata: Meta = Meta()
    spec: AutoscalerSpec = AutoscalerSpec()


class WorkloadStatus(msgspec.Struct, frozen=True, rename="camel"):
    """How many there are, in the words of Deployments, StatefulSets, ReplicaSets and DaemonSets."""

    observed_generation: int | None = None
    replicas: int | None = None
    updated_replicas: int | None = None
    available_replicas: int | None = None
    update_revision: str | None = None
    desired_number_scheduled: int | None = None


class Workload(Object, frozen=True):
    """What keeps so many pods there."""

    spec: WorkloadSpec = WorkloadSpec()
    status: WorkloadStatus = WorkloadStatus()


class LeaseSpec(msgspec.Struct, frozen=True, rename="camel"):
    """Who holds a Lease, since when, and for how long."""

    holder_identity: str | None = None
    lease_duration_seconds: float | None = None
    renew_time: str | None = None


class LeaseObject(Object, frozen=True):
    """A Lease by which somebody leads."""

    spec: LeaseSpec = LeaseSpec()


class UserInfo(msgspec.Struct, frozen=True):
    """An account."""

    username: str = ""


class ReviewStatus(msgspec.Struct, frozen=True, rename="camel"):
    """Who asks."""

    user_info: UserInfo = UserInfo()


class SelfSubjectReview(msgspec.Struct, frozen=True):
    """Whom the server takes us for."""

    kind: str = ""
    status: ReviewStatus = ReviewStatus()


class AccessStatus(msgspec.Struct, frozen=True):
    """Whether we may."""

    allowed: bool = False


class SelfSubjectAccessReview(msgspec.Struct, frozen=True):
    """Whether the server would let us do something."""

    kind: str = ""
    status: AccessStatus = AccessStatus()
