"""The lab of Kubernetes: a real control plane, nodes whose pods are processes, and users who pay through a Service."""

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from faildrill.adapters.kubernetes.cluster_probes import Events, Leader, Nodes
from faildrill.adapters.kubernetes.looking import Looking
from faildrill.adapters.kubernetes.probes import Endpoints
from faildrill.adapters.kubernetes.target import Kubernetes
from faildrill.adapters.kubernetes.workload_probes import BudgetProbe, Restarts, Rollout
from faildrill.errors import FaildrillError
from faildrill.kinds.call_context import CallContext
from faildrill.lab.core import startup, teardown
from faildrill.lab.core.facts import Facts
from faildrill.lab.kubernetes import addresses, programs
from faildrill.lab.kubernetes.api import Api, Refused
from faildrill.lab.payments import readiness
from faildrill.locking.dirty_marks import all_marks
from faildrill.ports import Seen
from faildrill.record.samples import Outcome
from lab import traces
from lab.conftest import ask
from lab.drilling import Ran, run
from support.liars.kubernetes_front import evicting_nobody

pytestmark = [pytest.mark.lab, pytest.mark.timeout(180)]
NAME = "lab-kubernetes"
DRILL = Path("drills/kubernetes/payment-pod-evicted.yaml")
CORE = "/api/v1/namespaces/payments"
PODS = f"{CORE}/pods"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/payments/endpointslices"
TIMELINES = "reports/*/timeline.jsonl"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/payments/leases"
BUDGET = "/apis/policy/v1/namespaces/payments/poddisruptionbudgets/payments"
DEPLOYMENT = "/apis/apps/v1/namespaces/payments/deployments/payments"


@pytest.fixture(scope="module")
def kubernetes(state_folder: Path) -> Iterator[Facts]:
    try:
        programs.find()
    except FaildrillError as error:
        pytest.skip(str(error))
    try:
        yield startup.up(NAME, root=state_folder, of="kubernetes")
    finally:
        teardown.down(NAME, root=state_folder)
        assert traces.gone(state_folder, NAME) == []


@pytest.fixture
def soaking(request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("--soak"):
        pytest.skip("a minute or two each: a refusal is watched for as long as an API server may go on with it")


@pytest.fixture
def steady(kubernetes: Facts) -> Facts:
    ask(kubernetes, {"op": "steady", "within": 60}, 65)
    return kubernetes


def account(lab: Facts, name: str) -> Api:
    return Api(lab.folder / "pki" / f"{name}.kubeconfig")


def truth(lab: Facts, **which: object) -> list[dict[str, Any]]:
    """What the log tells of a pod, in order."""
    lines = (lab.logs / "truth.jsonl").read_text(encoding="utf-8").splitlines()
    return [one for one in map(json.loads, lines) if which.items() <= one.items()]


def told(lab: Facts, uid: str) -> list[str]:
    return [one["what"] for one in truth(lab, uid=uid)]


async def until(look: Callable[[], Any], within: float = 30.0) -> Any:  # noqa: ANN401 - what was looked for
    deadline = time.monotonic() + within
    while not (seen := await look()):
        assert time.monotonic() < deadline, f"not seen within {within} s"
        await asyncio.sleep(0.05)
    return seen


async def servers(api: Api) -> list[dict[str, Any]]:
    pods: list[dict[str, Any]] = (await api.get(PODS, labelSelector="app=payments"))["items"]
    return pods


async def is_whole(api: Api) -> bool:
    return bool((await api.get(DEPLOYMENT))["status"].get("availableReplicas") == 3)


async def evict(api: Api, pod: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": pod["metadata"]["name"], "namespace": "payments"}
    options = {"preconditions": {"uid": pod["metadata"]["uid"]}}
    return await api.create(f"{PODS}/{metadata['name']}/eviction", {"metadata": metadata, "deleteOptions": options})


@asynccontextmanager
async def a_pod(lab: Facts, name: str, container: dict[str, Any], **spec: object) -> AsyncIterator[tuple[Api, str]]:
    """A pod of the test's own, gone afterwards; gives the API and its uid."""
    asked = {"name": "only", "image": "faildrill/bare:1", **container}
    body = {"containers": [asked], "automountServiceAccountToken": False, "terminationGracePeriodSeconds": 1, **spec}
    async with account(lab, "admin") as api:
        made = await api.create(PODS, {"metadata": {"name": name}, "spec": body})
        try:
            yield api, made["metadata"]["uid"]
        finally:
            await api.delete(f"{PODS}/{name}")
            await until(lambda: gone(api, name))


async def gone(api: Api, name: str) -> bool:
    try:
        await api.get(f"{PODS}/{name}")
    except Refused as error:
        return error.is_missing
    return False


async def state_of(api: Api, name: str) -> dict[str, Any]:
    status = (await api.get(f"{PODS}/{name}"))["status"].get("containerStatuses", [])
    state: dict[str, Any] = status[0]["state"] if status else {}
    return state


def test_it_is_up_when_a_payment_goes_through_it(
    kubernetes: Facts, figure: Callable[[str], None], many: Callable[[int, int], int]
) -> None:
    api, payment = kubernetes.timings["API server"], kubernetes.timings["payment"]
    figure(f"lab-kubernetes: API ready {api:.1f} s, first payment {payment:.1f} s after the start")
    assert api < many(60, 5)
    assert payment < many(90, 15)


def test_the_servers_are_spread_over_the_zones(steady: Facts) -> None:
    async def story() -> set[str]:
        async with account(steady, "drill") as api:
            return {pod["spec"]["nodeName"] for pod in await servers(api)}

    assert asyncio.run(story()) == {"node-a", "node-b", "node-c"}


def test_an_eviction_ends_a_server_and_users_go_on(steady: Facts) -> None:
    port = int(steady.payments.rpartition(":")[2])
    where = addresses.listening(addresses.PAYMENTS)

    async def pay(until_set: asyncio.Event) -> list[int]:
        answers = []
        while not until_set.is_set():
            answers.append((await readiness.fetch(port, "/payments", '{"amount": 1}', where))[0])
            await asyncio.sleep(0.02)
        return answers

    async def story() -> tuple[str, list[int]]:
        enough = asyncio.Event()
        paying = asyncio.create_task(pay(enough))
        async with account(steady, "drill") as api:
            first, second, _ = await servers(api)
            uid = first["metadata"]["uid"]
            await evict(api, first)
            with pytest.raises(Refused, match="disruption budget") as refused:
                await evict(api, second)
            assert refused.value.status == 429
            await until(lambda: gone(api, first["metadata"]["name"]))
            await until(lambda: is_whole(api))
        enough.set()
        return uid, await paying

    uid, answers = asyncio.run(story())
    assert told(steady, uid)[-5:] == ["terminating", "SIGTERM", "ended", "not ready", "deleted"]
    assert len(answers) > 20
    assert set(answers) == {201}


def test_the_drill_that_evicts_a_server_passes_by_the_labs_own_environment_file(steady: Facts, tmp_path: Path) -> None:
    ran = run(DRILL, tmp_path, steady.name)
    assert ran.code == 0, ran.said
    assert "Deployment payments is whole: 3 ready; in their place: " in ran.findings("PASSED")


def within(tmp_path: Path, times: str) -> Path:
    """Write the drill down with other times for its eviction."""
    shipped, path = DRILL.read_text(encoding="utf-8"), tmp_path / DRILL.name
    path.write_text(shipped.replace("    within: 60s\n", f"    {times}\n"), encoding="utf-8")
    assert times in path.read_text(encoding="utf-8")
    return path


@pytest.mark.usefixtures("soaking")
@pytest.mark.parametrize(
    ("pretends", "times", "words"),
    [
        pytest.param(False, "within: 4s", "{} is there, and nobody has deleted it", id="and says that it is there"),
        pytest.param(True, "within: 30s", "only the one who was asked (kubernetes) says so", id="and says otherwise"),
    ],
)
def test_an_eviction_that_the_api_accepted_and_nobody_did_is_seen_and_proves_nothing(
    steady: Facts, tmp_path: Path, pretends: bool, times: str, words: str
) -> None:
    pki, environment = steady.folder / "pki", yaml.safe_load(steady.environment.read_text(encoding="utf-8"))
    account = json.loads((pki / "drill.kubeconfig").read_text(encoding="utf-8"))
    shown = (pki / "kube-apiserver.pem", pki / "kube-apiserver.key")

    async def story() -> tuple[Ran, list[str]]:
        async with evicting_nobody(account, *shown, pretends=pretends) as front:
            account["clusters"][0]["cluster"]["server"] = front.url
            (tmp_path / "front.kubeconfig").write_text(json.dumps(account), encoding="utf-8")
            environment["kubernetes"]["staging"]["kubeconfig"] = str(tmp_path / "front.kubeconfig")
            (tmp_path / "front.yaml").write_text(yaml.safe_dump(environment), encoding="utf-8")
            drill = within(tmp_path, times)
            return await asyncio.to_thread(run, drill, tmp_path, str(tmp_path / "front.yaml")), front.kept_back

    ran, kept_back = asyncio.run(story())
    assert ran.code == 4, ran.said
    assert len(kept_back) == 1
    assert words.format(*kept_back) in ran.findings("INCONCLUSIVE")


async def spread_again(lab: Facts) -> None:
    """Have a server on node-b: one that others have two of is deleted while these take no pods."""
    async with account(lab, "admin") as api:
        if any(one["spec"]["nodeName"] == "node-b" for one in await servers(api)):
            return
        for node in ("node-a", "node-c"):
            await api.patch(f"/api/v1/nodes/{node}", {"spec": {"unschedulable": True}})
        await api.delete(f"{PODS}/{(await servers(api))[0]['metadata']['name']}")
        await until(lambda: on_node_b(api))
        for node in ("node-a", "node-c"):
            await api.patch(f"/api/v1/nodes/{node}", {"spec": {"unschedulable": None}})
        await until(lambda: is_whole(api))


async def on_node_b(api: Api) -> bool:
    return any(one["spec"]["nodeName"] == "node-b" and is_ready(one) for one in await servers(api))


async def node_b(lab: Facts) -> dict[str, Any]:
    async with account(lab, "admin") as api:
        return await api.get("/api/v1/nodes/node-b")


def test_a_node_is_drained_and_takes_pods_again_and_users_go_on(steady: Facts, tmp_path: Path) -> None:
    asyncio.run(spread_again(steady))
    ran = run(Path("drills/kubernetes/node-drained.yaml"), tmp_path, steady.name)
    assert ran.code == 0, ran.said
    assert "node node-b takes no pods" in ran.findings("PASSED")
    assert "pay noticed it: payments-" in ran.findings("PASSED")
    after = asyncio.run(node_b(steady))
    assert "unschedulable" not in after["spec"]
    asked = [
        one
        for one in map(json.loads, (steady.logs / "audit.log").read_text(encoding="utf-8").splitlines())
        if one["user"]["username"] == "faildrill:drill" and one["verb"] == "patch" and "dryRun" not in one["requestURI"]
    ]
    mine = [one for one in asked if f"faildrill-{ran.result['run']}" in one["requestURI"]]
    assert len(mine) == 2, "cordoned and made schedulable again: each once"


@pytest.mark.usefixtures("soaking")
def test_a_node_with_a_pod_that_nobody_would_make_again_is_not_drained(steady: Facts, tmp_path: Path) -> None:
    asyncio.run(spread_again(steady))
    alone = {"command": ["sleep", "60"]}

    async def story() -> Ran:
        async with a_pod(steady, "alone", alone, nodeName="node-b"):
            drill = Path("drills/kubernetes/node-drained.yaml")
            return await asyncio.to_thread(run, drill, tmp_path, steady.name)

    ran = asyncio.run(story())
    assert ran.code == 4, ran.said
    assert "belongs to no controller" in ran.findings("INCONCLUSIVE")
    assert "unschedulable" not in asyncio.run(node_b(steady))["spec"]


@pytest.mark.usefixtures("soaking")
def test_pods_are_driven_from_a_node_by_a_taint_and_it_is_taken_off(steady: Facts, tmp_path: Path) -> None:
    asyncio.run(spread_again(steady))
    path = tmp_path / "tainted.yaml"
    shipped = Path("drills/kubernetes/node-drained.yaml").read_text(encoding="utf-8")
    drain = "kubernetes.drain: {kubernetes: staging, node: node-b, try_for: 20s}"
    taint = "kubernetes.taint: {kubernetes: staging, node: node-b, key: drill, effect: NoExecute}"
    assert drain in shipped
    path.write_text(shipped.replace(drain, taint), encoding="utf-8")
    ran = run(path, tmp_path, steady.name)
    assert ran.code == 0, ran.said
    assert "node node-b has the taint drill:NoExecute" in ran.findings("PASSED")
    assert "taints" not in asyncio.run(node_b(steady))["spec"]


@pytest.mark.usefixtures("soaking")
def test_a_node_that_is_lost_is_given_up_and_users_are_served_by_the_others(steady: Facts, tmp_path: Path) -> None:
    asyncio.run(spread_again(steady))
    ran = run(Path("drills/kubernetes/node-lost.yaml"), tmp_path, steady.name)
    assert ran.code == 0, ran.said
    assert "node-b is absent" in ran.findings("PASSED")
    assert "node-b is running and accepts connections at 127.63.0.12" in ran.findings("PASSED")


@pytest.mark.usefixtures("soaking")
def test_a_budget_that_keeps_all_of_them_refuses_and_the_drill_proves_nothing(steady: Facts, tmp_path: Path) -> None:
    async def keep(least: int) -> None:
        async with account(steady, "admin") as api:
            await api.patch(BUDGET, {"spec": {"minAvailable": least}})
            await until(lambda: counted(api))

    async def counted(api: Api) -> bool:
        budget = await api.get(BUDGET)
        return bool(budget["status"].get("observedGeneration") == budget["metadata"]["generation"])

    asyncio.run(keep(3))
    try:
        ran = run(within(tmp_path, "within: 4s"), tmp_path, steady.name)
    finally:
        asyncio.run(keep(2))
    assert ran.code == 4, ran.said
    assert "would violate the pod's disruption budget" in ran.findings("INCONCLUSIVE")


@pytest.mark.usefixtures("soaking")
def test_a_pod_that_somebody_else_deletes_meanwhile_is_told_and_proves_nothing(steady: Facts, tmp_path: Path) -> None:
    async def delete_another(lines: Callable[[], str]) -> None:
        """Delete the last of the pods as soon as the first of them is evicted."""
        await until(lambda: asyncio.to_thread(lambda: "was accepted" in lines()), 60)
        async with account(steady, "admin") as api:
            last = max(pod["metadata"]["name"] for pod in await servers(api) if is_ready(pod))
            await api.delete(f"{PODS}/{last}")

    async def story() -> Ran:
        running = asyncio.create_task(asyncio.to_thread(run, DRILL, tmp_path, steady.name))
        await delete_another(lambda: "".join(path.read_text() for path in tmp_path.glob("reports/*/timeline.jsonl")))
        return await running

    ran = asyncio.run(story())
    assert ran.code == 4, ran.said
    assert "somebody else has deleted" in ran.findings("INCONCLUSIVE")


@pytest.mark.usefixtures("soaking")
def test_a_workload_that_does_not_become_whole_is_unsafe_until_it_is_and_was_recovered(
    steady: Facts, tmp_path: Path
) -> None:
    async def cordon(*, on: bool) -> None:
        async with account(steady, "admin") as api:
            for node in ("node-a", "node-b", "node-c"):
                await api.patch(f"/api/v1/nodes/{node}", {"spec": {"unschedulable": on}})

    asyncio.run(cordon(on=True))
    try:
        ran = run(within(tmp_path, "within: 4s\n    undo_within: 2s"), tmp_path, steady.name)
    finally:
        asyncio.run(cordon(on=False))
    assert ran.code == 6, ran.said
    assert "2 of 3 pods of Deployment payments are ready" in ran.findings("UNSAFE")
    recover = [sys.executable, "-m", "faildrill", "recover", "--within", "60s"]
    recovered = subprocess.run(recover, capture_output=True, text=True, check=False, timeout=120)
    assert recovered.returncode == 0, recovered.stdout
    assert all_marks() == {}


def test_the_log_of_requests_names_who_asked_for_what(steady: Facts) -> None:
    async def story() -> str:
        async with account(steady, "drill") as api:
            pod: str = (await servers(api))[0]["metadata"]["name"]
            body = {"metadata": {"name": pod, "namespace": "payments"}, "deleteOptions": {"dryRun": ["All"]}}
            assert (await api.create(f"{PODS}/{pod}/eviction", body))["status"] == "Success"
            return pod

    pod = asyncio.run(story())
    lines = map(json.loads, (steady.logs / "audit.log").read_text(encoding="utf-8").splitlines())
    asked = [one for one in lines if one["requestURI"].endswith(f"{pod}/eviction") and one["verb"] == "create"]
    assert {one["user"]["username"] for one in asked} == {"faildrill:drill"}
    assert asked[-1]["responseStatus"]["code"] == 201


@pytest.mark.parametrize(
    ("who", "path", "body"),
    [
        pytest.param("drill", PODS, {"metadata": {"name": "mine"}}, id="a drill creates no pod"),
        pytest.param("drill", f"{CORE}/secrets", {"metadata": {"name": "mine"}}, id="a drill has no Secrets"),
        pytest.param("node-a", f"{CORE}/configmaps", {"metadata": {"name": "mine"}}, id="a node creates nothing"),
    ],
)
def test_nobody_may_do_more_than_their_rights(steady: Facts, who: str, path: str, body: dict[str, Any]) -> None:
    async def story() -> None:
        async with account(steady, who) as api:
            with pytest.raises(Refused, match="403"):
                await api.create(path, body)

    asyncio.run(story())


def test_a_node_speaks_for_itself_only(steady: Facts) -> None:
    async def story() -> None:
        async with account(steady, "node-a") as api:
            with pytest.raises(Refused, match="403"):
                await api.patch("/api/v1/nodes/node-b", {"metadata": {"labels": {"mine": "yes"}}})

    asyncio.run(story())


def test_an_endpoint_on_the_loopback_is_refused_which_is_why_there_is_a_mapping(steady: Facts) -> None:
    body = {
        "metadata": {"name": "loopback"},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["127.64.1.2"]}],
        "ports": [{"port": 80}],
    }

    async def story() -> None:
        async with account(steady, "admin") as api:
            with pytest.raises(Refused, match="may not be in the loopback range"):
                await api.create(SLICES, body)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("container", "reason", "words"),
    [
        ({"image": "nginx:1"}, "ImagePullBackOff", "no recipe 'nginx:1'"),
        ({"command": ["true"], "workingDir": "/"}, "CreateContainerConfigError", "does not know only.workingDir"),
        ({"command": ["/nowhere"]}, "RunContainerError", "No such file"),
        (
            {
                "command": ["true"],
                "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "none", "key": "a"}}}],
            },
            "CreateContainerConfigError",
            "secrets 'none' has no 'a'",
        ),
    ],
    ids=["no such recipe", "what it does not do", "no such program", "no such Secret"],
)
def test_what_cannot_start_waits_and_says_why(
    steady: Facts, container: dict[str, Any], reason: str, words: str
) -> None:
    async def story() -> None:
        async with a_pod(steady, "waits", container) as (api, _):
            state = await until(lambda: waiting(api, reason))
            assert words in state["message"]

    async def waiting(api: Api, reason: str) -> dict[str, Any]:
        state: dict[str, Any] = (await state_of(api, "waits")).get("waiting", {})
        return state if state.get("reason") == reason else {}

    asyncio.run(story())


def test_a_server_that_does_not_end_is_killed_when_its_grace_is_over_and_only_then_deleted(steady: Facts) -> None:
    stubborn = {"command": ["sh", "-c", "trap '' TERM; sleep 60 & while :; do sleep 0.1; done"]}

    async def story() -> str:
        async with a_pod(steady, "stubborn", stubborn) as (api, uid):
            await until(lambda: running(api, "stubborn"))
        return uid

    async def running(api: Api, name: str) -> bool:
        return "running" in await state_of(api, name)

    events = {one["what"]: one for one in truth(steady, uid=asyncio.run(story()))}
    assert events["ended"]["code"] == 137
    assert 0.9 < (events["ended"]["at"] - events["SIGTERM"]["at"]) / 1e9 < 3
    assert events["deleted"]["at"] > events["ended"]["at"]
    assert traces.processes(Path("sleep 60")) == []


def test_what_ends_is_started_again_with_back_off(steady: Facts) -> None:
    async def story() -> dict[str, Any]:
        async with a_pod(steady, "crashes", {"command": ["sh", "-c", "exit 3"]}) as (api, _):
            seen: dict[str, Any] = await until(lambda: restarted(api))
            return seen

    async def restarted(api: Api) -> dict[str, Any]:
        status = (await api.get(f"{PODS}/crashes"))["status"].get("containerStatuses", [{}])[0]
        return status if status.get("restartCount") else {}

    status = asyncio.run(story())
    assert status["lastState"]["terminated"]["exitCode"] == 3


def test_a_node_that_is_killed_takes_its_pods_with_it_and_they_are_replaced_elsewhere(steady: Facts) -> None:
    async def story() -> str:
        async with account(steady, "admin") as api:
            lost = (await servers(api))[0]
            node = lost["spec"]["nodeName"]
            address = addresses.listening(lost["status"]["podIP"])
            ask(steady, {"op": "signal", "node": node, "signal": "KILL"})
            with pytest.raises(ConnectionRefusedError), socket.create_connection((address, port_of(lost)), 1):
                pass
            await until(lambda: is_elsewhere(api, node))
            assert "deletionTimestamp" in (await api.get(f"{PODS}/{lost['metadata']['name']}"))["metadata"]
            ask(steady, {"op": "start", "node": node})
            await until(lambda: gone(api, lost["metadata"]["name"]))
            return str(lost["metadata"]["uid"])

    async def is_elsewhere(api: Api, node: str) -> bool:
        ready = [one["spec"]["nodeName"] for one in await servers(api) if is_ready(one)]
        return len(ready) == 3 and node not in ready

    assert "ended" not in told(steady, asyncio.run(story()))


def test_a_node_that_is_cut_off_is_given_up_while_its_pods_live_on(steady: Facts) -> None:
    async def story() -> None:
        async with account(steady, "admin") as api:
            cut = (await servers(api))[0]
            node, address = cut["spec"]["nodeName"], addresses.listening(cut["status"]["podIP"])
            ask(steady, {"op": "link", "name": node, "mode": "cut"})
            try:
                await until(lambda: is_ending(api, cut["metadata"]["name"]))
                assert await readiness.fetch(port_of(cut), "/health", host=address)
                assert told(steady, cut["metadata"]["uid"])[-1] == "ready"
            finally:
                ask(steady, {"op": "link", "name": node, "mode": "open"})
            await until(lambda: gone(api, cut["metadata"]["name"]))
            assert told(steady, cut["metadata"]["uid"])[-1] == "deleted"

    async def is_ending(api: Api, name: str) -> bool:
        return "deletionTimestamp" in (await api.get(f"{PODS}/{name}"))["metadata"]

    asyncio.run(story())


def port_of(pod: dict[str, Any]) -> int:
    return int(pod["spec"]["containers"][0]["ports"][0]["containerPort"])


def is_ready(pod: dict[str, Any]) -> bool:
    conditions = {one["type"]: one["status"] for one in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True" and "deletionTimestamp" not in pod["metadata"]


def test_an_established_connection_outlives_its_endpoint_in_the_proxy(steady: Facts) -> None:
    where = (addresses.listening(addresses.PAYMENTS), int(steady.payments.rpartition(":")[2]))
    asked = b"GET /health HTTP/1.1\r\nHost: lab\r\n\r\n"

    async def story() -> None:
        reader, writer = await asyncio.open_connection(*where)
        async with account(steady, "drill") as api:
            writer.write(asked)
            name = await server_of(reader)
            pod = next(one for one in await servers(api) if one["metadata"]["name"] == name)
            since = len(truth(steady, what="endpoint out", address=pod["status"]["podIP"]))
            await evict(api, pod)
            await until(lambda: is_out(pod["status"]["podIP"], since))
            writer.write(asked)
            assert await server_of(reader) == name
        writer.close()

    async def server_of(reader: asyncio.StreamReader) -> str:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in head.splitlines())}
        await reader.readexactly(int(fields["content-length"]))
        return fields["x-server"]

    async def is_out(address: str, since: int) -> bool:
        return len(truth(steady, what="endpoint out", address=address)) > since

    asyncio.run(story())


def test_a_watch_tells_what_changes_between_looks_and_goes_on_when_the_api_server_was_killed(
    steady: Facts, figure: Callable[[str], None]
) -> None:
    told: list[Seen] = []
    given = CallContext("run-of-the-test", 5.0)

    def hear(seen: Seen) -> None:
        told.append(seen)

    def edges() -> list[Seen]:
        return [one for one in told if one.outcome is not Outcome.OPEN]

    async def taken_away(api: Api) -> tuple[str, int, int]:
        """Delete a server; return its address, and between which moments that was done."""
        pod = (await servers(api))[0]
        before = time.monotonic_ns()
        await api.delete(f"{PODS}/{pod['metadata']['name']}")
        return pod["metadata"]["name"], before, time.monotonic_ns()

    async def replaced(api: Api, name: str) -> bool:
        return await is_whole(api) and edges()[-1].outcome is Outcome.OK and name not in edges()[-1].who

    async def story() -> None:
        probe = Endpoints(kubernetes=cluster(steady), namespace="payments", service="payments", at_least=3)
        await probe.open(given)
        async with account(steady, "admin") as api:
            assert (await probe.look(given)).outcome is Outcome.OK
            probe.on_edge(given, hear)
            await until(lambda: bool_of(edges()))
            name, before, after = await taken_away(api)
            await until(lambda: replaced(api, name))
            lost = next(one for one in edges() if one.outcome is Outcome.WRONG)
            assert (lost.sent or 0) < before < (lost.answered or 0)
            figure(
                f"kubernetes: a watch told of an endpoint {((lost.answered or 0) - after) / 1e6:.0f} ms after the pod"
            )
            ask(steady, {"op": "signal", "node": "kube-apiserver", "signal": "KILL"})
            assert (await probe.look(given)).outcome is Outcome.BROKEN
            ask(steady, {"op": "start", "node": "kube-apiserver"})
            await until(lambda: answers(api), 60)
            known = len(edges())
            name, before, _ = await taken_away(api)
            await until(lambda: replaced(api, name), 60)
        await probe.close()
        await asyncio.sleep(0.2)  # TLS says goodbye once the loop turns
        heard = [one for one in edges()[known:] if name not in one.who and (one.answered or 0) > before]
        gaps = [one for one in told if one.outcome is Outcome.OPEN and (one.answered or 0) > before]
        assert heard or gaps

    asyncio.run(story())


async def bool_of(found: object) -> bool:
    return bool(found)


async def answers(api: Api) -> bool:
    try:
        return await is_whole(api)
    except (OSError, Refused):
        return False


def cluster(lab: Facts) -> Kubernetes:
    path = str(lab.folder / "pki" / "drill.kubeconfig")
    marker = "any-of-the-tests"
    return Kubernetes(
        name="staging", kubeconfig=path, context=f"drill@{lab.name}", marker=marker, namespaces=["payments"]
    )


def test_the_probes_of_workload_budget_nodes_and_events_follow_a_server_that_is_lost(steady: Facts) -> None:
    here: dict[str, Any] = {"kubernetes": cluster(steady).model_dump(), "namespace": "payments"}
    given = CallContext("run-of-the-test", 5.0)
    probes: dict[str, Looking] = {
        "rollout": Rollout.model_validate({**here, "name": "payments"}),
        "restarts": Restarts.model_validate({**here, "selector": "app=payments"}),
        "budget": BudgetProbe.model_validate({**here, "name": "payments"}),
        "nodes": Nodes.model_validate({"kubernetes": here["kubernetes"]}),
        "events": Events.model_validate({**here, "reasons": ["Killing", "SuccessfulCreate"]}),
        "leader": Leader.model_validate({**here, "lease": "of-the-test"}),
    }

    async def looked() -> dict[str, Seen]:
        return {name: await probe.look(given) for name, probe in probes.items()}

    async def is_noticed() -> dict[str, Seen]:
        seen = await looked()
        return seen if {seen[name].outcome for name in ("rollout", "budget")} == {Outcome.WRONG} else {}

    async def story() -> tuple[dict[str, Seen], dict[str, Seen], dict[str, Seen]]:
        async with account(steady, "admin") as api:
            spec = {"holderIdentity": "pg-0_1", "leaseDurationSeconds": 60}
            await api.create(LEASES, {"metadata": {"name": "of-the-test"}, "spec": spec})
            try:
                before = await until(looked)
                pod = (await servers(api))[0]
                await api.delete(f"{PODS}/{pod['metadata']['name']}")
                during = await until(is_noticed)
                await until(lambda: gone(api, pod["metadata"]["name"]))
                await until(lambda: is_whole(api))
                after = await looked()
            finally:
                await api.delete(f"{LEASES}/of-the-test")
                for probe in probes.values():
                    await probe.close()
                await asyncio.sleep(0.2)  # TLS says goodbye once the loop turns
        return before, during, after

    before, during, after = asyncio.run(story())
    assert {name: one.outcome for name, one in before.items()} == dict.fromkeys(probes, Outcome.OK)
    assert during["rollout"].detail == "3 of 3 updated, 2 available"
    assert during["budget"].detail == "allows 0: 2 healthy, 2 due"
    assert during["restarts"].outcome is Outcome.OK, "another pod is no restart"
    assert {after[name].outcome for name in ("rollout", "budget", "restarts", "nodes")} == {Outcome.OK}
    assert (after["nodes"].who, after["leader"].who) == ("node-a,node-b,node-c", "pg-0")


CHANGED = """\
drill: fewer-servers-then-others
environment: lab-kubernetes
probes:
  pay: {http.request: {url: "${services.payments}/payments", method: POST, json: {amount: 100}}, every: 50ms}
  two:
    kubernetes.endpoints: {kubernetes: staging, namespace: payments, service: payments, at_least: 2}
    every: 500ms
    timeout: 2s
steps:
  - name: one server too few
    kubernetes.scale: {kubernetes: staging, namespace: payments, name: payments, replicas: 2}
    within: 60s
  - name: others in their place
    kubernetes.restart: {kubernetes: staging, namespace: payments, name: payments}
    within: 60s
  - name: users go on paying
    wait: {until: pay is ok, for: 3s, within: 20s}
expect:
  - outage: {of: pay, at_most: 5s}
  - steady_again: {within: 60s}
"""


def test_a_drill_that_scales_and_restarts_passes_and_signs_what_it_changed(steady: Facts, tmp_path: Path) -> None:
    async def signed() -> tuple[int, set[str]]:
        async with account(steady, "admin") as api:
            await until(lambda: is_whole(api))
            found = await api.get(DEPLOYMENT)
        return found["metadata"]["generation"], {one["manager"] for one in found["metadata"]["managedFields"]}

    before, _ = asyncio.run(signed())
    path = tmp_path / "changed.yaml"
    path.write_text(CHANGED, encoding="utf-8")
    ran = run(path, tmp_path, steady.name)
    assert ran.code == 0, ran.said
    after, managers = asyncio.run(signed())
    assert after - before == 3, "scaled, restarted, scaled back: each once"
    assert f"faildrill-{ran.result['run']}" in managers
    assert "all pods are new" in ran.findings("PASSED")


@pytest.mark.usefixtures("soaking")
def test_what_somebody_else_has_scaled_meanwhile_is_left_as_it_is_and_unsafe(steady: Facts, tmp_path: Path) -> None:
    async def story() -> Ran:
        path = tmp_path / "changed.yaml"
        path.write_text(CHANGED, encoding="utf-8")
        running = asyncio.create_task(asyncio.to_thread(run, path, tmp_path, steady.name))
        told = tmp_path.glob
        await until(
            lambda: asyncio.to_thread(lambda: any("accepted" in one.read_text() for one in told(TIMELINES))), 60
        )
        async with account(steady, "admin") as api:
            await api.patch(f"{DEPLOYMENT}/scale", {"spec": {"replicas": 4}})
        return await running

    try:
        ran = asyncio.run(story())
        assert ran.code == 6, ran.said
        assert "--replicas=3" in ran.findings("UNSAFE")
    finally:
        asyncio.run(scaled_back(steady))
    recover = [sys.executable, "-m", "faildrill", "recover", "--within", "60s"]
    recovered = subprocess.run(recover, capture_output=True, text=True, check=False, timeout=120)
    assert recovered.returncode == 0, recovered.stdout


async def scaled_back(lab: Facts) -> None:
    async with account(lab, "admin") as api:
        await api.patch(f"{DEPLOYMENT}/scale", {"spec": {"replicas": 3}})
        await until(lambda: is_whole(api))


@asynccontextmanager
async def an_account_with(lab: Facts, roles: str) -> AsyncIterator[str]:
    """A service account that has these roles and no other; gives its token."""
    made = []
    async with account(lab, "admin") as api:
        try:
            made.append(
                (await api.create(f"{CORE}/serviceaccounts", {"metadata": {"name": "least"}}), "serviceaccounts")
            )
            for body in yaml.safe_load_all(roles):
                namespace = body["metadata"].get("namespace")
                where = f"/apis/{body['apiVersion']}{f'/namespaces/{namespace}' if namespace else ''}"
                made.append((await api.create(f"{where}/{body['kind'].lower()}s", body), where))
            path = f"{CORE}/serviceaccounts/least/token"
            yield (await api.create(path, {"spec": {"expirationSeconds": 3600}}))["status"]["token"]
        finally:
            for body, where in made:
                plural = "serviceaccounts" if where == "serviceaccounts" else f"{body['kind'].lower()}s"
                await api.delete(f"{CORE if where == plural else where}/{plural}/{body['metadata']['name']}")


def asked_by(lab: Facts, who: str) -> set[tuple[str, str, int]]:
    """Verb, resource and answer of each request of an account, but for what everybody may ask about himself."""
    found = set()
    for line in (lab.logs / "audit.log").read_text(encoding="utf-8").splitlines():
        one = json.loads(line)
        on = one.get("objectRef", {})
        if one["user"]["username"] == who and not on.get("resource", "").startswith("selfsubject"):
            resource = "/".join(filter(None, (on.get("resource"), on.get("subresource"))))
            found.add((one["verb"], resource, one.get("responseStatus", {}).get("code", 0)))
    return found


def test_the_drill_passes_under_exactly_the_role_that_is_printed_for_it(steady: Facts, tmp_path: Path) -> None:
    printing = [sys.executable, "-m", "faildrill", "kubernetes", "rbac", str(DRILL), "--env", steady.name]
    printing += ["--service-account", "payments/least"]
    roles = subprocess.run(printing, capture_output=True, text=True, check=True).stdout
    environment = yaml.safe_load(steady.environment.read_text(encoding="utf-8"))
    kubeconfig = json.loads((steady.folder / "pki" / "drill.kubeconfig").read_text(encoding="utf-8"))

    async def story() -> Ran:
        async with an_account_with(steady, roles) as token:
            kubeconfig["users"][0]["user"] = {"token": token}
            (tmp_path / "least.kubeconfig").write_text(json.dumps(kubeconfig), encoding="utf-8")
            environment["kubernetes"]["staging"]["kubeconfig"] = str(tmp_path / "least.kubeconfig")
            (tmp_path / "least.yaml").write_text(yaml.safe_dump(environment), encoding="utf-8")
            return await asyncio.to_thread(run, DRILL, tmp_path, str(tmp_path / "least.yaml"))

    ran = asyncio.run(story())
    assert ran.code == 0, ran.said
    asked = asked_by(steady, "system:serviceaccount:payments:least")
    allowed = {
        (verb, resource)
        for body in yaml.safe_load_all(roles)
        for rule in body.get("rules", [])
        for verb in rule["verbs"]
        for resource in rule["resources"]
    }
    assert [one for one in asked if one[2] == 403] == []
    assert {(verb, resource) for verb, resource, _ in asked} == allowed
