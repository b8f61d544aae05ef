"""Situations in which drill runners of the field said the wrong thing, or left a fault on. One test each, end to end.

Every run is real: sentinel, runner and prober as processes, files, a verdict by its exit code. What is drilled is a
simulated place, or a small server of the test's own.
"""

import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from faildrill.clock import seconds
from faildrill.errors import InvalidFile
from faildrill.loading import load_environment
from faildrill.model.drill import Condition, ProbePlan, Step, Wait
from faildrill.ports.target import KindUse
from faildrill.record.samples import Files, Outcome, all_samples
from faildrill.record.timeline import (
    FILE,
    Applying,
    Confirmed,
    SteadyAgain,
    Undoing,
    UndoVerified,
    WaitStarted,
    entries,
)
from faildrill.running.layout import Started
from support.places import Place, ended, events, recorded

PASSED, FAILED, INCONCLUSIVE, ABORTED, UNSAFE = 0, 1, 4, 5, 6


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path / "state"))
    made = Place(tmp_path)
    made.warm_up = 1.2  # longer than the second for which a service must be good again to count as recovered
    return made


def outcome(started: Started, within: float = 40.0) -> tuple[int, dict[str, Any]]:
    """Wait for the end of a run, and return its exit code and its result."""
    code = started.sentinel.wait(within)
    found: dict[str, Any] = json.loads((started.folder / "result.json").read_bytes())
    return code, found


def figures(result: dict[str, Any], probe: str) -> dict[str, Any]:
    """Return what was measured of a probe."""
    [found] = [one for one in result["probes"] if one["probe"] == probe]
    return dict(found)


def test_a_total_outage_during_the_steps_that_is_over_by_the_end_fails(place: Place) -> None:
    place.probes = [place.probe("pay")]
    place.wait(2.5)
    place.expecting("outage", of="pay", at_most="500ms")
    started = place.start()
    with ended(started):
        recorded(started.folder, WaitStarted)
        place.become("pay", "down")
        time.sleep(1)
        place.become("pay", "up")
        code, result = outcome(started)
    assert code == FAILED
    [outage] = figures(result, "pay")["outages"]
    assert outage["length"]["at_least"] == pytest.approx(1.0, abs=0.15)
    assert 1.0 <= outage["length"]["at_most"] <= 1.2


def test_a_probe_out_of_tolerance_does_not_starve_the_other_one(place: Place) -> None:
    place.fault("pay")
    place.probes = [place.probe("other")]
    place.wait(1)
    started = place.start()
    with ended(started):
        _, result = outcome(started)
    pay, other = (figures(result, name)["looks"] for name in ("pay", "other"))
    assert min(pay, other) > 0.9 * max(pay, other) > 60


def test_a_condition_that_is_met_during_the_steps_undoes_at_once(place: Place) -> None:
    place.fault("pay")
    place.wait(60)
    place.abort_when = [KindUse(kind="outage", params={"of": "pay", "longer_than": "300ms"})]
    started = place.start()
    with ended(started):
        code, _ = outcome(started, 15)
    assert code == ABORTED
    assert place.deeds("pay") == ["apply", "undo"]
    took = seconds(at(started, Undoing) - at(started, Applying))
    assert 0.3 <= took < 0.3 + 0.02 + 0.25 + 0.2  # the limit, an interval, the promise, and a busy machine


def at(started: Started, kind: type) -> int:
    """Return when the first event of a kind was."""
    return next(entry.at for entry in entries(started.folder / FILE) if isinstance(entry.what, kind))


def test_sigterm_while_an_action_runs_puts_everything_back(place: Place) -> None:
    place.fault("pay", within=60, apply="hangs")
    started = place.start()
    with ended(started):
        recorded(started.folder, Applying)
        time.sleep(0.2)
        started.sentinel.send_signal(signal.SIGTERM)
        code, _ = outcome(started, 15)
    assert code == ABORTED
    assert place.state("pay") == "up"


class Server(ThreadingHTTPServer):
    """Answers as it is told: a status, or not at all."""

    daemon_threads = True
    status = 200
    silent = threading.Event()
    closing = threading.Event()


class _Answer(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        if self.server.silent.is_set():
            self.server.closing.wait(20)
            return
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server(("127.0.0.1", 0), _Answer)
    made.silent, made.closing = threading.Event(), threading.Event()
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.closing.set()
    made.shutdown()
    made.server_close()


def http(server: Server, timeout: float = 0.3) -> ProbePlan:
    """A probe of the server."""
    use = KindUse(kind="http.request", params={"url": f"http://127.0.0.1:{server.server_address[1]}/"})
    return ProbePlan(name="web", use=use, every=0.05, timeout=timeout)


def test_a_server_that_accepts_and_never_answers_is_a_bad_sample_at_its_deadline(place: Place, server: Server) -> None:
    place.probes = [http(server)]
    place.wait(1.5)
    place.expecting("outage", of="web", at_most="200ms")
    started = place.start()
    with ended(started):
        recorded(started.folder, WaitStarted)
        server.silent.set()
        time.sleep(0.8)
        server.silent.clear()
        code, result = outcome(started)
    assert code == FAILED
    assert figures(result, "web")["outcomes"]["timed_out"] > 0
    late = [one for one in all_samples(Files(started.folder)) if one.outcome is Outcome.TIMED_OUT]
    assert all(0.29 <= seconds(one.answered - one.sent) < 0.55 for one in late)


def test_an_action_that_is_refused_never_passes(place: Place) -> None:
    place.fault("pay", apply="refuses")
    place.wait(0.1)
    started = place.start()
    with ended(started):
        code, _ = outcome(started)
    assert code == INCONCLUSIVE


def test_an_action_that_reports_success_and_does_nothing_never_passes(place: Place) -> None:
    place.fault("pay", within=1, apply="lies")
    started = place.start()
    with ended(started):
        code, _ = outcome(started)
    assert code == INCONCLUSIVE


def test_a_system_that_heals_a_moment_after_the_steps_is_waited_for(place: Place) -> None:
    place.fault("pay", effect="event")
    until = Condition(probe="pay", state="ok")
    place.steps.append(Wait(id="heals", name="heals", until=until, hold=0.3, within=10))
    place.expecting("outage", of="pay", at_most="5s")
    started = place.start()
    with ended(started):
        recorded(started.folder, Confirmed)
        time.sleep(1.5)
        place.become("pay", "up")
        code, _ = outcome(started)
    assert code == PASSED


def test_every_expectation_is_weighed_not_only_the_last_look(place: Place) -> None:
    place.fault("pay")
    place.wait(1)
    place.expecting("errors", of="pay", at_most="1%")
    place.expecting("outage", of="pay", at_most="10s")
    started = place.start()
    with ended(started):
        code, result = outcome(started)
    assert code == FAILED
    verdicts = {one["kind"]: one["verdict"] for one in result["findings"]}
    assert (verdicts["errors"], verdicts["outage"]) == ("FAILED", "PASSED")


def test_one_bad_sample_between_good_ones_is_recorded_and_weighed(place: Place, server: Server) -> None:
    place.probes = [http(server)]
    place.wait(2)
    place.expecting("errors", of="web", at_most="0%")
    started = place.start()
    with ended(started):
        recorded(started.folder, WaitStarted)
        time.sleep(0.5)
        server.status = 500
        time.sleep(0.05)
        server.status = 200
        code, result = outcome(started)
    assert code == FAILED
    assert 1 <= figures(result, "web")["outcomes"]["wrong"] <= 3


def test_refused_timed_out_and_http_500_are_told_apart(place: Place, server: Server) -> None:
    place.probes = [http(server), place.probe("pay")]
    place.wait(2)
    place.expecting("errors", of="web", at_most="90%")
    started = place.start()
    with ended(started):
        recorded(started.folder, WaitStarted)
        server.status = 500
        place.become("pay", "down")
        time.sleep(0.3)
        server.status = 200
        server.silent.set()
        time.sleep(0.5)
        server.silent.clear()
        place.become("pay", "up")
        _, result = outcome(started)
    web, pay = figures(result, "web")["outcomes"], figures(result, "pay")["outcomes"]
    assert web["wrong"] > 0
    assert web["timed_out"] > 0
    assert pay["refused"] > 0
    assert "refused" not in web


def test_one_undo_of_several_fails_and_the_rest_are_done(place: Place) -> None:
    place.fault("one")
    place.fault("two", undo="fails")
    place.fault("three")
    place.steps = [step.model_copy(update={"undo_within": 1.0}) for step in place.steps if isinstance(step, Step)]
    place.expect = [KindUse(kind="steady_again", params={"within": "1s"})]
    started = place.start()
    with ended(started):
        code, _ = outcome(started)
    assert code == UNSAFE
    assert [place.state(name) for name in ("one", "two", "three")] == ["up", "down", "up"]


def test_probes_go_on_after_their_first_failure_and_see_the_recovery(place: Place) -> None:
    place.fault("pay")
    place.wait(0.5)
    started = place.start()
    with ended(started):
        outcome(started)
    looks = all_samples(Files(started.folder))
    assert looks[-1].outcome is Outcome.OK
    assert looks[-1].due > at(started, UndoVerified)
    assert events(started.folder, SteadyAgain)


def test_an_empty_set_of_targets_is_no_environment(tmp_path: Path) -> None:
    path = tmp_path / "empty.yaml"
    path.write_text("environment: empty\ndrillable: true\ngroups: {servers: {members: {}}}\n")
    with pytest.raises(InvalidFile, match="3:29: must not be empty"):
        load_environment(path)


def test_a_limit_finer_than_the_probe_is_inconclusive(place: Place) -> None:
    place.fault("other")
    place.probes = [place.probe("pay", every=0.3)]
    place.wait(3)
    place.expecting("outage", of="pay", at_most="200ms")
    started = place.start()
    with ended(started):
        recorded(started.folder, WaitStarted)
        place.become("pay", "down")
        time.sleep(0.32)
        place.become("pay", "up")
        code, result = outcome(started)
    assert code == INCONCLUSIVE
    [finding] = [one for one in result["findings"] if one["kind"] == "outage"]
    assert "every" in finding["advice"]


def test_an_undo_that_did_nothing_and_a_verification_that_crashes_is_unsafe(place: Place, tmp_path: Path) -> None:
    fault, verify = tmp_path / "fault", tmp_path / "verify.py"
    verify.write_text(
        "import pathlib, sys\n"
        "fault, busy = map(pathlib.Path, sys.argv[1:])\n"
        "assert not busy.exists(), 'the appliance is busy'\n"
        "print('in_effect:', fault.exists())\n"
    )
    busy = tmp_path / "busy"
    params = {
        "argv": ["touch", str(fault)],
        "undo_argv": ["touch", str(busy)],
        "verify_argv": [sys.executable, str(verify), str(fault), str(busy)],
    }
    use = KindUse.model_validate({"kind": "command.run", "params": params})
    place.steps.append(Step(id="rule", name="a rule", use=use, within=5.0, undo_within=2.0))
    place.probes = [place.probe("pay")]
    started = place.start()
    with ended(started):
        code, result = outcome(started)
    assert code == UNSAFE
    assert fault.exists()
    assert "the appliance is busy, so whether the effect is there is unknown" in json.dumps(result["findings"])
