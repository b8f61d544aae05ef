"""Thirty drills of the lab's real parts as one suite: whatever tells of it says the same. Minutes long: `--soak`."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from faildrill.lab.core.facts import Facts
from faildrill.locking.dirty_marks import all_marks
from faildrill.record import run_set

GOOD: Final = """\
drill: {name}
environment: lab
warm_up: 1s
probes:
  pay: {{http.request: {{url: "${{services.payments}}/payments", method: POST, json: {{amount: 100}}}}, every: 50ms}}
  servers: {{haproxy.backends: {{load_balancer: payments, backend: payments}}, every: 200ms}}
steps:
  - name: take {member}
    member.{how}: {{group: payment-servers, member: {member}}}
    within: 10s
  - wait: {{until: servers saw not {member}, within: 20s}}
expect:
  - outage: {{of: pay, at_most: 30s}}
  - steady_again: {{within: 60s}}
"""
WAITS_IN_VAIN: Final = "  - wait: {until: pay is not ok, for: 1s, within: 2s}\nexpect:\n"
LEAVES_A_FILE: Final = """\
    undo: own
  - name: leave a file
    command.run: {{argv: [touch, {file}], undo_argv: ["true"], verify_argv: [test, -e, {file}]}}
    within: 5s
    undo_within: 5s
  - wait"""
SAID: Final = {"PASSED": 28, "FAILED": 1, "UNSAFE": 1}


def written(folder: Path, file: Path) -> None:
    """Thirty drills; the tenth fails, and the last one does not put back what it did."""
    folder.mkdir()
    for number in range(1, 31):
        how = ("kill", "stop")[number % 2]
        text = GOOD.format(name=f"lab-{number:02d}", member=f"pay{1 + number % 3}", how=how)
        if number == 10:
            text = text.replace("expect:\n", WAITS_IN_VAIN)
        if number == 30:
            text = text.replace("  - wait", LEAVES_A_FILE.format(file=file), 1)
        (folder / f"lab-{number:02d}.yaml").write_text(text, encoding="utf-8")


@pytest.mark.timeout(0)
def test_thirty_drills_of_which_one_fails_and_one_is_unsafe_are_told_alike_by_everything(
    steady_lab: Facts,  # noqa: ARG001 - the lab must be up and steady
    tmp_path: Path,
    many: Callable[[int, int], int],
    figure: Callable[[str], None],
) -> None:
    if not many(0, 1):
        pytest.skip("takes minutes: --soak")
    file = tmp_path / "left"
    written(tmp_path / "nightly", file)
    words = ["run", str(tmp_path / "nightly"), "--keep-going", "--env", "lab", "--reports", str(tmp_path / "reports")]
    done = subprocess.run([sys.executable, "-m", "faildrill", *words], capture_output=True, text=True, check=False)
    try:
        assert done.returncode == 6, done.stdout + done.stderr
        [folder] = [one.parent for one in (tmp_path / "reports").glob(f"*/{run_set.FILE}")]
        agree(folder, done.stdout.splitlines())
        figure(f"30 drills of the lab in one suite, {SAID}: all that tells of it agrees, the exit code is 6")
    finally:
        file.unlink(missing_ok=True)
        subprocess.run([sys.executable, "-m", "faildrill", "recover"], capture_output=True, check=False)
    assert not all_marks()


def agree(folder: Path, summary: list[str]) -> None:
    """Hold what the summary, JUnit and the pages say of each drill against the result."""
    told = verdicts(folder)
    assert {word: [*told.values()].count(word) for word in SAID} == SAID
    assert (told["lab-10"], told["lab-30"]) == ("FAILED", "UNSAFE")
    assert of_junit(folder) == told
    assert of_pages(folder, told) == told
    for name, word in told.items():
        assert any(name in line and f" {word} " in f"{line} " for line in summary), name
    assert summary[-1].startswith(" UNSAFE  nightly, 30 drills: ")


def verdicts(folder: Path) -> dict[str, str]:
    """What the result of the suite says of each drill, and each run's own result as well."""
    result = json.loads((folder / "set.json").read_bytes())
    assert (result["verdict"], result["exit_code"], result.get("not_run", [])) == ("UNSAFE", 6, [])
    own = [json.loads(one.read_bytes()) for one in folder.glob("run-*/result.json")]
    told = {one["name"]: one["verdict"] for one in result["runs"]}
    assert {one["drill"]: one["verdict"] for one in own} == told
    assert len(told) == 30
    return told


def of_junit(folder: Path) -> dict[str, str]:
    own, *_ = ET.parse(folder / "junit.xml").getroot()  # noqa: S314 - our own file
    cases = {case.get("name", "").split()[0]: case for case in own.iter("testcase")}
    cases.pop("all")
    return {name: (case[0].get("type") or "") if len(case) else "PASSED" for name, case in cases.items()}


def of_pages(folder: Path, told: dict[str, str]) -> dict[str, str]:
    """Of each drill the verdict that the page of the suite and the page of its run give it."""
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<title>UNSAFE: nightly, 30 drills</title>" in page
    found = {}
    for run in folder.glob("run-*"):
        name = json.loads((run / "result.json").read_bytes())["drill"]
        assert name in page
        title = (run / "report.html").read_text(encoding="utf-8").partition("<title>")[2].partition("</title>")[0]
        found[name] = next(word for word in SAID if title.startswith(word))
    return {name: found[name] for name in told}
