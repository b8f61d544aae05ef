"""What a step has brought about on real parts, and somebody else ends before it is put back: never PASSED."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from faildrill.adapters.haproxy.client import tell
from faildrill.lab.core.facts import Facts
from faildrill.record.timeline import FILE
from lab.conftest import ask
from lab.drilling import Ran, folder_of, started

pytestmark = [pytest.mark.lab, pytest.mark.timeout(200), pytest.mark.usefixtures("steady_lab")]
DRILL = """\
drill: meddled-with
environment: lab
warm_up: 1s
probes:
  pay: {{http.request: {{url: "${{services.payments}}/payments/count"}}, every: 50ms, timeout: 2s}}
steps:
  - name: do it
    {step}
    within: 10s
  - wait: 6s
expect:
  - errors: {{of: pay, at_most: 99%}}
  - steady_again: {{within: 60s}}
"""
Meddling = Callable[[Facts], object]


def reload(lab: Facts) -> None:
    """Reload HAProxy as configuration management does: it forgets what was set through the socket."""
    asyncio.run(tell(str(lab.folder / "run" / "haproxy-master.sock"), "reload", then_end=True))


def told(command: str) -> Meddling:
    return lambda lab: asyncio.run(tell(str(lab.folder / "run" / "haproxy.sock"), command))


def asked(**request: str) -> Meddling:
    return lambda lab: ask(lab, dict(request))


OF = "load_balancer: payments, backend: payments"
CASES: dict[str, tuple[str, Meddling, str]] = {
    "maintenance, reloaded": (f"haproxy.maintenance: {{{OF}, server: pay1}}", reload, "HAProxy was reloaded"),
    "drain, made ready": (
        f"haproxy.drain: {{{OF}, server: pay1}}",
        told("set server payments/pay1 state ready"),
        "same",
    ),
    "weights, set back": (
        f"haproxy.weights: {{{OF}, set: {{pay1: 70, pay2: 10}}}}",
        told("set server payments/pay2 weight 1"),
        "the same process",
    ),
    "member, let go on": (
        "member.stop: {group: payment-servers, member: pay2}",
        asked(op="signal", node="pay2", signal="CONT"),
        "pay2 is running",
    ),
    "replication, healed": (
        "patroni.cut_replication: {cluster: payments}",
        lambda lab: [
            ask(lab, {"op": "link", "name": name, "mode": "open"}) for name in ask(lab, {"op": "status"})["links"]
        ],
        "is open",
    ),
}


def meddled(lab: Facts, tmp_path: Path, step: str, meddle: Meddling) -> Ran:
    """Run a drill of one step; two seconds after its effect was seen somebody else ends it."""
    drill = tmp_path / "drill.yaml"
    drill.write_text(DRILL.format(step=step), encoding="utf-8")
    with started(drill, tmp_path) as process:
        timeline = folder_of(tmp_path) / FILE
        deadline = time.monotonic() + 60
        while b'"step.confirmed"' not in timeline.read_bytes():
            assert time.monotonic() < deadline, timeline.read_text(encoding="utf-8")[-2000:]
            time.sleep(0.05)
        time.sleep(2.0)
        meddle(lab)
        said, _ = process.communicate(timeout=150)
        return Ran(process.returncode, folder_of(tmp_path), said)


@pytest.mark.parametrize("case", CASES)
def test_a_state_that_somebody_else_has_ended_is_inconclusive(case: str, lab: Facts, tmp_path: Path) -> None:
    step, meddle, suspected = CASES[case]
    ran = meddled(lab, tmp_path, step, meddle)
    found = ran.findings("INCONCLUSIVE")
    assert ran.code == 4, ran.said
    assert "gone before it was put back, seen in effect for at least " in found
    assert suspected in found
    [length] = [one["in_effect"] for one in ran.result["steps"] if "in_effect" in one]
    assert length["at_least"] <= 2.5 <= length["at_most"] + 1.0


def test_a_state_that_nobody_has_ended_is_told_with_its_bounds(lab: Facts, tmp_path: Path) -> None:
    ran = meddled(lab, tmp_path, CASES["maintenance, reloaded"][0], lambda _: None)
    assert ran.code == 0, ran.said
    assert "is in effect until it is put back: seen in effect for at least 6" in ran.findings("PASSED")
