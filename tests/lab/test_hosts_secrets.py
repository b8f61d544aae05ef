"""P18 on hosts: whole runs with a canary in every place of a secret, of which none is found anywhere afterwards."""

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from faildrill.lab.core.facts import Facts
from faildrill.record.timeline import FILE, Applying, entries
from lab.hosts_lab import PLAYS, hosts_of, needs_ssh

pytestmark = [pytest.mark.lab, pytest.mark.timeout(400), needs_ssh]
ENDS: Final = {"app1": ("passes", 0), "app2": ("breaks", 4), "db1": ("is interrupted", 5), "lb1": ("is killed", 5)}
"""By host, how the run on it goes, and its exit code: each host is a place of its own, so all run at once."""
OURS: Final = (
    b"-m\0faildrill\0",
    *(f"-m\0faildrill.{one}".encode() for one in ("running", "probing", "restoring", "reports")),
)
"""In whose environment the secrets may be: faildrill's own processes, which have that of whoever called it."""
DRILL: Final = """
drill: canaries
environment: place
warm_up: 200ms
probes:
  ssh: {{tcp.connect: {{address: "127.0.0.1:{port}"}}, every: 100ms}}
steps:
  - name: put secrets to use
    ansible.playbook:
      hosts:  one
      apply:  {plays}/apply.yml
      undo:   {plays}/undo.yml
      verify: {plays}/verify.yml
      vars:   {{marker: {marker}, breaks: {breaks}, lasts: {lasts}}}
      secret_vars: {{of_drill: "env:OF_DRILL"}}
    within: 100s
    undo_within: 2m
expect:
  - steady_again: {{within: 60s}}
"""


class Canaries:
    """A value for every place where a secret may be."""

    def __init__(self, key: Path) -> None:
        self.by_name = {
            name: f"canary{secrets.token_hex(12)}" for name in ("inventory", "vaulted", "vault", "drill", "env")
        }
        self.by_name["key"] = key.read_text().splitlines()[2]

    def found_in(self, content: bytes) -> set[str]:
        """Name those that are in it."""
        return {name for name, value in self.by_name.items() if value.encode() in content}


@contextlib.contextmanager
def run(host: str, lab: Facts, canaries: Canaries, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a drill on one host, in a place of its own, all that it writes going to `folder/runs/HOST`."""
    place, runs = folder / "places" / host, folder / "runs" / host
    place.mkdir(parents=True)
    runs.mkdir(parents=True)
    known = hosts_of(lab)
    mine = _of_host(yaml.safe_load(Path(known.inventory).read_text()), host)
    (place / "vault").write_text(canaries.by_name["vault"])
    text = (
        f"{yaml.safe_dump(mine)}\nof_inventory: {canaries.by_name['inventory']}\nof_vault: {_vaulted(place, canaries)}"
    )
    (place / "inventory.yml").write_text(
        f"all:\n  hosts:\n    {host}:\n" + "".join(f"      {line}\n" for line in text.splitlines())
    )
    one = {"inventory": "inventory.yml", "keys": {host: known.keys[host]}, "vault_password": "env:OF_VAULT"}
    content: dict[str, Any] = {"environment": "place", "drillable": True, "hosts": {"one": one}}
    (place / "place.yaml").write_text(yaml.safe_dump({**content, "identity": [{"ssh.identity": {"hosts": "one"}}]}))
    how = ENDS[host][0]
    drill = DRILL.format(
        port=mine["ansible_port"],
        plays=(PLAYS / "canaries").absolute(),
        marker=folder / f"on-{host}",
        breaks=json.dumps(how == "breaks"),
        lasts=20 if how.startswith("is ") else 1,
    )
    (place / "drill.yaml").write_text(drill)
    own = {"OF_DRILL": canaries.by_name["drill"], "OF_VAULT": canaries.by_name["vault"]}
    own |= {"OF_NOBODY": canaries.by_name["env"], "FAILDRILL_STATE": str(runs / "state")}
    command = [sys.executable, "-m", "faildrill", "run", str(place / "drill.yaml"), "--env", str(place / "place.yaml")]
    with (
        (runs / "printed").open("wb") as printed,
        subprocess.Popen(
            [*command, "--reports", str(runs / "reports")], stdout=printed, stderr=printed, env=os.environ | own
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def _of_host(inventory: dict[str, Any], host: str) -> dict[str, Any]:
    """Return all variables by which the lab's inventory reaches a host."""
    groups = inventory["all"]["children"].values()
    [mine] = [group["hosts"][host] for group in groups if host in group["hosts"]]
    return {**inventory["all"]["vars"], **mine}


def _vaulted(place: Path, canaries: Canaries) -> str:
    """Encrypt a value as a user would."""
    vault = Path(sys.executable).with_name("ansible-vault")
    command = [str(vault), "encrypt_string", "--vault-password-file", str(place / "vault")]
    value = canaries.by_name["vaulted"]
    return subprocess.run(command, input=value, capture_output=True, text=True, check=True).stdout.strip()


class Watched:
    """What was seen of this machine's processes while the runs went on."""

    def __init__(self, canaries: Canaries) -> None:
        self._canaries = canaries
        self.leaks: set[str] = set()
        self.programs: set[str] = set()

    def look(self) -> None:
        """Look at every process once."""
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                line, environment = (path / "cmdline").read_bytes(), (path / "environ").read_bytes()
                words = line.replace(b"\0", b" ").decode(errors="replace")
                self.programs.add(words)
                self.leaks |= {f"{name} on a command line: {words}" for name in self._canaries.found_in(line)}
                if not any(one in line for one in OURS):
                    told = self._canaries.found_in(environment)
                    self.leaks |= {f"{name} in the environment of {words}" for name in told}


def _cut_short(host: str, process: "subprocess.Popen[bytes]", runs: Path) -> bool:
    """Interrupt a run, or kill its runner, once its secrets are on the host."""
    for folder in (runs / host / "reports").glob("*-canaries-*"):
        if any(isinstance(one.what, Applying) for one in entries(folder / FILE)):
            if ENDS[host][0] == "is interrupted":
                process.send_signal(signal.SIGINT)
            else:
                _kill_runner(folder)
            return True
    return False


def _kill_runner(folder: Path) -> None:
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            line = (path / "cmdline").read_bytes()
            if b"faildrill.running.runner" in line and str(folder).encode() in line:
                os.kill(int(path.name), signal.SIGKILL)


def test_no_secret_is_left_anywhere_by_a_run_however_it_ends(hosts_lab: Facts, tmp_path: Path) -> None:
    canaries = Canaries(hosts_lab.environment.parent / "keys" / "id_ed25519")
    watched, arrived = Watched(canaries), {}
    with contextlib.ExitStack() as stack:
        running = {host: stack.enter_context(run(host, hosts_lab, canaries, tmp_path)) for host in ENDS}
        cut: set[str] = set()
        while any(process.poll() is None for process in running.values()):
            watched.look()
            for host, process in running.items():
                with contextlib.suppress(OSError):
                    arrived[host] = canaries.found_in((tmp_path / f"on-{host}").read_bytes())
                if ENDS[host][0].startswith("is ") and host not in cut and arrived.get(host):
                    cut |= {host} if _cut_short(host, process, tmp_path / "runs") else set()
            time.sleep(0.1)
    printed = {host: (tmp_path / "runs" / host / "printed").read_text() for host in ENDS}
    assert {host: process.returncode for host, process in running.items()} == {
        host: code for host, (_, code) in ENDS.items()
    }, "\n".join(printed.values())
    assert arrived == {host: {"inventory", "vaulted", "drill"} for host in ENDS}  # they were put to use, all of them
    assert "it is •••" in printed["app2"]  # what a task said that broke is told, without the secret in it
    assert any("ansible-playbook" in one for one in watched.programs)
    assert watched.leaks == set()
    assert _left(tmp_path / "runs", canaries) == {}
    assert _left(Path("/dev/shm"), canaries) == {}  # noqa: S108 - where the plays are


def _left(folder: Path, canaries: Canaries) -> dict[str, set[str]]:
    """By file, which canaries are in it; what other tests remove meanwhile is passed over."""
    found = {}
    for path in (Path(where) / name for where, _, files in os.walk(folder) for name in files):
        with contextlib.suppress(OSError):
            if path.is_file() and (names := canaries.found_in(path.read_bytes())):
                found[str(path)] = names
    return found
