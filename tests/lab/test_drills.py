"""Every drill of `drills/` on the lab, and every verdict for the right reason, as a user sees it: the command line."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from faildrill.judging.evidence import gather
from faildrill.judging.expectations.never import Never
from faildrill.lab.core.facts import Facts
from faildrill.locking.dirty_marks import all_marks
from faildrill.record import run_set
from faildrill.record.timeline import FILE, AnyEvent, Confirmed, Intended, WaitStarted, entries
from lab.conftest import Drilled, put_back
from lab.drilling import folder_of, run, started

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240), pytest.mark.usefixtures("steady_lab")]
DRILLS = sorted(path for path in Path("drills").glob("*.yaml") if not path.name.startswith("hosts-"))
"""Those of hosts have a lab of their own: `test_hosts_drills`."""


def until(folder: Path, event: type[AnyEvent], within: float = 120.0) -> None:
    """Wait until an event is in the timeline."""
    deadline = time.monotonic() + within
    while not any(isinstance(entry.what, event) for entry in entries(folder / FILE)):
        assert time.monotonic() < deadline, f"no {event.__name__}"
        time.sleep(0.02)


def drill(tmp_path: Path, steps: str, expect: str, every: str = "20ms") -> Path:
    """Write a drill of these steps and expectations, with payments as its probe."""
    path = tmp_path / "drill.yaml"
    path.write_text(
        "drill: of-a-test\nabout: what a test does\nenvironment: lab\nwarm_up: 2s\nprobes:\n"
        f'  pay: {{http.request: {{url: "${{services.payments}}/payments", method: POST, json: {{amount: 1}}}},'
        f" every: {every}, timeout: 2s}}\n"
        f"steps:\n{steps}\nexpect:\n{expect}\n"
    )
    return path


SWITCHOVER = """\
  - name: switch over
    patroni.switchover: {cluster: payments}
    within: 20s
  - wait: {until: pay is ok, for: 2s, within: 30s}
"""
HANG = """\
  - name: hang pay1
    member.stop: {group: payment-servers, member: pay1}
  - wait: 1s
"""


@pytest.mark.parametrize("path", DRILLS, ids=[path.stem for path in DRILLS])
def test_every_drill_passes_and_says_what_it_measured(path: Path, drilled: Drilled) -> None:
    ran = drilled(path)
    assert ran.code == 0, ran.said
    assert "PASSED" in ran.said
    assert all_marks() == {}
    of_a_run = ("timeline.jsonl", "probes.samples", "result.json", "junit.xml", "report.md", "report.html")
    of_a_set = (run_set.FILE, "set.json", "junit.xml", "report.html")
    for name in of_a_set if (ran.folder / run_set.FILE).exists() else of_a_run:
        assert (ran.folder / name).stat().st_size > 0


def test_a_needless_failover_is_seen_counted_and_breaks_what_forbids_it(drilled: Drilled) -> None:
    """The same three runs, weighed against what each way forbids: the one that fails over breaks all of it."""
    folder = drilled(Path("drills/needless-failover.yaml")).folder
    judged = json.loads((folder / "set.json").read_bytes())
    assert [one["failover"] for one in judged["runs"]] == ["not done", "not done", "done"]
    assert (judged["needless"]["runs"], judged["needless"]["done"]) == (3, 1)
    forbidden = [Never(of="writer", changes=True), Never(of="timeline", promotions=True)]
    verdicts = [
        [one.judge(gather(folder / run["folder"]))[0].verdict.value for one in forbidden] for run in judged["runs"]
    ]
    assert verdicts == [["PASSED", "PASSED"], ["PASSED", "PASSED"], ["FAILED", "FAILED"]]
    assert [[one["probe"] for one in run["pains"]] for run in judged["runs"]] == [["users"]] * 3
    assert all(run["pains"][0]["failed"] and run["books"][0]["acknowledged"] for run in judged["runs"])


def test_what_nobody_but_haproxy_tells_was_noticed_by_those_who_use_it(drilled: Drilled) -> None:
    told = drilled(Path("drills/load-balancer-skew.yaml")).findings("PASSED").splitlines()
    taken = [one for one in told if one.startswith(("set the weights wrong: takes", "put the weights right: takes"))]
    assert len(taken) == 2
    assert all(" noticed it: " in one for one in taken), taken


def test_a_limit_shorter_than_the_real_failover_fails(tmp_path: Path) -> None:
    ran = run(drill(tmp_path, SWITCHOVER, "  - outage: {of: pay, at_most: 300ms}"), tmp_path)
    assert ran.code == 1, ran.said
    assert "pay was dark at least" in ran.findings("FAILED")


def test_a_probe_too_slow_for_its_limit_is_inconclusive(tmp_path: Path) -> None:
    watched = f"{SWITCHOVER}  - wait: 15s\n"  # long enough for more looks than the fewest to go by
    slow = drill(tmp_path, watched, "  - outage: {of: pay, at_most: 2900ms}", every="1500ms")
    ran = run(slow, tmp_path)
    assert ran.code == 4, ran.said
    assert "every" in " ".join(one.get("advice", "") for one in ran.result["findings"])


def test_a_fault_that_takes_no_effect_is_inconclusive(tmp_path: Path) -> None:
    nothing = (
        "  - name: do nothing\n"
        '    command.run: {argv: ["true"], verify_argv: [echo, "in_effect: false"], undo_argv: ["true"]}\n'
        "    within: 2s\n"
    )
    ran = run(drill(tmp_path, nothing, "  - outage: {of: pay, at_most: 10s}"), tmp_path)
    assert ran.code == 4, ran.said
    assert "do nothing" in ran.findings("INCONCLUSIVE")


def test_a_switchover_to_whoever_leads_already_is_refused_and_nothing_was_touched(
    steady_lab: Facts, tmp_path: Path
) -> None:
    leader = json.loads(urlopen(f"{api_of(steady_lab)}/cluster"))
    [name] = [one["name"] for one in leader["members"] if one["role"] == "leader"]
    steps = f"  - name: switch over\n    patroni.switchover: {{cluster: payments, to: {name}}}\n"
    ran = run(drill(tmp_path, steps, "  - outage: {of: pay, at_most: 10s}"), tmp_path)
    assert ran.code == 3, ran.said
    assert "leads already" in ran.said
    assert not [one for one in entries(ran.folder / FILE) if isinstance(one.what, Intended)]


def urlopen(url: str) -> bytes:
    """Read a page of the lab."""
    import urllib.request  # noqa: PLC0415 - used here alone

    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - the lab's own address
        found: bytes = answer.read()
        return found


def api_of(lab: Facts) -> str:
    """Return the address of a Patroni of the lab."""
    import yaml  # noqa: PLC0415 - used here alone

    place = yaml.safe_load(lab.environment.read_text())
    found: str = place["clusters"]["payments"]["members"]["pg1"]["api"]
    return found


@pytest.mark.parametrize("fact", ["system_identifier", "uid"])
def test_an_identity_that_differs_is_refused_and_nothing_is_touched(
    fact: str, steady_lab: Facts, tmp_path: Path
) -> None:
    lines = steady_lab.environment.read_text().splitlines()
    changed = [f"{line.partition(':')[0]}: '12345678'" if f"{fact}:" in line else line for line in lines]
    assert changed != lines
    (tmp_path / "other.yaml").write_text("\n".join(changed))
    shutil.copytree(steady_lab.environment.with_name("standards"), tmp_path / "standards")
    ran = run(drill(tmp_path, HANG, "  - outage: {of: pay, at_most: 10s}"), tmp_path, str(tmp_path / "other.yaml"))
    assert ran.code == 3, ran.said
    assert not [one for one in entries(ran.folder / FILE) if isinstance(one.what, Intended)]


def test_ctrl_c_aborts_and_everything_is_put_back(tmp_path: Path) -> None:
    path = drill(tmp_path, HANG.replace("1s", "60s"), "  - outage: {of: pay, at_most: 60s}")
    with started(path, tmp_path) as process:
        folder = folder_of(tmp_path)
        until(folder, WaitStarted)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 5, said
    assert "hang pay1: is put back" in said
    assert all_marks() == {}


def test_an_undo_that_cannot_be_verified_is_unsafe_until_recovered(steady_lab: Facts, tmp_path: Path) -> None:
    steps = (
        "  - name: kill pay1\n"
        "    member.kill: {group: payment-servers, member: pay1}\n"
        '    undo: {command.run: {argv: ["true"], undo_argv: ["true"], verify_argv: [echo, "in_effect: false"]}}\n'
        "    undo_within: 3s\n"
    )
    ran = run(drill(tmp_path, steps, "  - steady_again: {within: 1s}"), tmp_path)
    assert ran.code == 6, ran.said
    assert f"faildrill recover {ran.folder}" in ran.said
    assert all_marks() != {}
    again = run(drill(tmp_path, HANG, "  - outage: {of: pay, at_most: 10s}"), tmp_path / "again")
    assert again.code == 3, again.said
    assert "dirty" in again.said
    put_back(steady_lab)
    recover = [sys.executable, "-m", "faildrill", "recover", "--within", "30s"]
    recovered = subprocess.run(recover, capture_output=True, text=True, check=False, timeout=120)
    assert recovered.returncode == 0, recovered.stdout
    assert all_marks() == {}
    assert ran.result["verdict"] == "UNSAFE"


def test_kill_9_of_the_runner_in_the_middle_of_a_crash_ends_with_both_nodes_streaming(tmp_path: Path) -> None:
    with started(Path("drills/postgres-primary-crash.yaml"), tmp_path) as process:
        folder = folder_of(tmp_path)
        until(folder, Confirmed)
        for path in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                line = (path / "cmdline").read_bytes()
                if b"faildrill.running.runner" in line and str(folder).encode() in line:
                    os.kill(int(path.name), signal.SIGKILL)
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 5, said
    assert "kill the primary: is put back" in said
    assert (folder / "report.html").stat().st_size > 0
    assert all_marks() == {}
