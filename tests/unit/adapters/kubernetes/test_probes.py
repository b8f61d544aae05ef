"""What the probes of workloads, nodes, leaders and events take for good, and what they say of the rest."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from faildrill.adapters.kubernetes.cluster_probes import Events, Leader, Nodes
from faildrill.adapters.kubernetes.looking import Looking
from faildrill.adapters.kubernetes.workload_probes import BudgetProbe, Restarts, Rollout
from faildrill.kinds.call_context import CallContext
from faildrill.ports import Seen
from faildrill.record.samples import Outcome
from support.kubernetes_payments import MARK
from support.liars.kubernetes import Certificates, Liar, kubeconfig, lying

GIVEN = CallContext("run-1", 4.0)
OK, WRONG, BROKEN = Outcome.OK, Outcome.WRONG, Outcome.BROKEN
APPS = "/apis/apps/v1/namespaces/payments"
CORE = "/api/v1/namespaces/payments"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/payments/leases/lead"
BUDGET = "/apis/policy/v1/namespaces/payments/poddisruptionbudgets/pay"
Look = Callable[..., list[Seen]]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def look(tmp_path: Path, certificates: Certificates) -> Look:
    """Look once at each state of the place, with one probe."""

    def looked(kind: type[Looking], given: dict[str, Any], *states: dict[str, Any]) -> list[Seen]:
        async def main() -> list[Seen]:
            liar, seen = Liar(), []
            async with lying(liar, certificates) as port:
                path = str(kubeconfig(tmp_path, port, certificates))
                target = {
                    "name": "c",
                    "kubeconfig": path,
                    "context": "here",
                    "marker": MARK,
                    "namespaces": ["payments"],
                }
                probe = kind.model_validate({"kubernetes": target, **given})
                for state in states:
                    liar.objects |= state
                    seen.append(await probe.look(GIVEN))
                await probe.close()
            return seen

        return asyncio.run(main())

    return looked


def workload(kind: str = "Deployment", generation: int = 2, **status: Any) -> dict[str, Any]:
    path = f"{APPS}/{kind.lower()}s/pay"
    full = {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3, **status}
    meta = {"generation": generation, "annotations": {"deployment.kubernetes.io/revision": "7"}}
    spec = {"replicas": full.pop("due", 3), "paused": full.pop("paused", None)}
    return {path: {"kind": kind, "metadata": meta, "spec": spec, "status": full}}


@pytest.mark.parametrize(
    ("state", "outcome", "detail"),
    [
        (workload(), OK, "3 of 3 updated, 3 available"),
        (workload(updatedReplicas=1), WRONG, "1 of 3 updated, 3 available"),
        (workload(availableReplicas=None), WRONG, "3 of 3 updated, 0 available"),
        (workload(generation=3), WRONG, "3 of 3 updated, 3 available; not taken up yet"),
        (workload(replicas=4), WRONG, "3 of 3 updated, 3 available; 4 there"),
        (workload(paused=True), WRONG, "3 of 3 updated, 3 available; paused"),
        (workload(due=0, replicas=0, updatedReplicas=0, availableReplicas=0), WRONG, "0 of 0 updated, 0 available"),
        ({}, WRONG, "no Deployment pay"),
    ],
)
def test_a_rollout_is_over_when_all_pods_are_of_the_last_revision_and_available(
    look: Look, state: dict[str, Any], outcome: Outcome, detail: str
) -> None:
    [seen] = look(Rollout, {"namespace": "payments", "name": "pay"}, state)
    assert (seen.outcome, seen.detail) == (outcome, detail)
    assert seen.who == ("7" if state else "")


def test_a_stateful_set_has_the_revision_that_it_names(look: Look) -> None:
    given = {"namespace": "payments", "name": "pay", "workload": "StatefulSet"}
    [seen] = look(Rollout, given, workload("StatefulSet", updateRevision="pay-6d"))
    assert (seen.outcome, seen.who) == (OK, "pay-6d")


def pods(**restarts: int) -> dict[str, Any]:
    items = []
    for name, count in restarts.items():
        last = {"terminated": {"reason": "OOMKilled", "exitCode": 137}} if count else {}
        status = {"containerStatuses": [{"name": "server", "restartCount": count, "lastState": last}]}
        items.append({"metadata": {"name": name, "uid": name, "labels": {"app": "pay"}}, "status": status})
    return {f"{CORE}/pods": {"kind": "PodList", "items": items}}


def test_restarts_count_from_the_first_look_on_also_those_of_pods_that_are_gone(look: Look) -> None:
    given = {"namespace": "payments", "selector": "app=pay", "at_most": 1}
    seen = look(Restarts, given, pods(a=4, b=0), pods(a=5, b=0), pods(b=0, c=1), pods(b=0, c=1))
    assert [one.outcome for one in seen] == [OK, OK, WRONG, WRONG]
    assert seen[0].detail == "0 since the first look"
    assert seen[1].detail == "1 since the first look: a/server (OOMKilled, 137)"
    assert seen[2].detail == "2 since the first look: a/server, c/server (OOMKilled, 137)"


def test_restarts_of_nobody_are_not_good(look: Look) -> None:
    [seen] = look(Restarts, {"namespace": "payments", "selector": "app=other"}, pods(a=0))
    assert (seen.outcome, seen.detail) == (WRONG, "no such pod")


def budget(allowed: int, observed: int = 1) -> dict[str, Any]:
    status = {"disruptionsAllowed": allowed, "observedGeneration": observed, "currentHealthy": 3, "desiredHealthy": 2}
    return {BUDGET: {"kind": "PodDisruptionBudget", "metadata": {"generation": 1}, "status": status}}


def test_a_budget_is_good_while_it_allows_enough_and_unknown_until_it_is_counted(look: Look) -> None:
    given = {"namespace": "payments", "name": "pay"}
    seen = look(BudgetProbe, given, budget(1), budget(0), budget(1, observed=0))
    assert [one.outcome for one in seen] == [OK, WRONG, BROKEN]
    assert seen[1].detail == "allows 0: 3 healthy, 2 due"


def nodes(**states: str) -> dict[str, Any]:
    items = []
    for name, state in states.items():
        ready = {"type": "Ready", "status": "True" if "ready" in state else "Unknown", "reason": "NodeStatusUnknown"}
        labels = {"topology.kubernetes.io/zone": f"zone-{name}"}
        spec = {"unschedulable": "cordoned" in state}
        items.append({"metadata": {"name": name, "labels": labels}, "spec": spec, "status": {"conditions": [ready]}})
    return {"/api/v1/nodes": {"kind": "NodeList", "items": items}}


@pytest.mark.parametrize(
    ("given", "outcome", "who", "detail"),
    [
        ({}, WRONG, "a,b", "2 of 3 ready; b is cordoned; c is not ready (NodeStatusUnknown)"),
        ({"at_least": 2}, OK, "a,b", "2 of 3 ready; b is cordoned; c is not ready (NodeStatusUnknown)"),
        ({"zone": "zone-a"}, OK, "a", "1 of 1 ready"),
        ({"zone": "zone-d"}, WRONG, "", "no such node"),
        (
            {"selector": "topology.kubernetes.io/zone=zone-c"},
            WRONG,
            "",
            "0 of 1 ready; c is not ready (NodeStatusUnknown)",
        ),
    ],
)
def test_nodes_are_good_while_enough_are_ready(
    look: Look, given: dict[str, Any], outcome: Outcome, who: str, detail: str
) -> None:
    [seen] = look(Nodes, given, nodes(a="ready", b="ready, cordoned", c="lost"))
    assert (seen.outcome, seen.who, seen.detail) == (outcome, who, detail)


def lease(who: str, renewed: str, lasts: float = 0.5) -> dict[str, Any]:
    spec = {"holderIdentity": who, "renewTime": renewed, "leaseDurationSeconds": lasts}
    return {LEASE: {"kind": "Lease", "spec": spec}}


def test_the_leader_of_a_lease_is_told_until_nobody_holds_it(look: Look) -> None:
    seen = look(Leader, {"namespace": "payments", "lease": "lead"}, {}, lease("pg-0_4f2", "1"), lease("", "2"))
    assert [(one.outcome, one.who, one.detail) for one in seen] == [
        (WRONG, "", "no Lease lead"),
        (OK, "pg-0", ""),
        (WRONG, "", "nobody leads"),
    ]


def test_a_lease_that_is_not_renewed_in_time_has_no_leader(look: Look) -> None:
    given = {"namespace": "payments", "lease": "lead"}
    seen = look(Leader, given, lease("pg-0", "1", 1e-9), lease("pg-0", "1", 1e-9), lease("pg-0", "2", 1e-9))
    assert [one.outcome for one in seen] == [OK, WRONG, OK]
    assert "pg-0 has not renewed it" in seen[1].detail


@pytest.mark.parametrize(
    ("annotations", "outcome", "who"),
    [
        ({"leader": "pg-0", "ttl": "30", "renewTime": "now"}, OK, "pg-0"),
        (
            {
                "control-plane.alpha.kubernetes.io/leader": (
                    '{"holderIdentity": "c_1", "leaseDurationSeconds": 15, "renewTime": "now"}'
                )
            },
            OK,
            "c",
        ),
        ({"control-plane.alpha.kubernetes.io/leader": "garbage"}, WRONG, ""),
        ({"control-plane.alpha.kubernetes.io/leader": "[]"}, WRONG, ""),
        ({}, WRONG, ""),
    ],
    ids=["Patroni's", "client-go's", "garbage", "a list", "none"],
)
def test_a_leader_may_be_written_in_annotations(
    look: Look, annotations: dict[str, str], outcome: Outcome, who: str
) -> None:
    for kind, field, plural in (("Endpoints", "endpoints", "endpoints"), ("ConfigMap", "config_map", "configmaps")):
        state = {f"{CORE}/{plural}/pg": {"kind": kind, "metadata": {"annotations": annotations}}}
        [seen] = look(Leader, {"namespace": "payments", field: "pg"}, state)
        assert (seen.outcome, seen.who) == (outcome, who)


def test_where_the_leader_is_written_down_is_said_once() -> None:
    target = {"name": "c", "in_cluster": True, "marker": MARK, "namespaces": ["payments"]}
    for more in ({}, {"lease": "a", "endpoints": "b"}):
        with pytest.raises(ValidationError, match="one of them"):
            Leader.model_validate({"kubernetes": target, "namespace": "payments", **more})


def events(*told: tuple[str, str, int]) -> dict[str, Any]:
    items = [
        {
            "metadata": {"uid": f"{reason}"},
            "type": sort,
            "reason": reason,
            "count": count,
            "involvedObject": {"kind": "Pod", "name": "pay-0"},
        }
        for sort, reason, count in told
    ]
    return {f"{CORE}/events": {"kind": "EventList", "items": items}}


def test_events_count_where_they_are_new_or_came_again(look: Look) -> None:
    old, more = ("Warning", "BackOff", 3), ("Warning", "BackOff", 4)
    normal, fresh = ("Normal", "Killing", 1), ("Warning", "Unhealthy", 1)
    seen = look(
        Events, {"namespace": "payments"}, events(old), events(more, normal), events(more, fresh), events(fresh)
    )
    assert [(one.outcome, one.detail) for one in seen] == [
        (OK, "looks for new ones from here on"),
        (WRONG, "BackOff of Pod pay-0"),
        (WRONG, "Unhealthy of Pod pay-0"),
        (OK, ""),
    ]


def test_events_of_other_reasons_do_not_count(look: Look) -> None:
    given = {"namespace": "payments", "reasons": ["Killing"]}
    seen = look(Events, given, events(), events(("Warning", "BackOff", 1)), events(("Normal", "Killing", 1)))
    assert [one.outcome for one in seen] == [OK, OK, WRONG]


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (Rollout, {"namespace": "payments", "name": "pay"}),
        (Restarts, {"namespace": "payments", "selector": "app=pay"}),
        (BudgetProbe, {"namespace": "payments", "name": "pay"}),
        (Nodes, {}),
        (Leader, {"namespace": "payments", "lease": "lead"}),
        (Events, {"namespace": "payments"}),
    ],
    ids=lambda one: one.__name__ if isinstance(one, type) else "",
)
def test_an_answer_of_another_kind_proves_nothing(look: Look, kind: type[Looking], given: dict[str, Any]) -> None:
    banana = {"kind": "Banana"}
    state = dict.fromkeys(
        [f"{APPS}/deployments/pay", f"{CORE}/pods", BUDGET, "/api/v1/nodes", LEASE, f"{CORE}/events"], banana
    )
    [seen] = look(kind, given, state)
    assert seen.outcome is BROKEN


def test_a_look_that_gets_no_answer_does_not_break_another_one_that_is_under_way(
    tmp_path: Path, certificates: Certificates
) -> None:
    async def main() -> list[Seen]:
        liar = Liar()
        liar.lies["GET"] = "503"
        async with lying(liar, certificates) as port:
            path = str(kubeconfig(tmp_path, port, certificates))
            target = {"name": "c", "kubeconfig": path, "context": "here", "marker": MARK, "namespaces": ["payments"]}
            probe = Nodes.model_validate({"kubernetes": target})
            await probe.look(CallContext("r", 0.2))
            # The first of them gives up, and lets go of the connection, while the other one asks again and again.
            seen = [*await asyncio.gather(probe.look(CallContext("r", 0.5)), probe.look(CallContext("r", 3.0)))]
            await probe.close()
        return seen

    assert [one.outcome for one in asyncio.run(main())] == [Outcome.BROKEN] * 2
