"""The least rights for a drill: what each kind says that it asks for, a Role a namespace, and nothing else."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from faildrill.adapters.kubernetes.rights import Needed, Needs, Rule
from faildrill.adapters.kubernetes.role import manifests, service_account, user
from faildrill.cli.kubernetes import kubernetes
from faildrill.kinds import find
from faildrill.kinds.table import TABLES

ENVIRONMENT = """\
environment: here
drillable: true
services: {pay: "http://127.0.0.1:1"}
kubernetes:
  staging:
    kubeconfig: missing.kubeconfig
    context: here
    marker: 7d3f6f1e-2f0c-4a57
    namespaces: [payments, shop]
identity:
  - kubernetes.identity: {kubernetes: staging, system: 0d6f3b9e-7a41-4c7e-9c53-1f5a9e7a2b10, ca: FINGERPRINT}
  - kubernetes.marker: {kubernetes: staging}
""".replace("FINGERPRINT", "ab" * 32)
DRILL = """\
drill: one-less
environment: here
probes:
  pay: {http.request: {url: "${services.pay}/"}, every: 50ms}
  nodes: {kubernetes.nodes: {kubernetes: staging}, every: 1s}
  whole: {kubernetes.endpoints: {kubernetes: staging, namespace: payments, service: pay}, every: 1s}
STEPS
expect:
  - outage: {of: pay, at_most: 1s}
"""
SCALES = "{name: act, kubernetes.scale: {kubernetes: staging, namespace: payments, name: pay, replicas: 2}}"
EVICTS = "{name: act, kubernetes.evict: {kubernetes: staging, namespace: payments, selector: app=pay}}"


def printed(folder: Path, step: str, *options: str) -> tuple[int, str]:
    (folder / "here.yaml").write_text(ENVIRONMENT)
    (folder / "drill.yaml").write_text(DRILL.replace("STEPS", f"steps: [{step}]"))
    ran = CliRunner().invoke(
        kubernetes, ["rbac", str(folder / "drill.yaml"), "--env", str(folder / "here.yaml"), *options]
    )
    return ran.exit_code, ran.output


def rules(found: dict[str, Any]) -> set[str]:
    """Each rule as `verbs resource[/name]`."""
    return {
        f"{','.join(one['verbs'])} {'/'.join(one['resources'] + one.get('resourceNames', []))}"
        for one in found["rules"]
    }


def test_a_role_a_namespace_and_one_for_what_is_the_clusters(tmp_path: Path) -> None:
    code, text = printed(tmp_path, SCALES)
    assert code == 0, text
    cluster, payments, shop = yaml.safe_load_all(text)
    assert (cluster["kind"], payments["kind"], shop["kind"]) == ("ClusterRole", "Role", "Role")
    assert rules(cluster) == {"get namespaces/kube-system", "list nodes"}
    assert rules(shop) == {"get namespaces/shop"}
    assert rules(payments) == {
        "get namespaces/payments",
        "get deployments/pay",
        "patch deployments/scale/pay",
        "list pods",
        "list horizontalpodautoscalers",
        "list,watch endpointslices",
    }
    assert not {"*", "secrets", "pods/exec"} & {name for one in payments["rules"] for name in one["resources"]}


def test_what_may_not_be_looked_at_yet_is_any_controller(tmp_path: Path) -> None:
    _, payments, _ = yaml.safe_load_all(printed(tmp_path, EVICTS)[1])
    kinds = {"deployments", "replicasets", "statefulsets", "daemonsets"}
    assert {f"get {kind}" for kind in kinds} | {"create pods/eviction", "get,list pods"} <= rules(payments)


def test_it_is_bound_to_whom_it_is_said_for(tmp_path: Path) -> None:
    found = list(yaml.safe_load_all(printed(tmp_path, SCALES, "--service-account", "ci/drills")[1]))
    bindings = [one for one in found if one["kind"].endswith("Binding")]
    assert [one["subjects"] for one in bindings] == [
        [{"kind": "ServiceAccount", "namespace": "ci", "name": "drills"}]
    ] * 3
    assert bindings[1]["roleRef"]["name"] == bindings[1]["metadata"]["name"] == "faildrill-one-less"


@pytest.mark.parametrize("account", ["drills", "/drills", "ci/", "a/b/c"])
def test_a_service_account_has_a_namespace_and_a_name(account: str) -> None:
    with pytest.raises(ValueError, match="NAMESPACE/NAME"):
        service_account(account)


def test_verbs_on_the_same_are_one_rule_without_anchors() -> None:
    needed = [Needed("a", Rule(verb, "pods")) for verb in ("list", "get", "list")]
    text = manifests("x", needed, user("me"))
    assert yaml.safe_load(text.partition("---")[0])["rules"] == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}
    ]
    assert "&" not in text


def test_every_kind_of_a_cluster_tells_what_it_needs() -> None:
    ours = [
        (shape, name)
        for shape in ("probe", "action", "guard")
        for name in TABLES[shape]
        if name.startswith("kubernetes.")
    ]
    assert len(ours) == 16
    assert [name for shape, name in ours if not issubclass(find(name, shape), Needs)] == []
