"""Sets of runs as a user runs them: a hidden order stays hidden, and a set that is killed leaves nothing behind."""

import json
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from faildrill.cli import judge, named_runs
from faildrill.cli.main import cli
from faildrill.errors import WrongUsage
from faildrill.locking.dirty_marks import all_marks
from faildrill.record import run_set
from support.places import Place, of_run, several_under_way, until

DRILL = """\
drill: {name}
environment: simulation
warm_up: 300ms
{more}
probes:
  pay: {{simulated.service: {{folder: "{place}", name: pay}}, every: 20ms}}
  {own}: {{simulated.service: {{folder: "{place}", name: other}}, every: 20ms}}
steps:
  - name: {step}
    simulated.fault: {{folder: "{place}", name: {name}}}
    within: 5s
  - wait: {wait}
expect:
  - {expect}
"""
ENVIRONMENT = """\
environment: simulation
drillable: true
identity:
  - simulated.word: {{about: "{place}"}}
"""
GOOD = "errors: {of: pay, at_most: 0%}"
TELLTALES = ("crash", "skew", "kill", "writer", "turn", "weights", "ledger", "spread")
"""What only one of the twins has: its name, its step, a probe of its own."""


@pytest.fixture
def place(ground: Path) -> Place:
    return Place(ground)


def drill(place: Place, name: str, more: str = "", **how: str) -> Path:
    """Write a drill that takes a service of its own down, unseen by its probes."""
    (place.folder.parent / "simulation.yaml").write_text(ENVIRONMENT.format(place=place.folder))
    path = place.folder.parent / f"{name}.yaml"
    said = {"own": "beside", "step": f"break {name}", "wait": "200ms", "expect": GOOD, **how}
    path.write_text(DRILL.format(name=name, more=more, place=place.folder, **said))
    return path


def twins(place: Place, **how: str) -> Path:
    drill(place, "skew", "failover: needless", own="spread", step="turn the weights", **how)
    more = "failover: warranted\ntwin: skew.yaml"
    return drill(place, "crash", more, own="ledger", step="kill the writer", **how)


def ways(place: Place, **how: str) -> Path:
    fault = f'simulated.fault: {{folder: "{place.folder}", name: mended}}'
    more = f"ways:\n  - name: left alone\n  - name: mended\n    steps:\n      - {{name: mend it, {fault}}}\n"
    return drill(place, "skew", more, **how)


def command(path: Path, place: Place, *more: str) -> list[str]:
    env = str(path.with_name("simulation.yaml"))
    return [sys.executable, "-m", "faildrill", "run", str(path), "--env", env, "--reports", str(place.reports), *more]


def run(path: Path, place: Place, *more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command(path, place, *more), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


def the_set(place: Place) -> tuple[Path, dict[str, Any]]:
    [folder] = [one.parent for one in place.reports.glob(f"*/{run_set.FILE}")]
    found: dict[str, Any] = json.loads((folder / "set.json").read_bytes())
    return folder, found


@pytest.fixture(scope="module")
def blinded() -> Iterator[tuple[Place, str]]:
    """A set of twins that was run to its end, and what it said."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as environment:
        environment.setenv("FAILDRILL_STATE", f"{folder}/state")
        place = Place(Path(folder))
        done = run(twins(place), place, "--twins")
        assert done.returncode == 0, done.stdout
        yield place, done.stdout


def test_until_a_blinded_set_is_over_nothing_tells_which_of_the_twins_it_is(blinded: tuple[Place, str]) -> None:
    place, said = blinded
    opening, _, rest = said.partition("run 1 of 2")
    during, _, closing = rest.rpartition("run 2 of 2 is over")
    assert "acting" in during
    assert not [word for word in TELLTALES if word in during]
    folder, result = the_set(place)
    assert not [one for one in folder.glob("run-*") if any(word in one.name for word in TELLTALES)]
    seal = re.search(r"sealed: ([0-9a-f]{64})", opening)
    assert seal is not None
    assert run_set.seal(result["seed"]) == seal[1]
    order = [one["name"] for one in result["runs"]]
    assert order == run_set.order(["crash", "skew"], 1, result["seed"])
    assert sorted(order) == ["crash", "skew"]
    assert re.findall(r"\d\. (crash|skew)", closing)[:2] == order
    assert (place.deeds("crash"), place.deeds("skew")) == (["apply", "undo"], ["apply", "undo"])


def test_a_set_of_ways_takes_each_after_the_same_steps_and_sets_them_side_by_side(place: Place) -> None:
    done = run(ways(place), place)
    assert done.returncode == 0, done.stdout
    folder, result = the_set(place)
    assert [one["name"] for one in result["runs"]] == ["left alone", "mended"]
    assert (place.deeds("skew"), place.deeds("mended")) == (["apply", "undo"] * 2, ["apply", "undo"])
    assert [[pain["probe"] for pain in one["pains"]] for one in result["runs"]] == [["pay"], ["pay"]]
    assert "tail after the answer" in done.stdout
    assert (folder / "junit.xml").read_text().count("<testsuite ") == 3
    page = (folder / "report.html").read_text()
    assert page.count("<svg viewBox") >= 2
    assert "What <bdi>pay</bdi> went through" in page


def test_a_drill_can_be_run_several_times_and_one_that_fails_ends_no_set(place: Place) -> None:
    done = run(drill(place, "pay"), place, "--times", "2")
    assert done.returncode == 1, done.stdout
    assert [one["verdict"] for one in the_set(place)[1]["runs"]] == ["FAILED", "FAILED"]
    assert done.stdout.splitlines()[-1].strip().startswith("FAILED")


def test_plan_shows_each_way_and_changes_nothing(place: Place) -> None:
    words = ["plan", str(ways(place)), "--env", str(place.folder.parent / "simulation.yaml")]
    told = CliRunner().invoke(cli, words).output
    assert "steps, in every way\n  1. break skew" in told
    assert "way       left alone\n\nway       mended\n  1. mend it" in told
    shown = json.loads(CliRunner().invoke(cli, [*words, "-o", "json"]).output)
    assert (shown["ways"], [one["way"] for one in shown["steps"]]) == (["left alone", "mended"], ["", "", "mended"])
    assert (place.deeds("skew"), place.deeds("mended")) == ([], [])


def test_one_way_can_be_taken_alone(place: Place) -> None:
    done = run(ways(place), place, "--way", "mended")
    assert done.returncode == 0, done.stdout
    assert list(place.reports.glob(f"*/{run_set.FILE}")) == []
    assert place.deeds("mended") == ["apply", "undo"]


def test_when_the_command_is_killed_the_run_is_put_back_and_the_rest_is_not_started(place: Place) -> None:
    with several_under_way(command(ways(place, wait="60s"), place), place) as (process, folder):
        process.kill()
        process.wait()
        until(lambda: (folder / "report.html").exists() and not of_run(folder.name), 30)
    assert place.deeds("skew") == ["apply", "undo"]
    assert all_marks() == {}
    judged = CliRunner().invoke(judge.judge, [str(folder.parent), "-o", "json"])
    assert judged.exit_code == 5
    assert "1 of 2 were: whoever ran the set was cut short" in str(json.loads(judged.stdout)["findings"])


def test_ctrl_c_ends_the_set_with_the_run_under_way(place: Place) -> None:
    with several_under_way(command(twins(place, wait="60s"), place, "--twins"), place) as (process, _):
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 5, said
    result = the_set(place)[1]
    assert len(result["runs"]) == 1
    assert "1 of 2 were: run 1 ended ABORTED" in str(result["findings"])
    assert run_set.seal(result["seed"]) == result["seal"]
    assert all_marks() == {}


def test_judging_and_reporting_a_set_again_gives_the_same_bytes(blinded: tuple[Place, str]) -> None:
    place = blinded[0]
    folder, _ = the_set(place)
    names = ("set.json", "report.html", "junit.xml")
    before = {name: (folder / name).read_bytes() for name in names}
    assert CliRunner().invoke(judge.report, ["last", "--reports", str(place.reports)]).exit_code == 0
    assert CliRunner().invoke(judge.judge, [folder.name, "--reports", str(place.reports)]).exit_code == 0
    assert {name: (folder / name).read_bytes() for name in names} == before
    inner = next(folder.glob("run-2-*"))
    assert named_runs.find(inner.name, place.reports) == inner


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--twins",), "the drill alone declares no twin"),
        (("--way", "mended"), "the drill alone has no way 'mended'; it has none"),
        (("--times", "2", "--leave-applied"), "--leave-applied is for one run"),
    ],
)
def test_what_a_drill_does_not_offer_is_refused_and_nothing_is_touched(
    words: tuple[str, ...], said: str, place: Place
) -> None:
    done = run(drill(place, "alone"), place, *words)
    assert (done.returncode, said in done.stdout) == (2, True), done.stdout
    assert place.deeds("alone") == []
    assert not place.reports.exists()


def test_no_set_is_found_where_there_is_none(ground: Path) -> None:
    with pytest.raises(WrongUsage):
        named_runs.find("last", ground)
