"""The drills on hosts, as a user sees them, and each seen red."""

import contextlib
import os
import signal
import time
from pathlib import Path

import pytest

from faildrill.guarding.holding import all_marks
from faildrill.timeline import FILE, Applying, entries
from lab.conftest import eventually
from lab.drilling import folder_of, run, started
from lab.hosts_lab import PLAYS, needs_ssh

pytestmark = [pytest.mark.lab, pytest.mark.timeout(400), pytest.mark.usefixtures("hosts_lab"), needs_ssh]
DRILLS = sorted(Path("drills").glob("hosts-*.yaml"))


def changed(drill: str, tmp_path: Path, *changes: tuple[str, str]) -> Path:
    """Write a drill of `drills/` with other words in some places, beside which its playbooks are found."""
    text = Path("drills", drill).read_text().replace("../playbooks", str(Path("playbooks").absolute()))
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    path = tmp_path / drill
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", DRILLS, ids=[path.stem for path in DRILLS])
def test_every_drill_on_hosts_passes_and_says_what_it_measured(path: Path, tmp_path: Path) -> None:
    ran = run(path, tmp_path, "lab-hosts")
    assert ran.code == 0, ran.said
    assert all_marks() == {}
    [step] = [one for one in ran.result["steps"] if one["kind"] == "ansible.playbook"]
    [applying] = [one.at for one in entries(ran.folder / FILE) if isinstance(one.what, Applying)]
    first = entries(ran.folder / FILE)[0].at
    assert step["started"] > (applying - first) / 1e9 + 0.3  # the task's own start, not that of the call


def test_a_service_that_is_stopped_on_every_host_fails_the_drill(tmp_path: Path) -> None:
    both = changed(
        "hosts-service-failover.yaml",
        tmp_path,
        ("service_hosts: app1", 'service_hosts: "app1,app2"'),
        ("wait: {until: pay is ok, for: 3s, within: 30s}", "wait: 6s"),
    )
    ran = run(both, tmp_path, "lab-hosts")
    assert ran.code == 1, ran.said
    assert "pay was dark at least" in ran.findings("FAILED")
    assert all_marks() == {}


def test_a_promotion_that_is_not_seen_is_inconclusive_and_put_back(tmp_path: Path) -> None:
    stopped_only = changed(
        "hosts-postgres-promote.yaml", tmp_path, ("began:  Stop PostgreSQL", "skip_tags: [promote]"), ("90s", "25s")
    )
    ran = run(stopped_only, tmp_path, "lab-hosts")
    assert ran.code == 4, ran.said
    assert "promote db2: takes effect" in ran.findings("INCONCLUSIVE")
    assert "promote db2: is put back" in ran.findings("PASSED")
    assert all_marks() == {}


def test_kill_9_of_the_runner_ends_the_play_and_nothing_of_it_acts_later(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    late = changed(
        "hosts-service-failover.yaml",
        tmp_path,
        (str(Path("playbooks/service-stop").absolute()), str(PLAYS / "marker")),
        ("began:  Stop the service", ""),
        ("{service_hosts: app1, service_name: payments}", f'{{on: app1, ahead: 8, marker: "{marker}"}}'),
    )
    with started(late, tmp_path, "lab-hosts") as process:
        folder = folder_of(tmp_path)
        eventually(lambda: any(isinstance(one.what, Applying) for one in entries(folder / FILE)), within=60.0)
        time.sleep(3.0)
        for path in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                line = (path / "cmdline").read_bytes()
                if b"faildrill.running.runner" in line and str(folder).encode() in line:
                    os.kill(int(path.name), signal.SIGKILL)
        over = time.monotonic() + 9.0  # the effect was 8 s ahead, at most
        said, _ = process.communicate(timeout=200)
    assert process.returncode == 5, said
    time.sleep(max(0.0, over - time.monotonic()))
    assert not marker.exists()
    assert all_marks() == {}
