"""A drill that waits for a takeover, where there is none before its time is over: the wait is not met by nobody."""

from pathlib import Path

import pytest

from lab.drilling import run

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300), pytest.mark.usefixtures("steady_lab")]
DRILL = """\
drill: nobody-takes-over
about: Patroni may promote nobody before its ttl of 20 s is over, and nobody waits for it.
environment: lab
probes:
  writer: {patroni.writer: {cluster: payments}, every: 100ms, timeout: 2s}
steps:
  - name: kill the primary
    id: kill
    patroni.kill_primary: {cluster: payments}
    within: 10s
  - name: a standby took over
    wait: {until: "writer saw not ${steps.kill.primary}", within: 4s}
expect:
  - writers: {of: writer, at_most: 1}
  - steady_again: {within: 60s}
"""


def test_a_primary_that_nobody_replaces_has_not_been_replaced(tmp_path: Path) -> None:
    path = tmp_path / "nobody.yaml"
    path.write_text(DRILL, encoding="utf-8")
    ran = run(path, tmp_path)
    assert ran.code in (1, 4), ran.said
    [wait] = [one for one in ran.result["findings"] if one["claim"].startswith("a standby took over")]
    assert wait["verdict"] in ("FAILED", "INCONCLUSIVE"), wait
    assert "not seen within 4 s" in wait["because"]
