"""The playbooks for what a host of the lab doesn't have, played for real on this machine: a firewall, Patroni."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from faildrill.errors import CannotSee
from faildrill.lab.core.facts import Facts
from lab.hosts_lab import done_and_put_back, given, here, step, twice

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]
PEER = "127.0.0.2"
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


@pytest.fixture
def nft(tmp_path: Path) -> Iterator[list[str]]:
    """Give what comes before a command that is to run in a network of the test's own."""
    unshare, enter, program = (
        shutil.which(one, path="/usr/sbin:/usr/bin:/sbin:/bin") for one in ("unshare", "nsenter", "nft")
    )
    if not (unshare and enter and program):
        pytest.skip("no nftables: apt install nftables")
    own = [unshare, "--net"] if os.geteuid() == 0 else [unshare, "--user", "--map-root-user", "--net"]
    script = "ip link set lo up && nft list tables && echo ready && exec sleep 200"
    with subprocess.Popen([*own, "sh", "-c", script], stdout=subprocess.PIPE, env={"PATH": PATH}) as network:
        try:
            assert network.stdout is not None
            if network.stdout.readline() != b"ready\n":
                pytest.skip("no network namespace with nftables can be made here")
            user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
            inside = [enter, "--target", str(network.pid), "--net", *user]
            path = tmp_path / "nft"
            path.write_text(f'#!/bin/sh\nexec {" ".join(inside)} {program} "$@"\n')
            path.chmod(0o755)
            yield inside
        finally:
            network.kill()


REACHED = f"""
import socket
there = socket.create_server(({PEER!r}, 0))
try:
    socket.create_connection(there.getsockname(), 1).close()
except OSError:
    print("no")
else:
    print("yes")
"""


def test_a_peer_is_blocked_and_let_through_again(nft: list[str], tmp_path: Path) -> None:
    def look(blocked: bool) -> None:
        told = subprocess.check_output([*nft, sys.executable, "-c", REACHED], text=True)
        assert told == ("no\n" if blocked else "yes\n")

    action = twice(
        here(tmp_path),
        "peer-block",
        peer_hosts="here",
        peer_address=PEER,
        peer_become=False,
        peer_program=str(tmp_path / "nft"),
    )
    asyncio.run(done_and_put_back(action, "peer", look))
    assert subprocess.check_output([*nft, str(shutil.which("nft", path=PATH)), "list", "tables"]) == b""


def test_patroni_hands_the_lead_over_and_back(steady_lab: Facts, tmp_path: Path) -> None:
    nodes = {name: Path(steady_lab.environment).parent / "nodes" / name / "patroni.yml" for name in ("pg1", "pg2")}

    def leads() -> str:
        told = subprocess.check_output([patronictl, "-c", nodes["pg1"], "list", "-f", "json"], text=True)
        return next(str(one["Member"]) for one in json.loads(told) if one["Role"] == "Leader")

    patronictl = Path(sys.executable).with_name("patronictl")
    old = leads()
    other = "pg2" if old == "pg1" else "pg1"

    def look(handed_over: bool) -> None:
        assert leads() == (other if handed_over else old)

    action = twice(
        here(tmp_path),
        "patroni-switchover",
        patroni_hosts="here",
        patroni_config=str(nodes["pg1"]),
        patroni_scope="payments",
        patroni_candidate=other,
        patroni_program=str(patronictl),
    )
    asyncio.run(done_and_put_back(action, "patroni", look))


FAILED_QUESTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "no firewall's program": (
        "peer-block",
        {"peer_program": "/nowhere/nft", "peer_become": False, "peer_address": PEER},
    ),
    "a note that can't be read": ("cpu-stress", {"cpu_pidfile": "/proc", "cpu_count": 1}),
    "no control of services": ("service-hang", {"service_control": "/nowhere/systemctl", "service_name": "none"}),
    "a control that says nothing": ("service-hang", {"service_control": "true", "service_name": "none"}),
}


@pytest.mark.parametrize(("name", "variables"), FAILED_QUESTIONS.values(), ids=list(FAILED_QUESTIONS))
def test_a_question_that_fails_is_never_taken_for_the_answer_no(
    name: str, variables: dict[str, Any], tmp_path: Path
) -> None:
    variables |= {f"{name.split('-', maxsplit=1)[0]}_hosts": "here"}
    with pytest.raises(CannotSee):
        asyncio.run(step(here(tmp_path), name, **variables).capture(given()))
