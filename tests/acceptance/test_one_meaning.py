"""Real runs on one small service each: waits, warm-up, steadiness, aborts and claims weigh the same proofs."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

PASSED, FAILED, REFUSED, ABORTED, UNSAFE = 0, 1, 3, 5, 6
TAKE_IT_DOWN: Final = """
  - name: take it down
    command.run:
      argv: [touch, {down}]
      undo_argv: [rm, -f, {down}]
      verify_argv: [sh, -ec, "if [ -e {down} ]; then echo 'in_effect: true'; else echo 'in_effect: false'; fi"]"""
PUT_IT_BACK: Final = """
  - name: put it back by hand
    command.run:
      argv: [rm, -f, {down}]
      undo_argv: ["true"]
      verify_argv: [sh, -ec, "if [ -e {down} ]; then echo 'in_effect: false'; else echo 'in_effect: true'; fi"]
    undo: none"""

Outcome = tuple[int, dict[str, Any]]


@pytest.fixture
def drilled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Outcome]]:
    """Give what runs a drill on a service of a sort, and returns its exit code and its result."""
    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path / "state"))
    services = []

    def run(how: str, probe: str, steps: str, rest: str) -> Outcome:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        server = Path(__file__).with_name("services.py")
        service = subprocess.Popen(
            [sys.executable, server, str(port), str(tmp_path), how], stdout=subprocess.PIPE, text=True
        )
        services.append(service)
        assert service.stdout is not None
        assert service.stdout.readline() == "ready\n"
        (tmp_path / "identity").write_text("staging")
        place = "environment: place\ndrillable: true\nidentity:\n"
        place += f"  - file.identity: {{path: {tmp_path}/identity, content: staging}}\n"
        (tmp_path / "place.yaml").write_text(place)
        down = tmp_path / "down"
        text = "drill: one-meaning\nenvironment: place\nprobes:\n"
        text += f"  pay: {{http.request: {{url: 'http://127.0.0.1:{port}/'}}, {probe}}}\n"
        (tmp_path / "drill.yaml").write_text(text + "steps:" + steps.format(down=down) + rest)
        done = subprocess.run(
            [sys.executable, "-m", "faildrill", "run", "drill.yaml", "--env", "place.yaml", "-o", "json"],
            cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False,
        )  # fmt: skip
        [found] = (tmp_path / "reports").glob("*/result.json")
        result: dict[str, Any] = json.loads(found.read_bytes())
        assert done.returncode == result["exit_code"], done.stderr
        return done.returncode, result

    yield run
    for service in services:
        service.kill()
        service.communicate()


def verdicts(result: dict[str, Any], kind: str) -> list[str]:
    """Return the verdicts of a kind of finding."""
    return [one["verdict"] for one in result["findings"] if one["kind"] == kind]


def test_a_service_that_hangs_after_three_answers_meets_no_wait_and_is_not_steady_again(
    drilled: Callable[..., Outcome],
) -> None:
    wait = "\n  - {{name: payments flow again, wait: {{until: pay is ok, for: 3s, within: 8s}}}}\n"
    code, result = drilled(
        "comes back for three answers",
        "every: 100ms, timeout: 5s",
        TAKE_IT_DOWN + "\n  - wait: {{until: pay is not ok, for: 1s, within: 10s}}" + PUT_IT_BACK + wait,
        "expect:\n  - steady_again: {within: 1s}\n",
    )
    assert [one["outcome"] for one in result["steps"] if one["kind"] == "wait"] == ["met", "not met"]
    assert "FAILED" in verdicts(result, "step")
    assert verdicts(result, "steady_again") == ["FAILED"]
    assert code == UNSAFE


@pytest.mark.says(
    "**The warm-up** asks `all is ok for` its length from the start of the probers on, with the `slow` of the drill, "
    "else that which the looks so far make."
)
def test_a_run_on_a_service_that_hangs_after_three_answers_is_refused(drilled: Callable[..., Outcome]) -> None:
    code, result = drilled(
        "answers three times, then hangs",
        "every: 20ms, timeout: 3s",
        TAKE_IT_DOWN,
        "\nexpect:\n  - steady_again: {within: 60s}\n",
    )
    assert code == REFUSED
    assert "not good in the warm-up" in result["because"]


def test_a_service_that_is_good_at_once_after_a_hang_meets_its_wait(drilled: Callable[..., Outcome]) -> None:
    """Requests of before the end are given up in the midst of good answers: silence is dated to its sending."""
    wait = "\n  - {{name: payments flow again, wait: {{until: pay is ok, for: 2s, within: 4s}}}}\n"
    code, result = drilled(
        "hangs while down",
        "every: 50ms, timeout: 5s",
        TAKE_IT_DOWN + "\n  - wait: 4s" + PUT_IT_BACK + wait,
        "expect:\n  - outage: {of: pay, at_most: 10s}\n",
    )
    assert set(verdicts(result, "step")) == {"PASSED"}
    assert code == PASSED


def test_a_service_that_is_good_at_once_after_the_undo_is_steady_at_once(drilled: Callable[..., Outcome]) -> None:
    code, result = drilled(
        "hangs while down",
        "every: 50ms, timeout: 5s",
        TAKE_IT_DOWN + "\n  - wait: 4s\n",
        "expect:\n  - steady_again: {within: 2s}\n",
    )
    assert verdicts(result, "steady_again") == ["PASSED"]
    assert code == PASSED


def test_answers_that_come_late_are_not_dark(drilled: Callable[..., Outcome]) -> None:
    code, result = drilled(
        "is late while down",
        "every: 20ms, timeout: 2s",
        TAKE_IT_DOWN + "\n  - wait: 4s\n",
        "expect:\n  - outage: {of: pay, at_most: 3s}\n  - latency: {of: pay, max: 1500ms}\n",
    )
    assert code == PASSED
    [pay] = result["probes"]
    assert pay["outages"] == []


@pytest.mark.parametrize("every", ["4ms", "20ms"])
def test_a_hang_that_is_longer_than_its_limit_ends_the_run(every: str, drilled: Callable[..., Outcome]) -> None:
    """At 4 ms the cap is reached long before a look is given up: what is held back keeps nothing alive."""
    code, result = drilled(
        "hangs while down",
        f"every: {every}, timeout: 5s",
        TAKE_IT_DOWN + "\n  - wait: 5500ms\n",
        "expect:\n  - outage: {of: pay, at_most: 30s}\nabort_when:\n  - outage: {of: pay, longer_than: 1s}\n",
    )
    assert code == ABORTED
    assert "longer than 1 s" in result["because"]
    [step] = [one for one in result["steps"] if one["kind"] == "command.run"]
    assert step["undo_started"] - step["started"] < 4.0


def test_late_answers_weigh_in_no_count_of_looks_that_all_failed(drilled: Callable[..., Outcome]) -> None:
    """Each is answered 1.5 s after it was sent, and given up after 1 s: every one failed."""
    code, result = drilled(
        "is slow while down",
        "every: 500ms, timeout: 1s",
        TAKE_IT_DOWN + "\n  - wait: 14s\n",
        "expect:\n  - errors: {of: pay, at_most: 60%, over: 10s}\n",
    )
    assert code == FAILED
    assert verdicts(result, "errors") == ["FAILED"]
