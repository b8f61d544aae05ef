"""A Kubernetes cluster, and the namespaces of it that may be drilled, as an environment file declares them."""

from collections.abc import Collection, Mapping
from typing import Annotated, ClassVar, Final, Self

from pydantic import Field, JsonValue, StringConstraints, ValidationInfo, field_validator, model_validator

from faildrill.ports.target import BLAST_RADIUS, FilePath, Kind, Target

MARKER: Final = "faildrill/environment"
"""The label by which a namespace says to which environment it belongs."""
_HOW: Final = ("unproven", "kubeconfig", "context", "in_cluster")
"""What says how a cluster is asked, and by whom; the rest says which place it is."""

Namespace = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")]


class Kubernetes(Target):
    """A Kubernetes cluster, by a kubeconfig file *and* a context of it, or from within.

    `KUBECONFIG`, `~/.kube/config` and a file's current context never count. Drills act in the listed namespaces alone,
    and only while each of them carries the label `faildrill/environment` with the text that `marker` declares.

    kubernetes:
      staging:
        kubeconfig: staging.kubeconfig
        context: staging-drills
        marker: 7d3f6f1e-2f0c-4a57-9a6e-3a1d6f0b9c11
        namespaces: [payments]
    """

    section: ClassVar[str] = "kubernetes"

    kubeconfig: FilePath | None = Field(default=None, description="a kubeconfig file")
    context: str | None = Field(default=None, min_length=1, description="the context of that file; always named")
    in_cluster: bool = Field(
        default=False, description="true: faildrill runs in a pod of this cluster, with the pod's service account"
    )
    marker: str = Field(
        pattern=r"^[A-Za-z0-9][-A-Za-z0-9_.]{6,61}[A-Za-z0-9]$",
        description="the value of the label `faildrill/environment` on each namespace: a random UID of your own",
    )
    namespaces: list[Namespace] = Field(min_length=1, description="the namespaces in which drills may act")

    @model_validator(mode="after")
    def _is_somewhere(self) -> Self:
        if self.in_cluster == bool(self.kubeconfig or self.context):
            raise ValueError("give `kubeconfig` and `context`, or `in_cluster: true`: one of the two says which it is")
        if not self.in_cluster and not (self.kubeconfig and self.context):
            raise ValueError("a kubeconfig file needs its `context`, and a context its `kubeconfig`: none is assumed")
        return self

    @property
    def way(self) -> str:
        """How it is asked, for a sentence."""
        return "the pod's service account" if self.in_cluster else f"context {self.context} of {self.kubeconfig}"

    @classmethod
    def proves(cls, declared: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """Return the marker and the namespaces: a file and a context are called otherwise in every checkout."""
        return {key: value for key, value in declared.items() if key not in _HOW}

    @classmethod
    def rules(cls) -> tuple[str, ...]:
        """Return that its blast radius may be limited: to so many pods."""
        return (BLAST_RADIUS,)

    def touched(self, touches: Collection[str]) -> list[str]:
        """Return which pods are among those that previews name as `TARGET/NAMESPACE/POD`, sorted."""
        return sorted(one.removeprefix(f"{self.name}/") for one in touches if one.startswith(f"{self.name}/"))


class OfKubernetes(Kind):
    """A kind that looks at a cluster, or acts on it."""

    kubernetes: Kubernetes = Field(description="the cluster")

    @property
    def where(self) -> str:
        """The namespace that it is about; empty for what is the cluster's."""
        return ""


class InKubernetes(OfKubernetes):
    """A kind that looks or acts in one namespace of a cluster."""

    namespace: Namespace = Field(description="one of the target's namespaces")

    @field_validator("namespace")
    @classmethod
    def _is_declared(cls, value: str, info: ValidationInfo) -> str:
        target = info.data.get("kubernetes")
        if isinstance(target, Kubernetes) and value not in target.namespaces:
            there = ", ".join(target.namespaces)
            raise ValueError(f"{value!r} is none of the namespaces of {target.name}: {there}")
        return value

    @property
    def where(self) -> str:
        """The namespace that it is about."""
        return self.namespace
