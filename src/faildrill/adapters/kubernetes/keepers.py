"""Who else sets what a drill would change, and would put it back: then the drill proves nothing."""

from typing import Final

from faildrill.adapters.kubernetes.client import Api, Where
from faildrill.adapters.kubernetes.objects import Autoscaler, Listed, Workload

_BY_LABEL: Final = {
    "argocd.argoproj.io/instance": "Argo CD",
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
}
"""Labels and annotations by which deployers know what is theirs."""
_BY_MANAGER: Final = {
    "argocd-controller": "Argo CD",
    "kustomize-controller": "Flux",
    "helm-controller": "Flux",
}
"""What they sign their changes with."""


async def keeper_of_settings(api: Api, namespace: str, found: Workload, within: float) -> str:
    """Say who would put back how many pods a workload is to have; empty where nobody is known to."""
    meta = found.metadata
    owner = next((one for one in meta.owner_references or () if one.controller), None)
    if owner is not None:
        return f"{owner.kind} {owner.name}"
    marks = {**(meta.labels or {}), **(meta.annotations or {})}
    signed = {one.manager for one in meta.managed_fields or ()}
    deployer = next((who for mark, who in _BY_LABEL.items() if mark in marks), "")
    deployer = deployer or next((who for name, who in _BY_MANAGER.items() if name in signed), "")
    if deployer:
        return deployer
    listed = await api.read(
        Where.of("autoscaling/v2", namespace, "horizontalpodautoscalers"), Listed[Autoscaler], within
    )
    for one in (listed.items if listed else None) or ():
        if (one.spec.scale_target_ref.kind, one.spec.scale_target_ref.name) == (found.kind, meta.name):
            return f"HorizontalPodAutoscaler {one.metadata.name}"
    return ""
