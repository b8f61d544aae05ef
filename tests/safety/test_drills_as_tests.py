"""Drills as tests of pytest: real sessions of pytest on a simulated place, in processes of their own."""

import os
import signal
import subprocess
import sys
import tempfile
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from faildrill.locking.dirty_marks import all_marks
from faildrill.record.timeline import FILE, Confirmed
from support.places import Place, events, until

ROOT = Path(__file__).parents[2]
DRILL = """\
drill: {name}
environment: {where}
tags: [{tag}]
warm_up: 300ms
probes:
  pay: {{simulated.service: {{folder: "{place}", name: {name}}}, every: 20ms}}
steps:
  - name: break {name}
    simulated.fault: {{folder: "{place}", name: {name}}}
    within: 3s
  - wait: {wait}
expect:
  - outage: {{of: pay, at_most: {at_most}}}
"""
ENVIRONMENT = """\
environment: {name}
drillable: true
identity:
  - simulated.word: {{about: "{place} {name}"{objects}}}
"""
IN_PYTHON = """\
def test_it(run_drill):
    use = {{"folder": {place!r}, "name": "mine"}}
    result = run_drill({{
        "drill": "mine",
        "environment": "here",
        "warm_up": "300ms",
        "probes": {{"pay": {{"simulated.service": use, "every": "20ms"}}}},
        "steps": [{{"name": "break it", "simulated.fault": use}}],
        "expect": [{{"outage": {{"of": "pay", "at_most": "1ms", "hold": "0s"}}}}],
    }}, env={env!r})
    assert (result.verdict, result.conclusive) == ("FAILED", True)
    assert result.headline.outage.length.at_least > 0
"""


def drill(place: Place, name: str, where: str = "here", **said: str) -> Path:
    """Write a drill that takes a service of its own down, and the environment that it names."""
    folder = place.folder.parent / "drills"
    (folder / "environments").mkdir(parents=True, exist_ok=True)
    objects = ", objection: not today" if where == "closed" else ""
    known = ENVIRONMENT.format(name=where, place=place.folder, objects=objects)
    (folder / "environments" / f"{where}.yaml").write_text(known, encoding="utf-8")
    path = folder / f"{name}.yaml"
    words = {"tag": "nightly", "wait": "200ms", "at_most": "30s", **said}
    path.write_text(DRILL.format(place=place.folder, name=name, where=where, **words), encoding="utf-8")
    return path


def command(place: Place, *more: str, plugins: tuple[str, ...] = ()) -> list[str]:
    loaded = [word for plugin in ("faildrill.pytest_plugin", *plugins) for word in ("-p", plugin)]
    folder = str(place.folder.parent / "drills")
    usual = ("-p", "no:cacheprovider", "--rootdir", str(place.folder.parent), "-c", os.devnull)
    return [sys.executable, "-m", "pytest", *loaded, *usual, folder, *more]


def alone() -> dict[str, str]:
    """The environment of a session with no options and no plugins but those that are named, installed or not."""
    return {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}


def session(place: Place, *more: str, plugins: tuple[str, ...] = ()) -> "subprocess.CompletedProcess[str]":
    words = command(place, *more, plugins=plugins)
    return subprocess.run(words, env=alone(), capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def mixed() -> Iterator[tuple[Place, "subprocess.CompletedProcess[str]"]]:
    """A session under reruns, of a drill that passes, one that fails, one that is refused, and a broken file."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as environment:
        environment.setenv("FAILDRILL_STATE", f"{folder}/state")
        place = Place(Path(folder))
        drill(place, "good")
        drill(place, "bad", at_most="1ms")
        drill(place, "closed", where="closed")
        (place.folder.parent / "drills" / "broken.yaml").write_text("drill: broken\nprobs: {}\n", encoding="utf-8")
        junit = f"--junitxml={folder}/junit.xml"
        more = ("--drills", junit, "--reruns", "2", "--continue-on-collection-errors")
        yield place, session(place, *more, plugins=("pytest_rerunfailures",))


def test_each_drill_is_a_test_whose_failure_says_the_findings(
    mixed: tuple[Place, "subprocess.CompletedProcess[str]"],
) -> None:
    said = mixed[1].stdout
    assert mixed[1].returncode == 1, said
    assert "1 passed" in said
    assert "2 failed" in said
    assert "FAILED: pay is never down for more than 1 ms: no, pay was dark at least" in said
    assert "REFUSED: " in said
    assert "not today" in said
    assert "broken.yaml:2:1: unknown key 'probs'" in said
    assert "Traceback" not in said


def test_a_drill_that_failed_is_never_run_again_to_pass(
    mixed: tuple[Place, "subprocess.CompletedProcess[str]"],
) -> None:
    place, _ = mixed
    assert (place.deeds("bad"), place.deeds("good"), place.deeds("closed")) == (
        ["apply", "undo"],
        ["apply", "undo"],
        [],
    )
    assert len(list(place.reports.glob(f"*-bad-*/{FILE}"))) == 1


def test_the_file_of_junitxml_holds_the_verdict_and_the_bounds(
    mixed: tuple[Place, "subprocess.CompletedProcess[str]"],
) -> None:
    root = ET.parse(mixed[0].folder.parent / "junit.xml").getroot()  # noqa: S314 - pytest's own file
    case = next(one for one in root.iter("testcase") if one.get("name") == "bad" and one.find("failure") is not None)
    told = {str(one.get("name")): str(one.get("value")) for one in case.iter("property")}
    assert told["faildrill.verdict"] == "FAILED"
    assert float(told["faildrill.outage.at_least"]) <= float(told["faildrill.outage.at_most"])
    assert "pay is never down" in case.findtext("failure", "")


def test_no_drill_is_passed_over_however_its_file_is_written(ground: Path) -> None:
    place = Place(ground)
    good = drill(place, "plain").read_text(encoding="utf-8")
    written = {
        "quoted": good.replace("drill: plain", '"drill": quoted'),
        "marked": "\ufeff" + good.replace("plain", "marked"),
        "indented": "".join(f"  {line}\n" for line in good.replace("plain", "indented").splitlines()),
        "asked": good.replace("drill: plain", "? drill\n: asked"),
    }
    folder = place.folder.parent / "drills"
    for name, text in written.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    (folder / "playbook.yaml").write_text("- hosts: all # no drill\n", encoding="utf-8")
    (folder / "template.yaml").write_text("drills: {{ all }}\n", encoding="utf-8")
    (folder / "wide.yaml").write_text(good, encoding="utf-16")
    (folder / "old.yaml").write_bytes(good.replace("break", "br\xe9ak").encode("latin-1"))
    said = session(place, "--drills", "--collect-only", "-q").stdout
    assert all(f"drills/{name}.yaml::{name}" in said for name in ("plain", *written)), said
    assert all(
        f"{name}.yaml:{where}: the file is not UTF-8" in said for name, where in (("wide", "1:1"), ("old", "8:13"))
    )
    assert "5 tests collected, 2 errors" in said


def test_without_being_asked_no_file_is_a_test_and_tags_and_names_choose(ground: Path) -> None:
    place = Place(ground)
    drill(place, "one", tag="nightly")
    drill(place, "two", tag="weekly")
    collecting = ("--collect-only", "-q")
    assert "no tests collected" in session(place, *collecting).stdout
    assert "1/2 tests collected (1 deselected)" in session(place, "--drills", *collecting, "-m", "weekly").stdout
    named = session(place, "--drills", *collecting, "-k", "one", "--strict-markers").stdout
    assert "one.yaml::one" in named
    assert "two" not in named


def test_a_refused_drill_may_be_a_skip(ground: Path) -> None:
    place = Place(ground)
    drill(place, "closed", where="closed")
    done = session(place, "--drills", "--drill-refused", "skip", "-rs")
    assert (done.returncode, "1 skipped" in done.stdout) == (0, True), done.stdout
    assert "REFUSED: " in done.stdout


def test_no_two_workers_drill_one_place_at_once_though_they_share_its_drills(ground: Path) -> None:
    place = Place(ground)
    drill(place, "one")
    drill(place, "two")
    drill(place, "far", where="there")
    done = session(place, "--drills", "-n", "2", "--dist", "load", plugins=("xdist.plugin",))
    assert (done.returncode, "3 passed" in done.stdout) == (0, True), done.stdout


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 2), (signal.SIGTERM, 2)])
def test_a_signal_puts_the_drill_back_and_ends_the_session(number: signal.Signals, code: int, ground: Path) -> None:
    place = Place(ground)
    drill(place, "one", wait="60s")
    drill(place, "two")
    with subprocess.Popen(command(place, "--drills"), env=alone(), stdout=subprocess.PIPE, text=True) as process:
        try:
            until(lambda: list(place.reports.glob(f"*/{FILE}")))
            [folder] = [one.parent for one in place.reports.glob(f"*/{FILE}")]
            until(lambda: events(folder, Confirmed))
            process.send_signal(number)
            said, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == code, said
    assert (place.deeds("one"), place.deeds("two"), all_marks()) == (["apply", "undo"], [], {})


def test_a_drill_written_in_python_gives_its_result(ground: Path) -> None:
    place = Place(ground)
    env = str(drill(place, "unused").parent / "environments" / "here.yaml")
    test = IN_PYTHON.format(place=str(place.folder), env=env)
    (ground / "drills" / "test_mine.py").write_text(test, encoding="utf-8")
    done = session(place)
    assert (done.returncode, "1 passed" in done.stdout) == (0, True), done.stdout
    assert place.deeds("mine") == ["apply", "undo"]


def test_pytest_finds_the_plugin_where_faildrill_is_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"faildrill": "faildrill.pytest_plugin"}
    program = "import sys, faildrill.pytest_plugin; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert {"numpy", "pydantic", "click", "rich", "yaml", "msgspec"} & set(loaded) == set()
