import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner, Result

from faildrill.cli.main import cli
from faildrill.judging.result import Bounds
from unit.history import made
from unit.reports import hostile

DRILL: Final = """\
drill: {name}
about: "{about}"
environment: staging
owner: dba
probes:
  pay: {{http.request: {{url: "http://127.0.0.1:1/"}}, every: 50ms}}
steps:
  - name: kill it
    id: kill
    patroni.kill_primary: {{cluster: payments}}
    within: 12s
  - name: payments flow again
    wait: {{until: pay is ok, for: 3s, within: 60s}}
  - name: put a server aside
    haproxy.drain: {{load_balancer: payments, backend: payments, server: pay1}}
    undo: none
expect:
  - outage: {{of: pay, at_most: 30s}}
abort_when:
  - outage: {{of: pay, longer_than: 2m}}
"""
HEADINGS: Final = ["1. Check first", "2. Do this, in this order", "3. Put back, in this order", "4. It is over when"]
Command = Callable[..., Result]


@pytest.fixture
def called(tmp_path: Path) -> Command:
    def call(*words: str, name: str = "primary-crash", about: str = "It crashes.") -> Result:
        (tmp_path / "drill.yaml").write_text(DRILL.format(name=name, about=about), encoding="utf-8")
        place = ("--reports", str(tmp_path / "reports"))
        return CliRunner().invoke(cli, ["runbook", str(tmp_path / "drill.yaml"), *place, *words])

    return call


def test_a_procedure_says_what_to_check_to_do_to_put_back_and_when_to_stop(called: Command) -> None:
    text = called().stdout
    found = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert found == [*HEADINGS, "5. Stop, and go to 3, as soon as", "What was measured"]
    check, do, back, over, stop, _ = text.split("\n## ")[1:]
    assert "**pay** is good for 3 s: Sends one HTTP/1.1 request" in check
    assert "**kill it**: It is refused, with nothing touched, unless exactly one node leads" in check
    assert "- Does: Kills the node that takes writes" in do
    assert "- Confirmed: Its effect is seen when nothing of the node runs and its ports are dark." in do
    assert "- Limit: 12 s to do it" in do
    assert "- Wait until pay is ok for 3 s, 1 min at the most." in do
    assert "- Put back: it is to stay as it is" in do
    assert "1. kill it: It is put back when the node was started and runs in the cluster again" in back
    assert "put a server aside" not in back
    assert 'outage {"of": "pay", "at_most": "30s"}' in over
    assert 'outage {"of": "pay", "longer_than": "2m"}' in stop


def test_a_drill_that_was_never_run_says_that_nothing_was_measured(called: Command) -> None:
    text = called().stdout
    assert "**never proven**" in text
    assert "Nothing yet: no run of it is recorded." in text


def test_measured_times_are_those_of_runs_that_took_the_same_actions(called: Command, tmp_path: Path) -> None:
    alike = made.drill()
    kinds = ["patroni.kill_primary", "haproxy.drain"]
    uses = zip(("kill", "aside"), kinds, strict=True)
    alike["steps"] = [{"id": name, "name": name, "use": {"kind": kind, "params": {}}} for name, kind in uses]
    for number, bounds in enumerate(((19.0, 21.0), (20.0, 20.5))):
        made.record(tmp_path / "reports", number, Bounds(at_least=bounds[0], at_most=bounds[1]), declared=alike)
    made.record(tmp_path / "reports", 7, Bounds(at_least=99.0, at_most=99.5))
    text = called().stdout
    assert "- Measured: 100 ms in the middle, 100 ms to 100 ms, in 2 runs" in text
    assert "2 runs, the last of them 20260102T020000Z" in text
    assert "- 2026-01-02: at least 20.00 s, at most 20.50 s" in text
    assert "99 s" not in text
    assert "last proven by 20260102T020000Z" in text


WAYS: Final = """\
ways:
  - name: left alone
    steps:
      - wait: 1s
  - name: fail over
    steps:
      - name: hand over
        patroni.switchover: {cluster: payments}
        undo: none
"""


def test_of_a_drill_with_several_ways_the_runs_of_each_are_measured(tmp_path: Path) -> None:
    text = DRILL.format(name="primary-crash", about="It crashes.").partition("  - name: put a server")
    rest = text[2][text[2].index("expect:") :]
    (tmp_path / "drill.yaml").write_text(text[0] + WAYS + rest, encoding="utf-8")
    for number, (way, kinds) in enumerate({"left alone": [], "fail over": ["patroni.switchover"]}.items()):
        declared = made.drill() | {"way": {"name": way}}
        uses = [{"id": kind, "name": kind, "use": {"kind": kind, "params": {}}} for kind in kinds]
        declared["steps"] = [*declared["steps"], *uses]
        made.record(tmp_path / "reports", number, Bounds(at_least=19.0, at_most=21.0), declared=declared)
    done = CliRunner().invoke(cli, ["runbook", str(tmp_path / "drill.yaml"), "--reports", str(tmp_path / "reports")])
    assert "2 runs, the last of them 20260102T020000Z" in done.stdout
    assert "### 2b Then, to answer it by: fail over" in done.stdout
    assert "Hands the leadership of a Patroni cluster over" in done.stdout


def test_the_procedure_can_be_written_to_a_file_and_is_the_same_each_time(called: Command, tmp_path: Path) -> None:
    assert called("-o", str(tmp_path / "a.md")).exit_code == 0
    assert (tmp_path / "a.md").read_text(encoding="utf-8") == called().stdout
    done = called("-o", str(tmp_path / "none" / "a.md"))
    assert (done.exit_code, "can't be written" in done.stderr) == (2, True)


@pytest.mark.parametrize("text", [one for one in hostile.STRINGS if one.isprintable() and '"' not in one])
def test_hostile_words_of_a_drill_are_only_text(called: Command, text: str) -> None:
    page = called(about=text[:500]).stdout
    assert "<" not in page
    assert not re.search(r"(?<!\\)\]\(", page)
    assert re.findall(r"^## (.+)$", page, re.MULTILINE)[:4] == HEADINGS
