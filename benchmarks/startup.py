"""What it costs to start: `--help`, `validate`, a run of one step that does nothing, and one step more."""

import json
import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.measuring import FAILDRILL, PYTHON, ROOT, Ran, Section, alternating, load, median, ms, ran, table
from benchmarks.peers import peer, skipped

ROUNDS: Final = {False: 7, True: 3}
MORE: Final = 200
"""Steps more than one, to tell what one step costs."""
_CRASH: Final = ROOT / "drills" / "postgres-primary-crash.yaml"


def section(*, quick: bool) -> Section:
    """Measure, alternating."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        what = _ours(folder) | _theirs(folder)
        found = alternating(what, ROUNDS[quick])
    rows = [_row(title, found) for title in ("--help", "validate", "run, one step")]
    rows.append(_steps(found))
    head = ["", "faildrill, ms", "its CPU, ms", "Chaos Toolkit, ms", "its CPU, ms", "ratio", "ratio of CPU"]
    bare = median(one.wall for one in found["python", "-c pass"])
    note = (
        f"Medians of {ROUNDS[quick]} alternating runs; CPU counts every process of the run; load {load()}. Bare "
        f"Python: {ms(bare)} ms. A run of faildrill is a sentinel, a runner, a prober and a report, and it watches "
        "a probe before, while and after it acts (warm-up 10 ms); Chaos Toolkit is one process that looks at "
        "nothing. A step of faildrill is captured, written down before it is done, done, seen, put back and seen "
        "put back.\n"
    )
    return Section("startup", "Start-up and steps", table(head, rows) + "\n" + note + skipped("chaos"))


Key = tuple[str, str]


def _row(title: str, found: dict[Key, list[Ran]]) -> list[str]:
    ours, theirs = found["faildrill", title], found.get(("chaos", title), [])
    wall, cpu = median(one.wall for one in ours), median(one.cpu for one in ours)
    other, its = median(one.wall for one in theirs), median(one.cpu for one in theirs)
    return [title, ms(wall), ms(cpu), ms(other), ms(its), f"{wall / other:.2f}", f"{cpu / its:.2f}"]


def _steps(found: dict[Key, list[Ran]]) -> list[str]:
    def one(who: str) -> tuple[float, float]:
        few, many = found.get((who, "run, one step"), []), found.get((who, "more"), [])
        wall = median(ran.wall for ran in many) - median(ran.wall for ran in few)
        cpu = median(ran.cpu for ran in many) - median(ran.cpu for ran in few)
        return wall / MORE, cpu / MORE

    (wall, cpu), (other, its) = one("faildrill"), one("chaos")
    return [
        "one more step",
        ms(wall, 1),
        ms(cpu, 1),
        ms(other, 1),
        ms(its, 1),
        f"{wall / other:.1f}",
        f"{cpu / its:.1f}",
    ]


def _ours(folder: Path) -> dict[Key, Callable[[], Ran]]:
    env = {"FAILDRILL_STATE": str(folder / "state")}
    place = _environment(folder)
    reports = ["--env", str(place), "--reports", str(folder / "reports"), "--quiet"]
    return {
        ("python", "-c pass"): partial(ran, [PYTHON, "-c", "pass"]),
        ("faildrill", "--help"): partial(ran, [FAILDRILL, "--help"]),
        ("faildrill", "validate"): partial(ran, [FAILDRILL, "validate", str(_CRASH)]),
        ("faildrill", "run, one step"): partial(ran, [FAILDRILL, "run", str(_drill(folder, 1)), *reports], env),
        ("faildrill", "more"): partial(ran, [FAILDRILL, "run", str(_drill(folder, 1 + MORE)), *reports], env),
    }


def _environment(folder: Path) -> Path:
    path = folder / "simulation.yaml"
    path.write_text(
        f"environment: simulation\ndrillable: true\nidentity:\n  - simulated.word: {{about: bench-{os.getpid()}}}\n",
        encoding="utf-8",
    )
    return path


def _drill(folder: Path, steps: int) -> Path:
    place = folder / f"place{steps}"
    place.mkdir()
    path = folder / f"steps{steps}.yaml"
    lines = [f"drill: steps{steps}", "environment: simulation", "warm_up: 10ms", "probes:"]
    lines += [f"  idle: {{simulated.service: {{folder: {place}, name: idle}}, every: 5ms}}", "steps:"]
    for number in range(steps):
        fault = f"{{folder: {place}, name: s{number}}}"
        lines += [f"  - name: s{number}", f"    simulated.fault: {fault}", "    within: 10s"]
    path.write_text("\n".join([*lines, "expect:", "  - steady_again: {within: 10s}", ""]), encoding="utf-8")
    return path


def _theirs(folder: Path) -> dict[Key, Callable[[], Ran]]:
    chaos = peer("chaos")
    if chaos is None:
        return {}
    few, many = _experiment(folder, 1), _experiment(folder, 1 + MORE)
    journal = ["--journal-path", str(folder / "journal.json")]
    quiet = [chaos, "--no-version-check", "--log-file", str(folder / "chaos.log")]
    return {
        ("chaos", "--help"): partial(ran, [chaos, "--help"]),
        ("chaos", "validate"): partial(ran, [*quiet, "validate", str(few)]),
        ("chaos", "run, one step"): partial(ran, [*quiet, "run", *journal, str(few)]),
        ("chaos", "more"): partial(ran, [*quiet, "run", *journal, str(many)]),
    }


def _experiment(folder: Path, steps: int) -> Path:
    provider = {"type": "python", "module": "os", "func": "getpid", "arguments": {}}
    method = [{"type": "action", "name": f"s{number}", "provider": provider} for number in range(steps)]
    path = folder / f"steps{steps}.json"
    path.write_text(
        json.dumps({"version": "1.0.0", "title": "steps", "description": "no-ops", "method": method}), encoding="utf-8"
    )
    return path
