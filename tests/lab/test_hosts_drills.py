"""The drills on hosts, as a user sees them, and each seen red."""

from pathlib import Path

import pytest

from faildrill.locking.dirty_marks import all_marks
from faildrill.record.timeline import FILE, Applying, entries
from lab.drilling import run
from lab.hosts_lab import needs_ssh

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
    played = [one for one in ran.result["steps"] if one["kind"] == "ansible.playbook"]
    if not played:
        return
    [step] = played
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


def test_a_service_that_is_killed_over_ssh_while_the_other_is_out_fails_the_drill(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if not request.config.getoption("--soak"):
        pytest.skip("with --soak: another drill on hosts is seen red for the same reason in every run")
    out = "haproxy.maintenance: {load_balancer: payments, backend: payments, server: app2}"
    nobody_left = changed(
        "hosts-payment-server-crash.yaml",
        tmp_path,
        ("steps:\n", f"steps:\n  - name: app2 is out for maintenance\n    {out}\n"),
        ("wait: {until: pay is ok, for: 2s, within: 30s}", "wait: 6s"),
    )
    ran = run(nobody_left, tmp_path, "lab-hosts")
    assert ran.code == 1, ran.said
    assert "pay was dark at least" in ran.findings("FAILED")
    assert "kill payments on app1: is put back" in ran.findings("PASSED")
    assert all_marks() == {}


def test_a_promotion_that_is_not_seen_is_inconclusive_and_put_back(tmp_path: Path) -> None:
    stopped_only = changed(
        "hosts-postgres-promote.yaml",
        tmp_path,
        ("began:  Stop PostgreSQL", "skip_tags: [promote]"),
        ("90s", "25s"),
        ("at_most: 30s", "at_most: 90s"),  # it stays dark until it is put back
    )
    ran = run(stopped_only, tmp_path, "lab-hosts")
    assert ran.code == 4, ran.said
    assert "promote db2: takes effect" in ran.findings("INCONCLUSIVE")
    assert "promote db2: is put back" in ran.findings("PASSED")
    assert all_marks() == {}


TOLD = """
drill: told
environment: lab-hosts
warm_up: 200ms
probes:
  pay: {{http.request: {{url: "${{services.payments}}/health"}}, every: 200ms, timeout: 2s}}
steps:
  - name: find out
    id: first
    ansible.playbook:
      hosts:  staging
      limit:  [app1]
      apply:  {plays}/tells/apply.yml
      undo:   {plays}/markers/undo.yml
      verify: {plays}/markers/verify.yml
      vars:   {{marker: {folder}/first}}
    within: 90s
  - name: use it
    command.run:
      argv:        [touch, "{folder}/${{steps.first.app1.kept}}.on.${{steps.first.chosen}}"]
      undo_argv:   [rm, -f, "{folder}/found.on.app1"]
      verify_argv: [sh, -c, "if [ -e $0 ]; then echo in_effect: true; else echo in_effect: false; fi",
                    "{folder}/found.on.app1"]
    within: 10s
expect:
  - steady_again: {{within: 60s}}
"""


def test_what_a_playbook_found_out_is_used_by_a_later_step(tmp_path: Path) -> None:
    path = tmp_path / "told.yaml"
    path.write_text(TOLD.format(plays=(Path(__file__).parent / "plays").absolute(), folder=tmp_path))
    ran = run(path, tmp_path, "lab-hosts")
    assert ran.code == 0, ran.said
    assert [one["name"] for one in ran.result["steps"]] == ["find out", "use it"]
