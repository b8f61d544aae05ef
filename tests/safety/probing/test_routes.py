"""An outage by its usual means is an outage, for every probe: a route that is taken away, a firewall that says no."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ALONE = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--user", "--map-root-user"]
ROUTES = ("prohibit", "blackhole", "unreachable")
Seen = dict[str, dict[str, list[str]]]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """Return by way, and kind of probe, what a look sees: its outcome, and why."""
    missing = [one for one in ("unshare", "ip") if shutil.which(one) is None]
    if missing:
        pytest.skip(f"no {', '.join(missing)} on this machine")
    ways = [*ROUTES, "itself", "full", *(["filter"] if shutil.which("nft") else [])]
    program = Path(__file__).with_name("routes.py")
    argv = [*ALONE, sys.executable, str(program), str(tmp_path_factory.mktemp("routes")), *ways]
    ran = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    if "Operation not permitted" in ran.stderr:
        pytest.skip("this machine makes no network namespaces")
    assert ran.returncode == 0, ran.stderr
    told = [json.loads(line) for line in ran.stdout.splitlines()]
    return {one["way"]: one["seen"] for one in told}


@pytest.mark.parametrize("way", [*ROUTES, "filter"])
def test_every_probe_takes_it_for_dark(way: str, seen: Seen) -> None:
    if way == "filter" and shutil.which("nft") is None:
        pytest.skip("no nft on this machine")
    outcomes = {probe: outcome for probe, (outcome, _) in seen[way].items()}
    assert outcomes == dict.fromkeys(outcomes, "UNREACHABLE"), seen[way]
    assert len(outcomes) == 8


def test_a_connection_that_comes_back_to_itself_finds_nobody(seen: Seen) -> None:
    outcomes = {probe: outcome for probe, (outcome, _) in seen["itself"].items()}
    del outcomes["dns.query"]  # asks over UDP: its own question comes back, which is no answer
    assert outcomes == dict.fromkeys(outcomes, "REFUSED"), seen["itself"]
    assert len(outcomes) == 7


def test_a_host_without_a_port_left_has_not_looked_by_a_name_either(seen: Seen) -> None:
    outcomes = {probe: outcome for probe, (outcome, _) in seen["full"].items()}
    del outcomes["dns.query"]  # over UDP, whose ports are others
    del outcomes["http.ledger"]  # its library takes 127.1 for a misspelt address
    assert outcomes == dict.fromkeys(outcomes, "BROKEN"), seen["full"]
    assert len(outcomes) == 6
