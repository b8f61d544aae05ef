"""Many drills as a user runs them: one verdict that all files tell alike, and nothing left on however it ends."""

import json
import re
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from click.testing import CliRunner

from faildrill.cli.main import cli
from faildrill.locking.dirty_marks import all_marks
from faildrill.record import run_set
from faildrill.record.timeline import FILE, RunStarted, entries
from support.places import Place, events, of_run, several_under_way, until

DRILL = """\
drill: {name}
environment: {where}
warm_up: 300ms
probes:
  pay: {{simulated.service: {{folder: "{place}", name: {name}}}, every: 20ms}}
steps:
  - name: break {name}
    simulated.fault: {{folder: "{place}", name: {of}{how}}}
    within: 3s
    undo_within: 3s
  - wait: {wait}
expect:
  - {expect}
"""
ENVIRONMENT = """\
environment: {name}
drillable: true
identity:
  - simulated.word: {{about: "{place} {name}"}}
"""
GOOD = "outage: {of: pay, at_most: 30s}"
BAD = "outage: {of: pay, at_most: 1ms, hold: 0s}"


def drill(place: Place, name: str, where: str = "here", expect: str = GOOD, **said: str) -> Path:
    """Write a drill that takes a service of its own down, and the environment that it names."""
    folder = place.folder.parent / "nightly"
    (folder / "environments").mkdir(parents=True, exist_ok=True)
    known = ENVIRONMENT.format(name=where, place=place.folder)
    (folder / "environments" / f"{where}.yaml").write_text(known, encoding="utf-8")
    words = {"of": name, "how": "", "wait": "200ms", **said}
    path = folder / f"{name}.yaml"
    path.write_text(DRILL.format(name=name, where=where, place=place.folder, expect=expect, **words), encoding="utf-8")
    return path


def command(place: Place, *more: str) -> list[str]:
    folder = place.folder.parent / "nightly"
    return [sys.executable, "-m", "faildrill", "run", str(folder), "--reports", str(place.reports), *more]


def run(place: Place, *more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command(place, *more), capture_output=True, text=True, check=False)


def the_suite(place: Place) -> tuple[Path, dict[str, Any]]:
    [folder] = [one.parent for one in place.reports.glob(f"*-nightly-suite-*/{run_set.FILE}")]
    found: dict[str, Any] = json.loads((folder / "set.json").read_bytes())
    return folder, found


@pytest.fixture(scope="module")
def mixed() -> Iterator[tuple[Place, "subprocess.CompletedProcess[str]"]]:
    """A suite of one drill that passes, one that fails, one that is unsafe, and what it said.

    Another one shares the place of the unsafe one, and the last one has a place of its own.
    """
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as environment:
        environment.setenv("FAILDRILL_STATE", f"{folder}/state")
        environment.setenv("GITHUB_ACTIONS", "true")
        for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"):
            environment.setenv(name, f"{folder}/{name}")
        place = Place(Path(folder))
        drill(place, "a-good")
        drill(place, "b-bad", expect=BAD)
        drill(place, "c-unsafe", of="beside", how=", undo: lies")  # unseen by its probe, which soon is steady again
        drill(place, "d-shares")
        drill(place, "e-elsewhere", where="there")
        yield place, run(place, "--keep-going", "-o", "ndjson")


SAID = {
    "a-good": "PASSED",
    "b-bad": "FAILED",
    "c-unsafe": "UNSAFE",
    "d-shares": "not run",
    "e-elsewhere": "PASSED",
}


def test_an_unsafe_drill_is_the_verdict_and_what_shares_its_place_is_not_begun(
    mixed: tuple[Place, "subprocess.CompletedProcess[str]"],
) -> None:
    place, done = mixed
    _, result = the_suite(place)
    told = {one["name"]: one["verdict"] for one in result["runs"]} | {
        one["name"]: "not run" for one in result["not_run"]
    }
    assert told == SAID
    assert (done.returncode, result["exit_code"], result["verdict"], result["conclusive"]) == (6, 6, "UNSAFE", False)
    assert "run 3 (c-unsafe) was UNSAFE" in result["not_run"][0]["because"]
    assert (place.deeds("d-shares"), place.deeds("e-elsewhere")) == ([], ["apply", "undo"])


def test_summary_page_and_junit_say_of_each_drill_what_the_result_says(
    mixed: tuple[Place, "subprocess.CompletedProcess[str]"],
) -> None:
    folder, _ = the_suite(mixed[0])
    told = CliRunner().invoke(cli, ["judge", str(folder)])
    assert told.exit_code == 6
    lines = told.output.splitlines()
    assert all(any(name in line and f" {word}" in line for line in lines) for name, word in SAID.items())
    assert lines[-1].startswith(" UNSAFE  nightly, 5 drills: run 3 (c-unsafe): ")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<title>UNSAFE: nightly, 5 drills</title>" in page
    own, *others = ET.parse(folder / "junit.xml").getroot()  # noqa: S314 - our own file
    types = {case.get("name", "").split()[0]: (case[0].get("type") if len(case) else "PASSED") for case in own[1:-2]}
    assert types.pop("all") == "INCONCLUSIVE"
    assert types == {**SAID, "d-shares": "INCONCLUSIVE"}
    assert [one.get("name") for one in others] == ["a-good", "b-bad", "c-unsafe", "e-elsewhere"]
    names = [(case.get("classname"), case.get("name")) for suite in (own, *others) for case in suite.iter("testcase")]
    assert len(names) == len(set(names))


def test_every_line_of_the_stream_is_what_the_published_schema_says(
    mixed: tuple[Place, "subprocess.CompletedProcess[str]"],
) -> None:
    lines = [json.loads(line) for line in mixed[1].stdout.splitlines()]
    schema = json.loads(CliRunner().invoke(cli, ["schema", "events"]).output)
    validator = jsonschema.Draft202012Validator(schema)
    for line in lines:
        validator.validate(line)
    kinds = [line["what"]["event"] for line in lines]
    assert (kinds[0], kinds[-1]) == ("set.started", "set.judged")
    judged = [(line["drill"], line["what"]["verdict"]) for line in lines if line["what"]["event"] == "run.judged"]
    assert dict(judged) == {name: word for name, word in SAID.items() if word != "not run"}
    folder, result = the_suite(mixed[0])
    of_first = [line["what"]["event"] for line in lines if line.get("run") == result["runs"][0]["folder"]]
    written = entries(folder / result["runs"][0]["folder"] / FILE)
    assert of_first[:-1] == [msgspec.to_builtins(one.what)["event"] for one in written]
    assert lines[-1]["what"]["exit_code"] == 6


def test_the_result_is_what_the_published_schema_says(mixed: tuple[Place, "subprocess.CompletedProcess[str]"]) -> None:
    folder, result = the_suite(mixed[0])
    for name, data in (
        ("set", result),
        ("result", json.loads((next(folder.glob("run-1-*")) / "result.json").read_bytes())),
    ):
        jsonschema.validate(data, json.loads(CliRunner().invoke(cli, ["schema", name]).output))
    assert [one["headline"]["outage"]["length"]["at_least"] > 0 for one in result["runs"][:2]] == [True, True]


def test_a_job_of_github_is_told_of_each_drill_that_did_not_pass_where_it_is_written(
    mixed: tuple[Place, "subprocess.CompletedProcess[str]"],
) -> None:
    place, done = mixed
    folder = place.folder.parent
    errors = [line for line in done.stderr.splitlines() if line.startswith("::error ")]
    file = folder / "nightly" / "b-bad.yaml"
    line = file.read_text(encoding="utf-8").splitlines().index(f"  - {BAD}") + 1
    assert errors[0].startswith(f"::error file={file},line={line},title=b-bad%3A FAILED::pay is never down for more ")
    assert [re.search(r"title=([\w-]+)", one)[1] for one in errors] == ["b-bad", "c-unsafe", "d-shares"]  # type: ignore[index]
    written = (folder / "GITHUB_OUTPUT").read_text(encoding="utf-8").splitlines()
    assert written[:2] == ["verdict=UNSAFE", "exit-code=6"]
    assert written[3] == f"report={the_suite(place)[0]}/report.html"
    told = (folder / "GITHUB_STEP_SUMMARY").read_text(encoding="utf-8")
    assert all(f"| {name} | {word} |" in told for name, word in SAID.items())


def test_ctrl_c_puts_the_drill_under_way_back_and_begins_no_other_though_it_is_to_keep_going(ground: Path) -> None:
    place = Place(ground)
    drill(place, "a", wait="60s")
    drill(place, "b")
    with several_under_way(command(place, "--keep-going", "--retry", "3"), place) as (process, _):
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 5, said
    result = the_suite(place)[1]
    assert [(one["name"], one["verdict"]) for one in result["runs"]] == [("a", "ABORTED")]
    assert [(one["name"], one["verdict"]) for one in result["not_run"]] == [("b", "ABORTED")]
    assert (place.deeds("a"), place.deeds("b")) == (["apply", "undo"], [])
    assert all_marks() == {}


def test_whoever_aborts_a_run_ends_the_suite(ground: Path) -> None:
    place = Place(ground)
    drill(place, "a", wait="60s")
    drill(place, "b")
    with several_under_way(command(place, "--keep-going"), place) as (process, folder):
        asked = CliRunner().invoke(cli, ["abort", folder.name, "--within", "30s", "--why", "the job was cancelled"])
        assert asked.exit_code == 0, asked.output
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 5, said
    assert "the job was cancelled" in the_suite(place)[1]["not_run"][0]["because"]
    assert place.deeds("b") == []


def test_when_the_command_is_killed_the_drill_is_put_back_and_the_rest_reads_as_not_run(ground: Path) -> None:
    place = Place(ground)
    drill(place, "a", wait="60s")
    drill(place, "b")
    with several_under_way(command(place), place) as (process, folder):
        process.kill()
        process.wait()
        until(lambda: (folder / "report.html").exists() and not of_run(folder.name), 30)
    assert (place.deeds("a"), place.deeds("b"), all_marks()) == (["apply", "undo"], [], {})
    judged = CliRunner().invoke(cli, ["judge", str(folder.parent), "-o", "json"])
    assert judged.exit_code == 5
    assert json.loads(judged.stdout)["not_run"] == [
        {"name": "b", "because": "whoever ran the suite was cut short, or it is still on", "verdict": "ABORTED"}
    ]


def test_drills_of_two_places_are_run_side_by_side_and_stop_at_the_first_that_fails(ground: Path) -> None:
    place = Place(ground)
    drill(place, "a", wait="1s", expect=BAD)
    drill(place, "b", where="there", wait="1s")
    drill(place, "c")
    done = run(place, "--jobs", "2")
    assert done.returncode == 1, done.stdout + done.stderr
    folder, result = the_suite(place)
    assert [one["name"] for one in result["not_run"]] == ["c"]
    spans = [[one.at for one in entries(run_ / FILE)] for run_ in folder.glob("run-*")]
    assert max(one[0] for one in spans) < min(one[-1] for one in spans)
    assert {events(run_, RunStarted)[0].environment for run_ in folder.glob("run-*")} == {"here", "there"}  # type: ignore[union-attr]
    assert "Z  a: " in done.stdout


@pytest.mark.parametrize("words", [("--twins",), ("--times", "2"), ("--way", "x"), ("--leave-applied",)])
def test_what_is_for_one_drill_is_refused_for_many_and_nothing_is_touched(words: tuple[str, ...], ground: Path) -> None:
    place = Place(ground)
    drill(place, "a")
    done = run(place, *words)
    assert (done.returncode, "are for one drill" in done.stderr) == (2, True), done.stderr
    assert not place.reports.exists()
