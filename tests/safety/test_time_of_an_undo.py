"""The time that is given is given: a program has all of it, the looking comes on top, and a person can give more."""

import asyncio
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from faildrill.acting.step import do
from faildrill.acting.undo import undo_all
from faildrill.clock import SystemClock
from faildrill.model.drill import Step
from faildrill.ports.target import KindUse
from faildrill.record.timeline import Intended, NotConfirmed, Timeline, UndoFailed, UndoNotVerified, UndoVerified
from faildrill.system.exit_codes import ExitCode

pytestmark = pytest.mark.timeout(60)
GIVEN = 3.0
NEARLY = 0.92
"""The part of its time that a program takes: more than four fifths, which were all that it had."""


def step(folder: Path, *, apply: float = 0.0, undo: float = 0.0, verify: float = 0.0) -> Step:
    """A step that makes a file; each of its programs takes so many seconds."""
    fault = folder / "fault"
    look = (
        f"sleep {verify}; cd {folder}; if [ -e fault ]; then echo 'in_effect: true'; else echo 'in_effect: false'; fi"
    )
    params: dict[str, Any] = {
        "argv": ["sh", "-c", f"sleep {apply}; touch {fault}"],
        "undo_argv": ["sh", "-c", f"sleep {undo}; rm -f {fault}; echo done > {folder}/ended"],
        "verify_argv": ["sh", "-ec", look],
    }
    use = KindUse(kind="command.run", params=params)
    return Step(id="slow", name="slow", use=use, within=GIVEN, undo_within=GIVEN)


def act(folder: Path, one: Step) -> list[object]:
    """Do the step and put it back; return what the timeline tells of it."""

    async def main() -> None:
        await do(one, timeline, "run")
        intents = [entry.what for entry in timeline.written if isinstance(entry.what, Intended)]
        await undo_all(intents, timeline, "run", "runner")

    timeline = Timeline.create(folder, SystemClock())
    asyncio.run(main())
    timeline.close()
    return [entry.what for entry in timeline.written]


def test_a_program_that_does_has_all_of_its_time(tmp_path: Path) -> None:
    told = act(tmp_path, step(tmp_path, apply=GIVEN * NEARLY))
    assert not [one for one in told if isinstance(one, NotConfirmed)]
    assert [one for one in told if isinstance(one, UndoVerified)]


def test_a_program_that_puts_back_has_all_of_its_time_and_the_looking_comes_on_top(tmp_path: Path) -> None:
    told = act(tmp_path, step(tmp_path, undo=GIVEN * NEARLY, verify=0.5))
    assert not [one for one in told if isinstance(one, UndoFailed | UndoNotVerified)]
    assert (tmp_path / "ended").exists()


def test_a_program_that_takes_longer_is_ended_and_both_times_are_told(tmp_path: Path) -> None:
    told = act(tmp_path, step(tmp_path, undo=GIVEN + 20))
    [failed] = [one for one in told if isinstance(one, UndoFailed)]
    [dirty] = [one for one in told if isinstance(one, UndoNotVerified)]
    assert "it had 3 s (`undo_within`)" in failed.because
    assert re.search(r"the undo took 3(\.\d+)? s of 3 s, and it was looked for \d", dirty.because)
    assert not (tmp_path / "ended").exists()


def test_an_undo_that_has_failed_is_not_looked_at_for_all_of_its_time(tmp_path: Path) -> None:
    broken = step(tmp_path)
    params = {**broken.use.params, "undo_argv": ["false"]}
    start = time.monotonic()
    use = KindUse(kind="command.run", params=params)
    told = act(tmp_path, broken.model_copy(update={"use": use, "undo_within": 300.0}))
    assert [one for one in told if isinstance(one, UndoNotVerified)]
    assert time.monotonic() - start < 40.0


DRILL = """drill: slow-undo
environment: place
warm_up: 200ms
probes:
  pay: {{simulated.service: {{folder: {folder}, name: pay}}, every: 50ms}}
steps:
  - name: slow
    command.run:
      argv: [touch, {folder}/fault]
      undo_argv: [sh, -c, "sleep 6; rm -f {folder}/fault"]
      verify_argv: [sh, -c, "cd {folder}; if [ -e fault ]; then echo in_effect: true; else echo in_effect: false; fi"]
    undo_within: 2s
expect:
  - outage: {{of: pay, at_most: 60s}}
"""


def faildrill(folder: Path, *words: str) -> tuple[int, str]:
    command = [str(Path(sys.executable).parent / "faildrill"), *words]
    pipe = subprocess.PIPE
    done = subprocess.run(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_a_person_who_recovers_gives_the_undos_the_time_that_they_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAILDRILL_STATE", str(tmp_path / "state"))
    (tmp_path / "environments").mkdir()
    (tmp_path / "identity").write_text("staging", encoding="ascii")
    identity = f"[{{file.identity: {{path: {tmp_path}/identity, content: staging}}}}]"
    declared = f"environment: place\ndrillable: true\nidentity: {identity}\n"
    (tmp_path / "environments" / "place.yaml").write_text(declared, encoding="utf-8")
    (tmp_path / "drill.yaml").write_text(DRILL.format(folder=tmp_path), encoding="utf-8")
    code, said = faildrill(tmp_path, "run", "drill.yaml", "-q")
    assert code == ExitCode.UNSAFE, said  # the undo takes 6 s, and the drill gives it 2
    assert (tmp_path / "fault").exists()
    code, said = faildrill(tmp_path, "recover")
    assert code == ExitCode.UNSAFE, said
    assert "of 2 s" in said, said
    assert "give the undos more time (--within 5m)" in said
    code, said = faildrill(tmp_path, "recover", "--within", "soon")
    assert code == ExitCode.WRONG_USAGE, said
    assert "a time needs a number and a unit" in said
    assert (tmp_path / "fault").exists()
    code, said = faildrill(tmp_path, "recover", "--within", "30s")
    assert code == ExitCode.PASSED, said
    assert "put back, and seen steady" in said
    assert not (tmp_path / "fault").exists()
