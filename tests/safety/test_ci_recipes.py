"""The recipes of docs/ci.md, their own lines, cancelled as each runner cancels: nothing stays on.

Each runner is emulated by how it starts a job, with which environment, and which process gets which signal when.
"""

import contextlib
import functools
import os
import random
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from faildrill.locking.dirty_marks import all_marks
from faildrill.record.timeline import FILE, Confirmed, Entry, Undoing, entries
from safety.test_interrupted import below
from support.places import Place, until

PAGE: Final = (Path(__file__).parents[2] / "docs" / "ci.md").read_text(encoding="utf-8")
HERE: Final = Path(sys.executable).parent / "faildrill"
LONGEST: Final = 8.0
"""Seconds after its start within which a job is cancelled at random; its two drills take about that long."""
Due = Callable[[], None]
"""Returns when the job is to be cancelled."""
DRILL: Final = """\
drill: {name}
environment: staging
tags: [nightly]
warm_up: 300ms
probes:
  pay: {{simulated.service: {{folder: "{place}", name: {name}}}, every: 20ms}}
steps:
  - name: break it
    simulated.fault: {{folder: "{place}", name: {name}}}
  - wait: {wait}
expect:
  - outage: {{of: pay, at_most: 30s}}
"""
ENVIRONMENT: Final = 'environment: staging\ndrillable: true\nidentity:\n  - simulated.word: {{about: "{place}"}}\n'


def block(heading: str, number: int = 0) -> str:
    """Return the first code under a heading of the page, or a later one."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found: list[str] = re.findall(r"^```\w+\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return found[number]


@dataclass
class Job:
    """A workspace of a job, and what it has started."""

    folder: Path
    wait: str
    """For how long each of its drills leaves its fault on."""
    place: Place = field(init=False)

    def __post_init__(self) -> None:
        self.place = Place(self.folder)
        drills = self.folder / "drills"
        (drills / "environments").mkdir(parents=True)
        place = self.place.folder
        (self.folder / ".bash_profile").write_text(f"PATH={HERE.parent}:$PATH\n", encoding="utf-8")
        (drills / "environments" / "staging.yaml").write_text(ENVIRONMENT.format(place=place), encoding="utf-8")
        for name in ("one", "two"):
            (drills / f"{name}.yaml").write_text(DRILL.format(name=name, place=place, wait=self.wait), encoding="utf-8")

    def start(self, words: list[str], **more: Any) -> "subprocess.Popen[bytes]":
        """Start a process in the workspace, with an environment as small as a runner's; ours is the state folder."""
        known = {"PATH": f"{HERE.parent}:/usr/bin:/bin", "HOME": str(self.folder), "CI": "true"}
        environment = {**known, "FAILDRILL_STATE": os.environ["FAILDRILL_STATE"], **more.pop("env", {})}
        return subprocess.Popen(
            words, cwd=self.folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT, **more
        )

    def shell(self, lines: str, name: str, *options: str, **more: Any) -> "subprocess.Popen[bytes]":
        """Start a shell on a script of these lines, as runners do."""
        script = self.folder / f"{name}.sh"
        script.write_text(lines, encoding="utf-8")
        return self.start(["bash", *options, str(script)], **more)


def kill(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def ended(process: "subprocess.Popen[bytes]", within: float) -> bool:
    """Wait for the end of a process, and tell whether it came."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(within)
    return process.poll() is not None


def github(job: Job, due: Due) -> int:
    """Run the steps; cancelled: SIGINT to the shell of the step, 7.5 s, SIGTERM, 2.5 s, SIGKILL to all below it."""
    steps = yaml.safe_load(block("GitHub Actions"))["jobs"]["drill"]["steps"]
    drill, always = (one for one in steps if "run" in one)
    assert always["if"] == "always()"
    step = job.shell(drill["run"], "step", "-e", env={"GITHUB_ACTIONS": "true"})
    due()
    all_below = below(step.pid)
    cancelled = time.monotonic_ns()
    for number, patience in ((signal.SIGINT, 7.5), (signal.SIGTERM, 2.5)):
        with contextlib.suppress(ProcessLookupError):
            step.send_signal(number)
        if ended(step, patience):
            break
    kill(all_below if step.poll() is None else [])
    step.wait()
    assert job.shell(always["run"], "always", "-e").wait(60) == 0
    return cancelled


def gitlab(job: Job, due: Due) -> int:
    """Run the script, then after_script; cancelled: SIGTERM to the group of the shell, and time until it ends."""
    recipe = yaml.safe_load(block("GitLab CI"))["drill"]
    script = job.shell("set -eo pipefail\n" + "\n".join(recipe["script"]), "script", "--login", process_group=0)
    due()
    cancelled = time.monotonic_ns()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(script.pid, signal.SIGTERM)
    assert ended(script, 60)
    after_script = "set -eo pipefail\n" + "\n".join(recipe["after_script"])
    assert job.shell(after_script, "after", "--login").wait(60) == 0
    return cancelled


def jenkins(job: Job, due: Due) -> int:
    """Run the steps; cancelled: SIGTERM to every process that carries the cookie of the build, children first."""
    drill, *always = re.findall(r"sh '(.*)'", block("Jenkins"))
    cookie = f"durable-{random.getrandbits(64):x}"
    step = job.shell(drill, "script", "-xe", env={"JENKINS_SERVER_COOKIE": cookie})
    due()
    cancelled = time.monotonic_ns()
    for pid in reversed(carrying(cookie)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    assert ended(step, 60)
    for number, line in enumerate(always):
        assert job.shell(line, f"post-{number}", "-xe").wait(60) == 0
    return cancelled


def buildkite(job: Job, due: Due) -> int:
    """Run the command, then the hook; cancelled: SIGTERM to the group of the command, 9 s, SIGKILL to it."""
    [step] = yaml.safe_load(block("Buildkite"))["steps"]
    command = job.start(["bash", "-e", "-c", step["command"]], process_group=0, env={"BUILDKITE": "true"})
    due()
    cancelled = time.monotonic_ns()
    for number, patience in ((signal.SIGTERM, 9.0), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(command.pid, number)
        if ended(command, patience):
            break
    assert job.shell(block("Buildkite", 1), "pre-exit", "-e").wait(60) == 0
    return cancelled


def carrying(cookie: str) -> list[int]:
    """List the processes that have a text in their environment."""
    found = []
    for path in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if path.name.isdigit() and cookie.encode() in (path / "environ").read_bytes():
                found.append(int(path.name))
    return sorted(found)


def systemd(job: Job, due: Due) -> int:
    """Start the service; stopped with KillMode=mixed: SIGTERM to the main process, then ExecStopPost."""
    unit = dict(line.split("=", 1) for line in block("systemd, cron").splitlines() if "=" in line)
    assert unit["KillMode"] == "mixed"
    main, post = ([str(HERE), *shlex.split(unit[one])[1:]] for one in ("ExecStart", "ExecStopPost"))
    service = job.start(main, start_new_session=True)
    due()
    cancelled = time.monotonic_ns()
    with contextlib.suppress(ProcessLookupError):
        service.send_signal(signal.SIGTERM)
    assert ended(service, 60)
    assert job.start(post).wait(60) == 0
    return cancelled


def kubernetes(job: Job, due: Due) -> int:
    """Start the container, whose command is process 1; deleted: SIGTERM to that one. The next pod recovers first."""
    pod = yaml.safe_load(block("Kubernetes"))["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    [container], [first] = pod["containers"], pod["initContainers"]
    namespace = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    outer = job.start([*namespace, *container["command"]], start_new_session=True)
    due()
    inner = below(outer.pid)[1:2]
    cancelled = time.monotonic_ns()
    for pid in inner or [outer.pid]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    assert ended(outer, 60)
    assert job.start(first["command"]).wait(60) == 0
    return cancelled


def can_make_namespaces() -> bool:
    return (
        subprocess.run(
            ["unshare", "--pid", "--fork", "--mount-proc", "true"], check=False, capture_output=True
        ).returncode
        == 0
    )


RUNNERS: Final = {
    "github": github,
    "gitlab": gitlab,
    "jenkins": jenkins,
    "buildkite": buildkite,
    "systemd": systemd,
    "kubernetes": kubernetes,
}


@pytest.mark.parametrize("runner", list(RUNNERS))
def test_a_job_that_is_cancelled_at_any_moment_leaves_nothing_on(
    runner: str, ground: Path, many: Callable[[int, int], int], figure: Callable[[str], None]
) -> None:
    if runner == "kubernetes" and not can_make_namespaces():
        pytest.skip("this machine lets us make no namespace of processes")
    draw = random.Random(f"{runner} {many(0, 1)}")  # noqa: S311 - moments, no secret
    reactions: list[float] = []
    for number in range(many(1, 20)):
        with_fault = number % 2 == 0
        job = Job(ground / f"{number}", "20s" if with_fault else "1500ms")
        seconds = draw.uniform(0.0, 0.5 if with_fault else LONGEST)
        cancelled = RUNNERS[runner](job, functools.partial(wait, job, seconds, with_fault=with_fault))
        when = f"{seconds:.3f} s after {'the fault' if with_fault else 'the start'}"
        for name in ("one", "two"):
            deeds = job.place.deeds(name)
            assert (deeds.count("apply"), job.place.state(name)) == (deeds.count("undo"), "up"), when
        assert all_marks() == {}, when
        reactions += [one for run in runs(job) if (one := reaction(run, cancelled)) is not None]
    told = f"in {len(reactions)} the fault was on, its undo began {max(reactions) * 1e3:.0f} ms later at the most"
    figure(f"P15 {runner}: clean in {many(1, 20)} of {many(1, 20)} cancels; {told}")
    assert max(reactions) < 5.0, "generous: the machine may be busy"


def runs(job: Job) -> list[list[Entry]]:
    return [entries(path) for path in job.place.reports.glob(f"*/*/{FILE}")]


def wait(job: Job, seconds: float, *, with_fault: bool) -> None:
    """Wait so long, from when a fault is on where that is wanted."""
    if with_fault:
        until(functools.partial(a_fault_is_on, job), 60)
    time.sleep(seconds)


def a_fault_is_on(job: Job) -> bool:
    return any(isinstance(one.what, Confirmed) for run in runs(job) for one in run)


def reaction(run: list[Entry], cancelled: int) -> float | None:
    """Return the seconds from a cancel to the first undo, of a run that was in the midst of its fault then."""
    on = next((one.at for one in run if isinstance(one.what, Confirmed)), None)
    undoing = next((one.at for one in run if isinstance(one.what, Undoing)), None)
    if on is None or undoing is None or not on < cancelled < undoing:
        return None
    return (undoing - cancelled) / 1e9


def test_every_recipe_is_run_here() -> None:
    headings = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    assert headings[:6] == ["GitHub Actions", "GitLab CI", "Jenkins", "Buildkite", "Kubernetes", "systemd, cron"]
