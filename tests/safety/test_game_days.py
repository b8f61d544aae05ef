"""Game days as a user and a scheduler run them: real processes, on a simulated place, and the lines of the page."""

import functools
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from faildrill.locking.dirty_marks import all_marks
from faildrill.record.timeline import FILE, Confirmed
from faildrill.scheduling.occurrence_record import Claimed, Died, Ended, lines_of
from support.places import Place, events, until

PAGE: Final = (Path(__file__).parents[2] / "docs" / "schedules.md").read_text(encoding="utf-8")
HERE: Final = Path(sys.executable).parent / "faildrill"
ABORTED: Final = 5
WRONG_USAGE: Final = 2
AT_ONCE: Final = 3
DRILL: Final = """\
drill: one
environment: staging
warm_up: 300ms
probes:
  pay: {{simulated.service: {{folder: "{place}", name: one}}, every: 20ms}}
steps:
  - name: break it
    simulated.fault: {{folder: "{place}", name: one}}
  - wait: {wait}
expect:
  - outage: {{of: pay, at_most: 30s}}
"""
ENVIRONMENT: Final = 'environment: staging\ndrillable: true\nidentity:\n  - simulated.word: {{about: "{place}"}}\n'
DAY: Final = 'game_day: nightly\ndrills: [../one.yaml]\nwhen: [{{dates: ["{at}"], zone: UTC}}]\n'


def workspace(ground: Path, wait: str = "300ms", day: str = DAY) -> Place:
    """Write a game day that is due now."""
    place = Place(ground)
    (ground / "drills" / "environments").mkdir(parents=True)
    (ground / "drills" / "game-days").mkdir()
    written = {
        "one.yaml": DRILL.format(place=place.folder, wait=wait),
        "environments/staging.yaml": ENVIRONMENT.format(place=place.folder),
        "game-days/nightly.yaml": day.format(at=f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"),
    }
    for name, text in written.items():
        (ground / "drills" / name).write_text(text, encoding="utf-8")
    return place


def start(ground: Path, words: list[str], **more: Any) -> "subprocess.Popen[str]":
    known = {
        "PATH": f"{HERE.parent}:/usr/bin:/bin",
        "HOME": str(ground),
        "FAILDRILL_STATE": os.environ["FAILDRILL_STATE"],
    }
    return subprocess.Popen(
        words, cwd=ground, env=known, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more
    )


def told(ground: Path, *words: str) -> tuple[int, str]:
    process = start(ground, [str(HERE), "schedule", *words])
    out, _ = process.communicate(timeout=120)
    return process.returncode, out


def test_of_three_ticks_at_once_one_runs_what_is_due(ground: Path) -> None:
    place = workspace(ground)
    started = [start(ground, [str(HERE), "schedule", "run-due"]) for _ in range(AT_ONCE)]
    said = [one.communicate(timeout=120)[0] for one in started]
    assert [one.returncode for one in started] == [0] * AT_ONCE, said
    assert place.deeds("one") == ["apply", "undo"]
    assert sum("PASSED" in one for one in said) == 1
    code, out = told(ground, "list")
    assert code == 0
    assert "so far: 1 run, 0 missed, 0 died" in out
    assert told(ground, "run-due") == (0, "")


def test_a_tick_that_is_killed_in_its_drill_leaves_nothing_on_and_is_told_and_never_run_again(ground: Path) -> None:
    place = workspace(ground, wait="60s")
    tick = start(ground, [str(HERE), "schedule", "run-due"])
    timelines = functools.partial(place.reports.glob, f"*/*/{FILE}")
    until(lambda: any(events(one.parent, Confirmed) for one in timelines()), 60)
    tick.send_signal(signal.SIGKILL)
    tick.communicate()
    until(lambda: place.deeds("one") == ["apply", "undo"], 30)
    until(lambda: all_marks() == {}, 30)
    code, out = told(ground, "run-due")
    assert code == ABORTED
    assert "DIED" in out
    assert told(ground, "run-due") == (0, "")
    assert place.deeds("one") == ["apply", "undo"]
    assert [type(one.what) for one in lines_of("nightly")][1:] == [Claimed, Died]


def test_next_and_check_say_what_is_to_come(ground: Path) -> None:
    more = 'roles: {{driver: anna}}\nannounce: [{{before: 1d, to: "#pay", text: be there}}]\n'
    days = 'blocked: [{{window.blocked: {{zone: UTC, dates: ["2090-01-01"]}}}}]\n'
    workspace(ground, day=DAY.replace("{at}", "2090-01-01 10:00") + more + days)
    code, out = told(ground, "next")
    assert (code, out.splitlines()[2:]) == (
        0,
        [
            "  roles: driver: anna",
            "  tell #pay at Sat 2089-12-31 10:00 UTC in UTC: be there",
            "  BLOCKED: sun 2090-01-01 10:00 in UTC is blocked; drill outside of that window",
        ],
    )
    [one] = json.loads(told(ground, "next", "-o", "json")[1])
    assert one["occurrence"] == "2090-01-01T10:00:00Z"
    assert one["announce"] == [{"at": "2089-12-31T10:00:00+00:00", "to": ["#pay"], "text": "be there"}]
    code, out = told(ground, "check")
    assert code == 1
    assert "NO  no tick has looked at it yet" in out
    assert "NO  due: Sun 2090-01-01 10:00 UTC in UTC (2090-01-01 10:00 UTC); blocked then" in out


def test_check_tells_that_an_environment_is_missing(ground: Path) -> None:
    workspace(ground, day=DAY + "environment: nowhere\n")
    code, out = told(ground, "check")
    assert code == 1
    assert "NO  its drills can be loaded for their environments: no: nowhere:1:1: no environment is called" in out


def test_a_drill_that_is_broken_is_missed_with_its_mistake_and_keeps_no_other_from_being_run(ground: Path) -> None:
    place = workspace(ground)
    text = DAY.format(at=f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}").replace("nightly", "broken").replace("one.", "two.")
    (ground / "drills" / "game-days" / "broken.yaml").write_text(text, encoding="utf-8")
    two = (ground / "drills" / "one.yaml").read_text(encoding="utf-8").replace("drill: one", "drill: two\nstepz: []")
    (ground / "drills" / "two.yaml").write_text(two, encoding="utf-8")
    code, out = told(ground, "run-due")
    assert code == 4
    assert "MISSED (invalid): its drills can't be run: " in out
    assert "unknown key 'stepz'" in out
    assert place.deeds("one") == ["apply", "undo"]


def test_a_file_that_is_wrong_keeps_no_other_game_day_from_being_run(ground: Path) -> None:
    place = workspace(ground)
    (ground / "drills" / "game-days" / "a.yaml").write_text("game_day: a\n", encoding="utf-8")
    code, out = told(ground, "run-due", "--quiet")
    assert code == WRONG_USAGE
    assert "a.yaml:1:1: `drills` is missing" in out
    assert place.deeds("one") == ["apply", "undo"]


def blocks(heading: str) -> list[str]:
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```\w*\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


def unit(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def recipes() -> dict[str, list[str]]:
    """Return what each scheduler of the page starts."""
    cron, service, timer, job = blocks("Who calls it")
    assert unit(timer)["OnCalendar"] == "minutely"
    line = cron.strip().split(maxsplit=5)
    assert line[:5] == ["*"] * 5
    pod = yaml.safe_load(job)["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return {
        "cron": ["sh", "-c", line[5]],
        "systemd": shlex.split(unit(service)["ExecStart"]),
        "kubernetes": pod["containers"][0]["command"],
    }


@pytest.mark.parametrize("scheduler", ["cron", "systemd", "kubernetes"])
def test_the_line_of_each_scheduler_on_the_page_runs_what_is_due(ground: Path, scheduler: str) -> None:
    place = workspace(ground)
    here = {
        "/opt/faildrill/bin/faildrill": str(HERE),
        "/opt/drilling": str(ground),
        "/var/lib/faildrill": os.environ["FAILDRILL_STATE"],
    }
    words = [
        functools.reduce(lambda text, one: text.replace(*one), here.items(), word) for word in recipes()[scheduler]
    ]
    process = start(ground, words)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0, out
    assert place.deeds("one") == ["apply", "undo"]
    assert isinstance(lines_of("nightly")[-1].what, Ended)


def test_the_game_day_on_the_page_is_one(ground: Path) -> None:
    example = re.search(r"^```yaml\n(game_day:.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert example is not None
    folder = ground / "drills" / "game-days"
    folder.mkdir(parents=True)
    (folder / "day.yaml").write_text(example[1], encoding="utf-8")
    for name in re.findall(r"\.\./([\w-]+\.yaml)", example[1]):
        (ground / "drills" / name).write_bytes((Path(__file__).parents[2] / "drills" / name).read_bytes())
    for command in re.findall(r"^\$ faildrill schedule (list|next)", PAGE, re.MULTILINE):
        code, out = told(ground, command)
        assert (code, "quarterly-failover" in out) == (0, True), out
