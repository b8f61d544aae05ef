"""Two places, and an environment file in which a way of the one leads to the other: nothing there is touched."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from faildrill.adapters.haproxy.identity import Identity
from faildrill.adapters.haproxy.target import LoadBalancer
from faildrill.adapters.member.target import Group
from faildrill.errors import FaildrillError
from faildrill.kinds.call_context import CallContext
from faildrill.lab.core import startup, teardown
from faildrill.lab.core.facts import Facts
from faildrill.lab.stores.system_programs import program
from faildrill.locking.dirty_marks import all_marks
from faildrill.record.timeline import FILE, Confirmed, UndoNotVerified, entries
from lab import kinds_here
from lab.conftest import ask, eventually
from lab.drilling import run, started

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]
REFUSED, UNSAFE = 3, 6
KILL = {"member.kill": {"group": "payment-servers", "member": "pay1"}}
DRAIN = {"haproxy.drain": {"load_balancer": "payments", "backend": "payments", "server": "pay1"}}
Changing = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def other(state_folder: Path) -> Iterator[Facts]:
    """Another lab of the same sort."""
    facts = startup.up("other", root=state_folder)
    yield facts
    teardown.down("other", root=state_folder)


def content(lab: Facts) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(lab.environment.read_text())
    return found


def mixed(lab: Facts, tmp_path: Path, change: Changing) -> Path:
    """Write the environment of a lab, changed, beside its own, as it names files from there."""
    found = content(lab)
    change(found)
    path = lab.environment.with_name(f"{tmp_path.name[:40]}.yaml")
    path.write_text(yaml.safe_dump(found | {"environment": path.stem}))
    return path


def drill(tmp_path: Path, step: dict[str, Any], wait: str = "1s") -> Path:
    path = tmp_path / "drill.yaml"
    look = {"http.request": {"url": "${services.payments}/payments/count"}, "every": "100ms", "timeout": "2s"}
    steps = [{"name": "act", **step}, {"wait": wait}]
    expect = [{"outage": {"of": "pay", "at_most": "30s"}}, {"steady_again": {"within": "60s"}}]
    path.write_text(
        yaml.safe_dump({"drill": "d", "environment": "e", "probes": {"pay": look}, "steps": steps, "expect": expect})
    )
    return path


def refusal(lab: Facts, tmp_path: Path, change: Changing, step: dict[str, Any]) -> str:
    """Return what objects to a drill."""
    said = guards(drill(tmp_path, step), mixed(lab, tmp_path, change))
    return "; ".join(because for because in said.values() if because)


def starts(lab: Facts) -> dict[str, int]:
    return {name: one["starts"] for name, one in ask(lab, {"op": "status"})["nodes"].items()}


def test_a_reach_that_leads_to_another_place_is_refused(steady_lab: Facts, other: Facts, tmp_path: Path) -> None:
    def change(found: dict[str, Any]) -> None:
        found["reaches"]["lab"]["lab.supervisor"]["socket"] = str(other.control)

    before = starts(other), starts(steady_lab)
    ran = run(drill(tmp_path, KILL), tmp_path, str(mixed(steady_lab, tmp_path, change)))
    assert ran.code == REFUSED, ran.said
    assert "payment-servers/pay1: what its reach signals is not what answers" in ran.findings("REFUSED")
    assert (starts(other), starts(steady_lab)) == before
    assert "its reach signals is not what" in refusal(
        steady_lab, tmp_path, change, {"patroni.kill_primary": {"cluster": "payments"}}
    )


def test_a_socket_of_another_haproxy_is_refused(steady_lab: Facts, other: Facts, tmp_path: Path) -> None:
    def change(found: dict[str, Any]) -> None:
        there = content(other)["load_balancers"]["payments"]["haproxy_socket"]
        found["load_balancers"]["payments"]["haproxy_socket"] = there

    because = refusal(steady_lab, tmp_path, change, DRAIN)
    assert "payments is not the declared one: it says 'faildrill lab" in because


def balancer(lab: Facts, **other: Any) -> Identity:
    found = content(lab)
    [params] = [one["haproxy.identity"] for one in found["identity"] if "haproxy.identity" in one]
    target = {"name": "payments", **found["load_balancers"]["payments"], **other.pop("target", {})}
    return Identity.model_validate({**params, "load_balancer": LoadBalancer.model_validate(target), **other})


def objection(guard: Identity) -> str | None:
    return asyncio.run(guard.objection(CallContext("run-1", 5.0)))


def test_the_haproxy_that_users_meet_is_known_by_their_own_connection(steady_lab: Facts, other: Facts) -> None:
    assert objection(balancer(steady_lab)) is None
    elsewhere = balancer(other).listens
    assert "is not what users meet: a connection to" in str(objection(balancer(steady_lab, listens=elsewhere)))
    assert "can't be met where users go" in str(objection(balancer(steady_lab, listens=["127.0.0.1:1"])))


def test_a_master_or_a_file_of_another_haproxy_is_refused(steady_lab: Facts, other: Facts) -> None:
    there = content(other)["load_balancers"]["payments"]
    master = {"master_socket": there["master_socket"]}
    assert "they are two HAProxys" in str(objection(balancer(steady_lab, target=master)))
    file = {"config_file": there["config_file"]}
    assert "was not started with" in str(objection(balancer(steady_lab, target=file)))


def test_an_interface_of_another_patroni_is_refused(steady_lab: Facts, other: Facts, tmp_path: Path) -> None:
    def change(found: dict[str, Any]) -> None:
        there = content(other)["clusters"]["payments"]["members"]
        for name, member in found["clusters"]["payments"]["members"].items():
            member["api"] = there[name]["api"]
            del member["reach"]

    step = {"patroni.switchover": {"cluster": "payments"}}
    assert "they are two clusters; correct `api`" in refusal(steady_lab, tmp_path, change, step)


def test_a_load_sent_to_another_place_is_refused(steady_lab: Facts, other: Facts, tmp_path: Path) -> None:
    path = drill(tmp_path, DRAIN)
    load = {"http.request": {"url": "${services.elsewhere}/payments/count"}, "rate": "5/s"}
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"load": {"users": load}}))
    where = content(other)["services"]["payments"]
    place = mixed(steady_lab, tmp_path, lambda found: found["services"].update(elsewhere=where))
    because = str(guards(path, place)["identity of what is acted on"])
    assert "by load users (http.request)" in because
    assert "- http.identity: {holds: …, service: elsewhere}" in because


def test_a_reach_that_leads_elsewhere_by_then_puts_nothing_back_there(
    steady_lab: Facts, other: Facts, tmp_path: Path
) -> None:
    link = tmp_path / "control"
    link.symlink_to(steady_lab.control)

    def change(found: dict[str, Any]) -> None:
        found["reaches"]["lab"]["lab.supervisor"]["socket"] = str(link)

    hang = {"member.stop": {"group": "payment-servers", "member": "pay1"}}
    place = mixed(steady_lab, tmp_path, change)
    with started(drill(tmp_path, hang, "60s"), tmp_path, str(place)) as process:
        eventually(
            lambda: [one for one in tmp_path.glob("reports/*/timeline.jsonl") if b"step.confirmed" in one.read_bytes()]
        )
        link.unlink()
        link.symlink_to(other.control)
        process.terminate()
        process.communicate(timeout=120)
    [folder] = tmp_path.glob("reports/*-*")
    told = [one.what for one in entries(folder / FILE)]
    assert process.returncode == UNSAFE
    assert any(isinstance(one, Confirmed) for one in told)
    [kept] = [one for one in told if isinstance(one, UndoNotVerified)]
    assert "pay1: what its reach signals is not what answers" in kept.because
    assert recover(folder).returncode == UNSAFE

    link.unlink()
    link.symlink_to(steady_lab.control)
    again = recover(folder)
    assert (again.returncode, all_marks()) == (0, {}), again.stdout


def recover(folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "faildrill", "recover", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)


def test_a_kill_counts_only_when_the_declared_address_is_dark(steady_lab: Facts) -> None:
    group = kinds_here.environment(steady_lab).of(Group)["payment-servers"]
    moved = group.members["pay1"].model_copy(update={"address": group.members["pay2"].address})
    wrong = Group(name="wrong", members={**group.members, "pay1": moved})

    async def killed(of: Group) -> str:
        step = kinds_here.action("member.kill", group=of, member="pay1")
        given = kinds_here.given(10.0)
        before = await step.capture(given)
        await step.apply(before, given)
        try:
            seen = await step.confirm(before, given)
        finally:
            await step.undo(before, given)
        return f"{seen.holds}: {seen.because}"

    assert asyncio.run(killed(group)).startswith("True: pay1 is absent, and nobody takes connections at")
    assert asyncio.run(killed(wrong)).startswith("False: pay1 is absent, and somebody still takes connections at")


def test_a_plan_and_a_report_repeat_what_nothing_can_prove(steady_lab: Facts, tmp_path: Path) -> None:
    def change(found: dict[str, Any]) -> None:
        found["identity"] = [one for one in found["identity"] if "haproxy.identity" not in one]
        found["load_balancers"]["payments"]["unproven"] = "an appliance that says nothing of itself"

    place = mixed(steady_lab, tmp_path, change)
    command = [sys.executable, "-m", "faildrill", "plan", str(drill(tmp_path, DRAIN)), "--env", str(place)]
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    told = "payments (of load_balancers): an appliance that says nothing of itself"
    assert (said.returncode, f"UNPROVEN {told}" in said.stdout) == (0, True), said.stdout
    ran = run(drill(tmp_path, DRAIN, "4s"), tmp_path, str(place))
    assert (ran.code, f"unproven: {told}" in ran.findings("PASSED")) == (0, True), ran.said
    assert told in (ran.folder / "report.html").read_text()
    assert told in (ran.folder / "report.md").read_text()


@contextmanager
def two(sort: str, root: Path) -> Iterator[tuple[Facts, Facts]]:
    """Give two labs of a sort, or skip where its programs are not here."""
    needs = {"redis": ("redis-server", "redis-server"), "mariadb": ("mariadbd", "mariadb-server")}
    try:
        program(*needs[sort])
    except FaildrillError as error:
        pytest.skip(str(error))
    names = [f"{sort}-a", f"{sort}-b"]
    try:
        first, second = [startup.up(name, root=root, of=sort) for name in names]
        yield first, second
    finally:
        for name in names:
            teardown.down(name, root=root)


@pytest.mark.parametrize(
    ("sort", "step"),
    [
        ("redis", {"redis.lose_master": {"redis": "sessions", "how": "killed"}}),
        ("redis", {"member.kill": {"group": "sentinels", "member": "s1"}}),
        ("mariadb", {"mariadb.lose_writer": {"mariadb": "payments", "how": "killed"}}),
    ],
    ids=["redis", "sentinels", "mariadb"],
)
def test_a_store_is_lost_only_through_a_reach_that_leads_to_it(
    sort: str, step: dict[str, Any], state_folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "drill.yaml"
    looks = {"any": {"tcp.connect": {"address": "127.0.0.1:1"}, "every": "1s"}}
    steps = {"steps": [{"name": "act", **step}], "expect": [{"steady_again": {"within": "60s"}}]}
    path.write_text(yaml.safe_dump({"drill": "d", "environment": "e", "probes": looks, **steps}))
    with two(sort, state_folder) as (first, second):

        def change(found: dict[str, Any]) -> None:
            found["reaches"]["lab"]["lab.supervisor"]["socket"] = str(second.control)

        answers = [guards(path, first.environment), guards(path, mixed(first, tmp_path, change))]
    assert not any(answers[0].values()), answers[0]
    wrong = [because for guard, because in answers[1].items() if because and guard.startswith("reach of ")]
    assert wrong
    assert "what its reach signals is not what answers" in wrong[0]


def test_sentinels_that_watch_another_redis_are_refused(state_folder: Path, tmp_path: Path) -> None:
    path = drill(tmp_path, {"redis.failover": {"redis": "sessions"}})
    path.write_text(path.read_text().replace("${services.payments}/payments/count", "http://127.0.0.1:1/"))
    with two("redis", state_folder) as (first, second):

        def change(found: dict[str, Any]) -> None:
            found["redis"]["sessions"]["sentinels"] = content(second)["redis"]["sessions"]["sentinels"]

        answers = [guards(path, first.environment), guards(path, mixed(first, tmp_path, change))]
    assert not any(answers[0].values()), answers[0]
    assert "which is none of the declared nodes" in str(answers[1]["what step act acts through"])


def guards(path: Path, place: Path) -> dict[str, str | None]:
    command = [sys.executable, "-m", "faildrill", "plan", str(path), "--env", str(place), "-o", "json"]
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return {one["guard"]: one["objection"] for one in json.loads(said.stdout)["guards"]}


def test_the_doctor_looks_at_every_target_with_members(steady_lab: Facts, other: Facts, tmp_path: Path) -> None:
    def change(found: dict[str, Any]) -> None:
        found["reaches"]["lab"]["lab.supervisor"]["socket"] = str(other.control)

    place = mixed(steady_lab, tmp_path, change)
    command = [sys.executable, "-m", "faildrill", "doctor", str(place)]
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert "WRONG  payment-servers reach leads to its addresses" in said.stdout
    assert "WRONG  payments reach leads to its addresses" in said.stdout
