"""An outage by its usual means is an outage, for every probe: a route that is taken away, a firewall that says no."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ALONE = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--user", "--map-root-user"]


def seen_without(kind: str, folder: Path) -> dict[str, list[str]]:
    """Return by kind of probe what a look sees: its outcome, and why."""
    needs = ("unshare", "ip", *(("nft",) if kind == "filter" else ()))
    missing = [one for one in needs if shutil.which(one) is None]
    if missing:
        pytest.skip(f"no {', '.join(missing)} on this machine")
    program = Path(__file__).with_name("routes.py")
    argv = [*ALONE, sys.executable, str(program), kind, str(folder)]
    ran = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    if "Operation not permitted" in ran.stderr:
        pytest.skip("this machine makes no network namespaces")
    assert ran.returncode == 0, ran.stderr
    found: dict[str, list[str]] = json.loads(ran.stdout)
    return found


@pytest.mark.parametrize("kind", ["prohibit", "blackhole", "unreachable", "filter"])
def test_every_probe_takes_it_for_dark(kind: str, tmp_path: Path) -> None:
    seen = seen_without(kind, tmp_path)
    assert {probe: outcome for probe, (outcome, _) in seen.items()} == dict.fromkeys(seen, "UNREACHABLE"), seen
    assert len(seen) == 8


def test_a_connection_that_comes_back_to_itself_finds_nobody(tmp_path: Path) -> None:
    seen = seen_without("itself", tmp_path)
    del seen["dns.query"]  # asks over UDP: its own question comes back, which is no answer
    assert {probe: outcome for probe, (outcome, _) in seen.items()} == dict.fromkeys(seen, "REFUSED"), seen


def test_a_host_without_a_port_left_has_not_looked_by_a_name_either(tmp_path: Path) -> None:
    seen = seen_without("full", tmp_path)
    del seen["dns.query"]  # over UDP, whose ports are others
    del seen["http.ledger"]  # its library takes 127.1 for a misspelt address
    assert {probe: outcome for probe, (outcome, _) in seen.items()} == dict.fromkeys(seen, "BROKEN"), seen
