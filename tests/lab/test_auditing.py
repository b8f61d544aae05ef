"""`faildrill audit lab`: as approved, misconfigured at run time, and with a load balancer that can't be asked."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from faildrill.adapters.haproxy.client import tell
from faildrill.adapters.haproxy.target import LoadBalancer
from faildrill.lab.core.facts import Facts
from lab import kinds_here
from lab.conftest import ask

pytestmark = pytest.mark.lab


def audit(lab: Facts, *options: str) -> tuple[int, str]:
    """Audit the lab as a person does."""
    command = [sys.executable, "-m", "faildrill", "audit", lab.name, *options]
    environment = {**os.environ, "FAILDRILL_STATE": str(lab.folder.parent.parent)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def test_the_lab_is_as_approved_and_a_change_at_run_time_is_not(steady_lab: Facts, tmp_path: Path) -> None:
    code, told = audit(steady_lab)
    assert (code, "detection  payments: 3.75 s at the worst" in told) == (0, True), told
    socket = kinds_here.environment(steady_lab).of(LoadBalancer)["payments"].haproxy_socket
    asyncio.run(tell(socket, "set server payments/pay1 weight 10"))
    try:
        code, told = audit(steady_lab, "--sarif", str(tmp_path / "audit.sarif"))
    finally:
        asyncio.run(tell(socket, "set server payments/pay1 weight 1"))
    assert code == 1
    assert "severe     payments: weight of payments/pay1: 10, the standard says 1" in told
    assert f"echo 'set server payments/pay1 weight 1' | socat stdio {socket}" in told
    assert "weight of payments/pay1: 10 runs, the file says 1" in told
    assert '"ruleId": "standard"' in (tmp_path / "audit.sarif").read_text(encoding="utf-8")


def test_a_load_balancer_that_hangs_can_not_be_read_and_does_not_pass(steady_lab: Facts) -> None:
    ask(steady_lab, {"op": "signal", "node": "haproxy", "signal": "STOP"})
    code, told = audit(steady_lab)
    assert code == 4, told
    assert "unread     payments: " in told
    assert "read       database: Patroni's dynamic configuration" in told
