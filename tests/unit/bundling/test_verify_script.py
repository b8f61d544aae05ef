"""contrib/verify.py comes to what the engine comes to, and sees where a bundle says something else."""

import ast
import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from faildrill import judging
from faildrill.bundling import contents
from faildrill.record import timeline as tl
from faildrill.record.samples import Files, Outcome
from oracle import judged as of_oracle
from oracle.histories import history
from unit.bundling.made import EVERY, Night, a_run
from unit.judging.runs import FAULT, Run, met, ns, put_back, ticks
from unit.judging.test_judging import crash

SCRIPT: Final = Path(__file__).parents[3] / "contrib" / "verify.py"
LIMITS: Final = (0, 1, 50, 300, 1000, 3000, 9000)
HOLDS: Final = (0, 20, 200, 1000)
PARTS: Final = ("whole", "before", "fault", "putting back", "during", "after", "crash")


def verified(*folders: Path) -> tuple[int, list[str]]:
    """Bundle runs, and have the script look at them: its exit code and its lines."""
    bundle = folders[0].parent / "bundle.tar"
    bundle.unlink(missing_ok=True)
    contents.write(bundle, folders, None, None, Night(9))
    words = [sys.executable, "-I", str(SCRIPT), str(bundle)]  # -I: nothing of the project can be imported
    done = subprocess.run(words, capture_output=True, check=False, text=True)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def recorded(run: Run, folder: Path) -> Path:
    """Write a run and its result."""
    run.write(folder)
    judging.write(folder, judging.judge(folder))
    return folder


def code_lines(text: str) -> int:
    """Count the lines that hold code: no docstring, no comment, no blank."""
    docstring = ast.parse(text).body[0].end_lineno or 0
    return sum(bool(line.strip()) and not line.strip().startswith("#") for line in text.splitlines()[docstring:])


def test_it_is_a_hundred_lines_of_the_standard_library() -> None:
    text = SCRIPT.read_text(encoding="utf-8")
    assert code_lines(text) <= 100
    assert max(map(len, text.splitlines())) <= 136
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in nodes for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


def claim(when: str, limit: str) -> dict[str, Any]:
    """Claim that no outage of a part of a run is longer."""
    return {"outage": {"of": "pay", "at_most": limit, "when": when}}


def parts(*more: str) -> list[dict[str, Any]]:
    """Claim outages of each part of a run, within limits that some hold and some break."""
    return [claim(name, limit) for limit in ("0s", "1s", "3s", "11s") for name in (*PARTS, *more)]


SHAPES: Final[dict[str, Callable[[], Run]]] = {
    "the crash of a primary": crash,
    "nothing dark": lambda: a_run(dark=0),
    "longer than it may be": lambda: a_run(dark=9),
    "dark to the end": lambda: a_run(dark=20),
    "flapping": lambda: a_run().saw([5.0, 5.75, 7.0], Outcome.WRONG),
    "silent": lambda: a_run().saw(ticks(6, 9, EVERY), Outcome.TIMED_OUT, took=0.5),
    "late": lambda: a_run().saw(ticks(6, 9, EVERY), Outcome.OK, took=0.4),
    "held back": lambda: a_run().saw(ticks(6, 12, EVERY), Outcome.SKIPPED),
    "blind": lambda: a_run().saw(ticks(0.4, 19, EVERY), Outcome.BROKEN),
    "refused": lambda: a_run().but(3.2, tl.GuardAnswered(guard="word", objection="no")),
    "aborted": lambda: a_run().but(9.0, tl.AbortAsked(by="person", because="enough")),
    "not put back": lambda: a_run().but(15.95, tl.UndoNotVerified(step="crash", because="it is gone")),
    "undone by nobody": lambda: a_run().without(tl.Undoing, tl.Undone, tl.UndoVerified),
    "never steady": lambda: a_run().without(tl.SteadyAgain).but(19.5, tl.NotSteady(probes={"pay": "dark"}, waited=3)),
    "cut short": lambda: a_run().without(tl.RunEnded),
    "broken": lambda: a_run().but(19.6, tl.RunnerBroke(error="KeyError", traceback="")),
    "not confirmed": lambda: a_run().without(tl.Confirmed),
    "with parts": lambda: a_run(dark=4, expect=parts()),
    "of an effect that began later": lambda: a_run(dark=4, expect=parts()).but(
        4.0, tl.Happened(step="crash", at=ns(FAULT + 0.2), told="down", began=True)
    ),
    "of an effect that began with the darkness in it": lambda: a_run(dark=4, expect=parts()).but(
        9.0, tl.Happened(step="crash", at=ns(FAULT + 2), told="down", began=True)
    ),
    "with a part in which nothing was seen": lambda: a_run(dark=0, expect=parts()).saw(
        ticks(14, 18.5, EVERY), Outcome.SKIPPED
    ),
    "dark as it is put back": lambda: a_run(dark=0, expect=parts()).saw(ticks(15, 18, EVERY), Outcome.REFUSED),
    "dark after either of two things done": lambda: (
        a_run(dark=3, expect=parts())
        .without(tl.Undoing, tl.Undone, tl.UndoVerified)
        .but(FAULT + 0.001, *[one for _, one in put_back("crash")])
    ),
    "dark long after it was put back": lambda: (
        a_run(dark=0, expect=parts())
        .saw(ticks(14.75, 16.75, EVERY), Outcome.SKIPPED)
        .saw(ticks(16.75, 18, EVERY), Outcome.REFUSED)
    ),
    "steady twice": lambda: (
        a_run(dark=0, expect=parts())
        .but(16.1, tl.SteadyAgain(since=ns(16.05), after=0.1))
        .saw([16.25, 16.5], Outcome.REFUSED)
    ),
    "dark between two things done": lambda: a_run(dark=0, expect=parts()).saw(ticks(3, 16, EVERY), Outcome.WRONG),
    "dark before it": lambda: a_run(dark=0, expect=parts()).saw(ticks(2, 6, EVERY), Outcome.REFUSED),
    "with a wait": lambda: a_run(dark=4, expect=parts("wait")).but(4.0, *[one for _, one in met("wait")]),
    "with nothing done": lambda: a_run(dark=4, expect=parts()).without(tl.Applying, tl.Intended),
    "with nothing put back": lambda: a_run(dark=4, expect=parts()).without(tl.Undoing),
    "with parts, and never steady": lambda: a_run(dark=4, expect=parts()).without(tl.SteadyAgain),
    "with parts, and refused": lambda: a_run(expect=parts()).but(3.2, tl.GuardAnswered(guard="word", objection="no")),
    "recovered later": lambda: a_run().but(
        30.0, tl.RunnerDied(how="x", boot="b1"), *[one for _, one in put_back("crash")]
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_it_comes_to_what_the_engine_comes_to(shape: str, tmp_path: Path) -> None:
    assert verified(recorded(SHAPES[shape](), tmp_path / "run"))[0] == 0


def test_it_comes_to_the_same_in_random_histories(
    tmp_path: Path, many: Callable[[int, int], int], figure: Callable[[str], None]
) -> None:
    number = many(6, 400)
    folders = [_of_history(seed, tmp_path / f"run-{seed:06d}") for seed in range(number)]
    code, lines = verified(*folders)
    assert (code, [line for line in lines[:-1] if not line.endswith("as computed anew")]) == (0, [])
    figure(f"contrib/verify.py: outages and verdicts of {number} of {number} random runs as the engine's")


def _of_history(seed: int, folder: Path) -> Path:
    made, chance = history(seed), random.Random(seed)  # noqa: S311 - made up, not secret
    claims: list[dict[str, Any]] = [
        {
            "outage": {
                "of": chance.choice(of_oracle.NAMES),
                "at_most": f"{chance.choice(LIMITS)}ms",
                "hold": f"{chance.choice(HOLDS)}ms",
                "when": when,
            }
        }
        for when in PARTS
    ]
    of_oracle._run(made, claims, []).write(folder)
    for number, one in enumerate(made.probes):
        for file in {look.file for look in one.looks}:
            looks = (look for look in one.looks if look.file == file)
            of_oracle._record(of_oracle.NAMES[number], looks, Files(folder, f"{file}{number}"))
    judging.write(folder, judging.judge(folder))
    return folder


Result = dict[str, Any]


def _said(result: Result, verdict: str) -> None:
    result["verdict"] = verdict


def _shorter(result: Result) -> None:
    result["probes"][0]["outages"][0]["length"]["at_most"] = 0.5


def _shown(result: Result) -> None:
    result["headline"]["outage"]["length"]["at_least"] = 0.1


def _left_out(result: Result) -> None:
    result["probes"][0]["outages"] = []


def _claimed(result: Result) -> None:
    next(one for one in result["findings"] if one["kind"] == "outage")["verdict"] = "PASSED"


@pytest.mark.parametrize("change", [_shorter, _shown, _left_out, _claimed, lambda result: _said(result, "PASSED")])
def test_a_result_that_says_something_else_than_the_looks_is_seen(
    change: Callable[[Result], None], tmp_path: Path
) -> None:
    folder = recorded(a_run(dark=9), tmp_path / "run")
    result = json.loads((folder / "result.json").read_bytes())
    assert result["verdict"] == "FAILED"
    change(result)
    (folder / "result.json").write_text(json.dumps(result))
    code, lines = verified(folder)
    assert code == 1
    assert "the result says" in lines[0]


@pytest.mark.parametrize("when", ["fault", "during", "crash"])
def test_a_claim_about_a_part_of_the_run_that_was_changed_is_seen(when: str, tmp_path: Path) -> None:
    folder = recorded(a_run(dark=9, expect=[claim(when, "5s"), claim("putting back", "5s")]), tmp_path / "run")
    result = json.loads((folder / "result.json").read_bytes())
    broken, holds, *_ = result["findings"]
    assert (broken["verdict"], holds["verdict"], result["verdict"]) == ("FAILED", "PASSED", "FAILED")
    for changed, verdict, rest in ((broken, "PASSED", "FAILED"), (holds, "FAILED", "PASSED")):
        was, changed["verdict"] = changed["verdict"], verdict
        (folder / "result.json").write_text(json.dumps({**result, "verdict": "FAILED"}))
        code, lines = verified(folder)
        assert (code, lines[0]) == (1, f"runs/run: {changed['claim']}: {rest}; the result says {verdict}")
        changed["verdict"] = was


def test_whatever_is_said_to_hold_that_nobody_can_tell_is_seen(tmp_path: Path) -> None:
    folders, changed = [], list[str]()
    for name, made in SHAPES.items():
        if name in ("with parts, and refused", "refused", "not confirmed"):
            continue  # of those the script says that it takes what was told
        folder = recorded(made(), tmp_path / name.replace(" ", "-"))
        result = json.loads((folder / "result.json").read_bytes())
        for finding in result["findings"]:
            if finding["kind"] == "outage" and finding["verdict"] == "INCONCLUSIVE":
                finding["verdict"] = "PASSED"
                changed.append(f"runs/{folder.name}: {finding['claim']}: INCONCLUSIVE; the result says PASSED")
        (folder / "result.json").write_text(json.dumps(result))
        folders.append(folder)
    said = verified(*folders)[1]
    assert len(changed) > 100
    assert [line for line in said if "says PASSED" in line and "never down" in line] == changed


def test_looks_that_were_changed_are_seen(tmp_path: Path) -> None:
    folder = recorded(a_run(dark=2), tmp_path / "run")
    result = (folder / "result.json").read_bytes()
    (folder / "probes.samples").unlink()
    (folder / "timeline.jsonl").unlink()
    a_run(dark=9).write(folder)
    (folder / "result.json").write_bytes(result)
    assert verified(folder)[0] == 1


def test_what_was_not_put_back_is_seen_though_the_result_leaves_it_out(tmp_path: Path) -> None:
    good = json.loads((recorded(a_run(), tmp_path / "good") / "result.json").read_bytes())
    folder = recorded(a_run().without(tl.UndoVerified), tmp_path / "run")
    (folder / "result.json").write_text(json.dumps(good))
    assert verified(folder)[1][0] == "runs/run: the run is UNSAFE; the result says PASSED"


def test_it_names_what_it_does_not_compute(tmp_path: Path) -> None:
    folder = recorded(crash(), tmp_path / "run")
    [*_, last] = verified(folder)[1]
    names = "errors, latency, steady_again, step, whether steps took effect, writers"
    assert last == f"not computed, but taken from the results: {names}"


def test_fault_is_when_the_service_goes_dark() -> None:
    assert FAULT % EVERY == 0  # else the runs of this file would not be dark when they say so
